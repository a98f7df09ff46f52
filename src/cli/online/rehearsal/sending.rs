//! Entries that are recorded while the answer is lost: sent again byte for byte, and never signed a second time.

use super::*;
use crate::cli::online::{patience, unsent};
use crate::protocol::digest::{DigestKind, EvidenceDigest};

/// What `register` signs of a file with this content.
fn registered(content: &str) -> Act {
    let digest = EvidenceDigest::of_bytes(DigestKind::File, content.as_bytes());
    let body = json!({
        "case": Subject::from_bytes([5; 16]), "kind": "audio", "role": "original", "digest": digest,
    });
    Act {
        subject: crate::cli::online::fresh::random_subject().unwrap(),
        strand: Strand::Custody,
        opens: true,
        event: "registered".to_owned(),
        body: body.as_object().unwrap().clone(),
        details: BTreeMap::from([
            ("description".to_owned(), json!("a call")),
            ("power_or_consent".to_owned(), json!("consent")),
        ]),
        occurred_at: when::occurred(None).unwrap(),
    }
}

#[test]
fn what_was_recorded_without_an_answer_is_sent_again_not_signed_again() {
    let stage = Stage::new(
        3,
        Mood {
            mute: 2,
            ..Mood::default()
        },
    );
    let recorded = stage.record().unwrap();
    assert_eq!((stage.posts(), stage.size()), (3, 4));
    assert_eq!(stage.unsent(), 0);
    assert!(stage.home.path().join("receipts/3.json").exists());
    assert_eq!(recorded.to_json()["index"], 3);
}

#[test]
fn what_got_no_answer_at_all_is_sent_by_the_next_command() {
    let stage = Stage::new(
        3,
        Mood {
            mute: patience::ATTEMPTS,
            ..Mood::default()
        },
    );
    let failure = stage.record().unwrap_err();
    assert_eq!(failure.code, "not-confirmed");
    assert!(failure.next.unwrap().contains("what was signed is kept"));
    assert_eq!((stage.unsent(), stage.size()), (1, 4));
    // Who saw no answer says it again: that is the same act.
    unsent::send_left(&stage.session).unwrap();
    assert_eq!(stage.unsent(), 0);
    let recorded = stage.record().unwrap();
    assert_eq!(
        (recorded.to_json()["index"].as_u64(), stage.size()),
        (Some(3), 4)
    );
    // The time after that, it is another.
    stage.record().unwrap();
    assert_eq!(stage.size(), 5);
}

#[test]
fn what_the_service_refuses_for_good_is_not_kept() {
    let mood = Mood {
        stale: 9,
        ..Mood::default()
    };
    let stage = Stage::new(3, mood);
    stage.record().unwrap_err();
    assert_eq!(stage.unsent(), 0);
}

#[test]
fn a_sitting_that_broke_off_is_repeated_without_doubling_any() {
    let stage = Stage::new(
        3,
        Mood {
            answers: 1,
            mute: patience::ATTEMPTS,
            ..Mood::default()
        },
    );
    let contents = ["one", "two", "three"];
    let sit = || {
        let acts = contents.map(registered);
        let mut indexes = Vec::new();
        let ended = signing::open_together(&stage.session, &acts, |at, recorded| {
            indexes.push((at, recorded.to_json()["index"].as_u64().unwrap()));
        });
        (ended, indexes)
    };
    // The first was answered, the second recorded without an answer, the third not sent.
    let (ended, indexes) = sit();
    assert_eq!(ended.unwrap_err().code, "not-confirmed");
    assert_eq!(indexes, [(0, 3)]);
    assert_eq!((stage.unsent(), stage.size()), (3, 5));
    unsent::send_left(&stage.session).unwrap();
    let (ended, mut indexes) = sit();
    ended.unwrap();
    indexes.sort_by_key(|(_, index)| *index);
    let places: Vec<u64> = indexes.iter().map(|(_, index)| *index).collect();
    assert_eq!(places, [3, 4, 5]);
    assert_eq!((stage.unsent(), stage.size()), (0, 6));
}
