//! Signing an act into a carried file. What can be known here is checked here, so that nothing that was
//! signed in the field is refused later for its form.

use super::file::{Carry, Queued};
use crate::cli::failure::Failure;
use crate::cli::online::fresh::unix_now;
use crate::cli::online::session::Session;
use crate::cli::online::signing::{self, Act, Head, Recorded};
use crate::cli::online::{vocabulary, watch};
use crate::ledger::rules::Row;
use crate::ledger::{Rules, check_whole};
use crate::protocol::entry::Seen;
use crate::protocol::id::{OrgId, Strand};

impl Carry {
    /// Signs an act, adds it and writes the file.
    pub fn sign(&mut self, session: &Session, act: &Act) -> Result<Recorded, Failure> {
        let row = row(act)?;
        self.check_signer(session, row)?;
        self.check_offer(session, act)?;
        let head = match self.standing.get(&act.subject) {
            Some(exhibit) => Head {
                length: exhibit.length,
                last: Some(exhibit.last),
            },
            None => Head {
                length: 0,
                last: None,
            },
        };
        let seen = self.newest_seen(session)?;
        let entry = signing::sign(session, act, &head, Some(seen))?;
        check_whole(Rules::embedded(), &entry)
            .map_err(|refusal| Failure::new(&refusal.code, refusal.why).next(refusal.next))?;
        self.standing
            .follow(&entry)
            .map_err(|why| Failure::new("carry", why))?;
        self.written.queue.push(Queued {
            entry: entry.to_text(),
            receipt: None,
        });
        self.save()?;
        let recorded = Recorded::queued(&entry, self.written.queue.len(), &self.path);
        self.entries.push(entry);
        Ok(recorded)
    }

    fn check_signer(&self, session: &Session, row: &Row) -> Result<(), Failure> {
        let kid = session.reader.key.public().id();
        let own = self
            .people
            .key(kid)
            .filter(|key| key.actor == session.reader.actor)
            .ok_or_else(|| {
                Failure::new(
                    "enrolment-missing",
                    "neither this file nor your folder holds your enrolment, so the next person could not check your signature",
                )
                .next("run any command once while online, such as `custodes history`; or use the file of somebody who named you with --with")
            })?;
        let now = i64::try_from(unix_now()).unwrap_or(i64::MAX);
        if own.valid_until.is_some_and(|until| now > until) {
            return Err(Failure::new("key-not-valid", "your key is no longer valid")
                .next("ask your authority for a new enrolment"));
        }
        if !row.roles.iter().any(|role| own.roles.contains(role)) {
            return Err(Failure::new(
                "no-role",
                format!("none of your roles may record \"{}\"", row.event),
            )
            .next("let somebody record it whose role it is"));
        }
        Ok(())
    }

    /// Promises are refused by the ledger where they break a rule; better here than after the handover.
    fn check_offer(&self, session: &Session, act: &Act) -> Result<(), Failure> {
        let Some(exhibit) = self.standing.get(&act.subject) else {
            return Ok(());
        };
        if act.event != "transfer-offered" {
            return Ok(());
        }
        let ours: OrgId = session.reader.actor.org();
        if exhibit.holder != ours {
            // The file knows nothing of bags that move what is in them, nor of custody that was restated.
            eprintln!(
                "By this file {} is held by {}. If that is so, the ledger will refuse your offer when it is submitted: accept \
                 the exhibit first with `custodes transfer accept`, or let the holder offer it.",
                self.called(&act.subject),
                exhibit.holder
            );
        }
        if exhibit.offer.is_some() {
            return Err(
                Failure::new("offer-open", "the exhibit is on offer already")
                    .next("withdraw that offer first with `custodes transfer withdraw`"),
            );
        }
        Ok(())
    }

    /// The newer of the file's checkpoint and the signer's own.
    fn newest_seen(&self, session: &Session) -> Result<Seen, Failure> {
        let Some(own) = watch::known(session)? else {
            return Ok(self.seen);
        };
        if own.size == self.seen.size && own.root != self.seen.root {
            return Err(Failure::check(
                "fork",
                format!(
                    "ALARM: the file's checkpoint and yours say different things of the same {} entries; nothing was signed",
                    own.size.0
                ),
            )
            .next("keep the file and your folder as they are, and tell an auditor and the other parties"));
        }
        Ok(if own.size > self.seen.size {
            Seen {
                size: own.size,
                root: own.root,
            }
        } else {
            self.seen
        })
    }
}

fn row(act: &Act) -> Result<&'static Row, Failure> {
    if act.strand != Strand::Custody {
        return Err(Failure::new(
            "not-offline",
            format!(
                "\"{}\" cannot be signed offline: several people may write there at once, and each entry must follow the one before",
                act.event
            ),
        )
        .next("note it on paper with its time, and record it when online with --occurred-at TIME"));
    }
    vocabulary::event(&act.event)
}
