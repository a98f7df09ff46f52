//! Entries removed, repeated, moved, swapped: each edit of a list has a code of its own.

use super::*;

#[test]
fn each_edit_of_a_list_has_a_code_of_its_own() {
    let sample = sample();
    let other = sample_of("evidence.southshire.example");
    let foreign = other.world.exhibit_bundle(&other.video);
    let honest = sample.world.exhibit_bundle(&sample.video);
    let at = find(&sample, &honest, "transfer-offered");
    let registered = find(&sample, &honest, "registered");
    let custody = |bundle: &Bundle| {
        let index = bundle.entries[registered].index;
        bundle
            .chains
            .iter()
            .position(|chain| chain.entries.contains(&index))
            .unwrap()
    };
    let outsider = sample.world.exhibit_bundle(&sample.phone);
    let phone = outsider
        .entries
        .iter()
        .find(|one| honest.entry(one.index).is_none())
        .unwrap()
        .clone();
    type Edit<'a> = Box<dyn Fn(&mut Bundle) + 'a>;
    let edits: Vec<(&str, Edit<'_>)> = vec![
        // An interior entry removed from the list of entries alone, and from its chain too.
        (
            "entry-missing",
            Box::new(|bundle| drop(bundle.entries.remove(at))),
        ),
        (
            "chain-gap",
            Box::new(|bundle| {
                let index = bundle.entries.remove(at).index;
                let chain = custody(bundle);
                bundle.chains[chain].entries.retain(|one| *one != index);
            }),
        ),
        // Repeated: in the list, and in its chain.
        (
            "bundle-order",
            Box::new(|bundle| bundle.entries.insert(at, bundle.entries[at].clone())),
        ),
        (
            "chain-repeat",
            Box::new(|bundle| {
                let chain = custody(bundle);
                let first = bundle.chains[chain].entries[0];
                bundle.chains[chain].entries.insert(0, first);
            }),
        ),
        // Out of order: in the list, and in its chain.
        (
            "bundle-order",
            Box::new(|bundle| bundle.entries.swap(at, at + 1)),
        ),
        (
            "chain-order",
            Box::new(|bundle| {
                let chain = custody(bundle);
                bundle.chains[chain].entries.swap(0, 1);
            }),
        ),
        // The last entry of the chain cut off, together with the head of what is left.
        (
            "chain-head",
            Box::new(|bundle| {
                let chain = custody(bundle);
                bundle.chains[chain].entries.pop();
            }),
        ),
        (
            "entry-in-no-chain",
            Box::new(|bundle| drop(bundle.chains.remove(custody(bundle)))),
        ),
        (
            "entry-in-two-chains",
            Box::new(|bundle| {
                let chain = custody(bundle);
                let index = bundle.chains[chain].entries[0];
                let next = if chain == 0 { 1 } else { 0 };
                bundle.chains[next].entries.insert(0, index);
                bundle.chains[next].entries.sort();
            }),
        ),
        // Entries from elsewhere: another ledger; the same one, with another content at the same index;
        // another exhibit of the same ledger, with its true proof out of reach.
        (
            "other-ledger",
            Box::new(|bundle| bundle.entries[at].content = foreign.entries[at].content.clone()),
        ),
        (
            "entry-repeated",
            Box::new(|bundle| {
                bundle.entries[at].content = bundle.entries[registered].content.clone()
            }),
        ),
        (
            "not-in-log",
            Box::new(|bundle| bundle.entries[at].content = phone.content.clone()),
        ),
        (
            "time-backwards",
            Box::new(|bundle| bundle.entries[at].recorded_at.0 -= 3_600_000),
        ),
        (
            "not-in-log",
            Box::new(|bundle| bundle.entries[at].recorded_at.0 += 1),
        ),
        // Disclosures.
        (
            "disclosure-order",
            Box::new(|bundle| open(bundle, registered).disclosures.swap(0, 1)),
        ),
        (
            "disclosure-unreferenced",
            Box::new(|bundle| {
                let stray = Disclosure::new([1; 16], "zeal", &"x".into());
                open(bundle, registered)
                    .disclosures
                    .push(stray.as_str().to_owned());
            }),
        ),
        (
            "disclosure-unreferenced",
            Box::new(|bundle| {
                let other = open(bundle, at).disclosures[0].clone();
                open(bundle, registered).disclosures[0] = other;
            }),
        ),
        (
            "disclosure-twice",
            Box::new(|bundle| {
                let second = Disclosure::new([1; 16], "address", &"5 Mill Lane".into());
                open(bundle, registered)
                    .disclosures
                    .insert(1, second.as_str().to_owned());
            }),
        ),
        (
            "disclosure-form",
            Box::new(|bundle| open(bundle, registered).disclosures[0] = "AAAA".to_owned()),
        ),
        (
            "withheld-list",
            Box::new(|bundle| drop(open(bundle, registered).disclosures.remove(0))),
        ),
        (
            "withheld-list",
            Box::new(|bundle| open(bundle, registered).withheld.push("secret".to_owned())),
        ),
        (
            "withheld-not-allowed",
            Box::new(|bundle| {
                let last = bundle.chains[custody(bundle)].entries[2];
                withhold_entry(bundle, last);
            }),
        ),
        // Proofs and heads.
        (
            "node-unused",
            Box::new(|bundle| {
                bundle.nodes.push(Hash([0xff; 32]));
            }),
        ),
        (
            "node-missing",
            Box::new(|bundle| bundle.entries[at].proof[0].0 = 100_000),
        ),
        (
            "consistency-missing",
            Box::new(|bundle| drop(bundle.consistency.remove(0))),
        ),
        (
            "consistency-superfluous",
            Box::new(|bundle| bundle.consistency[0].root.0 = Hash::ZERO),
        ),
        (
            "consistency-failed",
            Box::new(|bundle| bundle.consistency[0].proof.clear()),
        ),
        (
            "checkpoint-order",
            Box::new(|bundle| bundle.checkpoints.swap(0, 1)),
        ),
        (
            "checkpoint-missing",
            Box::new(|bundle| bundle.checkpoints.clear()),
        ),
        (
            "checkpoint-not-signed",
            Box::new(|bundle| bundle.checkpoints[0] = foreign.checkpoints[0].clone()),
        ),
        (
            "quorum-not-met",
            Box::new(|bundle| {
                let newest = bundle.checkpoints.last_mut().unwrap();
                let end = newest.find("— witness.example").unwrap();
                newest.truncate(end);
            }),
        ),
        (
            "evaluated-at",
            Box::new(|bundle| bundle.evaluated_at.0 += 1),
        ),
        (
            "log-unknown",
            Box::new(|bundle| bundle.ledger = other.world.origin.clone()),
        ),
        (
            "chain-missing",
            Box::new(|bundle| bundle.scope.subject = sample.phone.clone()),
        ),
    ];
    for (code, edit) in edits {
        let found = edited(&sample, edit);
        assert_eq!(exit(&found), 1, "{code}: {}", show(&found));
        assert!(
            codes(&found, Severity::Failed).contains(code),
            "{code}:\n{}",
            show(&found)
        );
        assert!(found.verified.is_none(), "{code}");
        let asked = found
            .questions
            .iter()
            .filter(|one| one.answer == Answer::Failed)
            .count();
        assert!(asked > 0, "{code}: one of the five questions must say so");
    }
}
