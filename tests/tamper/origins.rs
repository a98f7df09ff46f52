//! True entries where they do not belong, chains left out, clocks that differ, keys that are not the ones asked for.

use super::*;

#[test]
fn true_entries_of_another_exhibit_or_without_their_keys_are_refused() {
    let sample = sample();
    let world = &sample.world;
    let honest = world.exhibit_bundle(&sample.video);
    let chains: BTreeSet<_> = honest
        .chains
        .iter()
        .map(|chain| custodes::protocol::id::ChainId {
            subject: chain.subject.clone(),
            strand: chain.strand,
        })
        .collect();
    let with = |chains: &BTreeSet<custodes::protocol::id::ChainId>| {
        let recorded: Vec<_> = world
            .entries
            .iter()
            .filter(|one| chains.contains(&one.entry.payload().chain()))
            .collect();
        let bundle = world.assemble(honest.scope.clone(), chains, &recorded);
        check(
            &bundle.to_bytes(),
            &world.policy(),
            &evidence(&sample.bytes),
            &[],
        )
    };
    assert_eq!(codes(&with(&chains), Severity::Failed), BTreeSet::new());
    let mut more = chains.clone();
    more.extend(
        world
            .chains
            .keys()
            .filter(|chain| chain.subject == sample.phone)
            .cloned(),
    );
    assert_eq!(
        codes(&with(&more), Severity::Failed),
        BTreeSet::from(["chain-out-of-scope"])
    );

    // Without a chain that the others need.
    use custodes::protocol::id::Strand;
    for (strand, code) in [
        (Strand::Keys, "signer-unknown"),
        (Strand::Rules, "genesis-missing"),
        (Strand::Case, "rule-broken"),
        (Strand::Exhibits, "chain-missing"),
    ] {
        let fewer: BTreeSet<_> = chains
            .iter()
            .filter(|chain| chain.strand != strand)
            .cloned()
            .collect();
        let found = with(&fewer);
        assert!(
            codes(&found, Severity::Failed).contains(code),
            "{strand}: {}",
            show(&found)
        );
    }
}

#[test]
fn what_is_of_the_same_case_cannot_be_withheld_as_of_another() {
    let sample = sample();
    let world = &sample.world;
    let mut bundle = world.exhibit_bundle(&sample.copy);
    let of_parent = |one: &EntryIndex| {
        let payload = world.entries[one.0 as usize].entry.payload();
        payload.subject == sample.video && payload.event != "viewed"
    };
    let indexes: Vec<EntryIndex> = bundle.entries.iter().map(|one| one.index).collect();
    indexes
        .into_iter()
        .filter(of_parent)
        .for_each(|index| withhold_entry(&mut bundle, index));
    let found = check(&bundle.to_bytes(), &world.policy(), &[], &[]);
    assert_eq!(exit(&found), 1, "{}", show(&found));
    assert!(
        found.has("withheld-not-allowed") || found.has("rule-broken"),
        "{}",
        show(&found)
    );
}

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
    // There are no access entries on the case.
    assert!(
        words(&whole).contains("Not here: 1 chain of these"),
        "{}",
        words(&whole)
    );
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
    // A chain without entries needs a map proof that there is none.
    let found = edited(&sample, |bundle| {
        let mut none = bundle.chains[0].clone();
        none.subject = sample.phone.clone();
        none.entries.clear();
        none.head = custodes::protocol::leaf::ChainHead::EMPTY;
        bundle.chains.push(none);
        bundle
            .chains
            .sort_by_key(|one| (one.subject.clone(), one.strand));
    });
    assert!(found.has("chain-empty"), "{}", show(&found));
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

#[test]
fn a_policy_for_another_key_of_the_same_log_is_not_satisfied() {
    let sample = sample();
    let bundle = sample.world.exhibit_bundle(&sample.video).to_bytes();
    let other = sample_of("evidence.southshire.example");
    let found = check(&bundle, &other.world.policy(), &[], &[]);
    assert_eq!(
        codes(&found, Severity::Failed),
        BTreeSet::from(["log-unknown"])
    );
}
