//! Histories in which something went wrong, honestly recorded: everything verifies, and flags say what went wrong.

use super::*;

use custodes::ledger::state::Known as _;
use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::entry::EntryHash;
use custodes::protocol::id::Subject;
use world::Person;

/// A ledger in which lines are recorded.
struct Told {
    s: Sample,
    officer: Person,
    examiner: Person,
}

impl Told {
    fn line(&mut self, who: &Person, on: &Subject, event: &str, body: Value) -> EntryHash {
        let rules = custodes::ledger::Rules::embedded();
        let strand = rules.row(event).unwrap().strand;
        let details = world::details();
        self.s.world.record(who, on, strand, event, body, details)
    }

    fn by_officer(&mut self, on: &Subject, event: &str, body: Value) -> EntryHash {
        let who = world::clone(&self.officer);
        self.line(&who, on, event, body)
    }

    fn by_examiner(&mut self, on: &Subject, event: &str, body: Value) -> EntryHash {
        let who = world::clone(&self.examiner);
        self.line(&who, on, event, body)
    }
}

/// A row: name, sentence, flags, what is recorded and what the bundle is about.
type Row = (
    &'static str,
    &'static str,
    &'static [&'static str],
    fn(&mut Told) -> Subject,
);

fn file(bytes: &[u8]) -> EvidenceDigest {
    EvidenceDigest::of_bytes(DigestKind::File, bytes)
}

pub fn vectors() -> Vec<Vector> {
    let rows: Vec<Row> = vec![
        (
            "flags-seal-differs",
            "The seal that a carrier saw is not the seal recorded.",
            &["seal-differs"],
            |t| {
                let phone = t.s.phone.clone();
                t.by_officer(
                    &phone,
                    "consigned",
                    json!({"carrier": "courier-7", "seal": "X9"}),
                );
                phone
            },
        ),
        (
            "flags-seal-reused",
            "A seal number is used again, on what is sealed already.",
            &["seal-reused", "sealed-twice"],
            |t| {
                let phone = t.s.phone.clone();
                t.by_officer(&phone, "sealed", json!({"seal": "K1234567"}));
                phone
            },
        ),
        (
            "flags-not-the-holder",
            "Somebody stores what another holds.",
            &["not-the-holder"],
            |t| {
                let phone = t.s.phone.clone();
                t.by_examiner(&phone, "stored", json!({"place": "shelf-5"}));
                phone
            },
        ),
        (
            "flags-accepted-other-digest",
            "The receiver's own digest is not the one recorded.",
            &["accepted-digest-differs"],
            |t| {
                let video = t.s.video.clone();
                let to = json!({"to": {"org": "northshire-police"}, "method": "in-person"});
                let offer = t.by_examiner(&video, "transfer-offered", to);
                let accepted = json!({"offer": offer, "from": t.examiner.actor, "digest": file(b"other bytes")});
                t.by_officer(&video, "transfer-accepted", accepted);
                video
            },
        ),
        (
            "flags-lost-and-found",
            "An exhibit was lost for a while, and examined meanwhile.",
            &["lost", "while-lost", "custody-gap"],
            |t| {
                let video = t.s.video.clone();
                t.by_examiner(&video, "lost", json!({}));
                t.by_officer(&video, "produced", json!({"hearing": "t20260001"}));
                t.by_examiner(&video, "found", json!({}));
                video
            },
        ),
        (
            "flags-copy-differs",
            "A working copy is not what it was made from: a failed clone.",
            &["copy-differs"],
            |t| {
                let (copy, video) = (t.s.world.subject(), t.s.video.clone());
                let parents = json!([{"exhibit": video, "digest": file(&t.s.bytes)}]);
                let body = json!({"case": t.s.case, "kind": "surveillance-footage", "role": "working", "digest": file(b"other"), "parents": parents});
                t.by_examiner(&copy, "copied", body);
                copy
            },
        ),
        (
            "flags-facial-recognition",
            "A facial recognition search without a reviewer and without corroboration.",
            &["no-reviewer", "no-corroboration"],
            |t| {
                let video = t.s.video.clone();
                t.by_examiner(&video, "searched", json!({
                "probe": video, "dataset": "custody-images", "dataset_version": "2026-03", "dataset_size": 100,
                "algorithm": "fr", "algorithm_version": "4.1", "threshold": "0.62", "candidates": null,
                "asked": 10, "given": 3, "reviewer": null,
            }));
                video
            },
        ),
        (
            "flags-after-disposal",
            "An exhibit that was disposed of without authorisation is returned to its owner.",
            &["not-authorised", "after-end"],
            |t| {
                let video = t.s.video.clone();
                t.by_examiner(
                    &video,
                    "disposed",
                    json!({"authorisation": null, "method": "shredding"}),
                );
                t.by_examiner(&video, "returned", json!({"authorisation": null}));
                video
            },
        ),
        (
            "flags-master-examined",
            "The master was examined, not a working copy.",
            &["not-a-working-copy"],
            |t| {
                let video = t.s.video.clone();
                t.by_examiner(&video, "examined", json!({}));
                video
            },
        ),
        (
            "flags-explained",
            "The same, and explained: the flag stays.",
            &["not-a-working-copy"],
            |t| {
                let video = t.s.video.clone();
                let examined = t.by_examiner(&video, "examined", json!({}));
                let why = json!({"category": "not-a-working-copy", "targets": [examined]});
                t.by_examiner(&video, "irregularity-explained", why);
                video
            },
        ),
        (
            "flags-clock-ahead",
            "A signer's clock is an hour ahead of the log's.",
            &["clock-ahead"],
            |t| {
                let video = t.s.video.clone();
                t.s.world.clocks = 60;
                t.by_examiner(&video, "sealed", json!({"seal": "K9"}));
                video
            },
        ),
        (
            "flags-recorded-late",
            "Something that happened two days ago is recorded now.",
            &["recorded-late"],
            |t| {
                let video = t.s.video.clone();
                t.s.world.clocks = -2 * 24 * 60;
                t.by_examiner(&video, "sealed", json!({"seal": "K9"}));
                video
            },
        ),
        (
            "flags-restated",
            "Two people restate who has the exhibit.",
            &["custody-restated"],
            |t| {
                let video = t.s.video.clone();
                let holder = t.officer.actor.clone();
                let first = t.by_officer(
                    &video,
                    "custody-restated",
                    json!({"holder": holder, "countersigns": null}),
                );
                t.by_examiner(
                    &video,
                    "custody-restated",
                    json!({"holder": holder, "countersigns": first}),
                );
                video
            },
        ),
        (
            "flags-one-side",
            "An exhibit is handed to somebody outside, which one side alone attests.",
            &["one-side-only"],
            |t| {
                let phone = t.s.phone.clone();
                t.by_officer(&phone, "handed-to-unenrolled", json!({"digest": null}));
                phone
            },
        ),
        (
            "flags-key-compromised",
            "A key is revoked, and said to have been in other hands when something was signed with it.",
            &["key-compromised"],
            |t| {
                let video = t.s.video.clone();
                let kid = t.examiner.key.public().id();
                let org = t.examiner.actor.org();
                let authority = world::clone(&t.s.world.authorities[&org]);
                let keys = t.examiner.actor.subject();
                t.line(
                    &authority,
                    &keys,
                    "key-revoked",
                    json!({"key": kid, "compromised_since": "2026-03-14T09:00:00+00:00"}),
                );
                video
            },
        ),
    ];
    let row = |(name, says, flags, tell): Row| {
        let s = sample();
        let (officer, examiner) = (world::clone(&s.officer), world::clone(&s.examiner));
        let mut told = Told {
            s,
            officer,
            examiner,
        };
        let about = tell(&mut told);
        let bundle = told.s.world.exhibit_bundle(&about);
        let vector = Vector::good(name, says, &bundle).flagged(flags);
        match told.s.world.state.exhibit(&about).unwrap().digest {
            Some(digest) if digest == file(&told.s.bytes) => vector,
            Some(_) => vector.unchecked("evidence-not-given").holding(&[]),
            None => vector.holding(&[]),
        }
    };
    rows.into_iter().map(row).collect()
}
