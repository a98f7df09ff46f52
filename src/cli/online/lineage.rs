//! `custodes lineage`: what an exhibit was made from, and what was made from it.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::{Value, json};

use super::names::Names;
use super::reference;
use super::session::Session;
use super::told;
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::output::plain;
use crate::ledger::schema::Parent;
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::id::{Strand, Subject};
use crate::protocol::tree::EntryIndex;

/// Most exhibits in one tree; more cannot be read on paper either.
const MAX_NODES: usize = 1000;

/// Show what an exhibit was made from, and what was made from it (say why with --purpose).
#[derive(Debug, Args)]
#[command(
    after_help = "From the seized device through images, working copies, clips and redactions. That you looked, and why, is \
                        recorded at every exhibit shown. With --dot, Graphviz draws it: custodes lineage ... --dot | dot -Tsvg > lineage.svg\n\n\
                        Example: custodes lineage \"44NS1234526 JSM/1\" --purpose \"disclosure review\""
)]
pub struct LineageArgs {
    /// Any exhibit of the tree: its reference or opaque id.
    exhibit: String,
    /// Print it for Graphviz.
    #[arg(long)]
    dot: bool,
}

/// One exhibit.
struct Node {
    /// "JSM/1".
    called: String,
    /// What it is, how it came to be, by whom.
    words: Vec<String>,
    parents: Vec<Subject>,
    children: Vec<Subject>,
    value: Value,
}

/// Runs the command.
pub fn run(args: &LineageArgs, session: &Session) -> Outcome {
    session.profile.stated_purpose()?;
    let asked = reference::exhibit(session, &args.exhibit, None)?;
    let mut names = Names::new(session);
    let mut nodes: BTreeMap<Subject, Node> = BTreeMap::new();
    let mut open = vec![asked.clone()];
    while let Some(exhibit) = open.pop() {
        if nodes.contains_key(&exhibit) {
            continue;
        }
        if nodes.len() >= MAX_NODES {
            return Err(Failure::new(
                "lineage-too-large",
                format!("more than {MAX_NODES} exhibits hang together here"),
            )
            .next("take a bundle of the case instead"));
        }
        let node = read(session, &exhibit, exhibit == asked, &mut names)?;
        open.extend(node.parents.iter().chain(&node.children).cloned());
        nodes.insert(exhibit, node);
    }
    let roots: Vec<&Subject> = nodes
        .iter()
        .filter(|(_, node)| node.parents.is_empty())
        .map(|(subject, _)| subject)
        .collect();
    let words = match args.dot {
        true => dot(&nodes),
        false => {
            let mut text = String::new();
            let mut shown = BTreeSet::new();
            for root in &roots {
                tree(&nodes, root, &asked, "", "", &mut shown, &mut text);
            }
            text
        }
    };
    let value = json!({
        "exhibit": asked,
        "roots": roots,
        "exhibits": nodes.values().map(|node| &node.value).collect::<Vec<_>>(),
        "dot": args.dot.then_some(&words),
    });
    session.output.result(&plain(&words), &value);
    Ok(0)
}

fn read(
    session: &Session,
    exhibit: &Subject,
    is_asked_for: bool,
    names: &mut Names<'_>,
) -> Result<Node, Failure> {
    let answer = match session.history(&format!("/v1/exhibits/{exhibit}/history")) {
        Ok(answer) => answer,
        Err(failure) if failure.code == "not-registered-or-not-visible" && !is_asked_for => {
            return Ok(Node {
                called: format!("{}...", &exhibit.as_str()[..8]),
                words: vec!["an exhibit that you may not see".to_owned()],
                parents: Vec::new(),
                children: Vec::new(),
                value: json!({ "subject": exhibit, "visible": false }),
            });
        }
        Err(failure) => return Err(failure),
    };
    let told = told::read(&answer)?;
    let in_chain = told.iter().filter(|one| !one.on_branch);
    let entries: Vec<&UnverifiedEntry> = in_chain.filter_map(|one| one.entry.as_ref()).collect();
    let of = |strand: Strand| {
        entries
            .iter()
            .filter(move |entry| entry.payload().strand == strand)
    };
    let opening = of(Strand::Custody)
        .next()
        .ok_or_else(|| Failure::new("unexpected-answer", "an exhibit without custody entries"))?;
    let payload = opening.payload();
    let text = |name: &str| payload.body.get(name).and_then(Value::as_str);
    // A thing is digested after it is seized, a feed grows.
    let digest = told::past(&told).digest(exhibit, EntryIndex(u64::MAX));
    let parents: Vec<Parent> = payload
        .body
        .get("parents")
        .and_then(|parents| serde_json::from_value(parents.clone()).ok())
        .unwrap_or_default();
    let children: Vec<Subject> = of(Strand::Notes)
        .filter(|entry| entry.payload().event == "child-added")
        .filter_map(|entry| {
            let child = entry.payload().body.get("exhibit")?.as_str()?;
            Subject::new(child).ok()
        })
        .collect();
    let called = opening.detail("reference").and_then(Value::as_str);
    let kind = text("kind").unwrap_or("exhibit").replace('-', " ");
    let by = names.of(&payload.actor)?;
    let mut words = vec![match text("role") {
        Some(role) => format!("{kind}, {role}; {} by {by}", payload.event),
        None => format!("{kind}; {} by {by}", payload.event),
    }];
    if let Some(description) = opening.detail("description").and_then(Value::as_str) {
        words.push(description.to_owned());
    }
    words.push(match &digest {
        Some(digest) => format!("SHA-256 {}", digest.sha256.to_hex()),
        None => "no digest: a thing, not a file".to_owned(),
    });
    let parents: Vec<Subject> = parents.into_iter().map(|parent| parent.exhibit).collect();
    Ok(Node {
        called: called.map_or_else(|| format!("{}...", &exhibit.as_str()[..8]), str::to_owned),
        words,
        value: json!({
            "subject": exhibit, "visible": true, "reference": called, "kind": text("kind"),
            "role": text("role"), "event": payload.event, "by": payload.actor, "digest": digest,
            "parents": parents, "children": children,
        }),
        parents,
        children,
    })
}

/// A node and what hangs below it, with lines as `tree` draws them.
fn tree(
    nodes: &BTreeMap<Subject, Node>,
    subject: &Subject,
    asked: &Subject,
    first: &str,
    rest: &str,
    shown: &mut BTreeSet<Subject>,
    text: &mut String,
) {
    let Some(node) = nodes.get(subject) else {
        return;
    };
    let mark = if subject == asked {
        "  <- asked for"
    } else {
        ""
    };
    text.push_str(&format!("{first}{}{mark}\n", node.called));
    // One that was made of several stands below each, with its own branch once.
    if !shown.insert(subject.clone()) {
        text.push_str(&format!("{rest}    (as above)\n"));
        return;
    }
    let children: BTreeSet<&Subject> = nodes
        .iter()
        .filter(|(_, other)| other.parents.contains(subject))
        .map(|(child, _)| child)
        .chain(&node.children)
        .collect();
    let line = if children.is_empty() { "    " } else { "|   " };
    for words in &node.words {
        text.push_str(&format!("{rest}{line}{words}\n"));
    }
    let last = children.len().saturating_sub(1);
    for (at, child) in children.into_iter().enumerate() {
        let (corner, below) = if at == last {
            ("`-- ", "    ")
        } else {
            ("|-- ", "|   ")
        };
        tree(
            nodes,
            child,
            asked,
            &format!("{rest}{corner}"),
            &format!("{rest}{below}"),
            shown,
            text,
        );
    }
}

fn dot(nodes: &BTreeMap<Subject, Node>) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut text =
        String::from("digraph lineage {\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (subject, node) in nodes {
        let label: Vec<String> = std::iter::once(&node.called)
            .chain(&node.words)
            .map(|line| escaped(&line.replace('\n', " ")))
            .collect();
        text.push_str(&format!(
            "  \"{subject}\" [label=\"{}\"];\n",
            label.join("\\n")
        ));
    }
    let mut edges = BTreeSet::new();
    for (subject, node) in nodes {
        edges.extend(node.parents.iter().map(|parent| (parent, subject)));
        edges.extend(node.children.iter().map(|child| (subject, child)));
    }
    for (parent, child) in edges {
        text.push_str(&format!("  \"{parent}\" -> \"{child}\";\n"));
    }
    text.push('}');
    text
}
