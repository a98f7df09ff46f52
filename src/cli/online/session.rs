//! One person at one service: key, trust policy and connection, ready to sign and to read.

use std::cell::RefCell;

use super::agent;
use super::carry::{self, Carry};
use super::client::{Client, Reader, unexpected};
use super::home::Profile;
use super::told;
use super::unsent::{self, Settled};
use super::watch;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::policy;
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::entry::EntryHash;
use crate::protocol::note::VerifierKey;
use crate::protocol::policy::Policy;

/// A person at a service.
pub struct Session {
    /// Their folder.
    pub profile: Profile,
    /// Their key and name.
    pub reader: Reader,
    /// The service.
    pub client: Client,
    /// Whom they trust.
    pub policy: Policy,
    /// Where results go.
    pub output: Output,
    /// The carried file, where the person works offline.
    pub carry: Option<RefCell<Carry>>,
    /// What earlier commands had signed and this one has sent.
    pub settled: RefCell<Vec<Settled>>,
}

impl Session {
    /// Of what was read for it; nothing was asked of the service yet.
    pub fn of(
        reader: Reader,
        client: Client,
        policy: Policy,
        output: Output,
        profile: Profile,
    ) -> Session {
        Session {
            reader,
            client,
            policy,
            output,
            profile,
            carry: None,
            settled: RefCell::default(),
        }
    }

    /// Opens the person's folder, and checks that the service continues the history this person verified
    /// before: whatever the command, a fork is noticed first.
    pub fn open(mut profile: Profile, output: Output) -> Result<Session, Failure> {
        let (ledger, actor) = profile.identity(
            "not-enrolled",
            "make a key with `custodes key new`, then have your authority enrol it",
        )?;
        let policy = policy::load(&profile.policy_file())?;
        let key = agent::signer(&mut profile)?;
        let client = match &profile.offline {
            Some(_) => Client::offline(),
            None => Client::new(profile.url.as_deref())?,
        };
        let reader = Reader { ledger, actor, key };
        let mut session = Session::of(reader, client, policy, output, profile);
        if let Some(file) = session.profile.offline.clone() {
            let carry = match session.profile.only_look {
                true => Carry::look(&file, &session)?,
                false => Carry::open(&file, &session)?,
            };
            session.carry = Some(RefCell::new(carry));
            return Ok(session);
        }
        watch::look(&session)?;
        carry::keep_own(&session);
        Ok(session)
    }

    /// The same, to record: what earlier commands could not send is sent first.
    pub fn open_to_record(profile: Profile, output: Output) -> Result<Session, Failure> {
        let session = Session::open(profile, output)?;
        if session.carry.is_none() {
            unsent::send_left(&session)?;
        }
        Ok(session)
    }

    /// The genesis entry, as the service names it.
    pub fn genesis(&self) -> Result<EntryHash, Failure> {
        let answer = self.client.public("/v1/ledger")?;
        let ledger = answer.ok_or_else(|| unexpected("no /v1/ledger"))?.json()?;
        serde_json::from_value(ledger["genesis"].clone())
            .map_err(|_| unexpected("/v1/ledger names no genesis"))
    }

    /// Stores a manifest under its SHA-256; offline, in the carried file.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<(), Failure> {
        if let Some(carry) = &self.carry {
            carry.borrow_mut().keep_blob(bytes);
            return Ok(());
        }
        self.client.put_blob(&self.reader, bytes).map(|_| ())
    }

    /// Reads JSON, for a purpose that the person stated.
    pub fn read_json(&self, path: &str) -> Result<serde_json::Value, Failure> {
        self.client
            .read_json(&self.reader, path, self.profile.stated_purpose()?)
    }

    /// Reads JSON that is needed to carry out a command, for that purpose.
    pub fn read_json_for(&self, path: &str, purpose: &str) -> Result<serde_json::Value, Failure> {
        let purpose = self.profile.purpose.as_deref().unwrap_or(purpose);
        self.client.read_json(&self.reader, path, purpose)
    }

    /// Reads a history, for a purpose that the person stated.
    pub fn history(&self, path: &str) -> Result<serde_json::Value, Failure> {
        told::whole(self, path, self.profile.stated_purpose()?)
    }

    /// Reads a history that is needed to carry out a command, for that purpose.
    pub fn history_for(&self, path: &str, purpose: &str) -> Result<serde_json::Value, Failure> {
        let purpose = self.profile.purpose.as_deref().unwrap_or(purpose);
        told::whole(self, path, purpose)
    }

    /// Reads a signed checkpoint under a log key that the policy lists.
    pub fn open_checkpoint(&self, note: &str) -> Result<Checkpoint, Failure> {
        checkpoint::open_with(note, &self.log_keys(), &[])
            .map(|(checkpoint, _)| checkpoint)
            .map_err(|error| {
                Failure::check(
                    "checkpoint",
                    format!("the checkpoint cannot be trusted: {error}"),
                )
                .next("do not record anything: check the address of the service and your policy")
            })
    }

    /// The log's keys, by the policy.
    pub fn log_keys(&self) -> Vec<&VerifierKey> {
        self.policy.logs_for(&self.reader.ledger)
    }
}
