//! Names of records, and their bytes: a letter, then the id.

use serde::{Deserialize, Serialize};

use crate::protocol::entry::EntryHash;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ChainId, Code, OrgId, Strand, Subject};
use crate::protocol::key::KeyId;

/// Names one record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RecordKey {
    /// The ledger itself.
    Ledger,
    /// An organisation.
    Org(OrgId),
    /// An actor, by the subject of their `keys` chain.
    Actor(Subject),
    /// A key.
    Key(KeyId),
    /// A case.
    Case(Subject),
    /// An exhibit.
    Exhibit(Subject),
    /// A chain.
    Chain(ChainId),
    /// An entry.
    Entry(EntryHash),
    /// That a case has an exhibit.
    CaseExhibit(Subject, Subject),
    /// That a case took an exhibit of another case in: the case, the exhibit.
    Linked(Subject, Subject),
    /// The cases that took an exhibit of another in.
    Links(Subject),
    /// That an exhibit of a case was disclosed to an organisation: case, exhibit, organisation.
    Disclosed(Subject, Subject, OrgId),
    /// That an entry discloses something to an organisation.
    DisclosedBy(EntryHash, OrgId),
    /// That a disclosure was withdrawn.
    Withdrawn(EntryHash),
    /// What the rules flagged on an entry.
    Flagged(EntryHash),
    /// Who explained what was flagged on an entry: the entry, the flag's code.
    Explained(EntryHash, Code),
    /// A change that was proposed.
    Proposal(EntryHash),
    /// That an entry about an exhibit names a file beside its digest: the file's SHA-256, the exhibit.
    Attached(Hash, Subject),
    /// What a `late-branch` says of an entry that it takes in.
    Branch(EntryHash),
    /// That an entry of somebody's was adopted: by the subject of their `keys` chain.
    Adopted(Subject, EntryHash),
    /// What of an entry was erased.
    Erased(EntryHash),
    /// That a file was erased, by its SHA-256.
    ErasedFile(Hash),
}

impl RecordKey {
    /// The key as bytes: a letter, then the id.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (letter, id): (u8, Vec<u8>) = match self {
            RecordKey::Ledger => (b'L', Vec::new()),
            RecordKey::Org(org) => (b'O', org.as_str().into()),
            RecordKey::Actor(subject) => (b'A', subject.to_bytes().into()),
            RecordKey::Key(kid) => (b'K', kid.0.0.into()),
            RecordKey::Case(subject) => (b'C', subject.to_bytes().into()),
            RecordKey::Exhibit(subject) => (b'X', subject.to_bytes().into()),
            RecordKey::Chain(chain) => (
                b'H',
                [&chain.subject.to_bytes(), chain.strand.as_str().as_bytes()].concat(),
            ),
            RecordKey::Entry(e) => (b'E', e.0.0.into()),
            RecordKey::CaseExhibit(case, exhibit) => {
                (b'M', [case.to_bytes(), exhibit.to_bytes()].concat())
            }
            RecordKey::Linked(case, exhibit) => {
                (b'N', [case.to_bytes(), exhibit.to_bytes()].concat())
            }
            RecordKey::Links(exhibit) => (b'J', exhibit.to_bytes().into()),
            RecordKey::Disclosed(case, exhibit, org) => (
                b'D',
                [
                    &case.to_bytes()[..],
                    &exhibit.to_bytes(),
                    org.as_str().as_bytes(),
                ]
                .concat(),
            ),
            RecordKey::DisclosedBy(e, org) => {
                (b'R', [&e.0.0[..], org.as_str().as_bytes()].concat())
            }
            RecordKey::Withdrawn(e) => (b'V', e.0.0.into()),
            RecordKey::Flagged(e) => (b'F', e.0.0.into()),
            RecordKey::Explained(e, code) => {
                (b'W', [&e.0.0[..], code.as_str().as_bytes()].concat())
            }
            RecordKey::Proposal(e) => (b'P', e.0.0.into()),
            RecordKey::Erased(e) => (b'Z', e.0.0.into()),
            RecordKey::ErasedFile(sha256) => (b'Y', sha256.0.into()),
            RecordKey::Attached(sha256, exhibit) => {
                (b'B', [&sha256.0[..], &exhibit.to_bytes()].concat())
            }
            RecordKey::Branch(e) => (b'G', e.0.0.into()),
            RecordKey::Adopted(actor, e) => (b'T', [&actor.to_bytes()[..], &e.0.0].concat()),
        };
        [&[letter], id.as_slice()].concat()
    }

    /// The key that has these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<RecordKey> {
        let (letter, id) = bytes.split_first()?;
        let hash = || Some(Hash(id.try_into().ok()?));
        let subject = || Some(Subject::from_bytes(id.try_into().ok()?));
        match letter {
            b'L' if id.is_empty() => Some(RecordKey::Ledger),
            b'O' => {
                let org = OrgId::new(std::str::from_utf8(id).ok()?);
                org.ok().map(RecordKey::Org)
            }
            b'A' => subject().map(RecordKey::Actor),
            b'K' => hash().map(|hash| RecordKey::Key(KeyId(hash))),
            b'C' => subject().map(RecordKey::Case),
            b'X' => subject().map(RecordKey::Exhibit),
            b'H' => {
                let (subject, strand) = id.split_first_chunk::<16>()?;
                Some(RecordKey::Chain(ChainId {
                    subject: Subject::from_bytes(*subject),
                    strand: Strand::parse(std::str::from_utf8(strand).ok()?)?,
                }))
            }
            b'E' => hash().map(|hash| RecordKey::Entry(EntryHash(hash))),
            b'V' => hash().map(|hash| RecordKey::Withdrawn(EntryHash(hash))),
            b'F' => hash().map(|hash| RecordKey::Flagged(EntryHash(hash))),
            b'G' => hash().map(|hash| RecordKey::Branch(EntryHash(hash))),
            b'T' => {
                let (actor, e) = id.split_first_chunk::<16>()?;
                let e = EntryHash(Hash(e.try_into().ok()?));
                Some(RecordKey::Adopted(Subject::from_bytes(*actor), e))
            }
            b'P' => hash().map(|hash| RecordKey::Proposal(EntryHash(hash))),
            b'Z' => hash().map(|hash| RecordKey::Erased(EntryHash(hash))),
            b'Y' => hash().map(RecordKey::ErasedFile),
            b'B' => {
                let (sha256, exhibit) = id.split_first_chunk::<32>()?;
                let exhibit = Subject::from_bytes(exhibit.try_into().ok()?);
                Some(RecordKey::Attached(Hash(*sha256), exhibit))
            }
            b'W' => {
                let (e, code) = id.split_first_chunk::<32>()?;
                let code = Code::new(std::str::from_utf8(code).ok()?).ok()?;
                Some(RecordKey::Explained(EntryHash(Hash(*e)), code))
            }
            b'M' => {
                let (case, exhibit) = two_subjects(id)?;
                exhibit
                    .is_empty()
                    .then_some(RecordKey::CaseExhibit(case.0, case.1))
            }
            b'N' => {
                let (link, rest) = two_subjects(id)?;
                rest.is_empty().then_some(RecordKey::Linked(link.0, link.1))
            }
            b'J' => subject().map(RecordKey::Links),
            b'D' => {
                let ((case, exhibit), org) = two_subjects(id)?;
                Some(RecordKey::Disclosed(case, exhibit, org_id(org)?))
            }
            b'R' => {
                let (e, org) = id.split_first_chunk::<32>()?;
                Some(RecordKey::DisclosedBy(EntryHash(Hash(*e)), org_id(org)?))
            }
            _ => None,
        }
    }
}

fn two_subjects(bytes: &[u8]) -> Option<((Subject, Subject), &[u8])> {
    let (first, rest) = bytes.split_first_chunk::<16>()?;
    let (second, rest) = rest.split_first_chunk::<16>()?;
    let pair = (Subject::from_bytes(*first), Subject::from_bytes(*second));
    Some((pair, rest))
}

fn org_id(bytes: &[u8]) -> Option<OrgId> {
    OrgId::new(std::str::from_utf8(bytes).ok()?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back_from_their_bytes() {
        let subject = Subject::from_bytes([b'X'; 16]);
        let chain = ChainId {
            subject: subject.clone(),
            strand: Strand::Exhibits,
        };
        for key in [
            RecordKey::Ledger,
            RecordKey::Org(OrgId::new("police").unwrap()),
            RecordKey::Actor(subject.clone()),
            RecordKey::Key(KeyId(Hash([1; 32]))),
            RecordKey::Case(subject.clone()),
            RecordKey::Exhibit(subject.clone()),
            RecordKey::CaseExhibit(subject.clone(), Subject::from_bytes([7; 16])),
            RecordKey::Linked(subject.clone(), Subject::from_bytes([7; 16])),
            RecordKey::Links(subject.clone()),
            RecordKey::Chain(chain),
            RecordKey::Entry(EntryHash(Hash([2; 32]))),
            RecordKey::Attached(Hash([4; 32]), subject.clone()),
            RecordKey::Branch(EntryHash(Hash([5; 32]))),
            RecordKey::Adopted(subject.clone(), EntryHash(Hash([6; 32]))),
            RecordKey::Erased(EntryHash(Hash([5; 32]))),
            RecordKey::Withdrawn(EntryHash(Hash([5; 32]))),
            RecordKey::ErasedFile(Hash([6; 32])),
        ] {
            let bytes = key.to_bytes();
            assert_eq!(RecordKey::from_bytes(&bytes), Some(key.clone()));
            let longer = [&bytes[..], b"~"].concat();
            assert_eq!(RecordKey::from_bytes(&longer), None, "{key:?}");
        }
        let org = OrgId::new("police").unwrap();
        for key in [
            RecordKey::Disclosed(subject.clone(), subject.clone(), org.clone()),
            RecordKey::DisclosedBy(EntryHash(Hash([3; 32])), org),
        ] {
            let bytes = key.to_bytes();
            assert_eq!(RecordKey::from_bytes(&bytes), Some(key));
            assert_eq!(RecordKey::from_bytes(&bytes[..33]), None);
        }
        assert_eq!(RecordKey::from_bytes(b""), None);
        assert_eq!(RecordKey::from_bytes(b"?"), None);
    }
}
