//! Pages made from the table: `docs/RULES.md` for people, a JSON Schema of each event's body for programs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::effects::Effect;
use super::flags::FlagRule;
use super::grounds::Ground;
use super::meanings::TERMS;
use super::outcome::Severity;
use super::refusals::RefuseRule;
use super::rules::{Row, Rules};
use super::schema::{Member, MemberType};
use crate::protocol::id::Code;

const HEAD: &str = "\
# The rules of custody

Made from `src/ledger/rules.json`; a test fails when this page is stale. The service, the verifier and an audit run the very same rules.

**Permissions are refused, reports of fact are not.** What a person reports as having happened is taken in and, where something is
wrong with it, flagged. A flag is worked out from the entries each time; it can be explained, never removed. What is refused changes nothing.

Every entry is also refused when its signature does not verify or its `seen` is not a state of this log.
";

/// The page.
pub fn rules_page(rules: &Rules) -> String {
    let mut page = String::from(HEAD);
    let mut refused = BTreeSet::new();
    let mut flagged = BTreeSet::new();
    for row in rules.rows() {
        refused.extend(row.refuse.iter().map(|rule| refused_line(*rule)));
        flagged.extend(row.flag.iter().map(|rule| flagged_line(*rule)));
    }
    let standing = rules.standing_flag().iter();
    flagged.extend(standing.map(|rule| flagged_line(*rule)));
    flagged.extend(rules.branch_flag().iter().map(|rule| flagged_line(*rule)));
    flagged.extend(rules.always_flag().iter().map(|rule| flagged_line(*rule)));
    page.push_str("\n## What is refused, and why\n\nAny entry, whatever its event:\n\n| code | why | what to do |\n|---|---|---|\n");
    page.extend(Ground::ALL.iter().map(|ground| {
        let (code, why, next) = ground.says();
        format!("| `{code}` | {why} | {next} |\n")
    }));
    page.push_str(
        "\nWhere the event's row names it:\n\n| code | why | what to do |\n|---|---|---|\n",
    );
    page.extend(refused);
    page.push_str(
        "\n## What is flagged, and why\n\n| code | how much it matters | words |\n|---|---|---|\n",
    );
    page.extend(flagged);
    page.push_str("\n## Thresholds\n\nIn seconds. Authorities change one with `rule-proposed` and `rule-approved`: it holds from the entry with which more than half\nof the organisations stand behind it (those that are not suspended), and a verifier uses the value that held at each entry.\n\n| threshold | seconds |\n|---|---|\n");
    for (name, seconds) in rules.thresholds() {
        page.push_str(&format!("| `{name}` | {seconds} |\n"));
    }
    page.push_str("\n## What a disclosure may withhold\n\nA `disclosed` entry may keep details of the exhibits' own entries back from its recipients: those named in `withhold_details`, every detail of the events in\n`withhold_events`, and those of a profile named in `withhold_profile`. The names of what is kept back stay visible, and so does the entry. Where an exhibit was disclosed\nto an organisation more than once, it sees what any disclosure that is in force shows. What its own people recorded it sees whole, and so it does an exhibit that it\nopened, holds or is offered. Files that an entry names are kept back where all of its details are.\n\n| profile | details | every detail of |\n|---|---|---|\n");
    for (name, profile) in rules.withholding_profiles() {
        let list = |names: &BTreeSet<Code>| codes(names.iter().map(Code::to_string));
        page.push_str(&format!(
            "| `{name}` | {} | {} |\n",
            list(&profile.details),
            list(&profile.events)
        ));
    }
    page.push_str("\n## Events\n");
    for row in rules.rows() {
        page.push_str(&event(row));
    }
    page.push_str(&predicates(rules));
    page
}

/// What the names of the closed lists mean, for whoever writes the rules again.
fn predicates(rules: &Rules) -> String {
    let mut refuse = BTreeMap::new();
    let mut flag = BTreeMap::new();
    let mut effect = BTreeMap::new();
    for row in rules.rows() {
        for rule in &row.refuse {
            refuse.insert(name(rule), (rule.refusal().code, rule.meaning()));
        }
        for rule in &row.flag {
            flag.insert(name(rule), (rule.says().0.to_owned(), rule.meaning()));
        }
        effect.insert(name(&row.effect), row.effect.meaning());
    }
    let always = rules.always_flag().iter().chain(rules.standing_flag());
    for rule in always.chain(rules.branch_flag()) {
        flag.insert(name(rule), (rule.says().0.to_owned(), rule.meaning()));
    }
    let mut text = format!(
        "\n## Every predicate and change, exactly\n\n`rules.json` names predicates and changes from closed lists. This is all that whoever runs the rules in another program needs beside the\ntable and [FORMATS.md](FORMATS.md).\n\n{TERMS}"
    );
    let mut coded = |title: &str, list: BTreeMap<String, (String, &str)>| {
        text.push_str(&format!(
            "\n### {title}\n\n| name | code | holds when |\n|---|---|---|\n"
        ));
        for (name, (code, meaning)) in list {
            text.push_str(&format!("| `{name}` | `{code}` | {meaning} |\n"));
        }
    };
    coded("Refused unless", refuse);
    coded("Flagged if", flag);
    text.push_str("\n### Changes\n\n| name | what it changes |\n|---|---|\n");
    for (name, meaning) in effect {
        text.push_str(&format!("| `{name}` | {meaning} |\n"));
    }
    text
}

fn refused_line(rule: RefuseRule) -> String {
    let refusal = rule.refusal();
    format!(
        "| `{}` | {} | {} |\n",
        refusal.code, refusal.why, refusal.next
    )
}

fn flagged_line(rule: FlagRule) -> String {
    let (code, severity, words) = rule.says();
    let matters = match severity {
        Severity::Serious => "serious",
        Severity::Notice => "to be explained",
        Severity::Info => "for information",
    };
    format!("| `{code}` | {matters} | {words} |\n")
}

fn name<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        _ => String::new(), // every closed list is one of plain names
    }
}

fn codes(list: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = list.map(|one| format!("`{one}`")).collect();
    match names.is_empty() {
        true => "nothing".to_owned(),
        false => names.join(", "),
    }
}

fn event(row: &Row) -> String {
    let member = |(name, member): (&String, &Member)| match member.required {
        true => name.clone(),
        false => format!("{name} (optional)"),
    };
    let mut text = format!(
        "\n### `{}`\n\nStrand `{}`. May be recorded by: {}.\n\n- body: {}\n- details needed: {}\n- refused: {}\n- flagged: {}\n",
        row.event,
        row.strand,
        row.roles.iter().map(name).collect::<Vec<_>>().join(", "),
        codes(row.body.iter().map(member)),
        codes(row.details.iter().cloned()),
        codes(row.refuse.iter().map(|rule| rule.refusal().code)),
        codes(row.flag.iter().map(|rule| rule.says().0.to_owned())),
    );
    if !row.usual_roles.is_empty() {
        let usual: Vec<String> = row.usual_roles.iter().map(name).collect();
        text.push_str(&format!("- usually by: {}\n", usual.join(", ")));
    }
    if !row.usual_details.is_empty() {
        let usual = codes(row.usual_details.iter().cloned());
        text.push_str(&format!("- details that practice records too: {usual}\n"));
    }
    if row.effect != Effect::None {
        text.push_str(&format!("- changes: `{}`\n", name(&row.effect)));
    }
    if let Some(category) = &row.category {
        text.push_str(&format!("- DPA 2018 s.62: {category}\n"));
    }
    text
}

/// The JSON Schema of an event's body. It says what can be said without the rules: forms, lists, what must be there.
pub fn body_schema(row: &Row) -> Value {
    let mut properties = Map::new();
    for (name, member) in &row.body {
        properties.insert(name.clone(), member_schema(member));
    }
    let required = row.body.iter().filter(|(_, member)| member.required);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": row.event,
        "type": "object",
        "properties": properties,
        "required": required.map(|(name, _)| name).collect::<Vec<_>>(),
        "additionalProperties": false,
    })
}

fn member_schema(member: &Member) -> Value {
    use MemberType as T;
    let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
    let subject = || text("^[A-Za-z0-9_-]{22}$");
    let hash = || text("^[A-Za-z0-9_-]{43}$");
    let org = || json!({"type": "string", "minLength": 1});
    let actor = || text("^[^/]+/[A-Za-z0-9_-]{22}$");
    let digest = || {
        json!({
            "type": "object",
            "properties": {
                "kind": {"enum": ["file", "manifest"]},
                "sha256": hash(),
                "size": {"type": "integer", "minimum": 0},
                "chunks": hash(),
            },
            "required": ["kind", "sha256", "size", "chunks"],
            "additionalProperties": false,
        })
    };
    let code = || json!({"type": "string", "minLength": 1, "maxLength": 128});
    let or_null = |schema: Value| json!({"anyOf": [schema, {"type": "null"}]});
    let list = |items: Value| json!({"type": "array", "items": items, "maxItems": 1000});
    match member.kind {
        T::Bool => json!({"type": "boolean"}),
        T::Integer => json!({"type": "integer", "minimum": 0}),
        T::Enum => json!({"enum": member.values}),
        T::Code => code(),
        T::Codes => list(code()),
        T::Subject => subject(),
        T::Subjects => list(subject()),
        T::Org => org(),
        T::Orgs => list(org()),
        T::Actor => actor(),
        T::ActorOrNull => or_null(actor()),
        T::Recipient => json!({"type": "object", "minProperties": 1, "maxProperties": 1}),
        T::Hash | T::KeyId | T::Key => hash(),
        T::Hashes => list(hash()),
        T::HashOrNull => or_null(hash()),
        T::Digest => digest(),
        T::DigestOrNull => or_null(digest()),
        T::TimeOrNull => json!({"type": ["string", "null"]}),
        T::Identity => json!({
            "type": "object",
            "properties": {"actor": actor(), "key": hash()},
            "required": ["actor", "key"],
            "additionalProperties": false,
        }),
        T::Jws => json!({"type": "string"}),
        T::Roles => list(json!({"type": "string"})),
        T::Parents | T::ExhibitDigests | T::Organisations | T::Erasures => {
            list(json!({"type": "object"}))
        }
        T::Vkeys => list(json!({"type": "string"})),
        T::Checkpoint => json!({"type": "string"}),
    }
}
