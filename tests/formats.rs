//! `docs/FORMATS.md` against the code: every example is recomputed, the commands by hand are run as written.
//!
//! `UPDATE_DOCS=1 cargo test --release --test formats` writes the examples anew.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use custodes::protocol::checkpoint::{self, Checkpoint};
use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::entry::{Draft, Payload, Seen, UnverifiedEntry};
use custodes::protocol::fork::{Evidence, Fork};
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{ActorId, ChainId, Code, Origin, Strand, Subject};
use custodes::protocol::key::SecretKey;
use custodes::protocol::leaf::{ChainHead, Commitment, map_leaf_data};
use custodes::protocol::manifest::Manifest;
use custodes::protocol::map::{self, MapPath};
use custodes::protocol::mldsa::PqSecretKey;
use custodes::protocol::note::{self, SignatureKind, UnverifiedNote, VerifierKey};
use custodes::protocol::security::{AttemptKind, By, SecurityRecord, UnverifiedRecord};
use custodes::protocol::time::{LogTime, Moment, Occurred};
use custodes::protocol::tree::{
    ConsistencyProof, EntryIndex, MemoryTree, RootHash, TreeSize, leaf_hash,
};
use custodes::verify::map_audit::{LogPlace, MapAudit, Recomputed};

fn signer() -> SecretKey {
    let mut seed = [0; 32];
    seed.iter_mut().zip(0u8..).for_each(|(byte, n)| *byte = n);
    SecretKey::from_seed(seed)
}

fn origin() -> Origin {
    Origin::new("evidence.northshire.example").unwrap()
}

/// Takes the entry of section 4 in on a branch.
fn late_branch() -> UnverifiedEntry {
    let entry = entry();
    let body = serde_json::json!({
        "from": entry.payload().prev,
        "entries": [entry.hash()],
    });
    let payload = Payload {
        seq: 2,
        prev: Some(custodes::protocol::entry::EntryHash(Hash([0x55; 32]))),
        event: "late-branch".to_owned(),
        body: body.as_object().unwrap().clone(),
        jti: Subject::from_bytes([0x66; 16]),
        ..entry.payload().clone()
    };
    let details = [("reason".to_owned(), "no network in the cells".into())].into();
    Draft { payload, details }
        .sign(&signer(), || [0xa5; 16])
        .unwrap()
}

fn entry() -> UnverifiedEntry {
    let subject = Subject::new("q83vEjRWeJCrze8SNFZ4kA").unwrap();
    let payload = Payload {
        ledger: origin(),
        subject: subject.clone(),
        strand: Strand::Custody,
        seq: 1,
        prev: Some(custodes::protocol::entry::EntryHash(Hash([0x11; 32]))),
        event: "sealed".to_owned(),
        actor: ActorId::new("northshire-police/V1StGXR8Z5jdHi6BmyT0kA").unwrap(),
        occurred_at: Occurred::At(Moment::parse("2026-03-14T09:12:00+00:00").unwrap()),
        seen: None,
        client: "custodes 0.1.0".to_owned(),
        jti: Subject::from_bytes([0x22; 16]),
        body: serde_json::from_str(r#"{"seal":"K1234567"}"#).unwrap(),
        details: BTreeMap::new(),
    };
    let details = [("bag", "B0099123"), ("condition", "dry, undamaged")];
    let details = details
        .map(|(name, value)| (name.to_owned(), value.into()))
        .into();
    Draft { payload, details }
        .sign(&signer(), || [0xa5; 16])
        .unwrap()
}

fn examples() -> BTreeMap<&'static str, String> {
    let mut examples = BTreeMap::new();
    let mut add = |name, lines: &[(&str, String)]| {
        let width = lines.iter().map(|(label, _)| label.len()).max().unwrap();
        let text = lines
            .iter()
            .fold(String::new(), |mut text, (label, value)| {
                let _ = writeln!(text, "{label:width$}  {value}");
                text
            });
        examples.insert(name, text);
    };
    let key = signer().public();
    add(
        "key",
        &[("x", key.to_base64url()), ("key id", key.id().to_string())],
    );

    let entry = entry();
    let signed: Vec<&str> = entry.jws().split('.').collect();
    let mut lines: Vec<(&str, String)> = ["header", "payload", "signature"]
        .into_iter()
        .zip(signed.iter().map(|part| (*part).to_owned()))
        .collect();
    for one in entry.disclosures() {
        lines.push(("disclosure", one.as_str().to_owned()));
        lines.push(("  digest", one.digest().to_string()));
    }
    lines.push(("e", entry.hash().to_string()));
    add("entry", &lines);

    let (time, index) = (LogTime(1_773_479_524_123), EntryIndex(12));
    let commitment = Commitment::new(time, entry.hash());
    let first = ChainHead::EMPTY.extend(EntryIndex(5), Commitment(Hash([0x33; 32])));
    let second = first.extend(index, commitment);
    add(
        "leaf",
        &[
            ("recorded_at", time.0.to_string()),
            ("commitment (hex)", commitment.0.to_hex()),
            ("entry leaf (hex)", hex::encode(commitment.leaf_data())),
            ("leaf hash (hex)", commitment.leaf_hash().0.to_hex()),
            (
                "a[0] (hex)",
                format!("{}  index 5, commitment 32 bytes of 33", first.0.to_hex()),
            ),
            (
                "a[1] (hex)",
                format!("{}  index 12, the commitment above", second.0.to_hex()),
            ),
            (
                "map leaf (hex)",
                hex::encode(map_leaf_data(EntryIndex(13), Hash([0x44; 32]))),
            ),
        ],
    );

    let late = late_branch();
    assert_eq!(custodes::ledger::taken_in(&late), [entry.hash()]);
    let other = first.extend(index, Commitment(Hash([0x77; 32])));
    let taking = Commitment::new(time, late.hash());
    let payload = late.jws().split('.').nth(1).unwrap();
    let payload = custodes::protocol::base64url::decode(payload).unwrap();
    add(
        "branch",
        &[
            ("payload", String::from_utf8(payload).unwrap()),
            ("e", late.hash().to_string()),
            (
                "leaf 20 (hex)",
                format!("{}  this entry", hex::encode(taking.leaf_data())),
            ),
            (
                "leaf 21 (hex)",
                format!(
                    "{}  the entry of section 4, recorded at the same time",
                    hex::encode(commitment.leaf_data())
                ),
            ),
            (
                "a[1] (hex)",
                format!("{}  index 12, commitment 32 bytes of 77", other.0.to_hex()),
            ),
            (
                "a[2] (hex)",
                format!(
                    "{}  index 20; index 21 is in no chain",
                    other.extend(EntryIndex(20), taking).0.to_hex()
                ),
            ),
        ],
    );

    let log = SecretKey::from_seed([0x42; 32]);
    let vkey = VerifierKey::ed25519(origin(), SignatureKind::Ed25519, log.public());
    let text = Checkpoint {
        origin: origin(),
        size: TreeSize(1),
        root: RootHash(commitment.leaf_hash().0),
    }
    .to_text();
    let post_quantum = PqSecretKey::from_seed([0x43; 32]);
    let pq_vkey = VerifierKey::ml_dsa_44(origin(), post_quantum.public());
    let open = Checkpoint::parse_text(&text).unwrap();
    let note = note::sign(&text, &origin(), &log)
        + &note::cosign_ml_dsa_44(&open, &origin(), 0, &post_quantum);
    checkpoint::open(&note, &vkey).unwrap();
    checkpoint::open(&note, &pq_vkey).unwrap();
    examples.insert(
        "checkpoint",
        format!("{note}\nvkeys of the log:\n{vkey}\n{pq_vkey}\n"),
    );

    let (court, name) = (
        SecretKey::from_seed([0x44; 32]),
        Origin::new("witness.court.example").unwrap(),
    );
    let cosignature = note::cosign(&text, &name, 1_773_479_526, &court);
    let vkey = VerifierKey::ed25519(name, SignatureKind::CosignatureV1, court.public());
    UnverifiedNote::parse(&format!("{text}\n{cosignature}"))
        .unwrap()
        .verify([&vkey])
        .unwrap();
    examples.insert(
        "cosignature",
        format!("{cosignature}\nvkey of the witness: {vkey}\n"),
    );

    let other = Checkpoint {
        root: RootHash(Hash([0x55; 32])),
        ..open.clone()
    };
    let notes = [&open, &other].map(|head| note::sign(&head.to_text(), &origin(), &log));
    let keys = [VerifierKey::ed25519(
        origin(),
        SignatureKind::Ed25519,
        log.public(),
    )];
    let notes = notes.each_ref().map(String::as_str);
    let fork = Fork::prove(notes, &keys, Evidence::SameSize).unwrap();
    examples.insert("fork", fork.text);

    examples.insert("map-fault", wrong_map());

    let mut add = |name, text: String| examples.insert(name, text);
    let file = EvidenceDigest::of_bytes(DigestKind::File, b"evidence\n");
    let mut manifest = Manifest::default();
    manifest
        .insert("clip 1.mp4", Hash::of(&[b"evidence\n"]))
        .unwrap();
    let listed = String::from_utf8(manifest.to_bytes()).unwrap();
    add(
        "digest",
        format!(
            "the 9 bytes \"evidence\" LF:\n{}\na folder with these bytes as \"clip 1.mp4\":\n{listed}{}\n",
            serde_json::to_string(&file).unwrap(),
            serde_json::to_string(&EvidenceDigest::of_bytes(
                DigestKind::Manifest,
                listed.as_bytes()
            ))
            .unwrap()
        ),
    );

    let chain = ChainId {
        subject: entry.payload().subject.clone(),
        strand: Strand::Custody,
    };
    let place = map::key(&chain);
    let value = map::value(place, 2, second);
    let path = MapPath {
        present: [0; 32],
        siblings: Vec::new(),
    };
    let root = path.root(place, value).unwrap();
    add(
        "map",
        format!(
            "chain   {} custody, n = 2, head a[1] of section 5\nkey     {}\nvalue   {}\nE[256]  {}\nE[0]    {}  root of the empty map\nroot    {}  with this chain alone\n",
            chain.subject,
            place.to_hex(),
            value.to_hex(),
            map::empty(256).to_hex(),
            map::empty(0).to_hex(),
            root.to_hex()
        ),
    );
    let code = |text: &str| Code::new(text).unwrap();
    let record = SecurityRecord {
        ledger: origin(),
        seq: 1,
        prev: Some(Hash([0x11; 32])),
        seen: Seen {
            size: TreeSize(1),
            root: RootHash(commitment.leaf_hash().0),
        },
        kind: AttemptKind::Entry,
        code: code("stale-prev"),
        act: Some(code("sealed")),
        target: Some(code(entry.payload().subject.as_str())),
        by: By::Proven,
        actor: Some(entry.payload().actor.clone()),
        source: Some(code("192.0.2.7")),
        digest: Some(entry.hash().0),
        count: 2,
        first: time,
        last: LogTime(time.0 + 300),
    };
    let text = record.sign(&signer());
    let read = UnverifiedRecord::parse(&text).unwrap();
    let head = read.head();
    assert_eq!(read.verify(&signer().public()).unwrap(), record);
    let payload = serde_json::to_string(&record).unwrap();
    add(
        "security",
        format!("payload  {payload}\nrecord   {text}\nhead     {head}\n"),
    );
    examples
}

/// A log of two entries whose map says that it has one: shown by its stretch from the beginning.
fn wrong_map() -> String {
    let mut audit = MapAudit::resume(Recomputed::default());
    let mut tree = MemoryTree::default();
    let other = entry().payload().clone();
    for (index, strand) in [(0, Strand::Custody), (1, Strand::Notes)] {
        let payload = Payload {
            strand,
            seq: 0,
            prev: None,
            ..other.clone()
        };
        let details = BTreeMap::new();
        let draft = Draft { payload, details };
        let signed = draft.sign(&signer(), || [0xa5; 16]).unwrap();
        let recorded_at = LogTime(1_773_479_524_123 + index);
        let place = LogPlace::Entry {
            index: EntryIndex(index),
            recorded_at,
            jws: signed.jws().to_owned(),
        };
        audit.take(&place).unwrap();
        tree.append(Commitment::new(recorded_at, signed.hash()).leaf_hash());
    }
    let (index, map) = (EntryIndex(2), map::empty(0));
    audit.take(&LogPlace::Map { index, map }).unwrap_err();
    tree.append(leaf_hash(&map_leaf_data(index, map)));
    let log = SecretKey::from_seed([0x42; 32]);
    let head = Checkpoint {
        origin: origin(),
        size: TreeSize(3),
        root: tree.root(),
    };
    let note = note::sign(&head.to_text(), &origin(), &log);
    let key = VerifierKey::ed25519(origin(), SignatureKind::Ed25519, log.public());
    let stretch = audit.wrong().unwrap();
    let none = ConsistencyProof(Vec::new());
    stretch.signed(&note, [&key], none).unwrap().text
}

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/FORMATS.md")
}

/// The block with this label, and where it stands.
fn block<'p>(page: &'p str, label: &str) -> (&'p str, std::ops::Range<usize>) {
    let head = format!("example:{label}\n");
    let start = page
        .find(&head)
        .unwrap_or_else(|| panic!("no block {label}"))
        + head.len();
    let end = start + page[start..].find("```").unwrap();
    (&page[start..end], start..end)
}

#[test]
fn every_example_is_what_the_code_computes() {
    let mut text = std::fs::read_to_string(page()).unwrap();
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    for (label, wanted) in examples() {
        let (found, range) = block(&text, label);
        if update {
            text.replace_range(range, &wanted);
        } else {
            assert_eq!(found, wanted, "docs/FORMATS.md, example {label}");
        }
    }
    if update {
        std::fs::write(page(), text).unwrap();
    }
}

/// Whoever changes the table changes what ledgers and bundles of version 1 mean: a later table is another file.
#[test]
fn the_rules_are_those_of_version_1() {
    let page = std::fs::read_to_string(page()).unwrap();
    let sha256 = custodes::ledger::Rules::embedded().sha256().to_hex();
    let stated = format!("table of version 1, with the SHA-256 (hex) `{sha256}`");
    assert!(page.contains(&stated), "{stated}");
}

fn by_hand(entry: &str) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("entry.txt"), entry).unwrap();
    std::fs::write(
        folder.path().join("key.txt"),
        signer().public().to_base64url(),
    )
    .unwrap();
    let text = std::fs::read_to_string(page()).unwrap();
    let (script, _) = block(&text, "by-hand");
    Command::new("bash")
        .args(["-e", "-o", "pipefail", "-c", script])
        .current_dir(folder.path())
        .output()
        .unwrap()
}

#[test]
fn one_entry_is_verified_by_hand() {
    let text = entry().to_text();
    let good = by_hand(&text);
    let said = String::from_utf8_lossy(&good.stdout);
    assert!(
        good.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&good.stderr)
    );
    assert!(said.contains("Signature Verified Successfully"), "{said}");
    assert_eq!(
        said.matches(&signer().public().id().to_string()).count(),
        2,
        "{said}"
    );
    assert!(
        said.contains("bag: B0099123\ntrue\ncondition: dry, undamaged\ntrue\n"),
        "{said}"
    );
    assert!(said.contains(&entry().hash().0.to_hex()), "{said}");

    // Another entry's signature, and a disclosure nobody signed for, do not pass.
    let mut bytes = text.clone().into_bytes();
    let at = text.find('.').unwrap() + 40;
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    assert!(!by_hand(&String::from_utf8(bytes).unwrap()).status.success());
    let (jws, _) = text.split_once('~').unwrap();
    let foreign = custodes::protocol::entry::Disclosure::new([1; 16], "bag", &"B1".into());
    assert!(
        !by_hand(&format!("{jws}~{}~", foreign.as_str()))
            .status
            .success()
    );
}
