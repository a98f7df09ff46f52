//! `custodes erase`: have details destroyed that the law says must not be kept.
//!
//! What is erased is named by entry and detail, as `history` shows them. The command looks for the same words in what
//! else the person may read of the exhibit and its case, and says where they still stand.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::{Map, Value, json};

use super::authority::AuthorityArgs;
use super::home::Profile;
use super::session::Session;
use super::signing::{self, Act};
use super::told::{self, Told};
use super::values::Details;
use super::{reference, rules_chain};
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::protocol::hash::Hash;
use crate::protocol::id::{Strand, Subject};

/// Shortest text that is looked for elsewhere: a shorter one stands everywhere.
const LEAST: usize = 4;

/// Have details of an exhibit, a case or a person erased by law: their texts are destroyed, and what was signed stays.
#[derive(Debug, Args)]
#[command(
    after_help = "Signatures, chains, proofs and bundles handed out before stay good; a new bundle says under which entry a detail was erased. \
                        Copies outside the service (bundles, backups, the folders of those who recorded it) are not reached: whoever holds them must be told.\n\n\
                        Example: custodes erase \"44NS1234526 JSM/1\" 12:place 14:remarks --legal-basis \"DPA 2018 s.47, order of 3 May\""
)]
pub struct EraseArgs {
    /// The exhibit or case: its reference or opaque id.
    target: String,
    /// Which details: the number of the entry, a colon, the name of the detail.
    #[arg(value_name = "ENTRY:DETAIL", value_parser = place)]
    details: Vec<(u64, String)>,
    /// A file of the exhibit's (a list of candidates, a manifest), by its SHA-256 in hex.
    #[arg(long = "file", value_name = "SHA-256", num_args = 1.., value_parser = file)]
    files: Vec<Hash>,
    /// The legal basis.
    #[arg(long)]
    legal_basis: String,
    /// Erase the same words wherever else they stand in this exhibit or case, too.
    #[arg(long)]
    repeats_too: bool,
}

/// Have a person's name, or another detail of their keys, erased by law: as authority of their organisation.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes key erase --authority authority/nfu.pem --org nfu --of \"Kim Barnes\" --legal-basis \"UK GDPR art. 17, request of 3 May\""
)]
pub struct PersonArgs {
    #[command(flatten)]
    authority: AuthorityArgs,
    /// Whose: an actor id, or a name.
    #[arg(long, value_name = "ACTOR")]
    of: String,
    /// Which detail, wherever it stands on the chain of their keys.
    #[arg(long, default_value = "name")]
    detail: String,
    /// The legal basis.
    #[arg(long)]
    legal_basis: String,
}

fn place(text: &str) -> Result<(u64, String), String> {
    let wrong = "expected ENTRY:DETAIL, such as 12:remarks";
    let (entry, name) = text.split_once(':').ok_or(wrong)?;
    let entry = entry.parse().map_err(|_| wrong)?;
    Ok((entry, name.to_owned()))
}

fn file(text: &str) -> Result<Hash, String> {
    Hash::from_hex(text).ok_or_else(|| "a SHA-256 is 64 hex digits".to_owned())
}

/// Names of details by the number of their entry.
type Places = BTreeMap<u64, BTreeSet<String>>;

/// Runs the command.
pub fn run(args: &EraseArgs, session: &Session) -> Outcome {
    if args.details.is_empty() && args.files.is_empty() {
        return Err(Failure::new(
            "usage",
            "name what is to be erased: ENTRY:DETAIL, or --file SHA-256",
        ));
    }
    let (kind, subject) = reference::either(session, &args.target)?;
    let here = history(session, &kind, &subject)?;
    let mut erase = Places::new();
    let mut words = Vec::new();
    for (number, name) in &args.details {
        let told = here.iter().find(|told| told.index.0 == *number);
        let entry = told.and_then(|told| told.entry.as_ref());
        let detail = entry.and_then(|entry| entry.detail(name));
        let detail = detail.ok_or_else(|| {
            Failure::new(
                "no-such-detail",
                format!("entry {number} of {} shows no detail {name:?}", args.target),
            )
            .next("`custodes history` shows the entries and their details")
        })?;
        words.extend(texts(detail));
        erase.entry(*number).or_default().insert(name.clone());
    }
    // The same words elsewhere: here, and in the case.
    let mut all = here;
    if kind == "exhibit" {
        let case = all.iter().filter_map(|told| told.entry.as_ref());
        let case =
            case.filter_map(|entry| entry.payload().body.get("case").and_then(Value::as_str));
        if let Some(case) = case.filter_map(|text| Subject::new(text).ok()).next() {
            all.extend(history(session, "case", &case)?);
        }
    }
    let mut repeated = Places::new();
    for told in &all {
        let Some(entry) = &told.entry else { continue };
        let ours = entry.payload().subject == subject && told.strand != Strand::Access;
        for one in entry.disclosures() {
            let same = texts(one.value())
                .iter()
                .any(|text| words.iter().any(|word| text.contains(word.as_str())));
            let named = erase
                .get(&told.index.0)
                .is_some_and(|names| names.contains(one.name()));
            if same && !named {
                let list = if args.repeats_too && ours {
                    &mut erase
                } else {
                    &mut repeated
                };
                list.entry(told.index.0)
                    .or_default()
                    .insert(one.name().to_owned());
            }
        }
    }
    let recorded = record(args, session, &kind, subject, &all, (&erase, &repeated))?;
    let mut lines = recorded.words();
    lines.push_str(&format!("\nErased: {}.", listed(&erase, &args.files)));
    if !repeated.is_empty() {
        let still = listed(&repeated, &[]);
        lines.push_str(&format!(
            "\nThe same words still stand in: {still}. --repeats-too erases those of this {kind}; others have to be erased by themselves.",
        ));
    }
    lines.push_str(
        "\nBundles and backups made before, and the folders of those who recorded it, still hold it: tell whoever has them.",
    );
    let mut value = recorded.to_json();
    value["erased"] = json!(erase);
    value["repeated"] = json!(repeated);
    session.output.result(&lines, &value);
    Ok(0)
}

/// Runs `key erase`.
pub fn person(args: &PersonArgs, profile: Profile, output: Output) -> Outcome {
    let session = args.authority.session(profile, output)?;
    let subject = reference::actor(&session, &args.of)?.subject();
    let chain = rules_chain::chain(&session, &subject, Strand::Keys, "erasing details by law")?;
    let has = chain.iter().map(|(_, _, entry)| entry);
    let has = has.filter(|entry| entry.detail(&args.detail).is_some());
    let erase: Vec<Value> = has
        .map(|entry| json!({ "entry": entry.hash(), "names": [args.detail] }))
        .collect();
    if erase.is_empty() {
        let why = format!(
            "no entry about the keys of {} has the detail {:?}",
            args.of, args.detail
        );
        return Err(Failure::new("no-such-detail", why).next("perhaps it was erased before"));
    }
    let mut details = Details::default();
    details.add("legal_basis", args.legal_basis.as_str())?;
    let body = Map::from_iter([("erase".to_owned(), Value::from(erase))]);
    let details = details.into_map();
    let act = Act::now(
        subject,
        Strand::Keys,
        "person-details-erased",
        body,
        details,
    )?;
    signing::record(&session, &act)?.say(&session);
    Ok(0)
}

fn record(
    args: &EraseArgs,
    session: &Session,
    kind: &str,
    subject: Subject,
    all: &[Told],
    (erase, repeated): (&Places, &Places),
) -> Result<signing::Recorded, Failure> {
    let (event, strand) = match kind {
        "case" => ("case-details-erased", Strand::Case),
        _ => ("details-erased", Strand::Notes),
    };
    let mut body = Map::from_iter([("erase".to_owned(), named(all, erase))]);
    if !args.files.is_empty() {
        body.insert("files".to_owned(), json!(args.files));
    }
    if !repeated.is_empty() {
        body.insert("repeated".to_owned(), named(all, repeated));
    }
    let mut details = Details::default();
    details.add("legal_basis", args.legal_basis.as_str())?;
    let act = Act::now(subject, strand, event, body, details.into_map())?;
    signing::record(session, &act)
}

fn history(session: &Session, kind: &str, subject: &Subject) -> Result<Vec<Told>, Failure> {
    let path = format!("/v1/{kind}s/{subject}/history");
    told::read(&session.history_for(&path, "erasing details by law")?)
}

/// Places as the body has them.
fn named(all: &[Told], places: &Places) -> Value {
    let hash = |number: u64| {
        let told = all.iter().find(|told| told.index.0 == number)?;
        Some(told.entry.as_ref()?.hash())
    };
    places
        .iter()
        .map(|(number, names)| json!({ "entry": hash(*number), "names": names }))
        .collect()
}

/// Every text in a value that is long enough to mean something elsewhere.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if text.trim().len() >= LEAST => vec![text.trim().to_owned()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(map) => map.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn listed(places: &Places, files: &[Hash]) -> String {
    let details = places.iter().flat_map(|(number, names)| {
        names
            .iter()
            .map(move |name| format!("{name} of entry {number}"))
    });
    let files = files.iter().map(|file| format!("file {}", file.to_hex()));
    let all: Vec<String> = details.chain(files).collect();
    all.join(", ")
}
