//! The custody timeline, the access history and the flags, in plain words. Every line says what somebody
//! *recorded*, never what happened.

use serde_json::Value;

use super::people::People;
use crate::ledger::Severity;
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::id::{ActorId, Strand, Subject};
use crate::verify::VerifiedBundle;

/// Who held it, line by line.
pub fn timeline(bundle: &VerifiedBundle) -> String {
    let people = People::of(bundle);
    let mut text = "Custody and case timeline\n".to_owned();
    for item in &bundle.entries {
        let told = !matches!(
            item.chain.strand,
            Strand::Access | Strand::Keys | Strand::Rules
        );
        if let (true, Some(entry)) = (told, &item.entry) {
            text.push_str(&line(&people, entry));
        }
    }
    text
}

/// Who looked at it, line by line; wholly withheld ones are counted.
pub fn access_history(bundle: &VerifiedBundle) -> String {
    let people = People::of(bundle);
    let mut text = "Access history\n".to_owned();
    let mut withheld = 0;
    for item in bundle
        .entries
        .iter()
        .filter(|item| item.chain.strand == Strand::Access)
    {
        match &item.entry {
            Some(entry) => text.push_str(&line(&people, entry)),
            None => withheld += 1,
        }
    }
    if withheld > 0 {
        text.push_str(&format!(
            "  {withheld} readings whose reader is withheld here\n"
        ));
    }
    text
}

/// What the rules noticed.
pub fn flags(bundle: &VerifiedBundle) -> String {
    let mut text = "What the rules noticed\n".to_owned();
    if bundle.flags.is_empty() {
        text.push_str("  nothing\n");
    }
    for flag in &bundle.flags {
        let at: Vec<String> = bundle
            .entries
            .iter()
            .filter(|item| flag.entries.contains(&item.e))
            .map(|item| format!("entry {}", item.index.0))
            .collect();
        let severity = match flag.severity {
            Severity::Info => "for information",
            Severity::Notice => "to be explained",
            Severity::Serious => "serious",
        };
        text.push_str(&format!(
            "  {} ({severity}, {}): {}\n",
            at.join(", "),
            flag.code,
            flag.words
        ));
    }
    text
}

fn line(people: &People, entry: &UnverifiedEntry) -> String {
    let payload = entry.payload();
    let what = people.subject(&payload.subject);
    let words = sentence(people, entry, &what);
    let who = match payload.event.as_str() {
        "viewed" | "exported" | "exhibit-added" | "child-added" => "The service".to_owned(),
        _ => people.actor(&payload.actor),
    };
    let mut line = format!(
        "  {}: {who} recorded that {words}.\n",
        payload.occurred_at.in_words()
    );
    let details: Vec<String> = entry
        .disclosures()
        .iter()
        .filter(|one| !matches!(one.name(), "token" | "reader" | "purpose" | "reference"))
        .map(|one| format!("{}: {}", one.name().replace('_', " "), plain(one.value())))
        .collect();
    if !details.is_empty() {
        line.push_str(&format!("      {}\n", details.join("; ")));
    }
    let withheld: Vec<&str> = entry.withheld().collect();
    if !withheld.is_empty() {
        line.push_str(&format!(
            "      {} details withheld: {}\n",
            withheld.len(),
            withheld.join(", ")
        ));
    }
    line
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn sentence(people: &People, entry: &UnverifiedEntry, what: &str) -> String {
    let payload = entry.payload();
    let body = |name: &str| payload.body.get(name).and_then(Value::as_str).unwrap_or("");
    let actor =
        |text: &str| ActorId::new(text).map_or_else(|_| text.to_owned(), |id| people.actor(&id));
    let subject =
        |text: &str| Subject::new(text).map_or_else(|_| text.to_owned(), |id| people.subject(&id));
    let detail = |name: &str| {
        entry
            .detail(name)
            .map_or_else(|| "(withheld)".to_owned(), plain)
    };
    let seal = || match body("seal") {
        "" => String::new(),
        seal => format!(", seal {seal}"),
    };
    match payload.event.as_str() {
        "case-opened" => format!("they opened case {what}"),
        "case-reference-set" => format!("the case has the reference {what}"),
        "party-joined" => format!("{} joined the case as {}", body("org"), body("part")),
        "seized" => format!("they seized {what} ({}){}", body("kind"), seal()),
        "registered" => format!("they registered {what} ({})", body("kind")),
        "acquired" => format!(
            "they made {what} ({}, {}) out of another exhibit",
            body("kind"),
            body("role")
        ),
        "digested" => format!("they computed the digest of {what}"),
        "sealed" => format!("they sealed {what}{}", seal()),
        "unsealed" => format!("they opened the seal of {what}{}", seal()),
        "transfer-offered" => {
            let to = &payload.body["to"];
            let to = to["org"].as_str().map(str::to_owned);
            let to =
                to.unwrap_or_else(|| actor(payload.body["to"]["actor"].as_str().unwrap_or("")));
            format!("they offered {what} to {to}{}", seal())
        }
        "transfer-accepted" => format!(
            "they accepted {what} from {}{}",
            actor(body("from")),
            seal()
        ),
        "transfer-refused" => format!("they refused {what} from {}{}", actor(body("from")), seal()),
        "transfer-withdrawn" => format!("they took back their offer of {what}"),
        "exhibit-added" => format!("{} is an exhibit of case {what}", subject(body("exhibit"))),
        "child-added" => format!("{} was made from {what}", subject(body("exhibit"))),
        "disclosed" => {
            let list = |name: &str| {
                let items = payload
                    .body
                    .get(name)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten();
                items
                    .filter_map(Value::as_str)
                    .map(subject)
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            format!("{} was disclosed to {}", list("exhibits"), list("to"))
        }
        "disclosure-acknowledged" => "they received what was disclosed".to_owned(),
        "viewed" | "exported" => format!(
            "{} {} the {} of {what}, giving as purpose: {}",
            actor(&detail("reader")),
            if payload.event == "viewed" {
                "looked at"
            } else {
                "took away"
            },
            body("extent"),
            detail("purpose")
        ),
        other => format!("\"{other}\" for {what}"),
    }
}
