//! Acting as an organisation's authority: its key file, and the profile that lies beside it.
//!
//! `custodes init` writes `authority/ORG.pem` and `authority/ORG/` (configuration and policy, as in a
//! person's folder). One that made its key with `custodes key new` has everything in that folder.

use std::path::PathBuf;

use clap::Args;

use super::client::{Client, Reader};
use super::home::Profile;
use super::session::Session;
use super::unsent;
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::output::Output;
use crate::cli::policy;
use crate::protocol::id::OrgId;
use crate::protocol::key::SecretKey;

/// Which authority acts.
#[derive(Debug, Args)]
pub struct AuthorityArgs {
    /// The authority's private key. Its configuration and policy lie in the folder beside it that has its name
    /// without `.pem`, or else in the same folder.
    #[arg(long, value_name = "FILE")]
    authority: PathBuf,
    /// The organisation.
    #[arg(long)]
    pub org: OrgId,
}

/// Which authority acts, if one does.
#[derive(Debug, Args)]
pub struct OptionalAuthority {
    /// The authority's private key; its folder lies beside it, under the same name without `.pem`.
    #[arg(long, value_name = "FILE", requires = "org")]
    authority: Option<PathBuf>,
    /// The organisation.
    #[arg(long, requires = "authority")]
    org: Option<OrgId>,
}

impl OptionalAuthority {
    /// The authority, where one is named.
    pub fn chosen(&self) -> Option<AuthorityArgs> {
        let (authority, org) = self.authority.clone().zip(self.org.clone())?;
        Some(AuthorityArgs { authority, org })
    }
}

impl AuthorityArgs {
    /// Opens the authority's folder with its key, to record.
    pub fn session(&self, profile: Profile, output: Output) -> Result<Session, Failure> {
        let beside = self.authority.with_extension("");
        let home = match (beside.is_dir(), self.authority.parent()) {
            (false, Some(folder)) => folder.to_owned(),
            _ => beside,
        };
        let profile = profile.at(&home)?;
        let (ledger, actor) = profile.identity(
            "authority",
            "the folder beside the authority's key is made by `custodes init`",
        )?;
        if actor.org() != self.org {
            return Err(Failure::new(
                "authority",
                format!("this is the key of {}, not of {}", actor.org(), self.org),
            )
            .next("check --authority and --org"));
        }
        let policy = policy::load(&profile.policy_file())?;
        let key = Box::new(keys::load::<SecretKey>(&self.authority)?);
        let client = Client::new(profile.url.as_deref())?;
        let reader = Reader { ledger, actor, key };
        let session = Session::of(reader, client, policy, output, profile);
        unsent::send_left(&session)?;
        Ok(session)
    }
}
