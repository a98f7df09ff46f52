//! Trust policy (C2SP tlog-policy): which logs are believed, and which witnesses must have cosigned.
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> <all|any|K> <member>...       members are witnesses or groups defined above
//! quorum <name|none>                         exactly once
//! ```
//!
//! Words are separated by spaces or tabs; every line ends in LF, the last one too, so that a file cut short is
//! noticed. A line whose first word begins with `#` is a comment; empty lines are passed over. Text is UTF-8
//! without control characters. A name stands for one thing, a public key for one log or witness, and a name is
//! a member of one group at most, so that nobody counts twice. Anything else is an error with its line number:
//! a policy that is misread trusts the wrong people.

use std::collections::{BTreeMap, BTreeSet};

use super::id::Origin;
use super::note::{SignatureKind, VerifierKey};

/// Largest policy, in bytes.
pub const MAX_POLICY: usize = 1 << 20;

/// Why a policy was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("trust policy, line {line}: {why}")]
pub struct PolicyError {
    /// Line number from 1; the line after the last for what is missing.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

/// A witness of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its name in this policy.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Where it is reached.
    pub url: Option<String>,
}

/// A group of witnesses or groups, of which so many must be satisfied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// How many members must be satisfied.
    pub threshold: usize,
    /// The members.
    pub members: Vec<String>,
}

/// Whom the reader believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Keys of believed logs, and where they are reached.
    pub logs: Vec<(VerifierKey, Option<String>)>,
    /// Witnesses.
    pub witnesses: Vec<Witness>,
    /// Groups, in order of definition.
    pub groups: Vec<Group>,
    /// Name of the witness or group that must be satisfied; none where nothing is demanded.
    pub quorum: Option<String>,
}

/// Name of the group of auditors: a cosignature by one of them says "I recomputed the map of completeness over every
/// entry", beside what a witness says.
pub const MAP_RECOMPUTED: &str = "map-recomputed";

impl Policy {
    /// The witnesses of this policy that say of what they cosign that they recomputed the map.
    pub fn auditors(&self) -> impl Iterator<Item = &Witness> {
        let group = self
            .groups
            .iter()
            .find(|group| group.name == MAP_RECOMPUTED);
        let members = group.map_or(&[][..], |group| &group.members);
        let all = self.witnesses.iter();
        all.filter(|one| members.contains(&one.name))
    }

    /// Reads a policy.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        let mut policy = Policy {
            logs: Vec::new(),
            witnesses: Vec::new(),
            groups: Vec::new(),
            quorum: None,
        };
        let mut quorum_seen = false;
        let mut number = 0;
        if text.len() > MAX_POLICY {
            return Err(PolicyError {
                line: 1,
                why: "longer than 1 MiB".to_owned(),
            });
        }
        let mut grouped = BTreeSet::new();
        for line in text.split_inclusive('\n') {
            number += 1;
            let refuse = |why: String| PolicyError { line: number, why };
            let line = line.strip_suffix('\n').ok_or_else(|| {
                refuse(
                    "the last line does not end in a newline: the file may have been cut short"
                        .to_owned(),
                )
            })?;
            if line.chars().any(|c| c != '\t' && c.is_control()) {
                return Err(refuse(
                    "there is a control character; lines end in LF alone, not in CR LF".to_owned(),
                ));
            }
            let words: Vec<&str> = line
                .split([' ', '\t'])
                .filter(|word| !word.is_empty())
                .collect();
            match words.as_slice() {
                [] => {}
                [word, ..] if word.starts_with('#') => {}
                ["log", key, url @ ..] if url.len() < 2 => {
                    policy.add_log(key, url.first().copied()).map_err(refuse)?;
                }
                ["witness", name, key, url @ ..] if url.len() < 2 => {
                    policy
                        .add_witness(name, key, url.first().copied())
                        .map_err(refuse)?;
                }
                ["group", name, threshold, members @ ..] => {
                    policy.add_group(name, threshold, members).map_err(refuse)?;
                    let twice = members.iter().find(|member| !grouped.insert(**member));
                    if let Some(member) = twice {
                        return Err(refuse(format!(
                            "{member:?} is in a group already: it would count twice"
                        )));
                    }
                }
                ["quorum", name] => {
                    if std::mem::replace(&mut quorum_seen, true) {
                        return Err(refuse("a second quorum line".to_owned()));
                    }
                    if *name != "none" {
                        if !policy.has(name) {
                            return Err(refuse(format!("{name:?} is not defined above")));
                        }
                        policy.quorum = Some((*name).to_owned());
                    }
                }
                [word, ..] => {
                    return Err(refuse(format!(
                        "{word:?} with these words is not a log, witness, group or quorum line"
                    )));
                }
            }
        }
        let missing = |why: &str| PolicyError {
            line: number + 1,
            why: why.to_owned(),
        };
        if policy.logs.is_empty() {
            return Err(missing("no log line: the policy trusts nobody"));
        }
        if !quorum_seen {
            return Err(missing(
                "no quorum line; write \"quorum none\" to demand no witness",
            ));
        }
        Ok(policy)
    }

    fn has(&self, name: &str) -> bool {
        self.witnesses.iter().any(|one| one.name == name)
            || self.groups.iter().any(|one| one.name == name)
    }

    fn free(&self, name: &str) -> Result<(), String> {
        match name == "none" || self.has(name) {
            true => Err(format!("the name {name:?} is taken")),
            false => Ok(()),
        }
    }

    fn add_log(&mut self, key: &str, url: Option<&str>) -> Result<(), String> {
        let key = VerifierKey::parse(key).map_err(|error| error.to_string())?;
        if key.kind() == SignatureKind::CosignatureV1 {
            return Err(
                "a log line needs a log key (type 0x01 or 0x06), not a witness key".to_owned(),
            );
        }
        if self.witnesses.iter().any(|known| known.key.same_key(&key)) {
            return Err(
                "this is the key of a witness: the log would be its own witness".to_owned(),
            );
        }
        if self.logs.iter().any(|(known, _)| known.same_key(&key)) {
            return Err("this log key stands twice".to_owned());
        }
        self.logs.push((key, url.map(str::to_owned)));
        Ok(())
    }

    fn add_witness(&mut self, name: &str, key: &str, url: Option<&str>) -> Result<(), String> {
        self.free(name)?;
        let key = VerifierKey::parse(key).map_err(|error| error.to_string())?;
        if key.kind() == SignatureKind::Ed25519 {
            return Err("a witness line needs a witness key (type 0x04 or 0x06)".to_owned());
        }
        if self.logs.iter().any(|(known, _)| known.same_key(&key)) {
            return Err("this is the key of a log: it would be its own witness".to_owned());
        }
        if self.witnesses.iter().any(|known| known.key.same_key(&key)) {
            return Err(
                "this witness key stands twice: one operator would have two votes".to_owned(),
            );
        }
        self.witnesses.push(Witness {
            name: name.to_owned(),
            key,
            url: url.map(str::to_owned),
        });
        Ok(())
    }

    fn add_group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Result<(), String> {
        self.free(name)?;
        if let Some(unknown) = members.iter().find(|member| !self.has(member)) {
            return Err(format!("{unknown:?} is not defined above"));
        }
        if members.iter().collect::<BTreeSet<_>>().len() != members.len() {
            return Err("a member stands twice".to_owned());
        }
        let threshold = match threshold {
            "all" => members.len(),
            "any" => 1,
            number => number
                .parse()
                .ok()
                .filter(|n: &usize| n.to_string() == number)
                .ok_or_else(|| format!("{number:?} is not all, any or a number"))?,
        };
        if threshold == 0 || threshold > members.len() {
            return Err(format!(
                "{threshold} of {} members cannot be asked for",
                members.len()
            ));
        }
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.groups.push(Group {
            name: name.to_owned(),
            threshold,
            members,
        });
        Ok(())
    }

    /// The keys believed for the log with this origin.
    pub fn logs_for(&self, origin: &Origin) -> Vec<&VerifierKey> {
        self.logs
            .iter()
            .map(|(key, _)| key)
            .filter(|key| key.name() == origin)
            .collect()
    }

    /// Whether witnesses with these names satisfy the quorum.
    pub fn quorum_met(&self, cosigned: &BTreeSet<String>) -> bool {
        let mut met: BTreeMap<&str, bool> = self
            .witnesses
            .iter()
            .map(|one| (one.name.as_str(), cosigned.contains(&one.name)))
            .collect();
        for group in &self.groups {
            let count = group
                .members
                .iter()
                .filter(|member| met[member.as_str()])
                .count();
            met.insert(&group.name, count >= group.threshold);
        }
        self.quorum.as_ref().is_none_or(|name| met[name.as_str()])
    }

    /// Who runs a witness of this policy, as people call them: the name in its key where the policy lists several keys
    /// of that name, as of one Ed25519 and one post-quantum, else the policy's own name for it.
    pub fn operator<'p>(&'p self, witness: &'p Witness) -> &'p str {
        let name = witness.key.name();
        let keys = self.witnesses.iter().filter(|one| one.key.name() == name);
        if keys.count() > 1 {
            name.as_str()
        } else {
            &witness.name
        }
    }

    /// Whether any witness is demanded.
    pub fn requires_witness(&self) -> bool {
        self.quorum.is_some()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::protocol::key::SecretKey;

    fn vkey(name: &str, kind: SignatureKind, seed: u8) -> String {
        let key = SecretKey::from_seed([seed; 32]).public();
        VerifierKey::ed25519(Origin::new(name).unwrap(), kind, key).to_string()
    }

    fn sample(tail: &str) -> String {
        let log = vkey("log.example", SignatureKind::Ed25519, 1);
        let [a, b, c] = [2, 3, 4].map(|n| vkey(&format!("w{n}"), SignatureKind::CosignatureV1, n));
        format!(
            "# sectors\nlog {log} https://log.example\nwitness a {a}\nwitness\tb {b}\nwitness c {c}\n{tail}"
        )
    }

    #[test]
    fn quorum_by_groups() {
        let text = sample("group one any a b\ngroup top all one c\n\n \t# done\nquorum top\n");
        let policy = Policy::parse(&text).unwrap();
        let met =
            |names: &[&str]| policy.quorum_met(&names.iter().map(|n| (*n).to_owned()).collect());
        assert!(met(&["a", "c"]) && met(&["a", "b", "c"]));
        assert!(!met(&["a", "b"]) && !met(&["c"]) && !met(&[]) && !met(&["top"]));
    }

    #[test]
    fn several_keys_of_one_name_are_one_operator() {
        let further = vkey("w2", SignatureKind::CosignatureV1, 9);
        let text = sample(&format!("witness a-new {further}\nquorum none\n"));
        let policy = Policy::parse(&text).unwrap();
        let called = policy.witnesses.iter().map(|one| policy.operator(one));
        assert_eq!(called.collect::<Vec<_>>(), ["w2", "b", "c", "w2"]);
    }

    #[test]
    fn refusals_name_the_line() {
        for (tail, line) in [
            ("", 6),
            ("quorum x\n", 6),
            ("quorum none\nquorum none\n", 7),
            ("group g 4 a b c\nquorum g\n", 6),
            ("group g 0 a\nquorum g\n", 6),
            ("group g +1 a\nquorum g\n", 6),
            ("group g any later\ngroup later any a\nquorum g\n", 6),
            ("group g all a a\nquorum g\n", 6),
            ("group a any b\nquorum a\n", 6),
            ("group none any b\nquorum none\n", 6),
            ("group g any a b\ngroup h any b c\nquorum g\n", 7),
            ("quorum none", 6),
            ("quorum none\r\n", 6),
            ("# a bell \u{7}\nquorum none\n", 6),
            ("trust everybody\nquorum none\n", 6),
            ("log x y z\nquorum none\n", 6),
        ] {
            assert_eq!(
                Policy::parse(&sample(tail)).unwrap_err().line,
                line,
                "{tail}"
            );
        }
        assert!(Policy::parse("quorum none\n").is_err());
    }

    #[test]
    fn one_public_key_counts_once_whatever_its_name() {
        let [log, other] =
            ["log.example", "other.example"].map(|name| vkey(name, SignatureKind::Ed25519, 1));
        let twice = Policy::parse(&format!("log {log}\nlog {other}\nquorum none\n"));
        assert_eq!(twice.unwrap_err().line, 2);
        let again = vkey("another-name", SignatureKind::CosignatureV1, 2);
        let twice = Policy::parse(&sample(&format!("witness d {again}\nquorum a\n")));
        assert_eq!(twice.unwrap_err().line, 6);
    }

    #[test]
    fn a_log_is_not_its_own_witness() {
        let [log, witness] = [SignatureKind::Ed25519, SignatureKind::CosignatureV1]
            .map(|kind| vkey("log.example", kind, 1));
        for text in [
            format!("log {log}\nwitness w {witness}\nquorum w\n"),
            format!("witness w {witness}\nlog {log}\nquorum w\n"),
        ] {
            assert_eq!(Policy::parse(&text).unwrap_err().line, 2);
        }
    }

    #[test]
    fn names_may_be_any_text() {
        let witness = vkey("w", SignatureKind::CosignatureV1, 9);
        let text = sample(&format!(
            "# Zeugen für Köln\nwitness Gericht-Köln {witness}\nquorum Gericht-Köln\n"
        ));
        assert!(
            Policy::parse(&text)
                .unwrap()
                .quorum_met(&["Gericht-Köln".to_owned()].into())
        );
    }
}
