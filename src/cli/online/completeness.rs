//! `custodes completeness`: how many entries the ledger has about an exhibit or case, proven; and whether a history that
//! the service told is all of them.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Value, json};

use super::client::unexpected;
use super::receipt;
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
use crate::verify;
use crate::verify::chain_ends::{ShownEnds, ToldEntry, Untrue};

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
        let entries = verify::counted(
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
pub fn strands(kind: &str) -> [Strand; 3] {
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
        let chain = chain(subject, strand);
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

impl Held {
    /// The same, where what was told of a bag or box with it is not shown to be all either.
    pub fn and(&mut self, bag: &Subject, other: Held) {
        if other.exit == 0 {
            return;
        }
        let words = format!("Of the bag or box {bag}: {}", other.words);
        match other.exit == 1 && self.exit != 1 {
            true => self.words = format!("{words}\n{}", self.words),
            false => self.words = format!("{}\n{words}", self.words),
        }
        self.exit = if self.exit == 1 { 1 } else { other.exit };
        self.value["shown"] = json!(false);
        self.value["words"] = json!(self.words);
    }
}

/// Holds what was told of these chains of a subject against what was asked before.
pub fn hold(
    session: &Session,
    asked: Result<ShownEnds, Failure>,
    (subject, strands): (&Subject, &[Strand]),
    told: &[Told],
) -> Result<Held, Failure> {
    let shown = match asked {
        Ok(shown) => shown,
        Err(failure) => {
            let words = format!("Whether this is all is not shown: {}.", failure.detail);
            let value = json!({"shown": false, "words": failure.detail});
            return Ok(Held {
                words,
                value,
                exit: if failure.exit == 1 { 1 } else { 3 },
            });
        }
    };
    let chains: Vec<ChainId> = strands
        .iter()
        .map(|strand| chain(subject, *strand))
        .collect();
    let mut counted = compare(&shown, &chains, told);
    for chain in chains.iter().filter(|_| counted.is_ok()) {
        if let Some(why) = newer(session, &shown, chain, told)? {
            counted = Err(why);
            break;
        }
    }
    Ok(in_words(&shown, counted, told))
}

fn chain(subject: &Subject, strand: Strand) -> ChainId {
    ChainId {
        subject: subject.clone(),
        strand,
    }
}

fn in_words(shown: &ShownEnds, counted: Result<Counted, Untrue>, told: &[Told]) -> Held {
    let size = shown.checkpoint.size;
    match counted {
        Ok(Counted { entries, beside }) => {
            let newer = told.iter().filter(|one| one.index.0 >= size.0).count();
            let mut besides = match newer {
                0 => String::new(),
                _ => format!(
                    " {} told besides that the log had not published yet.",
                    verify::counted(newer, "entry is", "entries are")
                ),
            };
            if beside > 0 {
                besides.push_str(&format!(
                    " {} told with it of who took in what was signed with a key that did not count; a bundle proves that.",
                    verify::counted(beside, "entry is", "entries are")
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

/// How many entries were told, if they are those of these chains that the proof counts, all of them, and no others.
fn compare(shown: &ShownEnds, chains: &[ChainId], told: &[Told]) -> Result<Counted, Untrue> {
    let mut entries = 0;
    let mut of_a_branch = BTreeSet::new();
    for chain in chains {
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
        let counted = chains.iter().any(|chain| is_of(one, chain));
        match (counted, one.on_branch) {
            (true, false) => {}
            (true, true) if of_a_branch.contains(&one.index) => {}
            (false, false) if is_adoption(one, told) => beside += 1,
            _ => {
                let index = one.index.0;
                return Err(Untrue::Others(format!(
                    "entry {index} is told, and is not of the chains asked for"
                )));
            }
        }
    }
    Ok(Counted { entries, beside })
}

/// What is wrong with what was told of a chain beyond the published log: it follows what is in that, and its newest entry
/// has a receipt. That somebody looked, which a reader may not be told in full, is the service's own word until then.
fn newer(
    session: &Session,
    shown: &ShownEnds,
    chain: &ChainId,
    told: &[Told],
) -> Result<Option<Untrue>, Failure> {
    let wrong = |one: &Told, why: &str| {
        let index = one.index.0;
        Ok(Some(Untrue::Others(format!("entry {index} {why}"))))
    };
    let in_chain = told.iter();
    let in_chain = in_chain.filter(|one| !one.on_branch && is_of(one, chain));
    let mut last: Option<&Told> = None;
    for (seq, one) in (0..).zip(in_chain) {
        let before = last.replace(one);
        let place = (seq, before.map(|one| one.e));
        let is_newer = one.index.0 >= shown.checkpoint.size.0;
        let payload = one.entry.as_ref().map(|entry| entry.payload());
        if is_newer && payload.is_some_and(|payload| (payload.seq, payload.prev) != place) {
            return wrong(one, "does not follow the one that was told before it");
        }
    }
    let Some(last) = last.filter(|one| one.index.0 >= shown.checkpoint.size.0) else {
        return Ok(None);
    };
    if chain.strand == Strand::Access {
        return Ok(None);
    }
    let receipt = match receipt::fetch(session, &last.e.to_string()) {
        Ok(receipt) => receipt,
        Err(failure) if failure.is_final() => {
            return wrong(last, "is not known to the service as it was told");
        }
        Err(failure) => return Err(failure),
    };
    receipt::seen_by(session, &receipt)?;
    let place = (receipt.index, receipt.recorded_at, receipt.e);
    match place == (last.index, last.recorded_at, last.e) {
        true => Ok(None),
        false => wrong(last, "is not the one that its receipt is of"),
    }
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
