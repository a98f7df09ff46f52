//! The body of `add-checkpoint`.
//!
//! ```text
//! old <size in decimal> LF
//! <base64 of 32 bytes> LF        up to 63 times: the consistency proof from the old size
//! LF
//! <signed checkpoint>
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::hash::Hash;
use crate::protocol::note::UnverifiedNote;
use crate::protocol::tree::{ConsistencyProof, TreeSize};

/// Most hashes in a proof, by the specification: no tree of 2^64 leaves needs more.
const MAX_PROOF: usize = 63;

/// A request whose form was checked, and nothing else.
pub struct AddCheckpoint {
    /// The size that the client believes to be the newest cosigned here.
    pub old: TreeSize,
    /// From there to the checkpoint.
    pub proof: ConsistencyProof,
    /// What the note says, whoever signed it.
    pub checkpoint: Checkpoint,
    /// The signed checkpoint.
    pub note: UnverifiedNote,
}

/// What is wrong with a body.
pub type FormError = String;

impl AddCheckpoint {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<AddCheckpoint, FormError> {
        let body = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8")?;
        let (head, note) = body
            .split_once("\n\n")
            .ok_or("no empty line after the consistency proof")?;
        let mut lines = head.split('\n');
        let old = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .ok_or("the first line is not \"old\" and a size")?;
        let number: u64 = old
            .parse()
            .ok()
            .filter(|n: &u64| n.to_string() == old)
            .ok_or("the old size is not a decimal number")?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == MAX_PROOF {
                return Err(format!("more than {MAX_PROOF} lines of proof"));
            }
            let hash = STANDARD
                .decode(line)
                .ok()
                .and_then(|hash| hash.try_into().ok());
            proof.push(Hash(
                hash.ok_or("a line of the proof is not base64 of 32 bytes")?,
            ));
        }
        let note = UnverifiedNote::parse(note).map_err(|error| error.to_string())?;
        let checkpoint = Checkpoint::parse_text(note.text()).map_err(|error| error.to_string())?;
        Ok(AddCheckpoint {
            old: TreeSize(number),
            proof: ConsistencyProof(proof),
            checkpoint,
            note,
        })
    }
}

/// Writes a body.
pub fn to_body(old: TreeSize, proof: &ConsistencyProof, note: &str) -> String {
    let lines: String = proof
        .0
        .iter()
        .map(|hash| STANDARD.encode(hash.0) + "\n")
        .collect();
    format!("old {}\n{lines}\n{note}", old.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn note() -> String {
        let root = STANDARD.encode([7; 32]);
        format!("log.example\n12\n{root}\n\n— log.example AAAAAAAA\n")
    }

    #[test]
    fn one_spelling() {
        let proof = ConsistencyProof(vec![Hash([1; 32]), Hash([2; 32])]);
        let body = to_body(TreeSize(5), &proof, &note());
        let read = AddCheckpoint::parse(body.as_bytes()).unwrap();
        assert_eq!((read.old, &read.proof), (TreeSize(5), &proof));
        assert_eq!(read.checkpoint.size, TreeSize(12));
        let longest = ConsistencyProof(vec![Hash([1; 32]); MAX_PROOF]);
        AddCheckpoint::parse(to_body(TreeSize(5), &longest, &note()).as_bytes()).unwrap();
    }

    #[test]
    fn everything_else_is_refused() {
        let hash = STANDARD.encode([1; 32]);
        let too_long = ConsistencyProof(vec![Hash([1; 32]); MAX_PROOF + 1]);
        for body in [
            String::new(),
            "old 0\n".to_owned(),
            format!("old 05\n\n{}", note()),
            format!("old +5\n\n{}", note()),
            format!("old -1\n\n{}", note()),
            format!("old 18446744073709551616\n\n{}", note()),
            format!("old  5\n\n{}", note()),
            format!("Old 5\n\n{}", note()),
            format!("{hash}\n\n{}", note()),
            format!("old 5\r\n\n{}", note()),
            format!("old 5\n{}\n\n{}", &hash[1..], note()),
            format!("old 5\n{}\n\n{}", hash.trim_end_matches('='), note()),
            format!("old 5\n{hash}{}", note()),
            format!("old 5\n\n\n{}", note()),
            format!("old 5\n\n{}", note().replace("12", "012")),
            format!("old 5\n\n{}", note().replace("\n\n", "\nextension\n\n")),
            format!("old 5\n\n{}", note().trim_end()),
            to_body(TreeSize(5), &too_long, &note()),
        ] {
            assert!(AddCheckpoint::parse(body.as_bytes()).is_err(), "{body:?}");
        }
        let mut bytes = to_body(TreeSize(5), &ConsistencyProof(vec![]), &note()).into_bytes();
        bytes[7] = 0xff;
        assert!(AddCheckpoint::parse(&bytes).is_err());
    }
}
