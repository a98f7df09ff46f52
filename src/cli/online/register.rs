//! `custodes register`: files and folders become exhibits, by their digests. The bytes stay where they are.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::fresh::random_subject;
use super::members::Members;
use super::reference;
use super::session::Session;
use super::signing::{self, Act};
use super::values::{self, Details};
use super::vocabulary;
use super::when;
use crate::cli::failure::Failure;
use crate::cli::{Outcome, evidence};
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::id::{Strand, Subject};

/// Register files or folders as exhibits of a case.
#[derive(Debug, Default, Args)]
#[command(
    after_help = "The file is read and digested on this machine; its bytes are not sent. Of a folder, the manifest is.\n\n\
                        Example: custodes register 44NS1234526 footage.mp4 --kind surveillance-footage --reference JSM/2 \
                        --description \"CCTV, camera 4\" --power \"provided voluntarily\" --meta footage.toml"
)]
pub struct RegisterArgs {
    /// The case: its reference or opaque id.
    pub(super) case: String,
    /// Files or folders; each becomes one exhibit.
    #[arg(required = true, value_name = "FILE|FOLDER")]
    pub(super) paths: Vec<PathBuf>,
    /// Kind of evidence.
    #[arg(long, value_parser = vocabulary::kinds())]
    pub(super) kind: String,
    /// What people call it, such as JSM/1 (one file only).
    #[arg(long)]
    pub(super) reference: Option<String>,
    /// What it is.
    #[arg(long)]
    pub(super) description: String,
    /// Under which power or consent it was obtained.
    #[arg(long)]
    pub(super) power: Option<String>,
    /// A TOML or JSON file whose fields become details.
    #[arg(long, value_name = "FILE")]
    pub(super) meta: Option<PathBuf>,
    /// original or master; for what comes of another exhibit: master, working, defence, clip and so on.
    #[arg(long)]
    pub(super) role: Option<String>,
    /// How it came to be: registered, or acquired from another exhibit.
    #[arg(long, default_value = "registered")]
    pub(super) event: String,
    /// The exhibit it comes of, if it does; as many as there are. With =FILE, the bytes it was made from: they are digested.
    #[arg(long = "parent", value_name = "EXHIBIT[=FILE]")]
    pub(super) parents: Vec<String>,
    /// A file whose digest the tool should have arrived at (acquired, copied).
    #[arg(long, value_name = "FILE")]
    pub(super) verification_file: Option<PathBuf>,
    /// Media type, such as video/mp4.
    #[arg(long)]
    pub(super) media_type: Option<String>,
    /// Further body members.
    #[arg(long = "set", value_name = "NAME=TEXT|NAME:=JSON", value_parser = values::pair)]
    pub(super) set: Vec<(String, Value)>,
    /// Further details.
    #[arg(long = "detail", value_name = "NAME=TEXT|NAME:=JSON", value_parser = values::pair)]
    pub(super) details: Vec<(String, Value)>,
    /// When, if not now.
    #[arg(long, value_name = "TIME")]
    pub(super) occurred_at: Option<String>,
}

/// Runs the command.
pub fn run(args: &RegisterArgs, session: &Session) -> Outcome {
    if args.paths.len() > 1 && args.reference.is_some() {
        return Err(Failure::new(
            "usage",
            "--reference names one exhibit; there are several files",
        )
        .next("register them one by one"));
    }
    let row = vocabulary::event(&args.event)?;
    if !(row.opens && row.strand == Strand::Custody && row.body.contains_key("digest")) {
        return Err(Failure::new(
            "usage",
            format!("\"{}\" does not open an exhibit with a digest", args.event),
        )
        .next(
            "use --event registered, or --event acquired for what was made from another exhibit",
        ));
    }
    let takes_parents = row.body.contains_key("parents");
    if !takes_parents && !args.parents.is_empty() {
        return Err(
            Failure::new("usage", format!("{} takes no --parent", args.event))
                .next("use --event acquired"),
        );
    }
    let case = reference::case(session, &args.case)?;
    if let Some(text) = &args.reference {
        reference::is_new(session, text, "exhibit", Some(&case))?;
    }
    let parents = if takes_parents {
        Some(parents(session, &args.parents, &case)?)
    } else {
        None
    };
    // Every file is read before the first is recorded: one that cannot be read leaves nothing half done.
    let read = args
        .paths
        .iter()
        .map(|path| act(args, session, &case, parents.as_ref(), path))
        .collect::<Result<Vec<_>, _>>()?;
    let (acts, digests): (Vec<Act>, Vec<EvidenceDigest>) = read.into_iter().unzip();
    signing::open_together(session, &acts, |at, recorded| {
        let words = format!(
            "{}\nThe exhibit is {}. SHA-256 {}",
            recorded.words(),
            recorded.subject,
            evidence::sha256(&digests[at]).to_hex()
        );
        session.output.result(&words, &recorded.to_json());
    })?;
    Ok(0)
}

/// What is to be signed of one file or folder, and its digest.
fn act(
    args: &RegisterArgs,
    session: &Session,
    case: &Subject,
    parents: Option<&Value>,
    path: &Path,
) -> Result<(Act, EvidenceDigest), Failure> {
    let digested = evidence::digest(path, session.output)?;
    if let Some(manifest) = &digested.manifest {
        session.put_blob(manifest)?;
    }
    let role = args.role.as_deref().unwrap_or(if parents.is_some() {
        "master"
    } else {
        "original"
    });
    let subject = random_subject()?;
    let mut body = values::body(&args.set)?;
    Members::new(session, vocabulary::event(&args.event)?, &subject).read_all(&mut body)?;
    body.insert("case".to_owned(), json!(case));
    body.insert("kind".to_owned(), json!(args.kind));
    body.insert("digest".to_owned(), evidence::to_json(&digested.digest));
    body.insert("role".to_owned(), json!(role));
    if let Some(parents) = parents {
        body.insert("parents".to_owned(), parents.clone());
    }
    if let Some(media_type) = &args.media_type {
        body.insert("media_type".to_owned(), json!(media_type));
    }
    if let Some(file) = &args.verification_file {
        let verification = evidence::digest(file, session.output)?;
        body.insert(
            "verification".to_owned(),
            evidence::to_json(&verification.digest),
        );
    }
    let mut details = Details::default();
    details.add("description", args.description.as_str())?;
    details.add_some("reference", args.reference.as_ref())?;
    details.add_some("power_or_consent", args.power.as_ref())?;
    if let Some(name) = path.file_name() {
        details.add("file_name", name.to_string_lossy().as_ref())?;
    }
    if let Some(meta) = &args.meta {
        details.add_file(meta)?;
    }
    details.add_pairs(&args.details)?;
    let act = Act {
        subject,
        strand: Strand::Custody,
        opens: true,
        event: args.event.clone(),
        body,
        details: details.into_map(),
        occurred_at: when::occurred(args.occurred_at.as_deref())?,
    };
    Ok((act, digested.digest))
}

/// The `parents` member: each exhibit, and the digest of its bytes where the person says where they are.
pub fn parents(session: &Session, texts: &[String], case: &Subject) -> Result<Value, Failure> {
    let list = texts
        .iter()
        .map(|text| {
            let (exhibit, file) = match text.split_once('=') {
                Some((exhibit, file)) => (exhibit, Some(file)),
                None => (text.as_str(), None),
            };
            // One that names its case may be of another.
            let within = Some(case).filter(|_| !exhibit.contains(' '));
            let exhibit = reference::exhibit(session, exhibit, within)?;
            let digest = match file {
                Some(file) => {
                    evidence::to_json(&evidence::digest(file.as_ref(), session.output)?.digest)
                }
                None => Value::Null,
            };
            Ok(json!({ "exhibit": exhibit, "digest": digest }))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    Ok(list.into())
}
