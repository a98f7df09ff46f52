//! What program this is, as the entries it makes say in `client`.

use std::fs::File;
use std::io::{self, Read};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

/// Name, version and the SHA-256 of the program's own file, such as `custodes 0.1.0 (sha256:9f86…)`: whoever later
/// asks what made an entry can look for that very file. The file is read once, when first asked for; where it cannot
/// be read, the digest is left out.
pub fn client() -> &'static str {
    static CLIENT: OnceLock<String> = OnceLock::new();
    CLIENT.get_or_init(|| {
        let version = env!("CARGO_PKG_VERSION");
        match own_digest() {
            Ok(digest) => format!("custodes {version} (sha256:{digest})"),
            Err(_) => format!("custodes {version}"),
        }
    })
}

fn own_digest() -> io::Result<String> {
    // On Linux the running file itself, even after an update has taken its place on disk.
    let mut file =
        File::open("/proc/self/exe").or_else(|_| File::open(std::env::current_exe()?))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(hex::encode(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_the_digest_of_its_own_file() {
        let bytes = std::fs::read(std::env::current_exe().expect("a test has a file"))
            .expect("its own file can be read");
        let digest = hex::encode(Sha256::digest(&bytes));
        assert!(
            client().ends_with(&format!(" (sha256:{digest})")),
            "{}",
            client()
        );
        assert!(client().len() <= 200, "the limit of `client`");
    }
}
