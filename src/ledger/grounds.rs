//! What any entry is refused for, whatever its event: form, place, signer. A closed list, as the predicates of the
//! table are.

use super::outcome::Refusal;

macro_rules! grounds {
    ($($(#[$doc:meta])* $name:ident: $code:literal, $why:literal, $next:literal;)*) => {
        /// Why an entry is refused before the predicates of its row are asked.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Ground {
            $($(#[$doc])* $name,)*
        }

        impl Ground {
            /// Every one.
            pub const ALL: &[Ground] = &[$(Ground::$name),*];

            /// Its code, why, and what to do next.
            pub fn says(self) -> (&'static str, &'static str, &'static str) {
                match self {
                    $(Ground::$name => ($code, $why, $next),)*
                }
            }
        }
    };
}

grounds! {
    /// Genesis comes first.
    NoGenesis: "no-genesis",
        "The ledger has no genesis entry yet.",
        "Run custodes init first.";
    /// Genesis comes once.
    SecondGenesis: "second-genesis",
        "A ledger has one genesis entry, its first.",
        "Nothing can be done: make another ledger instead.";
    /// Genesis that contradicts itself.
    BadGenesis: "bad-genesis",
        "The genesis entry contradicts itself.",
        "Make the ledger again with custodes init.";
    /// Signed for another ledger.
    OtherLedger: "other-ledger",
        "The entry was signed for another ledger.",
        "Submit it to the ledger it was signed for.";
    /// The very same entry.
    AlreadyRecorded: "already-recorded",
        "This very entry is in the ledger already.",
        "Nothing needs to be done.";
    /// An event that no row has.
    UnknownEvent: "unknown-event",
        "This ledger's rules have no such event.",
        "Use an event of the ledger's rules (GET /v1/rules).";
    /// The row has another strand.
    WrongStrand: "wrong-strand",
        "The event belongs on another strand.",
        "Sign the entry again for that strand.";
    /// The chain has moved on.
    StalePrev: "stale-prev",
        "The entry does not stand at the end of its chain.",
        "Look at what was recorded meanwhile, then sign again on top of it.";
    /// The first entry of a chain must open it.
    NotOpened: "not-opened",
        "The event cannot be the first entry of a chain.",
        "Open the exhibit or case first, or check its reference.";
    /// A chain is opened once.
    AlreadyOpen: "already-open",
        "An exhibit or case with this id is open already.",
        "Sign again with a new id.";
    /// Nobody has this key.
    UnknownKey: "unknown-key",
        "The key that signed this entry is not enrolled in this ledger.",
        "Ask the authority of your organisation to enrol it (custodes key enrol).";
    /// Nobody has this id.
    UnknownActor: "unknown-actor",
        "The actor named in the entry is not enrolled in this ledger.",
        "Ask the authority of your organisation to enrol you.";
    /// Another person's key.
    KeyOfAnother: "key-of-another",
        "The key that signed the entry is not a key of the actor it names.",
        "Sign with your own key.";
    /// The key counts no more, or not yet.
    KeyNotValid: "key-not-valid",
        "The key is not valid at this place in the log.",
        "Ask the authority of your organisation for a new enrolment.";
    /// The organisation has not accepted genesis.
    OrganisationNotAccepted: "organisation-not-accepted",
        "The organisation has not accepted the ledger's genesis entry.",
        "Its authority must do that first (custodes key accept-genesis).";
    /// The organisation is suspended.
    OrganisationSuspended: "organisation-suspended",
        "The organisation is suspended in this ledger.",
        "Its authority can ask the other organisations to admit it again.";
    /// No role that may record it.
    NoRole: "no-role",
        "None of this actor's roles may record this event.",
        "Ask somebody whose role it is, or your authority for the role.";
    /// An entry of a branch that does not follow the one before it there.
    BranchOrder: "branch-order",
        "The entry does not follow the one before it in its branch, or the one that the branch goes on from.",
        "Name the entries of the branch in the order in which they were signed, and the entry that the first of them follows.";
    /// A branch of a branch is one more branch, not one within the other.
    BranchTooDeep: "branch-too-deep",
        "A branch holds what was done with the exhibit, not another branch.",
        "Record the other branch by itself.";
    /// A body that does not fit the row.
    BadBody: "bad-body",
        "The body does not fit the event.",
        "Correct the body and sign the entry again.";
    /// A detail that the row needs.
    DetailMissing: "detail-missing",
        "The event needs a detail that is not there, or says nothing.",
        "Give it, for example --detail NAME=WORDS.";
}

impl Ground {
    /// The refusal.
    pub fn refusal(self) -> Refusal {
        let (code, why, next) = self.says();
        Refusal::new(code, why, next)
    }

    /// The refusal, with words that say more exactly why.
    pub fn because(self, why: impl Into<String>) -> Refusal {
        let (code, _, next) = self.says();
        Refusal::new(code, why, next)
    }
}
