//! What a trust policy demands, in words, and where it is weaker than it looks.
//!
//! An **operator** is whoever stands behind a key name: what comes before its first `/`. A policy cannot show
//! that two names are two people; its reader must know that.

use std::collections::BTreeSet;

use super::note::{SignatureKind, VerifierKey};
use super::policy::{Group, Policy, Witness};

/// Most operators for which the smallest sufficient set is looked for: all their subsets are tried.
const MAX_OPERATORS: usize = 16;

/// Something that the reader of a policy should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Stable code.
    pub code: &'static str,
    /// What it is, and what to do.
    pub words: String,
}

/// Who runs a witness, as its key's name says.
pub fn operator(witness: &Witness) -> &str {
    let name = witness.key.name().as_str();
    name.split_once('/').map_or(name, |(operator, _)| operator)
}

/// In plain words, what the policy demands.
pub fn explain(policy: &Policy) -> String {
    let mut words = String::from("This policy believes checkpoints of:\n");
    for (key, _) in &policy.logs {
        let algorithm = algorithm(key);
        words.push_str(&format!(
            "  - the log \"{}\", signed with {algorithm}\n",
            key.name()
        ));
    }
    if policy.logs.len() > 1 {
        words.push_str("Any one of these signatures is enough.\n");
    }
    let auditors: Vec<&str> = policy.auditors().map(|one| one.name.as_str()).collect();
    if !auditors.is_empty() {
        words.push_str(&format!(
            "A history is complete by more than the operator's word where one of these says to have recomputed the \
             map of all chains: {}.\n",
            auditors.join(", ")
        ));
    }
    let Some(quorum) = &policy.quorum else {
        words.push_str(
            "It demands no witness: whoever runs the log could show different histories to different \
             people without this policy noticing.\n",
        );
        return words;
    };
    words.push_str(&format!(
        "A checkpoint counts only if \"{quorum}\" has seen it, where\n"
    ));
    for group in policy.groups.iter().rev() {
        let demand = match (group.threshold, group.members.len()) {
            (_, 1) => "has seen it if this one has:".to_owned(),
            (1, _) => "has seen it if any of these has:".to_owned(),
            (k, n) if k == n => format!("has seen it if all {n} of these have:"),
            (k, n) => format!("has seen it if {k} of these {n} have:"),
        };
        words.push_str(&format!(
            "  - \"{}\" {demand} {}\n",
            group.name,
            group.members.join(", ")
        ));
    }
    for witness in &policy.witnesses {
        words.push_str(&format!(
            "  - \"{}\" has seen it if {} cosigned it with {}\n",
            witness.name,
            witness.key.name(),
            algorithm(&witness.key)
        ));
    }
    if let Some(fewest) = fewest_operators(policy) {
        words.push_str(&match fewest.as_slice() {
            [one] => format!("The word of one operator is enough: {one}.\n"),
            several => format!(
                "At least {} operators must agree; these are enough: {}.\n",
                several.len(),
                several.join(", ")
            ),
        });
    }
    words
}

/// Where the policy is weaker than it looks.
pub fn warnings(policy: &Policy) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |code, words: String| found.push(Warning { code, words });
    if !policy.requires_witness() {
        warn(
            "no-witness",
            "It is satisfied by no witness at all: only the log's operator vouches for the history. Name \
             witnesses of more than one sector and a quorum."
                .to_owned(),
        );
    }
    let weak_log = policy
        .logs
        .iter()
        .find(|(key, _)| key.kind() != SignatureKind::MlDsa44);
    let by_ed25519 = met_by(policy, |one| one.key.kind() != SignatureKind::MlDsa44);
    if let Some((key, _)) = weak_log {
        if by_ed25519 {
            warn(
                "ed25519-alone",
                "It is satisfied by Ed25519 signatures alone. Whoever can forge those, as a large quantum \
                 computer could, can make it accept a changed history. A policy for the long term lists only \
                 keys of type 0x06 (ML-DSA-44), for the log and for the witnesses."
                    .to_owned(),
            );
        } else {
            warn(
                "ed25519-log",
                format!(
                    "The Ed25519 key of the log \"{}\" is enough for the log's part; only the witnesses would \
                     stand in the way of whoever can forge Ed25519.",
                    key.name()
                ),
            );
        }
    }
    if let Some([one]) = fewest_operators(policy).as_deref() {
        warn(
            "one-operator",
            format!(
                "The word of one operator is enough: {one}. Ask for witnesses of more than one sector."
            ),
        );
    }
    for group in &policy.groups {
        if let Some((who, [a, b])) = counted_twice(policy, group) {
            warn(
                "operator-twice",
                format!(
                    "In the group \"{}\" the operator {who} can count twice, through {a} and {b}. Put its \
                     witnesses into a group of their own with \"any\".",
                    group.name
                ),
            );
        }
    }
    for witness in &policy.witnesses {
        let own = |(log, _): &(VerifierKey, _)| {
            log.same_key(&witness.key) || log.name().as_str() == operator(witness)
        };
        if policy.logs.iter().any(own) {
            warn(
                "log-is-witness",
                format!(
                    "The witness \"{}\" is run by the log's own operator.",
                    witness.name
                ),
            );
        }
    }
    if let Some(quorum) = &policy.quorum {
        let counted = witnesses_under(policy, quorum);
        for witness in &policy.witnesses {
            if !counted.contains(witness.name.as_str()) {
                warn(
                    "witness-unused",
                    format!(
                        "The witness \"{}\" counts for nothing: the quorum does not reach it.",
                        witness.name
                    ),
                );
            }
        }
    }
    found
}

/// Whether the witnesses that `keep` keeps are together enough.
fn met_by(policy: &Policy, keep: impl Fn(&Witness) -> bool) -> bool {
    let kept = policy.witnesses.iter().filter(|one| keep(one));
    policy.quorum_met(&kept.map(|one| one.name.clone()).collect())
}

/// The smallest set of operators that is enough, the first by name; nothing where no witness is demanded or
/// there are too many operators to try.
fn fewest_operators(policy: &Policy) -> Option<Vec<&str>> {
    let all: BTreeSet<&str> = policy.witnesses.iter().map(operator).collect();
    let all: Vec<&str> = all.into_iter().collect();
    if !policy.requires_witness() || all.len() > MAX_OPERATORS {
        return None;
    }
    let chosen = |set: u32| {
        all.iter()
            .enumerate()
            .filter(move |(at, _)| set >> at & 1 == 1)
    };
    let mut sets: Vec<u32> = (1..1u32 << all.len()).collect();
    sets.sort_by_key(|set| (set.count_ones(), *set));
    let enough = |set: &u32| {
        met_by(policy, |one| {
            chosen(*set).any(|(_, name)| *name == operator(one))
        })
    };
    let set = sets.into_iter().find(enough)?;
    Some(chosen(set).map(|(_, name)| *name).collect())
}

/// An operator behind two members of a group that asks for more than one, and those members.
fn counted_twice<'p>(policy: &'p Policy, group: &'p Group) -> Option<(&'p str, [&'p str; 2])> {
    if group.threshold < 2 {
        return None;
    }
    let behind = |member: &str| -> BTreeSet<&'p str> {
        let under = witnesses_under(policy, member);
        let witnesses = policy.witnesses.iter();
        witnesses
            .filter(|one| under.contains(one.name.as_str()))
            .map(operator)
            .collect()
    };
    for (at, a) in group.members.iter().enumerate() {
        for b in &group.members[at + 1..] {
            if let Some(who) = behind(a).intersection(&behind(b)).next() {
                return Some((who, [a, b]));
            }
        }
    }
    None
}

/// Names of the witnesses that a name stands for.
fn witnesses_under<'p>(policy: &'p Policy, name: &str) -> BTreeSet<&'p str> {
    if let Some(witness) = policy.witnesses.iter().find(|one| one.name == name) {
        return [witness.name.as_str()].into();
    }
    // A group's members stand above it, so this ends.
    let group = policy.groups.iter().find(|one| one.name == name);
    let members = group.into_iter().flat_map(|group| &group.members);
    members
        .flat_map(|member| witnesses_under(policy, member))
        .collect()
}

fn algorithm(key: &VerifierKey) -> &'static str {
    match key.kind() {
        SignatureKind::MlDsa44 => "ML-DSA-44 (post-quantum)",
        SignatureKind::Ed25519 | SignatureKind::CosignatureV1 => "Ed25519",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::protocol::id::Origin;
    use crate::protocol::key::SecretKey;
    use crate::protocol::mldsa::PqSecretKey;

    fn ed(name: &str, kind: SignatureKind, seed: u8) -> String {
        let key = SecretKey::from_seed([seed; 32]).public();
        VerifierKey::ed25519(Origin::new(name).unwrap(), kind, key).to_string()
    }

    fn pq(name: &str, seed: u8) -> String {
        let key = PqSecretKey::from_seed([seed; 32]).public();
        VerifierKey::ml_dsa_44(Origin::new(name).unwrap(), key).to_string()
    }

    fn policy(logs: &str, tail: &str) -> Policy {
        use SignatureKind::CosignatureV1 as C;
        let mut text = match logs {
            "both" => format!(
                "log {}\nlog {}\n",
                ed("log.example", SignatureKind::Ed25519, 1),
                pq("log.example", 2)
            ),
            "pq" => format!("log {}\n", pq("log.example", 2)),
            _ => format!("log {}\n", ed("log.example", SignatureKind::Ed25519, 1)),
        };
        for (name, key) in [
            ("court", ed("court.example/w1", C, 3)),
            ("court-pq", pq("court.example/w1", 4)),
            ("court-2", ed("court.example/w2", C, 5)),
            ("defence", ed("defence.example", C, 6)),
            ("defence-pq", pq("defence.example", 7)),
            ("own", ed("log.example", C, 8)),
        ] {
            text.push_str(&format!("witness {name} {key}\n"));
        }
        Policy::parse(&(text + tail)).unwrap()
    }

    fn codes(logs: &str, tail: &str) -> BTreeSet<&'static str> {
        let found = warnings(&policy(logs, tail));
        // These hold for every policy of these tests, which names all witnesses and counts few.
        let always = ["witness-unused", "log-is-witness"];
        found
            .iter()
            .map(|one| one.code)
            .filter(|code| !always.contains(code))
            .collect()
    }

    #[test]
    fn weaknesses_are_named() {
        assert_eq!(
            codes("ed", "quorum none\n"),
            ["ed25519-alone", "no-witness"].into()
        );
        assert_eq!(codes("pq", "quorum none\n"), ["no-witness"].into());
        assert_eq!(
            codes("both", "quorum court\n"),
            ["ed25519-alone", "one-operator"].into()
        );
        let both = "group q all court defence\nquorum q\n";
        assert_eq!(
            codes("pq", both),
            [].into(),
            "a PQ log with Ed25519 witnesses needs the log's ML-DSA"
        );
        assert_eq!(codes("ed", both), ["ed25519-alone"].into());
        let strong = "group q all court-pq defence-pq\nquorum q\n";
        assert_eq!(codes("pq", strong), [].into());
        assert_eq!(codes("both", strong), ["ed25519-log"].into());
        let twice = "group q 2 court court-2 defence\nquorum q\n";
        assert_eq!(
            codes("pq", twice),
            ["one-operator", "operator-twice"].into()
        );
        let nested = "group c any court-2 court-pq\ngroup q 2 c court defence-pq\nquorum q\n";
        assert_eq!(
            codes("pq", nested),
            ["one-operator", "operator-twice"].into()
        );
        let grouped = "group c any court court-2\ngroup q all c defence\nquorum q\n";
        assert_eq!(codes("pq", grouped), [].into());
    }

    #[test]
    fn unused_and_own_witnesses_are_named() {
        let found = warnings(&policy("pq", "quorum court\n"));
        let about = |code| {
            found
                .iter()
                .filter(|one| one.code == code)
                .map(|one| one.words.as_str())
                .collect::<String>()
        };
        assert!(
            about("witness-unused").contains("\"own\"")
                && !about("witness-unused").contains("\"court\"")
        );
        assert!(about("log-is-witness").contains("\"own\""));
    }

    #[test]
    fn the_words_say_how_many_must_agree() {
        let words = explain(&policy(
            "both",
            "group one any court court-pq\ngroup q all one defence\nquorum q\n",
        ));
        for part in [
            "the log \"log.example\", signed with ML-DSA-44 (post-quantum)",
            "\"q\" has seen it if all 2 of these have: one, defence",
            "\"one\" has seen it if any of these has: court, court-pq",
            "\"court\" has seen it if court.example/w1 cosigned it with Ed25519",
            "At least 2 operators must agree; these are enough: court.example, defence.example.",
        ] {
            assert!(words.contains(part), "{part}\n{words}");
        }
        assert!(explain(&policy("ed", "quorum none\n")).contains("demands no witness"));
    }
}
