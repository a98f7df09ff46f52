//! `custodes completeness`: how many entries the ledger has about an exhibit or case, proven; and whether a history that
//! the service told is all of them.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Value, json};

use super::client::unexpected;
use super::reference;
use super::session::Session;
use super::told::Told;
use super::watch;
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::output::plain;
use crate::ledger::taken_in;
use crate::protocol::chain_ends::ChainEnds;
use crate::protocol::entry::EntryHash;
use crate::protocol::id::{ChainId, Strand, Subject};
use crate::protocol::leaf::Commitment;
use crate::protocol::tree::EntryIndex;
use crate::verify::chain_ends::{ShownEnds, ToldEntry, Untrue};
use crate::verify::counted;

/// Show how many entries the ledger has about an exhibit or a case, as its published log proves.
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing of what was recorded is shown, so asking leaves no entry. `custodes history` holds what it shows against this; \
                        a bundle holds its own proof.\n\n\
                        Example: custodes completeness \"44NS1234526 JSM/2\""
)]
pub struct CompletenessArgs {
    /// The exhibit or case: its reference or opaque id.
    target: String,
    /// As of where an auditor has recomputed which chains there are and how long: a little earlier, and by more than the
    /// operator's word.
    #[arg(long)]
    audited: bool,
}

/// Runs the command.
pub fn run(args: &CompletenessArgs, session: &Session) -> Outcome {
    let (kind, subject, mut path) = reference::to_read(session, &args.target, "completeness")?;
    if args.audited {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str("audited=true");
    }
    let shown = ask(session, (&kind, &subject), &path)?;
    let own = |chain: &ChainId| chain.subject == subject;
    let own_entries = shown.chains.iter().filter(|(chain, _)| own(chain));
    let total = own_entries.map(|(_, (length, _))| length).sum();
    let mut words = format!(
        "{} ({kind} {subject}), {}.\n",
        args.target,
        shown.in_words(total)
    );
    for (chain, (length, _)) in &shown.chains {
        let of = match own(chain) {
            true => String::new(),
            false => format!(" of its case {}", chain.subject),
        };
        let entries = counted(
            usize::try_from(*length).unwrap_or(usize::MAX),
            "entry",
            "entries",
        );
        words.push_str(&format!("  {}{of}: {entries}\n", chain.strand));
    }
    let chains = shown.chains.iter().map(
        |(chain, (length, head))| json!({"subject": chain.subject, "strand": chain.strand, "entries": length, "head": head}),
    );
    let value = json!({
        "kind": kind,
        "subject": subject,
        "size": shown.checkpoint.size,
        "auditors": shown.auditors,
        "chains": chains.collect::<Vec<_>>(),
    });
    session.output.result(&plain(&words), &value);
    Ok(0)
}

/// The chains that an exhibit or a case has.
fn strands(kind: &str) -> [Strand; 3] {
    match kind {
        "case" => [Strand::Case, Strand::Exhibits, Strand::Access],
        _ => [Strand::Custody, Strand::Notes, Strand::Access],
    }
}

/// Asks how long the chains of an exhibit or case are, and checks it: the proofs, that none is left out, and that the
/// checkpoint is of the history known here.
pub fn ask(
    session: &Session,
    (kind, subject): (&str, &Subject),
    path: &str,
) -> Result<ShownEnds, Failure> {
    let answer = session.read_json_for(path, "how many entries there are")?;
    let ends: ChainEnds =
        serde_json::from_value(answer).map_err(|error| unexpected(&error.to_string()))?;
    let shown = ShownEnds::verify(&ends, &session.reader.ledger, &session.policy);
    let shown =
        shown.map_err(|error| Failure::check("completeness-not-proven", error.to_string()))?;
    for strand in strands(kind) {
        let chain = ChainId {
            subject: subject.clone(),
            strand,
        };
        if !shown.chains.contains_key(&chain) {
            let words = format!("chain {subject} {strand}: nothing shows how long it is");
            return Err(Failure::check("completeness-not-proven", words));
        }
    }
    watch::is_known(session, &shown.checkpoint)?;
    Ok(shown)
}

/// What a history comes to, held against the ends of its chains.
pub struct Held {
    /// For people.
    pub words: String,
    /// For programs.
    pub value: Value,
    /// Exit code.
    pub exit: u8,
}

/// Holds what was told of a subject against what was asked before.
pub fn hold(asked: Result<ShownEnds, Failure>, subject: &Subject, told: &[Told]) -> Held {
    let shown = match asked {
        Ok(shown) => shown,
        Err(failure) => {
            let words = format!("Whether this is all is not shown: {}.", failure.detail);
            let value = json!({"shown": false, "words": failure.detail});
            return Held {
                words,
                value,
                exit: if failure.exit == 1 { 1 } else { 3 },
            };
        }
    };
    let size = shown.checkpoint.size;
    match compare(&shown, subject, told) {
        Ok(Counted { entries, beside }) => {
            let newer = told.iter().filter(|one| one.index.0 >= size.0).count();
            let mut besides = match newer {
                0 => String::new(),
                _ => format!(
                    " {} told besides that the log had not published yet.",
                    counted(newer, "entry is", "entries are")
                ),
            };
            if beside > 0 {
                besides.push_str(&format!(
                    " {} told with it of who took in what was signed with a key that did not count; a bundle proves that.",
                    counted(beside, "entry is", "entries are")
                ));
            }
            let words = match (entries, newer) {
                (0, 1..) => format!(
                    "Whether this is all is not known yet: at tree size {} the log had published nothing of it.",
                    size.0
                ),
                _ => format!("This is {}.{besides}", shown.in_words(entries)),
            };
            Held {
                words,
                value: json!({"shown": true, "entries": entries, "size": size, "newer": newer, "auditors": shown.auditors}),
                exit: 0,
            }
        }
        Err(why) => {
            let what = match why {
                Untrue::NotAll(_) => "NOT ALL OF IT WAS TOLD",
                Untrue::Others(_) => "WHAT WAS TOLD IS NOT WHAT WAS RECORDED",
            };
            Held {
                words: format!(
                    "{what}: {why}, by the log's own count at tree size {}. Keep this, take a bundle and tell the other \
                     parties.",
                    size.0
                ),
                value: json!({"shown": false, "words": why.to_string()}),
                exit: 1,
            }
        }
    }
}

/// What a history comes to.
struct Counted {
    /// Entries of the subject's chains.
    entries: u64,
    /// Entries of other chains that it needs to be understood.
    beside: usize,
}

/// How many entries were told, if they are those of the subject's chains that the proof counts, all of them, and no
/// others.
fn compare(shown: &ShownEnds, subject: &Subject, told: &[Told]) -> Result<Counted, Untrue> {
    let mut entries = 0;
    let own = |chain: &&ChainId| chain.subject == *subject;
    let mut of_a_branch = BTreeSet::new();
    for chain in shown.chains.keys().filter(own) {
        let of_chain: Vec<&Told> = told.iter().filter(|one| is_of(one, chain)).collect();
        let in_chain = of_chain.iter().filter(|one| !one.on_branch);
        let in_chain: Vec<ToldEntry> = in_chain
            .map(|one| ToldEntry {
                index: one.index,
                commitment: Commitment::new(one.recorded_at, one.e),
            })
            .collect();
        entries += shown.check(chain, &in_chain)?;
        // Entries of a branch are in no chain; what took them in names them.
        for taking in of_chain.iter().filter(|one| !one.on_branch) {
            let named = taking.entry.as_ref().map(taken_in);
            for (at, e) in (1..).zip(named.into_iter().flatten()) {
                let index = EntryIndex(taking.index.0 + at);
                if !of_chain.iter().any(|one| (one.index, one.e) == (index, e)) {
                    let of = taking.index.0;
                    return Err(Untrue::NotAll(format!(
                        "an entry of the branch that entry {of} took in was left out"
                    )));
                }
                of_a_branch.insert(index);
            }
        }
    }
    let mut beside = 0;
    for one in told {
        let counted = shown
            .chains
            .keys()
            .filter(own)
            .any(|chain| is_of(one, chain));
        match (counted, one.on_branch) {
            (true, false) => {}
            (true, true) if of_a_branch.contains(&one.index) => {}
            (false, false) if is_adoption(one, told) => beside += 1,
            _ => {
                let index = one.index.0;
                return Err(Untrue::Others(format!(
                    "entry {index} is told, which is not of the chains of {subject}"
                )));
            }
        }
    }
    Ok(Counted { entries, beside })
}

fn is_of(one: &Told, chain: &ChainId) -> bool {
    (&one.subject, one.strand) == (&chain.subject, chain.strand)
}

/// Whether this takes in something that was told.
fn is_adoption(one: &Told, told: &[Told]) -> bool {
    let Some(payload) = one.entry.as_ref().map(|entry| entry.payload()) else {
        return false;
    };
    let entries = payload.body.get("entries").and_then(Value::as_array);
    let names = |e: EntryHash| entries.is_some_and(|all| all.contains(&json!(e)));
    payload.event == "adopted" && told.iter().any(|other| names(other.e))
}
