//! A proof of fork: that its keys signed what cannot both be true, and whether the reader knows them.

use super::finding::{Asked, Finding, Findings};
use crate::protocol::fork::{Fork, Proven};
use crate::protocol::note::VerifierKey;
use crate::protocol::policy::Policy;

/// Checks a proof of fork. A proof holds by itself; whose the keys are, a trust policy says.
pub fn verify_fork(text: &str, policy: Option<&Policy>) -> (Vec<Finding>, Option<Proven>) {
    let mut findings = Findings::default();
    let proven = match Fork::parse(text).and_then(|fork| fork.verify()) {
        Ok(proven) => Some(proven),
        Err(error) => {
            findings.failed(Asked::History, "fork-not-shown", "proof of fork", error);
            None
        }
    };
    for key in proven.iter().flat_map(|proven| &proven.guilty) {
        check_known(key, "signed both", policy, &mut findings);
    }
    (findings.into_list(), proven)
}

/// Says so where nobody whom the reader trusts says whose a key is that did something.
pub(super) fn check_known(
    key: &VerifierKey,
    did: &str,
    policy: Option<&Policy>,
    findings: &mut Findings,
) {
    if policy.and_then(|policy| role(key, policy)).is_some() {
        return;
    }
    let words = format!(
        "Whoever holds this key {did}, and {}. Compare it with the one that you were given: {key}",
        match policy {
            None => "no trust policy was given that says whose it is",
            Some(_) => "the trust policy does not name it",
        }
    );
    let place = format!("key of {}", key.name());
    findings.unchecked(Asked::History, "key-not-known", place, words);
}

/// What a key is in a policy, in words.
pub fn role(key: &VerifierKey, policy: &Policy) -> Option<String> {
    if policy.logs.iter().any(|(log, _)| log == key) {
        return Some(format!("the log {}", key.name()));
    }
    let witness = policy.witnesses.iter().find(|one| one.key == *key)?;
    Some(format!("the witness {} ({})", witness.name, key.name()))
}
