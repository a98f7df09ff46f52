//! Trust policy (C2SP tlog-policy): which logs are believed, and which witnesses must have cosigned.
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> <all|any|K> <member>...       members are witnesses or groups defined above
//! quorum <name|none>                         exactly once
//! ```
//!
//! One item a line, separated by spaces or tabs; `#` at the start of a line begins a comment; empty lines
//! are passed over. A name stands for one thing. Anything else is an error with its line number: a policy
//! that is misread trusts the wrong people.

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

impl Policy {
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
        for line in text.lines() {
            number += 1;
            let refuse = |why: String| PolicyError { line: number, why };
            if line.starts_with('#') {
                continue;
            }
            if line
                .bytes()
                .any(|byte| byte != b'\t' && !(0x20..0x7f).contains(&byte))
            {
                return Err(refuse(
                    "only printable ASCII, spaces and tabs are allowed".to_owned(),
                ));
            }
            let words: Vec<&str> = line
                .split([' ', '\t'])
                .filter(|word| !word.is_empty())
                .collect();
            match words.as_slice() {
                [] => {}
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
        if self.logs.iter().any(|(known, _)| *known == key) {
            return Err("this log stands twice".to_owned());
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
        if self.witnesses.iter().any(|known| known.key == key) {
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

    /// Whether any witness is demanded.
    pub fn requires_witness(&self) -> bool {
        self.quorum.is_some()
    }

    /// In plain words, what the policy demands.
    pub fn explain(&self) -> String {
        let mut words = String::from("This policy believes checkpoints of:\n");
        for (key, _) in &self.logs {
            words.push_str(&format!(
                "  - the log \"{}\", signed with {}\n",
                key.name(),
                algorithm(key)
            ));
        }
        let Some(quorum) = &self.quorum else {
            words.push_str(
                "It demands no witness: whoever runs the log could show different histories to different \
                 people without this policy noticing.\n",
            );
            return words;
        };
        words.push_str(&format!(
            "A checkpoint counts only if \"{quorum}\" is satisfied:\n"
        ));
        for group in self.groups.iter().rev() {
            words.push_str(&format!(
                "  - \"{}\": at least {} of {}\n",
                group.name,
                group.threshold,
                group.members.join(", ")
            ));
        }
        for witness in &self.witnesses {
            words.push_str(&format!(
                "  - \"{}\": cosigned by {} with {}\n",
                witness.name,
                witness.key.name(),
                algorithm(&witness.key)
            ));
        }
        words
    }
}

fn algorithm(key: &VerifierKey) -> &'static str {
    match key.kind() {
        SignatureKind::MlDsa44 => "ML-DSA-44 (post-quantum; not checked by this version)",
        SignatureKind::Ed25519 | SignatureKind::CosignatureV1 => "Ed25519",
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
        let text = sample("group two 2 a b c\ngroup top all two c\n\nquorum top\n");
        let policy = Policy::parse(&text).unwrap();
        let met =
            |names: &[&str]| policy.quorum_met(&names.iter().map(|n| (*n).to_owned()).collect());
        assert!(met(&["a", "c"]) && met(&["a", "b", "c"]));
        assert!(!met(&["a", "b"]) && !met(&["c"]) && !met(&[]) && !met(&["top"]));
        assert!(policy.explain().contains("at least 2 of a, b, c"));
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
}
