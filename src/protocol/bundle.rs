//! The bundle (`*.custody.json`): all that is needed to answer the five questions offline.
//!
//! One JSON object, its members in the order of [`Bundle`], without white space, then one newline. A
//! reader parses it, writes it again, and refuses it unless the bytes are the same: a bundle has one
//! spelling. Signed parts travel as the text that was signed.
//!
//! | member | meaning |
//! |---|---|
//! | `format` | `custody-bundle-v1` |
//! | `ledger` | origin of the log |
//! | `scope` | what the bundle is about: `{"kind":"exhibit"|"case","subject"}` |
//! | `evaluated_at` | log time at which time-dependent flags are evaluated: the greatest `recorded_at` here |
//! | `checkpoints` | signed notes by ascending size, each size once; the last is the newest |
//! | `nodes` | hashes that proofs point at, ascending, each once, each used |
//! | `entries` | by ascending index; see [`BundleEntry`] |
//! | `consistency` | from every older checkpoint and every `seen` to the newest, ascending, each once |
//! | `chains` | by subject, then strand: every chain and the indexes of its entries, in order |
//! | `blobs` | SHA-256 of the files that travel beside the bundle, ascending |
//!
//! Limit: 256 MiB, which holds a case of a hundred thousand entries.
//!
//! In scope: the form. Out of scope: whether it proves anything (`verify`).

use serde::{Deserialize, Serialize};

use super::entry::EntryHash;
use super::hash::Hash;
use super::id::{ChainId, Origin, Strand, Subject};
use super::json::MAX_INTEGER;
use super::leaf::ChainHead;
use super::time::LogTime;
use super::tree::{EntryIndex, RootHash, TreeSize};

/// The value of `format`.
pub const FORMAT: &str = "custody-bundle-v1";

/// Largest bundle read, in bytes.
pub const MAX_BUNDLE: usize = 256 << 20;

/// What a bundle is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Exhibit or case.
    pub kind: ScopeKind,
    /// Which one.
    pub subject: Subject,
}

/// Exhibit or case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeKind {
    /// One exhibit, its ancestors and what its cases say of it.
    Exhibit,
    /// A case and every exhibit of it that the recipient may see.
    Case,
}

/// Position of a hash in `nodes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeRef(pub u32);

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawEntry")]
pub struct BundleEntry {
    /// Place in the log.
    pub index: EntryIndex,
    /// When the log recorded it.
    pub recorded_at: LogTime,
    /// Inclusion proof under the newest checkpoint, from the leaf upward.
    pub proof: Vec<NodeRef>,
    /// The entry, or what stands for it.
    #[serde(flatten)]
    pub content: Content,
}

/// What an entry is read as: serde's flattening would keep what it does not know in memory first.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    index: EntryIndex,
    recorded_at: LogTime,
    proof: Vec<NodeRef>,
    jws: Option<String>,
    disclosures: Option<Vec<String>>,
    withheld: Option<Vec<String>>,
    e: Option<EntryHash>,
}

impl TryFrom<RawEntry> for BundleEntry {
    type Error = &'static str;
    fn try_from(raw: RawEntry) -> Result<BundleEntry, Self::Error> {
        let content = match (raw.jws, raw.disclosures, raw.withheld, raw.e) {
            (Some(jws), Some(disclosures), Some(withheld), None) => Content::Open(OpenContent {
                jws,
                disclosures,
                withheld,
            }),
            (None, None, None, Some(e)) => Content::Withheld(WithheldContent { e }),
            _ => return Err("an entry has either jws, disclosures and withheld, or e alone"),
        };
        Ok(BundleEntry {
            index: raw.index,
            recorded_at: raw.recorded_at,
            proof: raw.proof,
            content,
        })
    }
}

/// The entry itself, or its hash where it is wholly withheld.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Content {
    /// The entry with the disclosures that the recipient may see.
    Open(OpenContent),
    /// Only its hash: enough to walk the chain.
    Withheld(WithheldContent),
}

/// An entry that the recipient may read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenContent {
    /// The signed part.
    pub jws: String,
    /// Disclosures, sorted by name.
    pub disclosures: Vec<String>,
    /// Names of the details that are left out, sorted.
    pub withheld: Vec<String>,
}

/// An entry that is wholly withheld: an access entry, or one of another case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WithheldContent {
    /// SHA-256 of the signed part.
    pub e: EntryHash,
}

/// Shows that a smaller tree is a prefix of the newest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// Size of the smaller tree.
    pub size: TreeSize,
    /// Its root.
    pub root: RootHash,
    /// Consistency proof to the newest checkpoint; empty when the sizes are equal.
    pub proof: Vec<NodeRef>,
}

/// One hash chain and where its entries stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleChain {
    /// Subject of the chain.
    pub subject: Subject,
    /// Its strand.
    pub strand: Strand,
    /// Head after the last entry named here.
    pub head: ChainHead,
    /// Log indexes of its entries, in order, from position 0. None, with the head of an empty chain and a map
    /// proof, says that there is no such chain.
    pub entries: Vec<EntryIndex>,
    /// Proof that the map of the newest checkpoint holds this length and head; null until maps are built.
    pub map: Option<MapProof>,
}

/// Shows one place of the map: which map leaf, and the siblings that are not empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapProof {
    /// Log index of the map leaf.
    pub leaf: EntryIndex,
    /// Inclusion proof of the map leaf under the newest checkpoint.
    pub proof: Vec<NodeRef>,
    /// 256 bits, base64url, the root's sibling first: 1 where the sibling is not an empty subtree.
    pub present: String,
    /// The siblings that are not empty, the topmost first.
    pub siblings: Vec<NodeRef>,
}

/// A bundle whose form was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// `custody-bundle-v1`.
    pub format: String,
    /// Origin of the log.
    pub ledger: Origin,
    /// What it is about.
    pub scope: Scope,
    /// Log time at which time-dependent flags are evaluated.
    pub evaluated_at: LogTime,
    /// Signed notes by ascending size.
    pub checkpoints: Vec<String>,
    /// Hashes that proofs point at.
    pub nodes: Vec<Hash>,
    /// Entries by ascending index.
    pub entries: Vec<BundleEntry>,
    /// Consistency proofs to the newest checkpoint.
    pub consistency: Vec<Consistency>,
    /// Chains by subject and strand.
    pub chains: Vec<BundleChain>,
    /// Files that travel beside the bundle.
    pub blobs: Vec<Hash>,
}

/// Why a text is not a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// More than [`MAX_BUNDLE`] bytes.
    #[error("the bundle is larger than 256 MiB")]
    TooLong,
    /// Not strict JSON with the members of a bundle.
    #[error("this is not a custody bundle: {0}")]
    Shape(String),
    /// Not the one spelling; the number is the first byte that differs.
    #[error("the bundle is not in canonical form at byte {0}: it was edited or re-formatted")]
    NotCanonical(usize),
    /// A list is out of order or names something twice.
    #[error("the bundle's {0} are out of order or repeated")]
    Order(&'static str),
}

impl Bundle {
    /// Reads the one spelling of a bundle.
    pub fn parse(bytes: &[u8]) -> Result<Bundle, BundleError> {
        if bytes.len() > MAX_BUNDLE {
            return Err(BundleError::TooLong);
        }
        let shape = |error: String| BundleError::Shape(error);
        // Straight into the types, each of which refuses a member twice or unknown: a tree of values in
        // between would take many times the memory. Other spellings are refused below.
        let bundle: Bundle = serde_json::from_slice(bytes).map_err(|e| shape(e.to_string()))?;
        if bundle.format != FORMAT {
            return Err(shape(format!(
                "format {:?} is not {FORMAT:?}",
                bundle.format
            )));
        }
        let again = bundle.to_bytes();
        if again != bytes {
            let at = again.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            return Err(BundleError::NotCanonical(at));
        }
        if let Some(number) = bundle.numbers().find(|number| *number > MAX_INTEGER) {
            return Err(shape(format!("{number} is above 2^53-1")));
        }
        bundle.check_order()?;
        Ok(bundle)
    }

    /// The one spelling.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("a bundle is plain data and serialises");
        bytes.push(b'\n');
        bytes
    }

    /// Looks an entry up by its log index.
    pub fn entry(&self, index: EntryIndex) -> Option<&BundleEntry> {
        let at = self
            .entries
            .binary_search_by_key(&index, |entry| entry.index)
            .ok()?;
        self.entries.get(at)
    }

    /// The hashes that a proof points at, unless it points outside the table.
    pub fn resolve(&self, proof: &[NodeRef]) -> Option<Vec<Hash>> {
        proof
            .iter()
            .map(|at| self.nodes.get(at.0 as usize).copied())
            .collect()
    }

    fn numbers(&self) -> impl Iterator<Item = u64> {
        let entries = self.entries.iter();
        let chains = self.chains.iter();
        let leaves = chains
            .clone()
            .filter_map(|one| Some(one.map.as_ref()?.leaf.0));
        entries
            .flat_map(|one| [one.index.0, one.recorded_at.0])
            .chain(self.consistency.iter().map(|one| one.size.0))
            .chain(chains.flat_map(|one| one.entries.iter().map(|index| index.0)))
            .chain(leaves)
            .chain([self.evaluated_at.0])
    }

    fn check_order(&self) -> Result<(), BundleError> {
        let chains: Vec<ChainId> = self
            .chains
            .iter()
            .map(|chain| ChainId {
                subject: chain.subject.clone(),
                strand: chain.strand,
            })
            .collect();
        let consistency: Vec<_> = self
            .consistency
            .iter()
            .map(|one| (one.size, one.root.0))
            .collect();
        for (what, ascending) in [
            ("nodes", self.nodes.is_sorted_by(|a, b| a < b)),
            (
                "entries",
                self.entries.is_sorted_by(|a, b| a.index < b.index),
            ),
            ("consistency proofs", consistency.is_sorted_by(|a, b| a < b)),
            ("chains", chains.is_sorted_by(|a, b| a < b)),
            ("blobs", self.blobs.is_sorted_by(|a, b| a < b)),
        ] {
            if !ascending {
                return Err(BundleError::Order(what));
            }
        }
        Ok(())
    }
}
