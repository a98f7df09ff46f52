//! `custodes template`: what a kind of evidence or an event needs, as a file to fill in.

use clap::Args;
use serde_json::json;

use super::{fields, kinds};
use crate::cli::Outcome;
use crate::cli::online::members::points_at;
use crate::cli::online::vocabulary;
use crate::cli::output::Output;
use crate::ledger::rules::Row;
use crate::ledger::schema::{Member, MemberType};
use crate::protocol::id::Strand;

/// Print a file to fill in: what to say of a kind of evidence, or with an event.
#[derive(Debug, Args)]
#[command(
    after_help = "Fill it in and give it with --meta; a field that is left empty says nothing.\n\n\
                        Example: custodes template surveillance-footage > footage.toml\n\
                        Example: custodes template sealed"
)]
pub struct TemplateArgs {
    /// A kind of evidence, such as surveillance-footage, or an event, such as sealed.
    #[arg(value_name = "KIND|EVENT")]
    what: String,
}

/// Runs the command.
pub fn run(args: &TemplateArgs, output: Output) -> Outcome {
    let text = if vocabulary::kind_names().contains(&args.what.as_str()) {
        of_kind(&args.what)
    } else {
        of_event(vocabulary::event_or_kind(&args.what)?)
    };
    output.result(&text, &json!({ "what": args.what, "toml": text }));
    Ok(0)
}

fn of_kind(kind: &str) -> String {
    let mut text = format!(
        "# What to say of {kind}. Nothing here must be said; delete or leave empty what you do not know.\n\
         # Use it with: custodes register CASE FILE --kind {kind} --meta THIS-FILE\n\n"
    );
    for (name, words) in kinds::fields(kind) {
        text.push_str(&format!("# {words}\n{name} = \"\"\n"));
    }
    text
}

fn of_event(row: &Row) -> String {
    let about = match (row.opens, row.strand) {
        (true, Strand::Custody) => "\"CASE REFERENCE\"",
        (_, Strand::Custody | Strand::Notes) => "EXHIBIT",
        (_, Strand::Case) => "CASE",
        (_, Strand::Keys) => "ACTOR",
        _ => "ledger",
    };
    let roles: Vec<String> = row
        .roles
        .iter()
        .filter_map(|role| json!(role).as_str().map(str::to_owned))
        .collect();
    let mut text = format!(
        "# What to say with \"{}\". Roles that record it: {}.\n\
         # Use it with: custodes record {} {about} --meta THIS-FILE",
        row.event,
        roles.join(", "),
        row.event
    );
    // What rules read is given by flag: much of it are files and people, which the command looks up.
    let members = row
        .body
        .iter()
        .filter(|(name, _)| !(row.opens && *name == "case"));
    let flags: Vec<String> = members
        .map(|(name, member)| {
            let need = if member.required { "" } else { ", if any" };
            format!(
                "#   {}: {}{}{need}",
                flag(name, member),
                fields::words(name),
                form(member)
            )
        })
        .collect();
    match flags.is_empty() {
        true => text.push_str("\n\n"),
        false => text.push_str(&format!(", and by flag:\n{}\n\n", flags.join("\n"))),
    }
    for name in &row.details {
        text.push_str(&format!(
            "# {}: must be said\n{name} = \"\"\n",
            fields::words(name)
        ));
    }
    for name in fields::usual(&row.event) {
        text.push_str(&format!(
            "# {}, if any\n{name} = \"\"\n",
            fields::words(name)
        ));
    }
    text
}

fn flag(name: &str, member: &Member) -> String {
    match (name, member.kind) {
        ("digest", MemberType::Digest | MemberType::DigestOrNull) => {
            "--digest-file FILE".to_owned()
        }
        ("verification", MemberType::Digest) => "--verification-file FILE".to_owned(),
        ("parents", _) => "--parent EXHIBIT".to_owned(),
        (name, _) if points_at(name).is_some() => format!("--set {name}=NUMBER-OF-ENTRY"),
        (name, MemberType::Hash | MemberType::HashOrNull) => format!("--attach {name}=FILE"),
        (name, _) => format!("--set {name}=VALUE"),
    }
}

/// What a value looks like.
fn form(member: &Member) -> String {
    match member.kind {
        MemberType::Enum => format!(" ({})", member.values.join(", ")),
        MemberType::Bool => " (true or false)".to_owned(),
        MemberType::Integer => " (a whole number)".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Rules;

    #[test]
    fn every_template_is_toml_with_all_that_is_needed() {
        for kind in vocabulary::kind_names() {
            let table = of_kind(kind).parse::<toml::Table>();
            assert!(
                table.is_ok_and(|table| table.contains_key("clock_offset")),
                "{kind}"
            );
        }
        for row in Rules::embedded().rows() {
            let text = of_event(row);
            let table = text.parse::<toml::Table>();
            let whole =
                table.is_ok_and(|table| row.details.iter().all(|name| table.contains_key(name)));
            assert!(whole, "{text}");
            let needed = row.body.iter().filter(|(_, member)| member.required);
            for (name, _) in needed.filter(|(name, _)| !(row.opens && *name == "case")) {
                let said = match name.as_str() {
                    "parents" => "--parent",
                    name => name,
                };
                assert!(text.contains(said), "{said}: {text}");
            }
        }
    }
}
