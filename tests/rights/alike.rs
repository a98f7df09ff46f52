//! What is absent and what is not yours: the same words by the command, and the same time by the service.

use custodes::protocol::hash::Hash;
use custodes::protocol::id::Subject;
use serde_json::Value;

use crate::ledger::{CASE, Ledger, ok};
use crate::timing::{STEP, take_the_same_time};
use crate::wire;

/// A case with an exhibit, and somebody of an organisation that is not in it.
fn with_outsider() -> (Ledger, String) {
    let ledger = Ledger::new();
    let file = ledger.path("a.bin");
    std::fs::write(&file, b"the bytes").unwrap();
    ledger.register(&file, "JSM/1");
    std::fs::write(ledger.path("b.bin"), b"other bytes").unwrap();
    ledger.enrol("vale", "inspectorate", "officer", "Sam Vale");
    let path = format!("/v1/resolve?reference={CASE}%20JSM%2F1");
    let found = wire::read(&ledger, "smith", "GET", &path, "").json();
    let id = found["matches"][0]["subject"].as_str().unwrap().to_owned();
    (ledger, id)
}

#[test]
fn the_command_says_the_same_of_what_is_absent_and_of_what_is_not_yours() {
    let (ledger, id) = with_outsider();
    let nothing = Subject::from_bytes([9; 16]).to_string();
    let [out, template] = ["x.json", "t.toml"].map(|name| ledger.path(name).display().to_string());
    let [real, absent] = ["a.bin", "b.bin"].map(|name| ledger.path(name).display().to_string());
    let [known, unknown] = [format!("{CASE} JSM/1"), format!("{CASE} JSM/9")];
    let pairs: [(&str, &str); 4] = [
        (&known, &unknown),
        (&id, &nothing),
        (CASE, "44NS9999926"),
        (&real, &absent),
    ];
    let commands: [(&[&str], &[usize]); 9] = [
        (&["history", "{}"], &[0, 1, 2]),
        (&["bundle", "{}", "--out", &out], &[0, 1, 2]),
        (&["lineage", "{}"], &[0, 1]),
        (&["report", "access", "{}"], &[0, 1]),
        (&["lookup", "{}"], &[3]),
        (
            &[
                "record",
                "annotated",
                "{}",
                "--set",
                "target=0",
                "--detail",
                "text=x",
            ],
            &[0, 1],
        ),
        (&["store", "{}", "shelf-4"], &[0, 1]),
        (
            &[
                "case",
                "join",
                "{}",
                "--org",
                "inspectorate",
                "--part",
                "oversight",
            ],
            &[2],
        ),
        (&["carry", "{}", "--out", &template], &[0, 2]),
    ];
    for (args, of) in commands {
        for pair in of.iter().map(|at| pairs[*at]) {
            for json in [false, true] {
                let say = |name: &str| {
                    let mut args: Vec<&str> = args
                        .iter()
                        .map(|arg| if *arg == "{}" { name } else { arg })
                        .collect();
                    args.extend(json.then_some("--json"));
                    let said = ledger.run("vale", &args);
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(name, "NAME");
                    let digest = Hash::of(&[&std::fs::read(name).unwrap_or_default()]).to_hex();
                    let text = |bytes: &[u8]| text(bytes).replace(&digest, "DIGEST");
                    (said.status.code(), text(&said.stdout), text(&said.stderr))
                };
                let (real, absent) = (say(pair.0), say(pair.1));
                assert_eq!(real, absent, "{args:?}");
                assert_eq!(real.0, Some(2), "{args:?} {real:?}");
                assert!(!format!("{real:?}").contains("JSM"), "{args:?} {real:?}");
            }
        }
    }
    // They are right as they stand: those of the case are told.
    for args in [
        &["history", &known][..],
        &["lookup", &real],
        &["lineage", &id],
    ] {
        ok(&ledger.run("smith", args));
    }
}

/// Neither answer comes before the step that both wait for, and neither later than the other by half a step: one that
/// did not wait would be earlier by most of one.
#[test]
fn it_takes_the_same_time_to_say_that_there_is_none_and_that_it_is_not_yours() {
    let (ledger, id) = with_outsider();
    let nothing = Subject::from_bytes([9; 16]).to_string();
    let digest = |bytes: &[u8]| Hash::of(&[bytes]).to_hex();
    let path = format!("/v1/exhibits/{id}/history?strand=custody");
    let history: Value = wire::read(&ledger, "smith", "GET", &path, "").json();
    let text = history["entries"][0]["entry"].as_str().unwrap();
    let e = Hash::of(&[text.split('~').next().unwrap().as_bytes()]);
    let no_e = Hash::of(&[b"nothing"]);
    let pairs = [
        [
            format!("/v1/exhibits/{id}/history"),
            format!("/v1/exhibits/{nothing}/history"),
        ],
        [
            format!("/v1/exhibits/{id}/bundle"),
            format!("/v1/exhibits/{nothing}/bundle"),
        ],
        [
            format!("/v1/lookup?sha256={}", digest(b"the bytes")),
            format!("/v1/lookup?sha256={}", digest(b"nothing")),
        ],
        [
            format!("/v1/resolve?reference={CASE}"),
            "/v1/resolve?reference=44NS0000026".to_owned(),
        ],
        [
            format!("/v1/heads/{id}/custody"),
            format!("/v1/heads/{nothing}/custody"),
        ],
        [format!("/v1/entries/{e}"), format!("/v1/entries/{no_e}")],
        [
            format!("/v1/entries/{e}/proof"),
            format!("/v1/entries/{no_e}/proof"),
        ],
    ];
    for pair in &pairs {
        let ask = |path: &str| {
            wire::read(&ledger, "vale", "GET", path, "");
        };
        let (mut real, mut absent) = (|| ask(&pair[0]), || ask(&pair[1]));
        let shortest = take_the_same_time(&format!("{pair:?}"), STEP / 2, [&mut real, &mut absent]);
        assert!(shortest >= STEP, "{pair:?}: {shortest:?}");
    }
}
