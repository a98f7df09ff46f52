//! `custodes report` of what the service holds: a bundle is taken, verified, and the report made from that. Taking it is
//! recorded, as taking any bundle is.

use super::home::{Profile, ProfileArgs, write_atomically};
use super::reference;
use super::session::Session;
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::report::{self, ReportCommand};

/// Runs the command.
pub fn run(command: &ReportCommand, args: ProfileArgs, output: Output) -> Outcome {
    if command.source().bundle.is_some() {
        return report::run(command, output);
    }
    args.allow_offline(false)?;
    command.check()?;
    let Some(target) = command.target() else {
        return Err(Failure::new("usage", "a report of what?")
            .next("name an exhibit or a case, or a bundle that you hold with --bundle"));
    };
    let named = command.source().trust()?;
    let session = Session::open(Profile::load(args)?, output)?;
    let purpose = session.profile.stated_purpose()?;
    let (_, subject, path) = reference::to_read(&session, target, "bundle")?;
    let joined = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{joined}report=true");
    let bytes = session.client.read(&session.reader, &path, purpose)?.body;
    if let Some(file) = &command.source().keep {
        write_atomically(file, &bytes)?;
    }
    let subject = Some(subject.as_str());
    let trust = named.as_ref().unwrap_or(&session.policy);
    report::of_bytes(command, subject, &bytes, trust, output)
}
