//! Steps 9 and 10: the bytes that the reader holds, against what was registered.

use std::collections::{BTreeMap, BTreeSet};

use super::bundle::EvidenceMatch;
use super::finding::{Asked, Findings, counted};
use super::{Evidence, Sidecar};
use crate::protocol::digest::{DigestKind, EvidenceDigest};
use crate::protocol::hash::Hash;
use crate::protocol::id::Subject;
use crate::protocol::manifest::Manifest;

/// Step 9. `exhibits` are those the bundle is about that have a registered digest.
pub(crate) fn check_evidence(
    exhibits: &BTreeMap<Subject, EvidenceDigest>,
    evidence: &[Evidence],
    findings: &mut Findings,
) -> Vec<EvidenceMatch> {
    let mut matches = Vec::new();
    for one in evidence {
        let equal: Vec<Subject> = exhibits
            .iter()
            .filter(|(_, digest)| **digest == one.digest)
            .map(|(subject, _)| subject.clone())
            .collect();
        let place = format!("evidence {}", one.name);
        if equal.is_empty() {
            let same_bytes = exhibits
                .values()
                .any(|digest| digest.sha256 == one.digest.sha256);
            let (code, words) = match same_bytes {
                true => (
                    "evidence-digest-part",
                    "Its SHA-256 is registered, but not with this size, kind and chunk digest."
                        .to_owned(),
                ),
                false => (
                    "evidence-mismatch",
                    format!(
                        "It is not, byte for byte, what was registered for any exhibit of this bundle. \
                         Its SHA-256 is {}.",
                        one.digest.sha256.to_hex()
                    ),
                ),
            };
            findings.failed(Asked::File, code, place, words);
        }
        matches.push(EvidenceMatch {
            name: one.name.clone(),
            sha256: one.digest.sha256,
            exhibits: equal,
        });
    }
    let found: BTreeSet<&Subject> = matches.iter().flat_map(|one| &one.exhibits).collect();
    let missing = exhibits
        .keys()
        .filter(|subject| !found.contains(subject))
        .count();
    if missing > 0 {
        findings.unchecked(
            Asked::File,
            "evidence-not-given",
            "evidence",
            format!(
                "No matching file was given for {missing} of {} with a registered digest.",
                counted(exhibits.len(), "exhibit", "exhibits")
            ),
        );
    }
    matches
}

/// Step 10. The files that travel beside the bundle, and manifests among them.
pub(crate) fn check_sidecars(
    blobs: &[Hash],
    sidecars: &[Sidecar],
    exhibits: &BTreeMap<Subject, EvidenceDigest>,
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
    for (subject, digest) in exhibits {
        if digest.kind != DigestKind::Manifest {
            continue;
        }
        let place = format!("manifest of exhibit {subject}");
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
