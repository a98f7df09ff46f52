//! Branches off a custody chain, taken in whole or not at all; and what was signed with a key that counts no more,
//! adopted.

use custodes::protocol::entry::UnverifiedEntry;

use super::*;
use crate::situations::Expect;

impl Play {
    /// Signs an act to follow an entry, whether or not another follows it.
    fn signed(
        &mut self,
        who: &str,
        subject: &Subject,
        event: &str,
        body: Value,
        after: (u64, EntryHash),
    ) -> UnverifiedEntry {
        let (who, at) = (self.who(who), (after.0 + 1, Some(after.1)));
        let world = &mut self.s.world;
        world.sign_at(&who, subject, Strand::Custody, event, body, details(), at)
    }

    /// A `late-branch` that names these entries, sent with those.
    fn branch(
        &mut self,
        subject: &Subject,
        from: EntryHash,
        named: &[&UnverifiedEntry],
        sent: &[&UnverifiedEntry],
        expect: Expect,
    ) -> Option<EntryHash> {
        let names: Vec<EntryHash> = named.iter().map(|entry| entry.hash()).collect();
        self.branch_named(subject, from, &names, sent, expect)
    }

    fn branch_named(
        &mut self,
        subject: &Subject,
        from: EntryHash,
        names: &[EntryHash],
        sent: &[&UnverifiedEntry],
        expect: Expect,
    ) -> Option<EntryHash> {
        let body = json!({"from": from, "entries": names});
        let (who, event) = (self.who("examiner"), "late-branch");
        let world = &mut self.s.world;
        let entry = world.sign(&who, subject, Strand::Custody, event, body, details());
        let e = entry.hash();
        let sent: Vec<UnverifiedEntry> = sent.iter().map(|one| (*one).clone()).collect();
        let got = world.submit_branch(entry, &sent).map(|flags| {
            for of_branch in &flags[1..] {
                assert_eq!(*of_branch, BTreeSet::from(["on-a-branch"]));
            }
            (e, flags[0].clone())
        });
        self.expect(event, got, expect)
    }
}

/// Two continuations of one custody were signed: the second goes beside the chain, whole, and moves nothing.
#[rustfmt::skip]
pub fn branches(p: &mut Play) {
    let (case, phone) = (p.s.case.clone(), p.s.phone.clone());
    let thing = p.s.world.subject();
    let seal = |number: &str| json!({"seal": number});
    let seized = json!({"case": case, "kind": "device", "from": null});
    let opened = p.line("officer", &thing, "seized", seized, Flags(&[])).unwrap();
    let one = p.signed("officer", &thing, "sealed", seal("B1"), (0, opened));
    let two = p.signed("officer", &thing, "stored", json!({"place": "cells"}), (1, one.hash()));
    // Nothing follows the seizure yet: there is no fork.
    p.branch(&thing, opened, &[&one, &two], &[&one, &two], Refused("no-fork"));
    let sealed = p.line("officer", &thing, "sealed", seal("B2"), Flags(&[])).unwrap();
    p.branch(&thing, sealed, &[&one], &[&one], Refused("no-fork"));
    let elsewhere = p.s.world.state.exhibit(&phone).unwrap().opened;
    p.branch(&thing, elsewhere, &[&one], &[&one], Refused("no-fork"));

    // Whole, in order, each as its signer signed it; or nothing at all.
    let before = p.s.world.entries.len();
    p.branch(&thing, opened, &[&one, &two], &[&one], Refused("branch-differs"));
    p.branch(&thing, opened, &[&one, &two], &[], Refused("branch-differs"));
    p.branch(&thing, opened, &[&one], &[&one, &two], Refused("branch-differs"));
    p.branch(&thing, opened, &[&two, &one], &[&two, &one], Refused("branch-order"));
    p.branch(&thing, opened, &[&two], &[&two], Refused("branch-order"));
    p.branch(&thing, opened, &[&one, &one], &[&one, &one], Refused("already-recorded"));
    p.branch_named(&thing, opened, &[sealed], &[], Refused("already-recorded"));
    let many: Vec<EntryHash> = (0..=100u8).map(|at| EntryHash(Hash::of(&[&[at]]))).collect();
    p.branch_named(&thing, opened, &many, &[], Refused("branch-too-long"));
    let other_strand = p.signed("officer", &phone, "stored", json!({"place": "cells"}), (0, elsewhere));
    p.branch(&thing, opened, &[&other_strand], &[&other_strand], Refused("branch-order"));
    let within = p.signed("officer", &thing, "late-branch", json!({"from": opened, "entries": [one.hash()]}), (0, opened));
    p.branch(&thing, opened, &[&within], &[&within], Refused("branch-too-deep"));
    let nonsense = p.signed("officer", &thing, "sealed", json!({"place": "cells"}), (0, opened));
    p.branch(&thing, opened, &[&nonsense], &[&nonsense], Refused("bad-body"));
    let authority = p.signed("northshire-police", &thing, "stored", json!({"place": "cells"}), (0, opened));
    p.branch(&thing, opened, &[&authority], &[&authority], Refused("no-role"));
    let outsider = p.s.world.enrol("ash-and-co", "Nobody of this case", &["defence"]);
    let at = (1, Some(opened));
    let theirs = p.s.world.sign_at(&outsider, &thing, Strand::Custody, "stored", json!({"place": "cells"}), details(), at);
    p.branch(&thing, opened, &[&theirs], &[&theirs], Refused("no-standing"));
    assert_eq!(p.s.world.entries.len(), before + 1, "one was enrolled, and nothing else written");

    let state = p.s.world.state.exhibit(&thing);
    let e = p.branch(&thing, opened, &[&one, &two], &[&one, &two], Flags(&["late-branch"])).unwrap();
    assert_eq!(p.s.world.state.exhibit(&thing), state, "a branch changes nothing of the exhibit");
    let chain = p.s.world.state.chain(&thing, Strand::Custody).unwrap();
    assert_eq!((chain.length, chain.last), (3, e), "and takes no place in the chain");
    p.branch_named(&thing, opened, &[one.hash()], &[], Refused("already-recorded"));
    // The branch goes on, as a branch of its own.
    let three = p.signed("officer", &thing, "unsealed", seal("B1"), (2, two.hash()));
    p.branch(&thing, two.hash(), &[&three], &[&three], Flags(&["late-branch"]));
    p.line("officer", &thing, "unsealed", seal("B2"), Flags(&[]));
    // What it says can be spoken of like anything else, and erased by whoever signed it.
    p.line("examiner", &thing, "annotated", json!({"target": one.hash()}), Flags(&[]));
    let erase = json!({"erase": [{"entry": two.hash(), "names": ["location"]}]});
    p.line("examiner", &thing, "details-erased", erase.clone(), Refused("not-erasable"));
    p.line("officer", &thing, "details-erased", erase, Flags(&[]));
}

/// The officer's key was revoked; an entry signed before that is taken in by the authority, or with a key that counts.
#[rustfmt::skip]
pub fn adoption(p: &mut Play) {
    let (phone, officer) = (p.s.phone.clone(), p.who("officer"));
    let keys = officer.actor.subject();
    let opened = p.s.world.state.exhibit(&phone).unwrap().opened;
    let custody = p.s.world.sign(&officer, &phone, Strand::Custody, "found", json!({}), details());
    let note = p.s.world.sign(&officer, &phone, Strand::Notes, "annotated", json!({"target": opened}), details());
    let these = json!({"entries": [custody.hash(), note.hash()]});
    p.line("examiner", &keys, "adopted", these.clone(), Refused("not-adopter"));
    p.line("northshire-forensics", &keys, "adopted", these.clone(), Refused("not-adopter"));
    p.line("northshire-police", &phone, "adopted", these.clone(), Refused("not-adopter"));
    p.line("northshire-police", &keys, "adopted", json!({"entries": [opened]}), Refused("already-recorded"));
    // Adopted as another's, it is not adopted.
    let examiner = p.s.examiner.actor.subject();
    p.line("northshire-forensics", &examiner, "adopted", these.clone(), Flags(&[]));
    let got = p.s.world.submit(custody.clone());
    p.expect("found", got, Refused("key-not-valid"));
    p.line("northshire-police", &keys, "adopted", these, Flags(&[]));
    // Only what was done with an exhibit is taken in so; a permission needs a key that counts.
    let got = p.s.world.submit(note);
    p.expect("annotated", got, Refused("key-not-valid"));
    let got = p.s.world.submit(custody);
    p.expect("found", got, Flags(&["adopted", "found-not-lost", "seal-not-stated"]));
    p.line("officer", &phone, "lost", json!({}), Refused("key-not-valid"));
}
