//! Every event against every state and every role, written down: `matrix.txt`. What stands there was worked out by
//! the rules; a change of `rules.json` shows as a difference that somebody reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use custodes::ledger::rules::Row;
use custodes::ledger::schema::{Member, MemberType};
use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::id::{OrgId, Origin};
use custodes::protocol::note::{self, SignatureKind, VerifierKey};
use custodes::protocol::token::Possession;
use custodes::protocol::tree::RootHash;

use crate::board::{Board, ROLES, digest};
use crate::*;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rules_table/matrix.txt");

const HEAD: &str = "\
Every event, in every state and by every role. A test works this out from the rules and compares;
UPDATE=1 cargo test --release --test rules_table writes it anew.

A line is an outcome (taken in, taken in and flagged, refused with a code), then the states in which somebody of
Northshire Police meets with it who has every role, or who is the authority or the service where nobody else may.
Below \"by role\": the same for somebody of Northshire Police with one role alone (an auditor: of the
inspectorate), in the first state.

";

/// An outcome in words.
fn words(got: &Result<BTreeSet<&'static str>, String>) -> String {
    match got {
        Ok(flags) if flags.is_empty() => "taken in".to_owned(),
        Ok(flags) => {
            let flags: Vec<&str> = flags.iter().copied().collect();
            format!("flagged {}", flags.join(", "))
        }
        Err(code) => format!("refused {code}"),
    }
}

/// Names under each outcome, in the order in which outcomes first came up.
#[derive(Default)]
struct Outcomes(Vec<(String, Vec<String>)>);

impl Outcomes {
    fn add(&mut self, outcome: String, name: &str) {
        match self.0.iter_mut().find(|one| one.0 == outcome) {
            Some((_, names)) => names.push(name.to_owned()),
            None => self.0.push((outcome, vec![name.to_owned()])),
        }
    }

    /// The most frequent outcome last, without its names.
    fn write(&self, indent: &str, text: &mut String) {
        let most = self.0.iter().map(|(_, names)| names.len()).max();
        let most = self.0.iter().position(|one| Some(one.1.len()) == most);
        for (at, (outcome, names)) in self.0.iter().enumerate() {
            if Some(at) != most {
                writeln!(text, "{indent}{outcome}: {}", names.join("; ")).unwrap();
            }
        }
        let otherwise = most.map_or("nothing", |most| &self.0[most].0);
        let word = if self.0.len() == 1 {
            "always"
        } else {
            "otherwise"
        };
        writeln!(text, "{indent}{word}: {otherwise}").unwrap();
    }
}

/// A trial of an event: what it is about, and the exhibit that is meant.
struct Trial<'b> {
    board: &'b mut Board,
    row: &'b Row,
    subject: Subject,
    exhibit: Subject,
}

impl Trial<'_> {
    fn outcome(&mut self, who: &Person) -> String {
        // What opens an exhibit is about a new one; the state is that of what it is made from.
        let subject = match self.row.strand == Strand::Custody && self.row.opens {
            true => self.board.world.subject(),
            false => self.subject.clone(),
        };
        let required = self.row.body.iter().filter(|(_, member)| member.required);
        let body: serde_json::Map<String, Value> = required
            .map(|(name, member)| (name.clone(), self.value(name, member)))
            .collect();
        let mut all = details();
        (all["reader"], all["token"]) = (json!("somebody"), json!("a.b.c"));
        let (strand, event) = (self.row.strand, self.row.event.as_str());
        let world = &mut self.board.world;
        words(&world.trial(who, &subject, strand, event, Value::Object(body), all))
    }

    /// The authority that an entry about the ledger names: a new one to be admitted, or that of the forensic unit.
    fn authority(&self) -> ActorId {
        let forensics = OrgId::new("northshire-forensics").unwrap();
        match self.row.event.as_str() {
            "organisation-admitted" => {
                ActorId::from_parts(&OrgId::new("north-lab").unwrap(), &self.board.case)
            }
            _ => self.board.world.authorities[&forensics].actor.clone(),
        }
    }

    /// That this actor holds the key that is nobody's.
    fn proof(&self, actor: ActorId) -> String {
        let proof = Possession {
            ledger: self.board.world.origin.clone(),
            actor,
            key: self.board.fresh.public(),
        };
        proof.sign(&self.board.fresh)
    }

    /// What an honest person would state here.
    fn value(&self, name: &str, member: &Member) -> Value {
        let (board, state) = (&self.board, &self.board.world.state);
        let exhibit = state.exhibit(&self.exhibit);
        let exhibit = exhibit.as_ref();
        let digest_known = exhibit.and_then(|one| one.digest.clone());
        let offer = exhibit.and_then(|one| one.offer.clone());
        let entry = exhibit.map_or(board.genesis, |one| one.opened);
        use MemberType as T;
        match (name, member.kind) {
            ("case", _) => json!(exhibit.map_or(&board.case, |one| &one.case)),
            ("exhibit", T::Subject) if self.row.event == "exhibit-linked" => {
                json!(board.of_my_other_case)
            }
            ("container", _) => json!(board.bag),
            ("kind", _) => json!("other"),
            (_, T::Enum) => json!(member.values[0]),
            (_, T::Subject) => json!(self.exhibit),
            (_, T::Subjects) => json!([self.exhibit]),
            (_, T::Parents) => json!([{"exhibit": self.exhibit, "digest": digest_known}]),
            (_, T::Digest) => json!(digest_known.unwrap_or_else(digest)),
            (_, T::DigestOrNull) => json!(digest_known),
            (_, T::Recipient) => json!({"org": "northshire-forensics"}),
            (_, T::ExhibitDigests) => json!([{"exhibit": self.exhibit, "digest": digest()}]),
            ("org", _) if self.row.event == "organisation-admitted" => json!("north-lab"),
            ("actor", _) if self.row.strand == Strand::Rules => json!(self.authority()),
            (_, T::Jws) if self.row.strand == Strand::Rules => json!(self.proof(self.authority())),
            (_, T::Erasures) => json!([{"entry": entry, "names": ["place"]}]),
            ("roles", _) => json!(["officer"]),
            (_, T::Key) => json!(board.fresh.public()),
            (_, T::KeyId) => json!(board.kid_of(&self.subject)),
            (_, T::Jws) => json!(self.proof(board.actor_of(&self.subject))),
            ("actor", _) => json!(board.actor_of(&self.subject)),
            ("holder", _) => json!(board.me.actor),
            ("from", T::Hash) => json!(entry),
            ("from", _) => {
                let holder = exhibit.and_then(|one| one.holder.person.clone());
                let giver = offer.map(|offer| offer.by).or(holder);
                json!(giver.unwrap_or_else(|| board.other.actor.clone()))
            }
            (_, T::Actor | T::ActorOrNull) => json!(board.other.actor),
            (_, T::Org) => json!("northshire-forensics"),
            (_, T::Orgs) => json!(["crown-prosecution"]),
            ("offer", T::Hash) => json!(offer.map_or(entry, |offer| offer.e)),
            ("offer", _) => json!(offer.map(|offer| offer.e)),
            ("authorisation", _) => {
                json!(
                    exhibit
                        .and_then(|one| one.authorised.as_ref())
                        .map(|one| one.e)
                )
            }
            ("countersigns", _) => {
                json!(
                    exhibit
                        .and_then(|one| one.restatement.as_ref())
                        .map(|one| one.e)
                )
            }
            ("hold", _) => {
                let case = state.case(&self.subject);
                let of_case = case.and_then(|one| one.holds.into_keys().next());
                let held = exhibit.and_then(|one| one.holds.keys().next().copied());
                json!(held.or(of_case).unwrap_or(entry))
            }
            ("genesis", _) => json!(board.genesis),
            ("log", _) => {
                let (origin, key) = (board.world.origin.clone(), board.fresh.public());
                json!([VerifierKey::ed25519(origin, SignatureKind::Ed25519, key).to_string()])
            }
            (_, T::Checkpoint) => {
                let origin = Origin::new("evidence.old.example").unwrap();
                let root = RootHash(Hash::of(&[b"where it ended"]));
                let (key, size) = (&board.fresh, TreeSize(1204));
                let end = Checkpoint { origin, size, root };
                json!(note::sign(&end.to_text(), &end.origin, key))
            }
            ("proposal", _) => json!(board.proposal),
            ("disclosure", _) => json!(board.given(&self.subject, "disclosed", entry)),
            ("undertaking", _) => json!(board.given(&self.subject, "undertaking-given", entry)),
            (_, T::Hash) => json!(entry),
            ("entries", T::Hashes) => json!([EntryHash(Hash::of(&[b"signed elsewhere"]))]),
            (_, T::Hashes) => json!([entry]),
            (_, T::HashOrNull | T::TimeOrNull) => Value::Null,
            (_, T::Integer) => json!(10),
            (_, T::Bool) => json!(true),
            (_, T::Code) => {
                let seal = exhibit.and_then(|one| one.seal.clone());
                json!(seal.unwrap_or_else(|| "C1".to_owned()))
            }
            (name, kind) => {
                let event = &self.row.event;
                panic!("{event}: nobody knows what to state as {name} ({kind:?})")
            }
        }
    }
}

fn matrix() -> String {
    let mut board = Board::new();
    let mut text = HEAD.to_owned();
    let people: BTreeMap<&str, Person> = ROLES
        .iter()
        .map(|role| (*role, board.with_role(role)))
        .collect();
    for (what, strand) in [
        ("an exhibit", Strand::Custody),
        ("a case", Strand::Case),
        ("a person's keys", Strand::Keys),
    ] {
        let states = board.states(strand);
        let names: Vec<&str> = states.iter().map(|state| state.0).collect();
        writeln!(text, "States of {what}: {}.", names.join("; ")).unwrap();
    }
    writeln!(text, "Roles: {}.", ROLES.join("; ")).unwrap();
    let rows = Rules::embedded().rows();
    for row in rows.filter(|row| row.event != "genesis") {
        writeln!(text, "\n{} ({})", row.event, row.strand).unwrap();
        let states = board.states(row.strand);
        let me = board.actor_for(row);
        let board = &mut board;
        let mut outcome = |who: &Person, (_, subject, exhibit): &(_, Subject, Subject)| {
            let (subject, exhibit) = (subject.clone(), exhibit.clone());
            let mut trial = Trial {
                board,
                row,
                subject,
                exhibit,
            };
            trial.outcome(who)
        };
        let (mut by_state, mut by_role) = (Outcomes::default(), Outcomes::default());
        for state in &states {
            by_state.add(outcome(&me, state), state.0);
        }
        for role in ROLES {
            by_role.add(outcome(&people[role], &states[0]), role);
        }
        by_state.write("  ", &mut text);
        writeln!(text, "  by role").unwrap();
        by_role.write("    ", &mut text);
    }
    text
}

#[test]
fn every_event_in_every_state_and_by_every_role_is_as_written_down() {
    common::stands_in(PATH, &matrix());
}
