//! What RocksDB's table files hold, unpacked: rows that are deleted or written over as well, which no reader of the
//! database gives out any more.
//!
//! A block of a table is a varint, the length of what it holds, then LZ4, then a byte that says so (4) and a checksum. A
//! block that LZ4 would not make smaller stands as it is. Where blocks begin is not looked up: at every byte of a file it
//! is tried whether one begins there. So what is found is all that there is, and now and then something more.

/// Everything in a table file that unpacks as a block.
pub fn unpacked(file: &[u8]) -> Vec<Vec<u8>> {
    (0..file.len())
        .filter_map(|at| block(file.get(at..)?))
        .collect()
}

/// RocksDB's number for LZ4.
const LZ4: u8 = 4;

/// Longest block that is looked for; a table has blocks of some 4 KiB, and of one long row.
const LONGEST: usize = 2 << 20;

fn block(bytes: &[u8]) -> Option<Vec<u8>> {
    let (length, mut at) = varint(bytes)?;
    if !(32..=LONGEST).contains(&length) {
        return None;
    }
    let mut out: Vec<u8> = Vec::new();
    loop {
        let token = *bytes.get(at)?;
        at += 1;
        let literals = more(bytes, &mut at, usize::from(token >> 4))?;
        out.extend_from_slice(bytes.get(at..at.checked_add(literals)?)?);
        at += literals;
        if out.len() >= length {
            // The last of a block is what is not found before, and the byte that names LZ4 follows.
            return (out.len() == length && bytes.get(at) == Some(&LZ4)).then_some(out);
        }
        let back = usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        at += 2;
        let matched = more(bytes, &mut at, usize::from(token & 15))? + 4;
        let from = out.len().checked_sub(back).filter(|_| back > 0)?;
        if out.len() + matched > length {
            return None;
        }
        for at in from..from + matched {
            out.push(out[at]);
        }
    }
}

/// A length that goes on in further bytes where its four bits are all ones.
fn more(bytes: &[u8], at: &mut usize, four: usize) -> Option<usize> {
    let mut length = four;
    if four == 15 {
        loop {
            let byte = *bytes.get(*at)?;
            *at += 1;
            length += usize::from(byte);
            if byte != 255 {
                break;
            }
        }
    }
    (length <= LONGEST).then_some(length)
}

fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}
