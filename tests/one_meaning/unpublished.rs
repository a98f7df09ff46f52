//! A service that was changed, and what its log has not published yet; and what it tells of a bag with what lay in it.

use serde_json::Value;

use super::ledger::{CASE, Ledger, ends, ok};
use super::liar::Liar;
use super::{edited, is_caught, ledger, of_event, register};

const CAUGHT: &str = "WHAT WAS TOLD IS NOT WHAT WAS RECORDED";

/// A ledger behind a liar; with `seldom` nothing more is published unless it is asked for.
fn behind(seldom: bool) -> (Ledger, Liar) {
    let mut ledger = ledger();
    let liar = Liar::before(&ledger);
    ledger.stop();
    let often = ["--public-url", &liar.url];
    let args = match seldom {
        true => [&often[..], &["--publish-every", "3600000"]].concat(),
        false => often.to_vec(),
    };
    ledger.start_with(&args);
    (ledger, liar)
}

#[test]
fn a_detail_is_not_denied_before_it_is_published_either() {
    let (ledger, liar) = behind(true);
    let smith = |args: &[&str]| liar.run(&ledger, "smith", args);
    // The officer's own command goes to the service itself.
    register(&ledger, "JSM/3", "a third clip");
    let exhibit = format!("{CASE} JSM/3");
    let history = ["history", &exhibit];
    let denied = |event: &'static str, name: &'static str| {
        move |answer: &mut Value| {
            if let Some(one) = of_event(answer, event).next() {
                edited(one, |one| {
                    one.disclosures.remove(one.at(name));
                    one.without(name);
                });
            }
        }
    };
    let told = ok(&smith(&history));
    assert!(
        told.contains("the log had published nothing of it"),
        "{told}"
    );
    // The newest of its chain has its receipt; what is before that is named by what follows it.
    liar.change(denied("registered", "address"));
    let said = smith(&history);
    is_caught("the newest", &said, CAUGHT);
    let said = ends(&said, 1);
    assert!(
        said.contains("is not known to the service as it was told"),
        "{said}"
    );
    liar.change(|_| {});
    let seal = [
        "record",
        "sealed",
        &exhibit,
        "--set",
        "seal=K1",
        "--detail",
        "remarks=torn",
    ];
    ok(&smith(&seal));
    ok(&smith(&history));
    liar.change(denied("registered", "address"));
    let said = ends(&smith(&history), 1);
    assert!(
        said.contains("does not follow the one that was told before it"),
        "{said}"
    );
    liar.change(denied("sealed", "remarks"));
    is_caught("the seal", &smith(&history), CAUGHT);
    // The receipt of another entry, or one that was changed, is none.
    liar.change(|answer| {
        if let Some(index) = answer.get_mut("index").filter(|one| one.is_u64()) {
            *index = 7.into();
        }
    });
    ends(&smith(&history), 1);
}

#[test]
fn what_is_told_of_the_bag_that_it_lay_in_is_held_against_the_count_too() {
    let (ledger, liar) = behind(false);
    let smith = |args: &[&str]| liar.run(&ledger, "smith", args);
    let (exhibit, bag) = (format!("{CASE} JSM/1"), format!("{CASE} BAG/1"));
    let mut seized = vec!["record", "seized", &bag, "--set", "kind=container"];
    seized.extend(["--detail", "description=a bag", "--detail", "place=here"]);
    seized.extend(["--detail", "power_or_consent=consent"]);
    ok(&smith(&seized));
    ok(&smith(&["pack", &exhibit, &bag]));
    ok(&smith(&["seal", &bag, "K7"]));
    let out = ledger.path("bag.custody.json").display().to_string();
    ok(&smith(&["bundle", &bag, "--out", &out]));
    let history = ["history", &exhibit];
    assert!(ok(&smith(&history)).contains("K7"));
    liar.change(|answer| {
        if let Some(entries) = answer.get_mut("entries").and_then(Value::as_array_mut)
            && let Some(at) = entries.iter().position(|one| {
                super::Signed::of(one).is_some_and(|one| one.entry().payload().event == "sealed")
            })
        {
            entries.remove(at);
        }
    });
    let said = ends(&smith(&history), 1);
    assert!(said.starts_with("Of the bag or box "), "{said}");
    assert!(said.contains("NOT ALL OF IT WAS TOLD"), "{said}");
}
