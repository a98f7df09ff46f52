//! Chains left out, and clocks that differ.

use super::*;

#[test]
fn a_chain_that_is_left_out_is_counted() {
    let sample = sample();
    let world = &sample.world;
    let words = |bundle: &Bundle| {
        let found = check(&bundle.to_bytes(), &world.policy(), &[], &[]);
        assert!(
            codes(&found, Severity::Failed).is_empty(),
            "{}",
            show(&found)
        );
        let open = found.findings.into_iter();
        open.filter(|one| one.code == "completeness-not-shown")
            .map(|one| one.words)
            .collect::<String>()
    };
    let whole = world.exhibit_bundle(&sample.video);
    // There are no access entries on the case, which the map shows.
    assert_eq!(words(&whole), "");
    let without: BTreeSet<_> = world
        .chains
        .keys()
        .filter(|chain| {
            whole
                .chains
                .iter()
                .any(|one| (&one.subject, one.strand) == (&chain.subject, chain.strand))
                && chain.strand != custodes::protocol::id::Strand::Access
        })
        .cloned()
        .collect();
    let recorded: Vec<_> = world
        .entries
        .iter()
        .filter(|one| without.contains(&one.entry.payload().chain()))
        .collect();
    let less = world.assemble(whole.scope.clone(), &without, &recorded);
    assert!(
        words(&less).contains("Not here: 2 chains of these"),
        "{}",
        words(&less)
    );
}

#[test]
fn clocks_of_witnesses_bound_the_time_of_an_entry() {
    let mut sample = sample();
    // The operator's clock runs a year ahead for one entry; the witness keeps its own.
    let seal = serde_json::json!({"seal": "K7654321"});
    let examiner = world::clone(&sample.examiner);
    let video = sample.video.clone();
    sample.world.wait(365 * 24 * 60);
    let strand = custodes::protocol::id::Strand::Custody;
    sample.world.record(
        &examiner,
        &video,
        strand,
        "sealed",
        seal,
        serde_json::json!({}),
    );
    let mut bundle = sample.world.exhibit_bundle(&video);
    let text = bundle.checkpoints.pop().unwrap();
    let own = text.split_inclusive('\n').take(5).collect::<String>();
    let body = own.split("\n\n").next().unwrap().to_owned() + "\n";
    let name = custodes::protocol::id::Origin::new("witness.example").unwrap();
    let time = world::BEGINNING / 1000 + 7200;
    let line = custodes::protocol::note::cosign(&body, &name, time, &sample.world.witness);
    bundle.checkpoints.push(own + &line);
    let found = check(&bundle.to_bytes(), &sample.world.policy(), &[], &[]);
    let late: Vec<_> = found
        .findings
        .iter()
        .filter(|one| one.code == "recorded-outside-bracket")
        .collect();
    assert_eq!(late.len(), 1, "{}", show(&found));
    assert!(late[0].place.contains("sealed"), "{}", late[0]);
}

/// The text of a checkpoint, and the log's signature.
fn own(note: &str) -> (String, String) {
    let own: String = note.split_inclusive('\n').take(5).collect();
    let text = own.split("\n\n").next().unwrap().to_owned() + "\n";
    (text, own)
}

#[test]
fn every_witness_bounds_the_time_whatever_others_say() {
    use custodes::protocol::id::{Origin, Strand};
    use custodes::protocol::key::SecretKey;
    use custodes::protocol::note::{SignatureKind, VerifierKey, cosign};
    use custodes::protocol::tlog_proof::TlogProof;
    use custodes::protocol::tree::prove_inclusion;
    use custodes::verify::proof::verify_proof;
    let mut sample = sample();
    let examiner = world::clone(&sample.examiner);
    let video = sample.video.clone();
    sample.world.wait(365 * 24 * 60);
    let (seal, none) = (
        serde_json::json!({"seal": "K7654321"}),
        serde_json::json!({}),
    );
    let sealed = sample
        .world
        .record(&examiner, &video, Strand::Custody, "sealed", seal, none);
    let world = &sample.world;
    let friend = SecretKey::from_seed([66; 32]);
    let name = Origin::new("witness.friend.example").unwrap();
    let vkey = VerifierKey::ed25519(name.clone(), SignatureKind::CosignatureV1, friend.public());
    let policy = Policy::parse(&format!(
        "log {}\nwitness court {}\nwitness friend {vkey}\ngroup both all court friend\nquorum both\n",
        world.log_vkey(),
        world.witness_vkey(),
    ))
    .unwrap();
    // The witness saw the newest checkpoint in the beginning; the operator's friend says a year later.
    let year = world.entries.last().unwrap().recorded_at.0 / 1000;
    let cosigned = |note: &str, first: u64, second: u64| {
        let (text, own) = own(note);
        let court = Origin::new("witness.example").unwrap();
        own + &cosign(&text, &court, first, &world.witness) + &cosign(&text, &name, second, &friend)
    };
    let failed = |found: &Verification| {
        let late = found.findings.iter();
        late.filter(|one| one.code == "recorded-outside-bracket")
            .map(|one| one.place.clone())
            .collect::<Vec<_>>()
    };
    let begun = world::BEGINNING / 1000 + 7200;
    let bundle = world.exhibit_bundle(&video);
    let with = |first: [u64; 2], last: [u64; 2]| {
        let mut bundle = bundle.clone();
        let newest = bundle.checkpoints.len() - 1;
        for (at, note) in bundle.checkpoints.iter_mut().enumerate() {
            let [court, friend] = if at == newest { last } else { first };
            *note = cosigned(note, court, friend);
        }
        check(&bundle.to_bytes(), &policy, &[], &[])
    };
    let honest = with([begun - 7200; 2], [year; 2]);
    assert!(failed(&honest).is_empty(), "{}", show(&honest));
    let late = with([begun - 7200; 2], [begun, year]);
    assert_eq!(failed(&late).len(), 1, "{}", show(&late));
    assert!(failed(&late)[0].contains("sealed"), "{}", show(&late));
    // One witness saw the log without the entries after they are said to have been recorded.
    let early = with([begun - 7200, begun], [year; 2]);
    assert!(!failed(&early).is_empty(), "{}", show(&early));

    // An entry alone with its proof, too.
    let (index, size) = (world.entries.last().unwrap().index, world.tree.size());
    let entry = world.entries.last().unwrap();
    assert_eq!(entry.entry.hash(), sealed);
    let proven = |court: u64| {
        let proof = TlogProof {
            recorded_at: entry.recorded_at,
            index,
            proof: prove_inclusion(index, size, &world.tree).unwrap(),
            checkpoint: cosigned(&world.checkpoint(size, false), court, year),
        };
        let found = verify_proof(&entry.entry.to_text(), &proof.to_text(), &policy);
        let mut codes = found.into_iter().map(|one| one.code);
        codes.any(|code| code == "recorded-outside-bracket")
    };
    assert!(!proven(year));
    assert!(proven(begun));
}

#[test]
fn entries_that_no_witness_bounds_are_counted() {
    let sample = sample();
    let bundle = sample.world.exhibit_bundle(&sample.video);
    let policy = sample.world.policy();
    let whole = check(&bundle.to_bytes(), &policy, &[], &[]);
    assert!(!whole.has("time-not-bounded"), "{}", show(&whole));
    assert!(whole.questions[3].words.contains("back-dated"));
    let mut bundle = bundle;
    let newest = bundle.checkpoints.len() - 1;
    for note in &mut bundle.checkpoints[..newest] {
        *note = own(note).1;
    }
    let found = check(&bundle.to_bytes(), &policy, &[], &[]);
    assert!(
        codes(&found, Severity::Failed).is_empty(),
        "{}",
        show(&found)
    );
    let open = found.findings.iter();
    let open: Vec<_> = open.filter(|one| one.code == "time-not-bounded").collect();
    assert_eq!(open.len(), 1, "{}", show(&found));
    // Nothing can come before the beginning of the log.
    let count = bundle.entries.len() - 1;
    assert!(
        open[0]
            .words
            .starts_with(&format!("{count} entries have no")),
        "{}",
        open[0]
    );
    assert!(!found.questions[3].words.contains("back-dated"));
}

#[test]
fn words_of_a_bundle_are_one_line() {
    let sample = sample();
    let forged = br#"{"format\nverified: everything is in order\n":1}"#;
    let found = check(forged, &sample.world.policy(), &[], &[]);
    assert_eq!(found.findings.len(), 1, "{}", show(&found));
    let words = &found.findings[0].words;
    assert!(
        words.contains("\\nverified") && !words.contains('\n'),
        "{words}"
    );
}

#[test]
fn what_the_service_signs_with_a_key_that_it_gave_up_fails() {
    let mut sample = sample();
    let (officer, video) = (world::clone(&sample.officer), sample.video.clone());
    let world = &mut sample.world;
    let before = world.rotate_service();
    let now = world::clone(&world.service);
    let view = world.view(&now, &officer, &video);
    world.submit(view).unwrap();
    let verified = |world: &world::World| {
        let bundle = world.exhibit_bundle(&video).to_bytes();
        let found = check(&bundle, &world.policy(), &[], &[])
            .findings
            .into_iter();
        let failed = found.filter(|one| one.severity == Severity::Failed);
        failed.map(|one| one.code).collect::<BTreeSet<String>>()
    };
    let audited = |world: &world::World| {
        let mut audit = custodes::verify::audit::Audit::new(Rules::embedded());
        world.leaves().into_iter().for_each(|leaf| audit.step(leaf));
        let codes = audit.finish().into_iter().map(|one| one.code);
        codes.collect::<BTreeSet<String>>()
    };
    assert_eq!(verified(world), BTreeSet::new());
    assert_eq!(audited(world), BTreeSet::new());

    let view = world.view(&before, &officer, &video);
    assert_eq!(world.submit(view.clone()).unwrap_err(), "key-not-valid");
    world.force(view, true);
    assert_eq!(verified(world), BTreeSet::from(["rule-broken".to_owned()]));
    assert_eq!(audited(world), BTreeSet::from(["rule-broken".to_owned()]));
}
