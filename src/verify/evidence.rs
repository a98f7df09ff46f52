//! Steps 9 and 10: the bytes that the reader holds, against what was registered.

use std::collections::{BTreeMap, BTreeSet};

use super::bundle::{Descent, EvidenceMatch, VerifiedItem, Version};
use super::finding::{Asked, Findings, counted};
use super::{Evidence, Sidecar};
use crate::ledger::Rules;
use crate::ledger::effects::Effect;
use crate::ledger::outcome::Flag;
use crate::protocol::digest::{DigestKind, EvidenceDigest};
use crate::protocol::entry::EntryHash;
use crate::protocol::hash::Hash;
use crate::protocol::id::{Strand, Subject};
use crate::protocol::manifest::Manifest;

/// The bytes that entries record for these exhibits, in the order of the log. What was registered first stands;
/// a feed that grows has a version for each extension, and flags say which of these are not proven.
pub(crate) fn versions(
    exhibits: &BTreeSet<Subject>,
    items: &[VerifiedItem],
    flags: &[Flag],
    rules: &Rules,
) -> Vec<Version> {
    let flagged = |code: &str| -> BTreeSet<EntryHash> {
        let these = flags.iter().filter(|flag| flag.code == code);
        these
            .flat_map(|flag| flag.entries.iter().copied())
            .collect()
    };
    let extends_other = flagged("extends-other");
    let not_proven = flagged("extension-not-proven");
    let mut versions: Vec<Version> = Vec::new();
    let mut told = BTreeSet::new();
    let mut latest: BTreeMap<Subject, Descent> = BTreeMap::new();
    for item in items {
        let exhibit = &item.chain.subject;
        let Some(entry) = item.entry.as_ref() else {
            continue;
        };
        let payload = entry.payload();
        let digest = payload.body.get("digest").cloned();
        let digest = digest.and_then(|digest| serde_json::from_value(digest).ok());
        let (true, Strand::Custody, Some(digest), Some(row)) = (
            exhibits.contains(exhibit) && !item.on_branch,
            item.chain.strand,
            digest,
            rules.row(&payload.event),
        ) else {
            continue;
        };
        let descent = match (row.effect, latest.get(exhibit)) {
            (Effect::OpenExhibit | Effect::SetDigest | Effect::Extend, None) => Descent::Registered,
            (Effect::Extend, Some(_)) if extends_other.contains(&item.e) => Descent::Other,
            (Effect::Extend, Some(Descent::Claimed)) => Descent::Claimed,
            (Effect::Extend, Some(_)) => match not_proven.contains(&item.e) {
                true => Descent::Claimed,
                false => Descent::Continued,
            },
            (Effect::SetDigest, Some(_)) => Descent::Other,
            _ => continue,
        };
        let digest: EvidenceDigest = digest;
        if !told.insert((exhibit, digest.sha256, digest.chunks, digest.size)) {
            continue; // digested again, and found the same
        }
        if descent != Descent::Other {
            latest.insert(exhibit.clone(), descent);
        }
        versions.push(Version {
            exhibit: exhibit.clone(),
            index: item.index,
            digest,
            descent,
        });
    }
    versions
}

/// Step 9: each file that the reader gave, against every version.
pub(crate) fn check_evidence(
    versions: &[Version],
    evidence: &[Evidence],
    findings: &mut Findings,
) -> Vec<EvidenceMatch> {
    let mut matches = Vec::new();
    for one in evidence {
        let (equal, other): (Vec<&Version>, Vec<&Version>) = versions
            .iter()
            .filter(|version| version.digest == one.digest)
            .partition(|version| version.descent != Descent::Other);
        if equal.is_empty() {
            let (code, words) = mismatch(versions, other.first().copied(), &one.digest);
            findings.failed(Asked::File, code, format!("evidence {}", one.name), words);
        }
        matches.push(EvidenceMatch {
            name: one.name.clone(),
            sha256: one.digest.sha256,
            versions: equal.into_iter().cloned().collect(),
        });
    }
    let found: BTreeSet<&Subject> = matches
        .iter()
        .flat_map(|one| &one.versions)
        .map(|version| &version.exhibit)
        .collect();
    let registered: BTreeSet<&Subject> = versions.iter().map(|version| &version.exhibit).collect();
    let missing = registered.difference(&found).count();
    if missing > 0 {
        findings.unchecked(
            Asked::File,
            "evidence-not-given",
            "evidence",
            format!(
                "No matching file was given for {missing} of {} with a registered digest.",
                counted(registered.len(), "exhibit", "exhibits")
            ),
        );
    }
    matches
}

/// Why a file is not evidence, and the code of that.
fn mismatch(
    versions: &[Version],
    other: Option<&Version>,
    digest: &EvidenceDigest,
) -> (&'static str, String) {
    if let Some(other) = other {
        return (
            "evidence-mismatch",
            format!(
                "It is not what was registered: entry {} recorded these bytes later, in the place of other bytes.",
                other.index.0
            ),
        );
    }
    match versions
        .iter()
        .any(|one| one.digest.sha256 == digest.sha256)
    {
        true => (
            "evidence-digest-part",
            "Its SHA-256 is registered, but not with this size, kind and chunk digest.".to_owned(),
        ),
        false => (
            "evidence-mismatch",
            format!(
                "It is not, byte for byte, what was registered for any exhibit of this bundle. Its SHA-256 is {}.",
                digest.sha256.to_hex()
            ),
        ),
    }
}

/// Step 10. The files that travel beside the bundle, and manifests among them.
pub(crate) fn check_sidecars(
    blobs: &[Hash],
    sidecars: &[Sidecar],
    versions: &[Version],
    findings: &mut Findings,
) {
    let listed: BTreeSet<Hash> = blobs.iter().copied().collect();
    let mut good: BTreeMap<Hash, &[u8]> = BTreeMap::new();
    for one in sidecars {
        let place = format!("blob {}", one.sha256.to_hex());
        if Hash::of(&[&one.bytes]) != one.sha256 {
            findings.failed(
                Asked::File,
                "blob-altered",
                place,
                "The file beside the bundle does not have the SHA-256 that is its name.",
            );
        } else if !listed.contains(&one.sha256) {
            findings.failed(
                Asked::Offline,
                "blob-not-listed",
                place,
                "The file beside the bundle is not one that the bundle lists.",
            );
        } else {
            good.insert(one.sha256, &one.bytes);
        }
    }
    let missing = listed
        .iter()
        .filter(|sha256| !good.contains_key(*sha256))
        .count();
    if missing > 0 {
        findings.unchecked(
            Asked::Offline,
            "blob-not-given",
            "blobs",
            format!(
                "{missing} of {} files that belong beside the bundle were not given.",
                listed.len()
            ),
        );
    }
    for version in versions {
        let digest = &version.digest;
        if digest.kind != DigestKind::Manifest || version.descent == Descent::Other {
            continue;
        }
        let place = format!("manifest of exhibit {}", version.exhibit);
        if !listed.contains(&digest.sha256) {
            findings.unchecked(
                Asked::File,
                "manifest-not-listed",
                place,
                "The bundle does not list the manifest that says which files the exhibit has.",
            );
        } else if let Some(bytes) = good.get(&digest.sha256)
            && let Err(error) = Manifest::parse(bytes)
        {
            findings.failed(
                Asked::File,
                "manifest-form",
                place,
                format!("The registered manifest cannot be read: {error}."),
            );
        }
    }
}
