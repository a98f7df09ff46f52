//! Taking entries in: `POST /v1/entries`, one entry or a batch of them.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::attempts::{Peer, Submitted};
use super::batch;
use super::even::evened;
use super::http::{App, Shared, head, json_answer, text_answer};
use super::known::StoreKnown;
use super::limits::{BATCH_PATIENCE, MAX_BATCHES};
use super::problem::{Problem, capital};
use super::sequencer::{self, Answer, Sent, Work};
use crate::ledger::{MAX_BRANCH, Refusal, Rules, check_whole, signer};
use crate::protocol::entry::{MAX_ENTRY, UnverifiedEntry, VerifiedEntry};
use crate::protocol::id::{ActorId, ChainId, Code};
use crate::protocol::receipt::Receipt;

/// Largest batch, in bytes.
pub const MAX_BATCH: usize = 16 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission {
    entry: String,
    /// What a `late-branch` takes in.
    #[serde(default)]
    branch: Vec<String>,
}

/// Takes entries in: one, or a batch.
pub async fn post_entries(State(app): Shared, request: Request) -> Result<Response, Response> {
    let source = Peer::source(request.extensions());
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or("");
    match kind.split(';').next().unwrap_or("").trim() {
        "application/json" => {
            let body = whole(request, 2 * MAX_ENTRY).await?;
            let submitted = submit(&app, source, &body).await;
            let (status, receipt) = submitted.map_err(Problem::into_response)?;
            Ok(json_answer(status, &json!(receipt)))
        }
        "application/x-ndjson" => {
            // The place is taken first: what waits for one takes no memory.
            let place = app.batches.try_acquire();
            let _place = place.map_err(|_| too_many_batches().into_response())?;
            let body = timeout(BATCH_PATIENCE, whole(request, MAX_BATCH)).await;
            let body = body.map_err(|_| slow_batch().into_response())??;
            let lines = batch::take_in(&app, source, body).await;
            let (lines, refused) = lines.map_err(Problem::into_response)?;
            let answer = text_answer("application/x-ndjson", lines);
            Ok(match refused {
                true => evened(answer),
                false => answer,
            })
        }
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "Entries come as application/json, or as application/x-ndjson, one a line.",
            "Set Content-Type.",
        )
        .into_response()),
    }
}

/// The whole body, if it is no longer than that.
async fn whole(mut request: Request, most: usize) -> Result<Bytes, Response> {
    DefaultBodyLimit::max(most).apply(&mut request);
    let body = Bytes::from_request(request, &()).await;
    body.map_err(IntoResponse::into_response)
}

fn too_many_batches() -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-batches",
        format!("The service takes in {MAX_BATCHES} batches at once."),
        "Send the same bytes again in a second.",
    )
}

fn slow_batch() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "slow-body",
        format!(
            "The batch took longer than {} seconds to come.",
            BATCH_PATIENCE.as_secs()
        ),
        "Send it in smaller parts.",
    )
}

/// Status and receipt of an entry that was taken in.
pub type Accepted = (StatusCode, Box<Receipt>);

/// An entry that was not taken in.
pub struct NotTaken {
    /// Why.
    pub problem: Problem,
    /// What it was, for the security log.
    what: Box<Submitted>,
}

impl NotTaken {
    /// Of this entry.
    pub fn new(what: Submitted, problem: impl Into<Problem>) -> NotTaken {
        NotTaken {
            problem: problem.into(),
            what: Box::new(what),
        }
    }
}

/// Why an entry was not verified.
pub enum NotVerified {
    /// No key is known by which to verify it.
    NoKey(Box<Sent<UnverifiedEntry>>, NotTaken),
    /// Anything else.
    Bad(NotTaken),
}

impl From<NotVerified> for NotTaken {
    fn from(error: NotVerified) -> NotTaken {
        match error {
            NotVerified::NoKey(_, not_taken) | NotVerified::Bad(not_taken) => not_taken,
        }
    }
}

async fn submit(app: &App, source: Option<Code>, body: &[u8]) -> Result<Accepted, Problem> {
    let result = decide(app, body).await;
    count(app, source, &result);
    result.map_err(|not_taken| not_taken.problem)
}

/// Counts what became of an entry; that it was refused goes to the security log.
pub fn count(app: &App, source: Option<Code>, result: &Result<Accepted, NotTaken>) {
    app.sequencer.metrics.entry(match result {
        Ok((StatusCode::CREATED, _)) => "recorded",
        Ok(_) => "known",
        Err(not_taken) => not_taken.problem.code(),
    });
    // A service that has no room or cannot write has refused nothing.
    if let Err(NotTaken { problem, what }) = result
        && problem.status.is_client_error()
        && problem.status != StatusCode::TOO_MANY_REQUESTS
    {
        what.refused(app, problem, source);
    }
}

async fn decide(app: &App, body: &[u8]) -> Result<Accepted, NotTaken> {
    let (sent, what) = verify(&StoreKnown::new(&*app.store), parse(body)?)?;
    let chain = Sought::of(&sent.entry);
    let answer = app.sequencer.write(Work::Submitted(Box::new(sent))).await;
    let accepted = answer
        .map_err(Problem::from)
        .and_then(|answer| accepted(app, &chain, answer));
    accepted.map_err(|problem| NotTaken::new(what, problem))
}

/// Reads a submission.
pub fn parse(body: &[u8]) -> Result<Sent<UnverifiedEntry>, NotTaken> {
    let bad = |code, why: String| NotTaken::new(Submitted::bytes(body), Problem::bad(code, why));
    let submission: Submission = serde_json::from_slice(body).map_err(|_| {
        bad(
            "bad-request",
            "Expected {\"entry\":\"<entry>\"}, with \"branch\":[\"<entry>\",…] where it takes in one.".to_owned(),
        )
    })?;
    let read = |text: &str, place: &str| -> Result<UnverifiedEntry, NotTaken> {
        let entry = UnverifiedEntry::parse_whole(text).map_err(|error| {
            bad(
                "bad-entry",
                format!("{place}{}", capital(&error.to_string())),
            )
        })?;
        check_whole(Rules::embedded(), &entry)
            .map_err(|refusal| NotTaken::new(Submitted::entry(&entry), within(refusal, place)))?;
        Ok(entry)
    };
    let entry = read(&submission.entry, "")?;
    if submission.branch.len() > MAX_BRANCH {
        let why = format!("A branch is taken in in parts of at most {MAX_BRANCH} entries.");
        return Err(bad("branch-too-long", why));
    }
    let branch = (1..).zip(&submission.branch);
    let branch = branch.map(|(number, text)| read(text, &of_branch(number)));
    let branch = branch.collect::<Result<_, _>>()?;
    Ok(Sent { entry, branch })
}

/// Which entry of a branch something is said of.
fn of_branch(number: usize) -> String {
    format!("Entry {number} of the branch: ")
}

fn within(refusal: Refusal, place: &str) -> Refusal {
    let why = format!("{place}{}", refusal.why);
    Refusal { why, ..refusal }
}

/// Verifies the signatures of an entry, and of the branch that it takes in, under the keys that their signers have
/// enrolled.
///
/// `known` may be shared by many entries: the key that has an id stays the same, and reading it out of its record
/// costs a third of verifying a signature.
pub fn verify(
    known: &StoreKnown<'_>,
    sent: Sent<UnverifiedEntry>,
) -> Result<(Sent<VerifiedEntry>, Submitted), NotVerified> {
    let what = Submitted::entry(&sent.entry);
    let of_branch = (1..).map(of_branch);
    let places: Vec<String> = std::iter::once(String::new())
        .chain(of_branch)
        .take(1 + sent.branch.len())
        .collect();
    let mut keys = Vec::new();
    for (entry, place) in std::iter::once(&sent.entry)
        .chain(&sent.branch)
        .zip(&places)
    {
        let key = signer(known, entry);
        if let Err(error) = known.check() {
            return Err(NotVerified::Bad(NotTaken::new(what, error)));
        }
        match key {
            Ok(key) => keys.push(key),
            Err(refusal) => {
                let not_taken = NotTaken::new(what, within(refusal, place));
                return Err(NotVerified::NoKey(Box::new(sent), not_taken));
            }
        }
    }
    let mut verified = Vec::new();
    let all = std::iter::once(sent.entry).chain(sent.branch);
    for ((entry, key), place) in all.zip(keys).zip(&places) {
        match entry.verify(&key) {
            Ok(entry) => verified.push(entry),
            Err(error) => {
                let why = format!("{place}{}", capital(&error.to_string()));
                let problem = Problem::bad("bad-signature", why);
                return Err(NotVerified::Bad(NotTaken::new(what, problem)));
            }
        }
    }
    let mut verified = verified.into_iter();
    let entry = verified
        .next()
        .expect("the entry itself was verified first");
    let branch = verified.collect();
    Ok((Sent { entry, branch }, what.verified()))
}

/// The chain that an entry was to go into, and who signed it.
pub struct Sought {
    chain: ChainId,
    by: ActorId,
}

impl Sought {
    /// Of this entry.
    pub fn of(entry: &UnverifiedEntry) -> Sought {
        Sought {
            chain: entry.payload().chain(),
            by: entry.payload().actor.clone(),
        }
    }
}

/// What the submitter is told of an answer.
pub fn accepted(app: &App, sought: &Sought, answer: Answer) -> Result<Accepted, Problem> {
    match answer {
        Answer::Recorded(receipt) => Ok((StatusCode::CREATED, receipt)),
        Answer::Known(receipt) => Ok((StatusCode::OK, receipt)),
        Answer::Published => Err(sequencer::Unavailable::Stopped.into()),
        Answer::Refused(refusal) => {
            let stale = refusal.code == "stale-prev";
            let problem = Problem::from(refusal);
            if !stale {
                return Err(problem);
            }
            let head = head(
                &*app.store,
                &sought.by,
                &sought.chain.subject,
                sought.chain.strand,
            )?;
            Err(problem.with("head", head))
        }
    }
}
