//! The service and the commands that talk to it (feature `service`).
//!
//! [`session`] opens a person's folder, [`watch`] guards against a forked ledger, [`signing`] records an
//! act, [`agent`] holds the key of a sitting, [`unsent`] keeps it until it is known to be recorded, [`reference`] finds what people name; each other file is
//! one command.

pub mod home;

mod agent;
mod carry;
mod client;
mod completeness;
mod fresh;
mod guide;
mod key_slot;
mod lock;
mod members;
mod names;
mod organisation;
mod patience;
mod reference;
mod rules_chain;
mod session;
mod signing;
mod submission;
mod told;
mod unsent;
mod values;
mod verbs;
mod vocabulary;
mod watch;
mod when;

mod accept_genesis;
mod adopt;
mod audit;
mod audit_map;
mod authority;
mod bench;
mod bundle;
mod case;
mod disclose;
mod enrol;
mod erase;
mod history;
mod init;
mod key;
mod lineage;
mod log_keys;
mod lookup;
mod receipt;
mod record;
mod register;
mod register_many;
mod repair;
mod report;
mod security_log;
mod serve;
mod service_key;
mod transfer;

use clap::Subcommand;

pub use self::report::run as report;

use self::home::{Profile, ProfileArgs};
use super::Outcome;
use super::output::Output;

/// Commands of the full program.
#[derive(Debug, Subcommand)]
pub enum OnlineCommand {
    Init(init::InitArgs),
    Serve(serve::ServeArgs),
    #[command(subcommand)]
    Key(key::KeyCommand),
    Unlock(agent::UnlockArgs),
    Lock(agent::LockArgs),
    /// Hold a key for `unlock`, which starts this.
    #[command(hide = true, after_help = "Example: custodes unlock")]
    HoldKey,
    #[command(subcommand)]
    Organisation(organisation::OrganisationCommand),
    #[command(subcommand)]
    Case(case::CaseCommand),
    Register(register::RegisterArgs),
    RegisterMany(register_many::RegisterManyArgs),
    Record(record::RecordArgs),
    #[command(subcommand)]
    Receipt(receipt::ReceiptCommand),
    #[command(subcommand)]
    Transfer(transfer::TransferCommand),
    Disclose(disclose::DiscloseArgs),
    Acknowledge(disclose::AcknowledgeArgs),
    /// Hand an exhibit on: offer it; you stay responsible until it is accepted.
    #[command(
        after_help = "Example: custodes hand-over \"44NS1234526 JSM/1\" --to nfu --store store-2 --seal K1234567"
    )]
    HandOver(transfer::OfferArgs),
    #[command(flatten)]
    Verb(verbs::Verb),
    Template(guide::template::TemplateArgs),
    History(history::HistoryArgs),
    Completeness(completeness::CompletenessArgs),
    Erase(erase::EraseArgs),
    Lineage(lineage::LineageArgs),
    Lookup(lookup::LookupArgs),
    Bundle(bundle::BundleArgs),
    Carry(carry::take::CarryArgs),
    Submit(carry::submit::SubmitArgs),
    Audit(audit::AuditArgs),
    SecurityLog(security_log::SecurityLogArgs),
    Repair(repair::RepairArgs),
    Bench(bench::BenchArgs),
}

/// Runs the command.
pub fn run(command: OnlineCommand, mut args: ProfileArgs, output: Output) -> Outcome {
    args.allow_offline(matches!(
        command,
        OnlineCommand::Record(_)
            | OnlineCommand::Register(_)
            | OnlineCommand::Transfer(_)
            | OnlineCommand::HandOver(_)
            | OnlineCommand::Verb(_)
    ))?;
    if let OnlineCommand::Submit(submit) = &command
        && submit.check
    {
        args.look_offline(&submit.file);
    }
    let open = |args| session::Session::open(Profile::load(args)?, output);
    let record = |args| session::Session::open_to_record(Profile::load(args)?, output);
    match command {
        OnlineCommand::Init(command) => init::run(&command, output),
        OnlineCommand::Serve(command) => serve::run(&command, output),
        OnlineCommand::Audit(command) if command.service => {
            audit::by_service(&command, &open(args)?)
        }
        OnlineCommand::Audit(command) => audit::run(&command, output),
        OnlineCommand::Repair(command) => repair::run(&command, output),
        OnlineCommand::Bench(command) => bench::run(&command, output),
        OnlineCommand::Key(command) => key::run(&command, Profile::load(args)?, output),
        OnlineCommand::Organisation(command) => {
            organisation::run(&command, Profile::load(args)?, output)
        }
        OnlineCommand::Unlock(command) => agent::unlock(&command, &Profile::load(args)?, output),
        OnlineCommand::Lock(_) => agent::lock(&Profile::load(args)?, output),
        OnlineCommand::HoldKey => agent::hold(),
        OnlineCommand::Case(command) => case::run(&command, &record(args)?),
        OnlineCommand::Register(command) => register::run(&command, &record(args)?),
        OnlineCommand::RegisterMany(command) => register_many::run(&command, &record(args)?),
        OnlineCommand::Receipt(command) => receipt::run(&command, &open(args)?),
        OnlineCommand::Record(command) => record::run(&command, &record(args)?),
        OnlineCommand::Transfer(command) => transfer::run(&command, &record(args)?),
        OnlineCommand::HandOver(offer) => transfer::offer(&offer, &record(args)?),
        OnlineCommand::Verb(verb) => verbs::run(&verb, &record(args)?),
        OnlineCommand::Disclose(command) => disclose::run(&command, &record(args)?),
        OnlineCommand::Acknowledge(command) => disclose::acknowledge(&command, &record(args)?),
        OnlineCommand::Template(command) => guide::template::run(&command, output),
        OnlineCommand::Lineage(command) => lineage::run(&command, &open(args)?),
        OnlineCommand::Erase(command) => erase::run(&command, &record(args)?),
        OnlineCommand::History(command) => history::run(&command, &open(args)?),
        OnlineCommand::Completeness(command) => completeness::run(&command, &open(args)?),
        OnlineCommand::Lookup(command) => lookup::run(&command, &open(args)?),
        OnlineCommand::Bundle(command) => bundle::run(&command, &open(args)?),
        OnlineCommand::SecurityLog(command) => security_log::run(&command, &open(args)?),
        OnlineCommand::Carry(command) => carry::take::run(&command, &open(args)?),
        OnlineCommand::Submit(command) if command.check => carry::submit::check(&open(args)?),
        OnlineCommand::Submit(command) => carry::submit::run(&command, &record(args)?),
    }
}

#[cfg(test)]
mod rehearsal;
