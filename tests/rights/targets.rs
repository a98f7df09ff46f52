//! Everything that can be asked of the service: each path, with each kind of thing that it may be about, and the same of
//! something that there is not.

use custodes::protocol::entry::{Draft, EntryHash, UnverifiedEntry};
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{Strand, Subject};
use serde_json::{Value, json};

use crate::setting::Setting;
use crate::world::{Person, details};

/// How an answer is described.
#[derive(Clone, Copy, PartialEq)]
pub enum Look {
    /// Of which chains it says how long they are.
    Chains,
    /// That it was given.
    Given,
    /// What there is of entries that the setting names.
    Entries,
    /// The end of a chain.
    Head,
    /// What was found.
    Matches,
}

/// What is sent.
pub enum Ask {
    /// A request with a token.
    Read(Of),
    /// A request without.
    Open(Of),
    /// An entry: its event, what it is about, its body, and whether it is signed for the end of its chain or its beginning.
    Entry(&'static str, Of, fn(&Setting) -> Value, bool),
    /// A blob of the asker's own.
    Put,
}

/// Path or subject, of what there is and of what there is not.
pub struct Of {
    pub real: String,
    pub absent: Option<String>,
}

pub struct Target {
    /// Method and path as in the table of routes.
    pub route: (&'static str, &'static str),
    pub what: &'static str,
    pub ask: Ask,
    pub look: Look,
    /// Whether it costs so much that of each relation one person asks.
    pub costly: bool,
}

impl Target {
    fn costly(mut self) -> Target {
        self.costly = true;
        self
    }
}

fn read(
    path: &'static str,
    what: &'static str,
    real: String,
    absent: Option<String>,
    look: Look,
) -> Target {
    let ask = Ask::Read(Of { real, absent });
    Target {
        route: ("get", path),
        what,
        ask,
        look,
        costly: false,
    }
}

/// What anybody may ask for who reaches the service.
const PUBLIC: [(&str, &str); 10] = [
    ("/v1/ledger", "/v1/ledger"),
    ("/v1/rules", "/v1/rules"),
    ("/schemas/{event}", "/schemas/sealed"),
    ("/v1/consistency/{old}/{new}", "/v1/consistency/1/2"),
    ("/checkpoint", "/checkpoint"),
    ("/tile/{path}", "/tile/0/000.p/2"),
    ("/healthz", "/healthz"),
    ("/readyz", "/readyz"),
    ("/openapi.json", "/openapi.json"),
    ("/docs", "/docs"),
];

pub fn targets(s: &Setting) -> Vec<Target> {
    let mut all = entries(s);
    all.extend(chains(s));
    all.extend(searches(s));
    all.extend(blobs(s));
    all.extend(of_auditors());
    all.extend(submissions(s));
    let open = |path, real: &str| Target {
        route: ("get", path),
        what: "",
        ask: Ask::Open(Of {
            real: real.to_owned(),
            absent: None,
        }),
        look: Look::Given,
        costly: false,
    };
    all.extend(PUBLIC.map(|(path, real)| open(path, real)));
    // Shown where only this machine reaches the service.
    all.push(open("/metrics", "/metrics"));
    let cosignature = Target {
        route: ("post", "/v1/cosignatures"),
        ..open("", "/v1/cosignatures")
    };
    all.push(cosignature);
    all
}

fn entries(s: &Setting) -> Vec<Target> {
    let nothing = EntryHash(Hash::of(&[b"nothing"]));
    let rules = s.world.entries[0].entry.hash();
    let mut keys = s.world.entries.iter();
    let keys = keys.find(|one| one.entry.payload().strand == Strand::Keys);
    let keys = keys.unwrap().entry.hash();
    let all = s.entries.iter().filter(|(name, _)| {
        !matches!(
            **name,
            "proposed" | "approved" | "joined" | "left" | "other disclosed" | "other registered"
        )
    });
    let all = all.map(|(name, e)| (*name, *e));
    let mut targets = Vec::new();
    for (what, e) in all.chain([("genesis", rules), ("somebody's enrolment", keys)]) {
        let path = |more: &str| {
            (
                format!("/v1/entries/{e}{more}"),
                Some(format!("/v1/entries/{nothing}{more}")),
            )
        };
        let (real, absent) = path("");
        targets.push(read("/v1/entries/{e}", what, real, absent, Look::Entries));
        if matches!(
            what,
            "registered" | "police looked" | "defence looked" | "taken in" | "genesis"
        ) {
            let (real, absent) = path("/receipt");
            targets.push(read(
                "/v1/entries/{e}/receipt",
                what,
                real,
                absent,
                Look::Given,
            ));
            let (real, absent) = path("/proof");
            targets.push(read(
                "/v1/entries/{e}/proof",
                what,
                real,
                absent,
                Look::Given,
            ));
        }
    }
    targets
}

fn chains(s: &Setting) -> Vec<Target> {
    let nothing = Subject::from_bytes([9; 16]);
    let person = s.officer.actor.subject();
    let mut targets = Vec::new();
    for (what, subject, strand) in [
        ("custody of the exhibit", &s.exhibit, "custody"),
        ("notes of the exhibit", &s.exhibit, "notes"),
        ("access of the exhibit", &s.exhibit, "access"),
        ("the case", &s.case, "case"),
        ("exhibits of the case", &s.case, "exhibits"),
        ("the covert case", &s.covert, "case"),
        ("access of the covert case", &s.covert, "access"),
        ("somebody's keys", &person, "keys"),
        ("access of the ledger", &s.world.subject, "access"),
    ] {
        let path = |subject: &Subject| format!("/v1/heads/{subject}/{strand}");
        let (real, absent) = (path(subject), Some(path(&nothing)));
        targets.push(read(
            "/v1/heads/{subject}/{strand}",
            what,
            real,
            absent,
            Look::Head,
        ));
    }
    let (case, covert) = (&s.case, &s.covert);
    let under = |case: &Subject| format!("?case={case}");
    let history = "/v1/{kind}/{subject}/history";
    let bundle = "/v1/{kind}/{subject}/bundle";
    let completeness = "/v1/{kind}/{subject}/completeness";
    for (what, kind, subject, more) in [
        ("the exhibit", "exhibits", &s.exhibit, String::new()),
        (
            "the exhibit, under its case",
            "exhibits",
            &s.exhibit,
            under(case),
        ),
        (
            "the exhibit, under the covert case",
            "exhibits",
            &s.exhibit,
            under(covert),
        ),
        ("the case", "cases", case, String::new()),
        ("the covert case", "cases", covert, String::new()),
    ] {
        let path = |subject: &Subject, what: &str, more: &str| {
            format!("/v1/{kind}/{subject}/{what}{more}")
        };
        let whole = (
            path(subject, "history", &more),
            path(&nothing, "history", &more),
        );
        targets.push(read(history, what, whole.0, Some(whole.1), Look::Entries).costly());
        let whole = (
            path(subject, "bundle", &more),
            path(&nothing, "bundle", &more),
        );
        targets.push(read(bundle, what, whole.0, Some(whole.1), Look::Entries).costly());
        let ends = (
            path(subject, "completeness", &more),
            path(&nothing, "completeness", &more),
        );
        targets.push(read(completeness, what, ends.0, Some(ends.1), Look::Chains));
    }
    let path = |more: &str| {
        let path = |subject: &Subject| format!("/v1/exhibits/{subject}/{more}");
        (path(&s.exhibit), Some(path(&nothing)))
    };
    for (what, more) in [
        ("custody of the exhibit", "history?strand=custody"),
        ("notes of the exhibit", "history?strand=notes"),
    ] {
        let (real, absent) = path(more);
        targets.push(read(history, what, real, absent, Look::Entries));
    }
    let (real, absent) = path("bundle?audited=true");
    targets.push(read(bundle, "the exhibit, as audited", real, absent, Look::Given).costly());
    for (what, kind, subject) in [
        ("a person, as an exhibit", "exhibits", &person),
        ("the ledger, as an exhibit", "exhibits", &s.world.subject),
        ("the exhibit, as a case", "cases", &s.exhibit),
    ] {
        let path = |subject: &Subject| format!("/v1/{kind}/{subject}/history");
        targets.push(read(
            history,
            what,
            path(subject),
            Some(path(&nothing)),
            Look::Given,
        ));
    }
    targets
}

fn searches(s: &Setting) -> Vec<Target> {
    let digest = |bytes: &[u8]| format!("/v1/lookup?sha256={}", Hash::of(&[bytes]).to_hex());
    let (real, absent) = (digest(&s.manifest), Some(digest(b"nothing")));
    let mut targets = vec![read(
        "/v1/lookup",
        "the exhibit's digest",
        real,
        absent,
        Look::Given,
    )];
    let resolve = |reference: &str| format!("/v1/resolve?reference={reference}");
    let id = |subject: &Subject| resolve(subject.as_str());
    for (what, real) in [
        ("the exhibit's reference", resolve("JSM%2F1")),
        ("the case's and the exhibit's", resolve("OPEN%20JSM%2F1")),
        (
            "the covert case's and the exhibit's",
            resolve("COVERT%20JSM%2F1"),
        ),
        ("the covert case's", resolve("COVERT")),
        ("the exhibit's id", id(&s.exhibit)),
        ("the covert case's id", id(&s.covert)),
    ] {
        let absent = Some(resolve("NOTHING%20N%2F1"));
        targets.push(read("/v1/resolve", what, real, absent, Look::Matches));
    }
    let real = resolve("Ada%20Osei");
    targets.push(read(
        "/v1/resolve",
        "a person's name",
        real,
        None,
        Look::Given,
    ));
    targets
}

fn blobs(s: &Setting) -> Vec<Target> {
    let path =
        |bytes: &[u8], more: &str| format!("/v1/blobs/{}{more}", Hash::of(&[bytes]).to_hex());
    let of = |more: &str| (path(&s.manifest, more), Some(path(b"nothing", more)));
    let (real, absent) = of("");
    let get = read(
        "/v1/blobs/{sha256}",
        "the exhibit's manifest",
        real,
        absent,
        Look::Given,
    );
    let (real, absent) = of("/upload");
    let upload = read(
        "/v1/blobs/{sha256}/upload",
        "another's upload",
        real,
        absent,
        Look::Given,
    );
    let put = Target {
        route: ("put", "/v1/blobs/{sha256}"),
        what: "the manifest again, and another",
        ask: Ask::Put,
        look: Look::Given,
        costly: false,
    };
    vec![get, upload, put]
}

fn of_auditors() -> Vec<Target> {
    let one = |path, real: &str| read(path, "", real.to_owned(), None, Look::Given);
    vec![
        one("/v1/audit", "/v1/audit").costly(),
        one("/v1/log", "/v1/log?from=0"),
        one("/v1/security-log", "/v1/security-log?from=0"),
    ]
}

/// Entries that nobody has recorded: where the signer stands, they are refused for what they name.
fn submissions(s: &Setting) -> Vec<Target> {
    let of = |subject: &Subject| Of {
        real: subject.to_string(),
        absent: Some(Subject::from_bytes([9; 16]).to_string()),
    };
    let mut targets = Vec::new();
    type Body = fn(&Setting) -> Value;
    let target: Body = |_| json!({"target": Hash::of(&[b"nothing"])});
    let targets_of: Body = |_| json!({"category": "other", "targets": [Hash::of(&[b"nothing"])]});
    let refused: Body = |s| json!({"offer": Hash::of(&[b"nothing"]), "from": s.officer.actor});
    let schedule: Body = |_| json!({"exhibit": Subject::from_bytes([9; 16]), "schedule": "mg6c"});
    let parent: Body = |s| {
        let digest = custodes::protocol::digest::EvidenceDigest::of_bytes(
            custodes::protocol::digest::DigestKind::File,
            b"x",
        );
        let nobody = Subject::from_bytes([9; 16]);
        json!({"case": s.covert, "kind": "other", "role": "working", "digest": digest,
            "parents": [{"exhibit": nobody, "digest": null}]})
    };
    for (what, event, subject, body) in [
        ("a note on the exhibit", "annotated", &s.exhibit, target),
        (
            "an offer of the exhibit refused",
            "transfer-refused",
            &s.exhibit,
            refused,
        ),
        (
            "an irregularity in the case",
            "case-irregularity-raised",
            &s.case,
            targets_of,
        ),
        ("a schedule of the case", "scheduled", &s.case, schedule),
        (
            "a schedule of the covert case",
            "scheduled",
            &s.covert,
            schedule,
        ),
        ("the exhibit opened again", "copied", &s.exhibit, parent),
        (
            "that somebody looked",
            "viewed",
            &s.exhibit,
            |_| json!({"target": "exhibit", "extent": "entry"}),
        ),
    ] {
        for (at_end, where_) in [
            (true, "at the end of its chain"),
            (false, "at the beginning"),
        ] {
            targets.push(Target {
                route: ("post", "/v1/entries"),
                what: Box::leak(format!("{what}, {where_}").into_boxed_str()),
                ask: Ask::Entry(event, of(subject), body, at_end),
                look: Look::Given,
                costly: false,
            });
        }
    }
    targets
}

/// An entry as somebody signs it, about what there is and, at the same place, about what there is not.
pub fn signed(
    s: &mut Setting,
    who: &Person,
    event: &str,
    of: &Of,
    body: Value,
    at_end: bool,
) -> [String; 2] {
    let subject = Subject::new(of.real.clone()).unwrap();
    let absent = Subject::new(of.absent.clone().unwrap()).unwrap();
    let strand = custodes::ledger::Rules::embedded()
        .row(event)
        .unwrap()
        .strand;
    let mut all = details();
    (all["reader"], all["token"]) = (json!("somebody"), json!("a.b.c"));
    let entry = match at_end {
        true => s.world.sign(who, &subject, strand, event, body, all),
        false => s
            .world
            .sign_at(who, &subject, strand, event, body, all, (0, None)),
    };
    let about = |subject: Subject| -> UnverifiedEntry {
        let mut payload = entry.payload().clone();
        payload.subject = subject;
        payload.details.clear();
        let details = entry.payload().details.keys();
        let details = details.map(|name| (name.clone(), json!("as told")));
        let details = details.collect();
        let mut salt = 0;
        let draft = Draft { payload, details };
        draft
            .sign(&who.key, || {
                salt += 1;
                [salt; 16]
            })
            .unwrap()
    };
    [subject, absent].map(|subject| json!({"entry": about(subject).to_text()}).to_string())
}
