//! When a quorum opens the gate.

#![allow(clippy::unwrap_used)]
use super::super::faults::Bench;
use super::*;
use crate::protocol::id::Origin;
use crate::protocol::key::SecretKey;
use crate::protocol::note::SignatureKind;
use crate::storage::Mode;

/// Two witnesses, of which one is enough.
fn waiting(started: Instant) -> Witnessing {
    let bench = Bench::new();
    let vkey = |name: &str, seed| {
        let key = SecretKey::from_seed([seed; 32]).public();
        let name = Origin::new(name).unwrap();
        VerifierKey::ed25519(name, SignatureKind::CosignatureV1, key)
    };
    let policy = format!(
        "log {}\nwitness a {} http://127.0.0.1:1\nwitness b {} http://127.0.0.1:2\n\
         group any 1 a b\nquorum any\n",
        bench.identity.log_vkey(),
        vkey("a.example", 7),
        vkey("b.example", 8),
    );
    Witnessing {
        store: Arc::new(bench.disk.open(Mode::Write).unwrap()),
        logs: bench.identity.log_vkeys(),
        policy: Policy::parse(&policy).unwrap(),
        forks: Forks::of("unused".as_ref()),
        gate: Gate::waiting(),
        state: Mutex::default(),
        news: Condvar::new(),
        started,
        addresses: 2,
        witnessed: watch::Sender::new(0),
    }
}

#[test]
fn a_quorum_waits_for_who_may_know_better() {
    let open = |started, confirmed: &[&str], answered: &[&str], alarm: Option<&str>| {
        let witnessing = waiting(started);
        let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        let state = State {
            confirmed: texts(confirmed),
            answered: texts(answered),
            alarm: alarm.map(str::to_owned),
            ..State::default()
        };
        witnessing.open_gate(&state);
        !witnessing.gate.is_waiting()
    };
    let now = Instant::now();
    let both = ["http://127.0.0.1:1", "http://127.0.0.1:2"];
    assert!(open(now, &["a"], &both, None));
    assert!(!open(now, &["a"], &both[..1], None));
    assert!(!open(now, &[], &both, None));
    assert!(!open(now, &["a"], &both, Some("ALARM")));
    let Some(earlier) = now.checked_sub(LAST_WORD) else {
        return println!("the clock has run for less than ten seconds: not tried");
    };
    assert!(open(earlier, &["a"], &both[..1], None));
    assert!(!open(earlier, &["a"], &both[..1], Some("ALARM")));
}
