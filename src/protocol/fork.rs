//! Proof of fork (`*.custody-fork`): two checkpoints of one log that cannot both be true, and the keys that signed both.
//!
//! ```text
//! custody-fork-v1 LF
//! key <vkey> LF                    one or more, ascending: whoever signed both checkpoints
//! <evidence>
//! LF
//! <first checkpoint, a signed note>
//! LF
//! <second checkpoint, a signed note>
//!
//! evidence  = same-size LF
//!           | prefix <base64 root> LF *( <base64 hash> LF )
//!           | leaf <index> LF <branch> <branch>
//! branch    = <base64 leaf hash> *( " " <base64 hash> ) LF
//! ```
//!
//! | evidence | what it shows |
//! |---|---|
//! | `same-size` | one size has two roots |
//! | `prefix` | the consistency proof leads from `root`, at the size of the first checkpoint, to the root of the second; `root` is not the root of the first |
//! | `leaf` | each checkpoint holds another leaf at this index, by an inclusion proof under each |
//!
//! A tree has one root at each size and one leaf at each index, so none of these can be made of two checkpoints of
//! which one continues the other. The file is believed as far as its keys are known: whose they are, a trust policy
//! says.
//!
//! In scope: the form, and whether it proves a fork. Out of scope: whether anyone trusts the key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::hash::Hash;
use super::json::MAX_INTEGER;
use super::note::{NoteError, SignatureKind, UnverifiedNote, VerifierKey};
use super::tree::{ConsistencyProof, EntryIndex, InclusionProof, LeafHash, ProofError, RootHash};

/// First line.
pub const HEADER: &str = "custody-fork-v1";

/// Largest file read: two checkpoints with many post-quantum signatures.
pub const MAX_FORK: usize = 1 << 20;

/// Most hashes in a proof: a tree of 2^63 leaves has paths of 63, and a consistency proof one more.
const MAX_HASHES: usize = 64;

/// What shows that the two cannot both be true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// One size, two roots.
    SameSize,
    /// The second tree begins otherwise than the first.
    Prefix {
        /// Root of the second tree at the size of the first.
        root: RootHash,
        /// From there to the second checkpoint.
        proof: ConsistencyProof,
    },
    /// One index, two leaves.
    Leaf {
        /// Which.
        index: EntryIndex,
        /// The leaf in the first tree, and in the second.
        branches: [(LeafHash, InclusionProof); 2],
    },
}

/// A proof of fork, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    keys: Vec<VerifierKey>,
    evidence: Evidence,
    notes: [String; 2],
}

/// A fork that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The two checkpoints.
    pub checkpoints: [Checkpoint; 2],
    /// Whoever signed both.
    pub guilty: Vec<VerifierKey>,
    /// The file.
    pub text: String,
}

/// Why it proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// The file is not of the form.
    #[error("not a proof of fork: {0}")]
    Form(&'static str),
    /// A checkpoint is bad, or not signed by each of the keys.
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    /// A hash path is bad.
    #[error("{0}")]
    Proof(#[from] ProofError),
    /// The two do not contradict each other, as far as this file shows.
    #[error("no fork: {0}")]
    NoFork(&'static str),
}

impl From<NoteError> for ForkError {
    fn from(error: NoteError) -> ForkError {
        ForkError::Checkpoint(error.into())
    }
}

impl Fork {
    /// Puts a proof together from two signed checkpoints, keeping the signatures of those of `keys` that signed both.
    /// What it hands out is proven.
    pub fn prove<'k>(
        notes: [&str; 2],
        keys: impl IntoIterator<Item = &'k VerifierKey>,
        evidence: Evidence,
    ) -> Result<Proven, ForkError> {
        let keys: Vec<&VerifierKey> = keys.into_iter().collect();
        let mut open = Vec::new();
        for note in notes {
            open.push(UnverifiedNote::parse(note)?.verify(keys.iter().copied())?);
        }
        let line = |at: usize, key: &VerifierKey| {
            let mut lines = open[at].verified.iter();
            lines
                .find(|one| one.key == *key)
                .map(|one| one.line.as_str())
        };
        let mut guilty: Vec<VerifierKey> = keys
            .into_iter()
            .filter(|key| line(0, key).is_some() && line(1, key).is_some())
            .cloned()
            .collect();
        guilty.sort_by_key(VerifierKey::to_string);
        guilty.dedup();
        let note = |at: usize| {
            let lines: String = guilty.iter().filter_map(|key| line(at, key)).collect();
            format!("{}\n{lines}", open[at].text)
        };
        let notes = [note(0), note(1)];
        let fork = Fork {
            keys: guilty,
            evidence,
            notes,
        };
        fork.verify()
    }

    /// The proof of a fork between an older checkpoint and a newer one, where the consistency proof that was given
    /// for the two leads to the newer root, but from another old root. Where the old size is a power of two, such a
    /// proof does not hold the root that it starts from: whoever knows it `given`s it.
    pub fn by_consistency<'k>(
        [older, newer]: [&str; 2],
        keys: impl IntoIterator<Item = &'k VerifierKey>,
        proof: &ConsistencyProof,
        given: Option<RootHash>,
    ) -> Result<Proven, ForkError> {
        let [first, second] = [read_head(older)?, read_head(newer)?];
        if first.size == second.size {
            return Fork::prove([older, newer], keys, Evidence::SameSize);
        }
        let (root, _) = proof.roots(first.size, second.size, given.unwrap_or(first.root))?;
        let proof = proof.clone();
        Fork::prove([older, newer], keys, Evidence::Prefix { root, proof })
    }

    /// Checks the form.
    pub fn parse(text: &str) -> Result<Fork, ForkError> {
        let form = ForkError::Form;
        if text.len() > MAX_FORK {
            return Err(form("longer than 1 MiB"));
        }
        // A note has one empty line, between its text and its signatures.
        let parts: Vec<&str> = text.split("\n\n").collect();
        let [head, text_0, lines_0, text_1, lines_1] = parts.as_slice() else {
            return Err(form("it is not three parts with an empty line between"));
        };
        let notes = [
            format!("{text_0}\n\n{lines_0}\n"),
            format!("{text_1}\n\n{lines_1}"),
        ];
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(form("the first line is not custody-fork-v1"));
        }
        let mut keys = Vec::new();
        let mut written: Vec<&str> = Vec::new();
        while let Some(key) = lines.peek().and_then(|line| line.strip_prefix("key ")) {
            if written.last().is_some_and(|last| *last >= key) {
                return Err(form("the keys do not ascend"));
            }
            written.push(key);
            keys.push(VerifierKey::parse(key)?);
            lines.next();
        }
        let evidence = parse_evidence(&lines.collect::<Vec<_>>())?;
        let fork = Fork {
            keys,
            evidence,
            notes,
        };
        match fork.to_text() == text {
            true => Ok(fork),
            false => Err(form("it is written otherwise than it has to be")),
        }
    }

    /// Writes the file.
    fn to_text(&self) -> String {
        let keys: String = self.keys.iter().map(|key| format!("key {key}\n")).collect();
        let base64 = |hash: &Hash| STANDARD.encode(hash.0);
        let evidence = match &self.evidence {
            Evidence::SameSize => "same-size\n".to_owned(),
            Evidence::Prefix { root, proof } => {
                let hashes: String = proof.0.iter().map(|hash| base64(hash) + "\n").collect();
                format!("prefix {}\n{hashes}", base64(&root.0))
            }
            Evidence::Leaf { index, branches } => {
                let line = |(leaf, proof): &(LeafHash, InclusionProof)| {
                    let hashes: Vec<String> = std::iter::once(&leaf.0)
                        .chain(&proof.0)
                        .map(base64)
                        .collect();
                    hashes.join(" ") + "\n"
                };
                let [first, second] = branches.each_ref().map(line);
                format!("leaf {}\n{first}{second}", index.0)
            }
        };
        let [first, second] = &self.notes;
        format!("{HEADER}\n{keys}{evidence}\n{first}\n{second}")
    }

    /// Checks that it proves a fork.
    pub fn verify(&self) -> Result<Proven, ForkError> {
        let no = ForkError::NoFork;
        // 1. Each key signed both checkpoints, and no other line is there.
        if self.keys.is_empty() {
            return Err(no("no key signed both checkpoints"));
        }
        let [first, second] = [self.open(0)?, self.open(1)?];
        // 2. They are of one log, and a log's own key signs for that log alone.
        if first.origin != second.origin {
            return Err(no("the checkpoints are of two logs"));
        }
        let is_foreign =
            |key: &VerifierKey| key.kind() == SignatureKind::Ed25519 && *key.name() != first.origin;
        if self.keys.iter().any(is_foreign) {
            return Err(no("a key is that of another log"));
        }
        // 3. They cannot both be true.
        match &self.evidence {
            Evidence::SameSize => {
                if first.size != second.size {
                    return Err(no("the checkpoints are of two sizes"));
                }
                if first.root == second.root {
                    return Err(no("the checkpoints are the same"));
                }
            }
            Evidence::Prefix { root, proof } => {
                if first.size >= second.size {
                    return Err(no("the first checkpoint is not the smaller one"));
                }
                proof.verify(first.size, *root, second.size, second.root)?;
                if *root == first.root {
                    return Err(no("the second checkpoint continues the first"));
                }
            }
            Evidence::Leaf { index, branches } => {
                for ((leaf, proof), head) in branches.iter().zip([&first, &second]) {
                    proof.verify(*index, head.size, *leaf, head.root)?;
                }
                if branches[0].0 == branches[1].0 {
                    return Err(no("both checkpoints hold the same leaf there"));
                }
            }
        }
        Ok(Proven {
            checkpoints: [first, second],
            guilty: self.keys.clone(),
            text: self.to_text(),
        })
    }

    fn open(&self, at: usize) -> Result<Checkpoint, ForkError> {
        let note = UnverifiedNote::parse(&self.notes[at])?.verify(&self.keys)?;
        if note.verified.len() != self.keys.len() {
            return Err(ForkError::NoFork("a key did not sign both checkpoints"));
        }
        if !note.unverified.is_empty() {
            return Err(ForkError::Form("a signature is not of a key named above"));
        }
        Ok(Checkpoint::parse_text(&note.text)?)
    }
}

/// What a note says, whoever signed it.
fn read_head(note: &str) -> Result<Checkpoint, ForkError> {
    let note = UnverifiedNote::parse(note)?;
    Ok(Checkpoint::parse_text(note.text())?)
}

fn parse_evidence(lines: &[&str]) -> Result<Evidence, ForkError> {
    let form = || ForkError::Form("the evidence is not same-size, prefix or leaf");
    let (first, rest) = lines.split_first().ok_or_else(form)?;
    if rest.len() > MAX_HASHES {
        return Err(ForkError::Form("more hashes than a proof can have"));
    }
    match (first.split_once(' '), rest) {
        (None, []) if *first == "same-size" => Ok(Evidence::SameSize),
        (Some(("prefix", root)), hashes) => Ok(Evidence::Prefix {
            root: RootHash(parse_hash(root)?),
            proof: ConsistencyProof(parse_hashes(hashes.iter().copied())?),
        }),
        (Some(("leaf", index)), [first, second]) => {
            let number: u64 = index.parse().map_err(|_| form())?;
            if number > MAX_INTEGER {
                return Err(form());
            }
            let branch = |line: &str| {
                let mut hashes = parse_hashes(line.split(' ').take(MAX_HASHES + 2))?;
                if hashes.len() > MAX_HASHES + 1 {
                    return Err(ForkError::Form("more hashes than a proof can have"));
                }
                let leaf = hashes.remove(0);
                Ok((LeafHash(leaf), InclusionProof(hashes)))
            };
            Ok(Evidence::Leaf {
                index: EntryIndex(number),
                branches: [branch(first)?, branch(second)?],
            })
        }
        _ => Err(form()),
    }
}

fn parse_hashes<'a>(hashes: impl Iterator<Item = &'a str>) -> Result<Vec<Hash>, ForkError> {
    hashes.map(parse_hash).collect()
}

fn parse_hash(text: &str) -> Result<Hash, ForkError> {
    let bytes = STANDARD.decode(text).ok();
    let hash = bytes.and_then(|bytes| bytes.try_into().ok());
    hash.map(Hash)
        .ok_or(ForkError::Form("a hash is not base64 of 32 bytes"))
}

#[cfg(test)]
mod tests;
