//! The acts of a history, drawn by lot, each told to the rules and to the model.

use super::*;

impl Game {
    /// One act, of whatever kind.
    pub fn act(&mut self) -> &'static str {
        match self.dice.roll(12) {
            0 => self.act_elsewhere(),
            // A batch holds no branch: a service is sent one by itself.
            1 if self.world.queue.is_none() => self.branch(),
            _ => self.act_here(),
        }
    }

    /// One act in the other case: it takes a thing in, and is put under a hold.
    fn act_elsewhere(&mut self) -> &'static str {
        let (who, at) = (self.dice.roll(4), self.dice.roll(3));
        let hold = self.other_holds.iter().next().map(|(e, by)| (*e, *by));
        let until = [json!(null), json!("2026-01-05T09:00:00+00:00")][self.dice.roll(2)].clone();
        let over = !until.is_null();
        let (event, body) = match (self.dice.roll(3), hold) {
            (0, Some((e, _))) => ("case-hold-lifted", json!({"hold": e})),
            (0 | 1, _) => ("case-hold-placed", json!({"until": until})),
            _ => ("exhibit-linked", json!({"exhibit": self.things[at].0})),
        };
        let refusals = [
            (who == EXAMINER, "no-role"),
            (who == PROSECUTOR, "no-standing"),
            // Who does not stand in the thing's own case.
            (event == "exhibit-linked" && who == OUTSIDER, "not-linkable"),
            (
                event == "exhibit-linked" && self.things[at].1.linked,
                "listed-already",
            ),
            (
                event == "case-hold-lifted"
                    && hold.is_some_and(|one| one.1 != who && who != OUTSIDER),
                "not-your-hold",
            ),
        ];
        let refused = refusals.iter().find(|(refused, _)| *refused);
        let wanted = refused.map_or(Ok(BTreeSet::new()), |one| Err(one.1));
        let (strand, other) = (
            Rules::embedded().row(event).unwrap().strand,
            self.other.clone(),
        );
        let got = self.attempt(who, &other, strand, event, body, wanted);
        match (event, got) {
            (_, None) => {}
            ("exhibit-linked", _) => self.things[at].1.linked = true,
            ("case-hold-lifted", _) => drop(self.other_holds.remove(&hold.unwrap().0)),
            (_, Some(e)) if !over => drop(self.other_holds.insert(e, who)),
            _ => {} // over before it began
        }
        event
    }

    /// What somebody signed to follow an entry of a custody chain, taken in beside it; it moves nothing.
    fn branch(&mut self) -> &'static str {
        let (who, by, at) = (self.dice.roll(4), self.dice.roll(4), self.dice.roll(3));
        let (subject, thing) = self.things[at].clone();
        let from = self.dice.roll(thing.custody.len());
        let mut after = (from as u64, thing.custody[from]);
        let (signer, person) = (
            world::clone(&self.people[by]),
            world::clone(&self.people[who]),
        );
        let mut signed = Vec::new();
        for _ in 0..=self.dice.roll(2) {
            let place = (after.0 + 1, Some(after.1));
            let (body, custody) = (json!({"place": "cells"}), Strand::Custody);
            let world = &mut self.world;
            let entry = world.sign_at(&signer, &subject, custody, "stored", body, details(), place);
            after = (after.0 + 1, entry.hash());
            signed.push(entry);
        }
        let names: Vec<EntryHash> = signed.iter().map(|entry| entry.hash()).collect();
        let body = json!({"from": thing.custody[from], "entries": names});
        let strand = Strand::Custody;
        let late = self
            .world
            .sign(&person, &subject, strand, "late-branch", body, details());
        let (e, before) = (late.hash(), self.world.state.clone());
        let got = self.world.submit_branch(late, &signed);
        let wanted = match () {
            () if who == OUTSIDER => Err("no-standing"),
            () if from + 1 == thing.custody.len() => Err("no-fork"),
            () if by == OUTSIDER => Err("no-standing"),
            () => Ok(()),
        };
        let context = format!("late-branch by {who} of {by}'s of {at}");
        match got {
            Ok(flags) => {
                assert_eq!(Ok(()), wanted, "{context}");
                assert_eq!(flags[0], BTreeSet::from(["late-branch"]), "{context}");
                let mut beside = BTreeSet::from(["on-a-branch"]);
                beside.extend((by == PROSECUTOR).then_some("unusual-role"));
                assert!(flags[1..].iter().all(|one| *one == beside), "{flags:?}");
                let stands = self.world.state.exhibit(&subject);
                assert_eq!(stands, before.exhibit(&subject), "a branch moves nothing");
                self.things[at].1.custody.push(e);
                let named = std::iter::once(e).chain(names);
                self.named.extend(named.map(|e| (e, at)));
            }
            Err(code) => {
                assert_eq!(Err(code.as_str()), wanted, "{context}");
                assert_eq!(self.world.state, before, "all of it or nothing");
            }
        }
        "late-branch"
    }

    /// Has something recorded, or refused, as the model wants.
    fn attempt(
        &mut self,
        who: usize,
        subject: &Subject,
        strand: Strand,
        event: &str,
        body: Value,
        wanted: model::Verdict,
    ) -> Option<EntryHash> {
        let state = self.world.state.clone();
        let person = world::clone(&self.people[who]);
        let got = self
            .world
            .attempt(&person, subject, strand, event, body, details());
        match got {
            Ok((e, flags)) => {
                assert_eq!(Ok(flags), wanted, "{event} by {who} of {subject}");
                Some(e)
            }
            Err(code) => {
                assert_eq!(Err(code.as_str()), wanted, "{event} by {who} of {subject}");
                assert_eq!(self.world.state, state, "what is refused changes nothing");
                None
            }
        }
    }

    /// One act upon a thing: what the rules say of it, beside what the model says.
    fn act_here(&mut self) -> &'static str {
        let who = self.dice.roll(4);
        let at = self.dice.roll(3);
        let number = self.dice.roll(4);
        let any = match self.named.len() {
            0 => None,
            many => Some(self.named[self.dice.roll(many)]),
        };
        let (any, about) = (any.map(|one| one.0), any.map(|one| one.1));
        let to = match (self.dice.roll(3), self.dice.roll(4)) {
            (0, whom) => To::Person(whom),
            (1, whom) => To::Org(whom),
            (_, whom) => To::Store(whom),
        };
        let before = self.things[at].1.clone();
        // Mostly what is open or in force, at times something else.
        let mostly = |right: Option<EntryHash>, dice: &mut Dice| match dice.roll(4) {
            0 => any,
            _ => right,
        };
        let offer = mostly(before.offer.map(|one| one.0), &mut self.dice);
        let hold = mostly(before.holds.keys().next().copied(), &mut self.dice);
        let allowed = mostly(before.authorised.map(|one| one.0), &mut self.dice);
        let giver = before.offer.map_or(before.holder, |one| one.2);
        let seal = json!({"seal": format!("S{number}")});
        let named = self.dice.roll(2);
        let through_seal = self.things[named].1.seal.is_some();
        let bag = json!({"container": self.things[named].0});
        // What is in the bag goes where the bag goes.
        let mut together = self.things.iter().enumerate();
        let is_held_back = together.any(|(one, (_, thing))| {
            (one == at || (at == 0 && thing.packed)) && !thing.holds.is_empty()
        });
        let mut together = self.things.iter().enumerate();
        let by_other_case = !self.other_holds.is_empty()
            && together
                .any(|(one, (_, thing))| thing.linked && (one == at || (at == 0 && thing.packed)));
        let by_bag = before.packed && !self.things[0].1.holds.is_empty();
        let held_elsewhere = by_other_case || by_bag;
        let into_bag = bag["container"] == json!(self.things[0].0);
        let (event, body): (&'static str, Value) = match self.dice.roll(27) {
            0 => ("sealed", seal),
            1 => ("unsealed", seal),
            2 => ("resealed", seal),
            3 | 4 => {
                let org = ORGS[to.org()];
                let to = match to {
                    To::Person(whom) => json!({"actor": self.people[whom].actor}),
                    To::Org(_) => json!({"org": org}),
                    To::Store(_) => json!({"store": {"org": org, "place": "store-1"}}),
                };
                ("transfer-offered", json!({"to": to, "method": "by-hand"}))
            }
            5 | 6 => (
                "transfer-accepted",
                json!({"offer": offer, "from": self.people[giver].actor, "digest": null}),
            ),
            7 if offer.is_some() => (
                "transfer-refused",
                json!({"offer": offer, "from": self.people[giver].actor}),
            ),
            8 if offer.is_some() => ("transfer-withdrawn", json!({"offer": offer})),
            9 => ("lost", json!({})),
            10 => ("found", json!({})),
            11 => ("stored", json!({"place": "shelf-4"})),
            12 => ("hold-placed", json!({"until": null})),
            13 if hold.is_some() => ("hold-lifted", json!({"hold": hold})),
            14 => ("disposal-authorised", json!({"method": "shredding"})),
            15 => (
                "disposed",
                json!({"authorisation": allowed, "method": "shredding"}),
            ),
            16 => ("privilege-claimed", json!({})),
            17 => ("privilege-resolved", json!({"outcome": OUTCOMES[number]})),
            18 if number == 0 => ("unpacked", bag),
            19 => (
                "consigned",
                json!({"carrier": "courier-7", "seal": format!("S{number}")}),
            ),
            20 => ("handed-to-unenrolled", json!({"digest": null})),
            21 => (
                "received-from-unenrolled",
                json!({"digest": null, "seal": format!("S{number}")}),
            ),
            22 => ("custody-assumed", json!({"from": self.people[giver].actor})),
            23 => ("returned", json!({"authorisation": allowed})),
            24 => ("destroyed-unplanned", json!({})),
            25 if any.is_some() => ("annotated", json!({"target": any})),
            26 => ("quarantined", json!({})),
            _ => ("packed", bag),
        };
        let wanted = verdict(
            &before,
            at,
            who,
            event,
            number,
            to,
            offer,
            hold,
            allowed,
            into_bag,
            about == Some(at),
            is_held_back,
            held_elsewhere,
            through_seal,
        );
        let strand = Rules::embedded().row(event).unwrap().strand;
        let subject = self.things[at].0.clone();
        if let Some(e) = self.attempt(who, &subject, strand, event, body, wanted) {
            self.named.push((e, at));
            if strand == Strand::Custody {
                self.things[at].1.custody.push(e);
            }
            self.change(at, who, event, number, to, e, hold);
        }
        event
    }

    #[allow(clippy::too_many_arguments)]
    fn change(
        &mut self,
        at: usize,
        who: usize,
        event: &str,
        number: usize,
        to: To,
        e: EntryHash,
        hold: Option<EntryHash>,
    ) {
        let thing = &mut self.things[at].1;
        match event {
            "sealed" | "resealed" => {
                thing.seal = Some(number);
                thing.seals.insert(number);
            }
            "unsealed" => thing.seal = None,
            "transfer-offered" => thing.offer = Some((e, to, who)),
            "transfer-refused" | "transfer-withdrawn" => thing.offer = None,
            "hold-placed" => drop(thing.holds.insert(e, who)),
            "hold-lifted" => drop(thing.holds.remove(&hold.unwrap())),
            "disposal-authorised" => thing.authorised = Some((e, who)),
            "privilege-claimed" | "quarantined" => drop(thing.claims.insert(who)),
            "annotated" => {}
            "privilege-resolved" => match OUTCOMES[number] {
                "waived" => drop(thing.claims.remove(&who)),
                "rejected" => thing.claims.clear(),
                _ => {}
            },
            "packed" => thing.packed = true,
            "unpacked" => thing.packed = false,
            _ => {
                thing.packed = false;
                let together = |one: usize, thing: &Thing| one == at || (at == 0 && thing.packed);
                for (one, (_, thing)) in self.things.iter_mut().enumerate() {
                    if !together(one, thing) {
                        continue;
                    }
                    if matches!(
                        event,
                        "lost" | "disposed" | "returned" | "destroyed-unplanned"
                    ) {
                        thing.offer = None;
                    }
                    match event {
                        "transfer-accepted" | "received-from-unenrolled" | "custody-assumed" => {
                            thing.offer = None;
                            thing.holder = who;
                            thing.status = Status::Held;
                        }
                        "found" => {
                            thing.offer = None;
                            thing.holder = who;
                            thing.status = Status::Held;
                        }
                        "lost" => thing.status = Status::Lost,
                        "disposed" => thing.status = Status::Disposed,
                        "returned" => thing.status = Status::Returned,
                        "destroyed-unplanned" => thing.status = Status::Destroyed,
                        "handed-to-unenrolled" => thing.status = Status::Outside,
                        "stored" | "consigned" => {}
                        other => panic!("the model knows no {other}"),
                    }
                }
            }
        }
    }
}
