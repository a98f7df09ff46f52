//! Views that nobody asked for: the service alone writes access entries, so each carries the reader's own request.

use super::*;

use custodes::protocol::id::Strand;
use custodes::verify::audit::Audit;
use serde_json::{Value, json};
use world::{Person, World};

/// Has the service record that this was viewed.
fn viewed(
    world: &mut World,
    exhibit: &custodes::protocol::id::Subject,
    details: Value,
) -> EntryIndex {
    let service = world::clone(&world.service);
    let body = json!({"target": "exhibit", "extent": "history"});
    world.record(&service, exhibit, Strand::Access, "viewed", body, details);
    world.entries.last().unwrap().index
}

fn audited(world: &World) -> BTreeSet<String> {
    let mut audit = Audit::new(Rules::embedded());
    world.leaves().into_iter().for_each(|leaf| audit.step(leaf));
    let codes = audit.finish().into_iter().map(|one| one.code);
    codes.collect()
}

#[test]
fn a_view_that_its_reader_did_not_ask_for_is_caught() {
    const WHY: &str = "Curiosity";
    type Make = fn(&mut World, &Person, &Person, &str) -> (Value, String);
    let invented: [(&str, Make); 6] = [
        ("no token", |_, reader, _, _| {
            (json!(reader.actor), "a.b.c".to_owned())
        }),
        ("another person's", |world, reader, other, uri| {
            (json!(reader.actor), world.token(other, uri, WHY))
        }),
        ("another purpose", |world, reader, _, uri| {
            (json!(reader.actor), world.token(reader, uri, "Work"))
        }),
        ("another exhibit", |world, reader, _, _| {
            let uri = "exhibits/q83vEjRWeJCrze8SNFZ4kA/history";
            (json!(reader.actor), world.token(reader, uri, WHY))
        }),
        ("a request of long ago", |world, reader, _, uri| {
            let token = world.token(reader, uri, WHY);
            world.wait(60);
            (json!(reader.actor), token)
        }),
        ("a key that nobody enrolled", |world, reader, _, uri| {
            let stranger = Person {
                actor: reader.actor.clone(),
                key: custodes::protocol::key::SecretKey::from_seed([77; 32]),
            };
            (json!(reader.actor), world.token(&stranger, uri, WHY))
        }),
    ];
    for (what, make) in invented {
        let mut sample = sample();
        let (officer, examiner) = (&sample.officer, &sample.examiner);
        let uri = format!("exhibits/{}/history", sample.video);
        let (reader, token) = make(&mut sample.world, officer, examiner, &uri);
        let details = json!({"reader": reader, "purpose": WHY, "token": token});
        let index = viewed(&mut sample.world, &sample.video, details);
        let bundle = sample.world.exhibit_bundle(&sample.video);
        let found = check(&bundle.to_bytes(), &sample.world.policy(), &[], &[]);
        assert_eq!(
            codes(&found, Severity::Failed),
            BTreeSet::from(["view-not-signed"]),
            "{what}: {}",
            show(&found)
        );
        let place = format!("entry {} (viewed)", index.0);
        assert!(found.findings.iter().any(|one| one.place == place));
        assert_eq!(
            audited(&sample.world),
            BTreeSet::from(["view-not-signed".to_owned()])
        );
    }
}

#[test]
fn one_request_is_one_view_and_a_stranger_to_the_case_can_be_checked() {
    let mut sample = sample();
    let prosecutor = sample
        .world
        .enrol("crown-prosecution", "Lee Ash", &["officer"]);
    let uri = format!("exhibits/{}/history", sample.video);
    let token = sample.world.token(&prosecutor, &uri, "Charging");
    let details = json!({"reader": prosecutor.actor, "purpose": "Charging", "token": token});
    let first = viewed(&mut sample.world, &sample.video, details.clone());
    let honest = |sample: &Sample| {
        let bundle = sample.world.exhibit_bundle(&sample.video);
        check(&bundle.to_bytes(), &sample.world.policy(), &[], &[])
    };
    let found = honest(&sample);
    assert!(
        codes(&found, Severity::Failed).is_empty(),
        "{}",
        show(&found)
    );
    assert_eq!(audited(&sample.world), BTreeSet::new());
    let words = &found.questions[2].words;
    assert!(
        words.contains("by the service that keeps the log, with its own key"),
        "{words}"
    );

    // Who asked may be withheld; that is counted.
    let mut bundle = sample.world.exhibit_bundle(&sample.video);
    withhold(&mut bundle, first, &["token"]);
    let earlier = bundle.entries[find(&sample, &bundle, "viewed")].index;
    withhold(&mut bundle, earlier, &["reader", "token"]);
    let found = check(&bundle.to_bytes(), &sample.world.policy(), &[], &[]);
    assert!(
        codes(&found, Severity::Failed).is_empty(),
        "{}",
        show(&found)
    );
    let open = found.findings.iter();
    let open: Vec<_> = open.filter(|one| one.code == "view-not-checked").collect();
    assert_eq!(open.len(), 1, "{}", show(&found));
    assert!(
        open[0].words.starts_with("Of 2 consultations"),
        "{}",
        open[0]
    );

    viewed(&mut sample.world, &sample.video, details);
    let found = honest(&sample);
    assert_eq!(
        codes(&found, Severity::Failed),
        BTreeSet::from(["view-not-signed"])
    );
    assert_eq!(
        audited(&sample.world),
        BTreeSet::from(["view-not-signed".to_owned()])
    );
}

#[test]
fn what_the_service_owes_names_the_exhibit_and_an_audit_asks_for_it() {
    let mut sample = sample();
    let officer = world::clone(&sample.officer);
    let exhibit = sample.world.subject();
    let digest = EvidenceDigest::of_bytes(DigestKind::File, b"bytes");
    let body = json!({
        "case": sample.case, "kind": "surveillance-footage", "digest": digest, "role": "original",
    });
    // The service answers with an exhibit that the case has already.
    sample.world.misled = Some(sample.video.clone());
    sample.world.record(
        &officer,
        &exhibit,
        Strand::Custody,
        "registered",
        body,
        world::details(),
    );
    let bundle = sample.world.exhibit_bundle(&exhibit);
    let found = check(&bundle.to_bytes(), &sample.world.policy(), &[], &[]);
    assert!(found.has("companion-missing"), "{}", show(&found));
    let audit = audited(&sample.world);
    assert!(audit.contains("companion-missing"), "{audit:?}");
}

#[test]
fn an_audit_under_other_rules_says_so() {
    let sample = sample();
    let other = Rules::parse(&format!("{}\n", Rules::text())).unwrap();
    let mut audit = Audit::new(&other);
    sample
        .world
        .leaves()
        .into_iter()
        .for_each(|leaf| audit.step(leaf));
    let codes: Vec<_> = audit.finish().into_iter().map(|one| one.code).collect();
    assert_eq!(codes, ["other-rules"]);
}
