//! The naive model: what it knows of an exhibit, and what it says of an act.

use std::collections::{BTreeMap, BTreeSet};

use custodes::ledger::Rules;
use custodes::ledger::state::Status;
use custodes::protocol::entry::EntryHash;
use custodes::protocol::id::Strand;

/// Who acts, by number: officer, examiner, prosecutor, and somebody whose organisation is not in the case.
pub const ORGS: [&str; 4] = [
    "northshire-police",
    "northshire-forensics",
    "crown-prosecution",
    "ash-and-co",
];
pub const OUTSIDER: usize = 3;
pub const PROSECUTOR: usize = 2;
pub const EXAMINER: usize = 1;

#[derive(Clone, Copy)]
pub enum To {
    Person(usize),
    Org(usize),
    Store(usize),
}

impl To {
    pub fn org(self) -> usize {
        match self {
            To::Person(who) | To::Org(who) | To::Store(who) => who,
        }
    }
}

/// What the model knows of an exhibit. The first is a bag, the others may be in it.
#[derive(Clone)]
pub struct Thing {
    pub holder: usize,
    pub seal: Option<usize>,
    pub seals: BTreeSet<usize>,
    pub offer: Option<(EntryHash, To, usize)>,
    pub status: Status,
    pub holds: BTreeMap<EntryHash, usize>,
    pub authorised: Option<(EntryHash, usize)>,
    /// Who claims privilege in it.
    pub claims: BTreeSet<usize>,
    pub packed: bool,
    /// Whether the other case took it in.
    pub linked: bool,
    /// Its custody chain, as far as acts that follow one another.
    pub custody: Vec<EntryHash>,
}

/// What may be decided of a claim of privilege.
pub const OUTCOMES: [&str; 4] = ["upheld", "rejected", "waived", "waived"];

pub type Verdict = Result<BTreeSet<&'static str>, &'static str>;

/// What the model says of an act, in the order in which the rules ask.
#[allow(clippy::too_many_arguments)]
pub fn verdict(
    thing: &Thing,
    at: usize,
    who: usize,
    event: &str,
    number: usize,
    to: To,
    offer: Option<EntryHash>,
    hold: Option<EntryHash>,
    allowed: Option<EntryHash>,
    into_bag: bool,
    of_this: bool,
    is_held_back: bool,
    held_elsewhere: bool,
    through_seal: bool,
) -> Verdict {
    let open = thing.offer;
    let is_open = offer.is_some() && open.map(|one| one.0) == offer;
    let refusals: &[(bool, &'static str)] = match event {
        "hold-placed" => &[
            (who == EXAMINER, "no-role"),
            (who == OUTSIDER, "no-standing"),
        ],
        "hold-lifted" => {
            let by = hold.and_then(|hold| thing.holds.get(&hold));
            &[
                (who == EXAMINER, "no-role"),
                (who == OUTSIDER, "no-standing"),
                (by.is_none(), "no-such-hold"),
                (by != Some(&who) && who != PROSECUTOR, "not-your-hold"),
            ]
        }
        "disposal-authorised" => &[
            (who == EXAMINER, "no-role"),
            (who == OUTSIDER, "no-standing"),
            (is_held_back || held_elsewhere, "under-hold"),
            (thing.holder == who, "own-disposal"),
        ],
        "privilege-resolved" => {
            let own = match OUTCOMES[number] {
                "waived" => thing.claims.contains(&who),
                _ => who == PROSECUTOR,
            };
            &[
                (who == OUTSIDER, "no-standing"),
                (thing.claims.is_empty(), "no-claim"),
                (!own, "not-your-claim"),
            ]
        }
        "transfer-offered" => &[
            (who == OUTSIDER, "no-standing"),
            (
                thing.holder != who || thing.status != Status::Held,
                "not-holder",
            ),
            (
                to.org() == who && !matches!(to, To::Store(_)),
                "offer-to-self",
            ),
            (to.org() == OUTSIDER, "recipient-not-in-case"),
            (open.is_some(), "offer-open"),
        ],
        "transfer-refused" => &[
            (who == OUTSIDER, "no-standing"),
            (!is_open, "no-such-offer"),
            (open.is_none_or(|one| one.1.org() != who), "not-offeree"),
        ],
        "transfer-withdrawn" => &[
            (who == OUTSIDER, "no-standing"),
            (!is_open, "no-such-offer"),
            (open.is_none_or(|one| one.2 != who), "not-offeror"),
        ],
        "annotated" => &[
            (who == OUTSIDER, "no-standing"),
            (!of_this, "unknown-target"),
        ],
        "packed" => &[
            (who == OUTSIDER, "no-standing"),
            (!into_bag || at == 0, "not-a-container"),
        ],
        _ => &[(who == OUTSIDER, "no-standing")],
    };
    if let Some((_, code)) = refusals.iter().find(|(refused, _)| *refused) {
        return Err(code);
    }
    let other = thing.holder != who;
    let packed = (thing.packed, "while-packed");
    let differs = thing.seal.is_some_and(|seal| seal != number);
    let reused = (thing.seals.contains(&number), "seal-reused");
    let handler = (who == PROSECUTOR, "unusual-role");
    let holder = (other, "not-the-holder");
    let lost = thing.status == Status::Lost;
    let held = (is_held_back, "under-hold");
    let sealed_in = (through_seal, "container-sealed");
    let unrecorded = (thing.seal.is_none(), "seal-not-recorded");
    let unsaid = (thing.seal.is_some(), "seal-not-stated");
    let outside = (thing.status == Status::Outside, "while-outside");
    let authorised = allowed.is_some() && thing.authorised.map(|one| one.0) == allowed;
    let ended = [Status::Returned, Status::Disposed, Status::Destroyed].contains(&thing.status);
    let flags: &[(bool, &'static str)] = match event {
        "sealed" => &[
            holder,
            reused,
            (thing.seal.is_some(), "sealed-twice"),
            outside,
            handler,
        ],
        "unsealed" => &[
            holder,
            (differs, "seal-differs"),
            (thing.seal.is_none(), "not-sealed"),
            outside,
            handler,
        ],
        "resealed" => &[
            holder,
            reused,
            (thing.seal.is_some(), "sealed-twice"),
            outside,
            handler,
        ],
        "stored" => &[holder, packed, outside, handler],
        "consigned" => &[
            holder,
            (differs, "seal-differs"),
            unrecorded,
            packed,
            outside,
            handler,
        ],
        "handed-to-unenrolled" => &[holder, (true, "one-side-only"), packed],
        "received-from-unenrolled" => &[
            (true, "one-side-only"),
            (differs, "seal-differs"),
            unrecorded,
            packed,
        ],
        "custody-assumed" => &[(true, "custody-assumed"), unsaid, packed],
        "returned" => &[(!authorised, "not-authorised"), held, holder, packed],
        "destroyed-unplanned" => &[(true, "destroyed-unplanned"), held, packed],
        "packed" => &[holder, packed, sealed_in, outside, handler],
        "unpacked" => &[
            holder,
            (!thing.packed || !into_bag, "not-packed"),
            sealed_in,
            outside,
            handler,
        ],
        "lost" => &[(true, "lost"), holder, packed],
        "found" => &[
            (!lost, "found-not-lost"),
            (lost, "custody-gap"),
            unsaid,
            packed,
        ],
        "transfer-accepted" => &[
            (!is_open, "accepted-without-offer"),
            (
                open.is_some_and(|one| one.1.org() != who),
                "accepted-by-other",
            ),
            unsaid,
            packed,
        ],
        "disposed" => &[
            (!authorised, "not-authorised"),
            (
                thing.authorised.is_some_and(|one| one.1 == who),
                "own-authorisation",
            ),
            held,
            holder,
            packed,
        ],
        _ => &[],
    };
    let custody = Rules::embedded().row(event).unwrap().strand == Strand::Custody;
    let always = [
        (custody && ended, "after-end"),
        (custody && lost && event != "found", "while-lost"),
    ];
    let raised = flags.iter().chain(&always).filter(|(raised, _)| *raised);
    Ok(raised.map(|(_, code)| *code).collect())
}
