//! The disclosure report of a case: for each stage what was served in time, late or not at all; each disclosure, whether
//! it was acknowledged and whether the recipient's own digests agree; each request and its decision; who gave which
//! undertaking for what. For every party alike, as far as their bundle goes.
//!
//! The facts are those of [`super::served`]. In scope: words and JSON. Out of scope: whether more should have been disclosed.

use serde_json::{Value, json};

use super::about::{About, limits_in_words};
use super::complete;
use super::names::Names;
use super::served::{Case, Said, Service, Stage, Timing, lasting};
use super::stated::Stated;
use super::telling::Telling as _;
use super::undertakings;
use crate::protocol::id::Subject;
use crate::protocol::time::Moment;
use crate::protocol::tree::EntryIndex;
use crate::verify::{Verification, VerifiedBundle, counted};

/// What the report does not show.
pub const LIMITS: [&str; 5] = [
    "Served means that a disclosure was recorded here, by the log's clock. What was handed over without being recorded is \
     not here.",
    "Owed is what stands on schedule MG6E, and what was granted by name. Whether more should have been put there the \
     ledger cannot tell.",
    "MG6C lists unused material that is not sensitive: it may be asked for, and is not owed by standing there.",
    "Sensitive material (MG6D) is listed only for those who may read that schedule. For others nothing is said here of \
     whether there is any.",
    "Times are as of the newest entry that this bundle has; what was recorded later is not here.",
];

/// The report on a case, for people and for programs.
pub fn disclosure_report(
    verification: &Verification,
    bundle: &VerifiedBundle,
    about: &About,
) -> (String, Value) {
    let names = Names::of(bundle);
    let case = Case::of(bundle, &about.subject);
    let report = Report {
        bundle,
        names: &names,
        case: &case,
    };
    let subject = about.in_words(&names);
    let mut text = format!(
        "WHAT WAS DISCLOSED, AND WHEN\n\nAbout {subject}, in the ledger \"{}\", as of {}.\n{}\n",
        bundle.origin,
        bundle.evaluated_at.in_words(),
        complete::told(verification, bundle)
    );
    let mut value = about.heading("disclosure", verification, bundle, &LIMITS);
    for (name, (words, part)) in [
        ("stages", report.stages()),
        ("schedules", report.schedules()),
        ("disclosures", report.disclosures()),
        ("requests", report.requests()),
        ("undertakings", undertakings::part(bundle, &names, &case)),
        ("withheld", report.withheld()),
    ] {
        text.push_str(&words);
        value[name] = part;
    }
    text.push_str(&limits_in_words(&LIMITS));
    (text, value)
}

/// What the parts of the report are made from.
pub(super) struct Report<'r, 'a> {
    pub(super) bundle: &'a VerifiedBundle,
    pub(super) names: &'r Names<'a>,
    pub(super) case: &'r Case<'a>,
}

impl<'a> Report<'_, 'a> {
    /// By stage in the order of the due dates; what belongs to none comes last.
    fn stages(&self) -> (String, Value) {
        let stages = self.case.stages();
        let services = self.case.services();
        let mut text = String::from("\nBY STAGE\n");
        if stages.is_empty() && services.is_empty() {
            text.push_str("\nNo stage was set, and nothing was scheduled, granted or disclosed.\n");
        }
        let mut values = Vec::new();
        for stage in &stages {
            let due = match stage.due_date() {
                Some(due) => format!("due {}", due.in_words()),
                None => "no due date".to_owned(),
            };
            text.push_str(&format!("\n{}, {due}\n", capitals(stage.code)));
            let moved = self.moved(stage);
            moved
                .iter()
                .for_each(|line| text.push_str(&format!("  {line}\n")));
            let these: Vec<&Service<'_>> = services
                .iter()
                .filter(|one| one.stage == Some(stage.code))
                .collect();
            let (words, mut value) = self.of_services(&these);
            text.push_str(&words);
            value["stage"] = json!(stage.code);
            value["due"] = json!(stage.due_date());
            let set = stage.set.iter().map(|one| {
                let due = one.read::<Option<Moment>>("due").flatten();
                json!({"due": due, "entry": one.item.index, "by": self.by(one)})
            });
            value["set"] = set.collect();
            values.push(value);
        }
        let set = |one: &&Service<'_>| !stages.iter().any(|stage| one.stage == Some(stage.code));
        let others: Vec<&Service<'_>> = services.iter().filter(set).collect();
        if !others.is_empty() {
            let (words, mut value) = self.of_services(&others);
            text.push_str(&format!("\nAt no stage that was set\n{words}"));
            value["stage"] = Value::Null;
            values.push(value);
        }
        (text, values.into())
    }

    /// Dates that a stage had before the one that counts.
    fn moved(&self, stage: &Stage<'_>) -> Vec<String> {
        let pairs = stage.set.iter().zip(stage.set.iter().skip(1));
        let moved = pairs.filter_map(|(before, after)| {
            let was = before.read::<Option<Moment>>("due").flatten()?;
            let now = after.read::<Option<Moment>>("due").flatten();
            if now.as_ref() == Some(&was) {
                return None;
            }
            let passed = match was.unix_seconds() < after.recorded() {
                true => ", AFTER THE EARLIER DATE HAD PASSED",
                false => "",
            };
            Some(format!(
                "It was due {} until {} set it anew on {}{passed} [entry {}].",
                was.in_words(),
                self.by(after),
                after.item.recorded_at.in_words(),
                after.item.index.0
            ))
        });
        moved.collect()
    }

    fn of_services(&self, these: &[&Service<'_>]) -> (String, Value) {
        let now = self.case.now();
        let timing = |one: &Service<'_>| one.timing(now);
        let count =
            |wanted: fn(Timing) -> bool| these.iter().filter(|one| wanted(timing(one))).count();
        let in_time = count(|one| one == Timing::InTime);
        let late = count(|one| matches!(one, Timing::Late(_)));
        let overdue = count(|one| matches!(one, Timing::Overdue(_)));
        let not_yet = count(|one| one == Timing::NotYetDue);
        let undated = count(|one| matches!(one, Timing::Served | Timing::NotServed));
        let mut text = format!(
            "  Served in time: {in_time}; late: {late}; not at all: {overdue}; not yet due: {not_yet}; without a due date: {undated}.\n"
        );
        for one in these {
            text.push_str(&format!("  - {}\n", self.service(one)));
        }
        let items: Vec<Value> = these.iter().map(|one| self.service_json(one)).collect();
        let counts = json!({
            "in_time": in_time, "late": late, "not_served": overdue, "not_yet_due": not_yet,
            "without_due_date": undated,
        });
        (text, json!({"counts": counts, "items": items}))
    }

    fn service(&self, one: &Service<'_>) -> String {
        let how = match one.timing(self.case.now()) {
            Timing::InTime => "served in time".to_owned(),
            Timing::Late(by) => format!("SERVED LATE, by {},", lasting(by)),
            Timing::Served => "served".to_owned(),
            Timing::Overdue(by) => format!("NOT SERVED, {} overdue", lasting(by)),
            Timing::NotYetDue => "not served yet".to_owned(),
            Timing::NotServed => "not served; no date is set for it".to_owned(),
        };
        let on = match &one.served {
            Some(served) => format!(
                " on {} [entry {}]",
                served.item.recorded_at.in_words(),
                served.item.index.0
            ),
            None => String::new(),
        };
        let own_date = match (&one.due, one.stage) {
            (Some(due), None) => format!(", due {}", due.in_words()),
            _ => String::new(),
        };
        let why = match &one.because {
            Some(because) if because.code("schedule").is_some() => {
                format!("on MG6E by entry {}", because.item.index.0)
            }
            Some(because) => format!("granted by entry {}", because.item.index.0),
            None => "not on a schedule of what is to be disclosed".to_owned(),
        };
        format!(
            "{} to {}: {how}{on}{own_date}; {why}",
            self.names.exhibit(&one.exhibit),
            one.to
        )
    }

    fn service_json(&self, one: &Service<'_>) -> Value {
        let (state, by) = match one.timing(self.case.now()) {
            Timing::InTime => ("in-time", None),
            Timing::Late(by) => ("late", Some(by)),
            Timing::Served => ("served", None),
            Timing::Overdue(by) => ("not-served", Some(by)),
            Timing::NotYetDue => ("not-yet-due", None),
            Timing::NotServed => ("not-served-no-date", None),
        };
        json!({
            "exhibit": one.exhibit,
            "called": self.names.exhibit(&one.exhibit),
            "to": one.to,
            "state": state,
            "seconds": by,
            "due": one.due,
            "owed_by": one.because.map(|because| because.item.index),
            "served_by": one.served.map(|served| served.item.index),
            "served_at": one.served.map(|served| served.item.recorded_at),
        })
    }

    /// What stands on which schedule.
    fn schedules(&self) -> (String, Value) {
        let mut text = String::new();
        let mut value = json!({});
        for (schedule, title) in [
            ("mg6c", "ON SCHEDULE MG6C (unused, not sensitive)"),
            ("mg6d", "ON SCHEDULE MG6D (sensitive)"),
            (
                "mg6e",
                "ON SCHEDULE MG6E (may undermine the prosecution or assist the defence)",
            ),
        ] {
            let these: Vec<Said<'a>> = self.case.on_schedule(schedule).collect();
            let items = these.iter().map(|one| self.scheduled(one));
            value[schedule] = items.collect();
            if these.is_empty() {
                continue;
            }
            text.push_str(&format!("\n{title}: {}\n\n", these.len()));
            for one in &these {
                let what = Stated::first(self.names, one.entry, &["description"]);
                text.push_str(&format!(
                    "- {}, described as {} [entry {}]; {}\n",
                    self.exhibit(one),
                    what.in_words(),
                    one.item.index.0,
                    self.disclosed_to(one)
                ));
            }
        }
        (text, value)
    }

    fn scheduled(&self, one: &Said<'_>) -> Value {
        json!({
            "entry": one.item.index,
            "exhibit": one.code("exhibit"),
            "called": self.exhibit(one),
            "stage": one.code("stage"),
            "description": Stated::first(self.names, one.entry, &["description"]).json(),
            "disclosed_in": self.disclosing(one),
        })
    }

    fn exhibit(&self, one: &Said<'_>) -> String {
        let exhibit = one.read::<Subject>("exhibit");
        exhibit.map_or_else(String::new, |exhibit| self.names.exhibit(&exhibit))
    }

    fn disclosing(&self, one: &Said<'_>) -> Vec<EntryIndex> {
        let exhibit = one.read::<Subject>("exhibit");
        let names = |disclosed: &Said<'_>| {
            let exhibits: Vec<Subject> = disclosed.read("exhibits").unwrap_or_default();
            exhibit.as_ref().is_some_and(|one| exhibits.contains(one))
        };
        let entries = self.case.each("disclosed").filter(names);
        entries.map(|one| one.item.index).collect()
    }

    fn disclosed_to(&self, one: &Said<'_>) -> String {
        match self.disclosing(one).as_slice() {
            [] => "not disclosed".to_owned(),
            entries => format!("disclosed in {}", places(entries)),
        }
    }

    /// Details of the entries reported here that the recipient of the bundle is not told.
    fn withheld(&self) -> (String, Value) {
        let mut all: Vec<(EntryIndex, Vec<&str>)> = Vec::new();
        for one in self.case.all() {
            let kept = |name: &&str| self.names.erased(one.item.e, name).is_none();
            let names: Vec<&str> = one.entry.withheld().filter(kept).collect();
            if !names.is_empty() {
                all.push((one.item.index, names));
            }
        }
        let mut text = String::new();
        if !all.is_empty() {
            let count = all.iter().map(|(_, names)| names.len()).sum();
            text = format!(
                "\nWITHHELD FROM THE RECIPIENT OF THIS BUNDLE: {}\n\n",
                counted(
                    count,
                    "detail of the case's entries",
                    "details of the case's entries"
                )
            );
            for (index, names) in &all {
                text.push_str(&format!("- of entry {}: {}\n", index.0, names.join(", ")));
            }
        }
        let value = all
            .iter()
            .map(|(index, names)| json!({"entry": index, "details": names}));
        (text, value.collect())
    }

    /// Who recorded it, at the beginning of a sentence.
    pub(super) fn by(&self, one: &Said<'_>) -> String {
        self.names.person(&one.entry.payload().actor)
    }

    /// The same within one.
    pub(super) fn within(&self, one: &Said<'_>) -> String {
        self.names.person_within(&one.entry.payload().actor)
    }
}

/// "entries 9, 12".
fn places(entries: &[EntryIndex]) -> String {
    let list: Vec<String> = entries.iter().map(|one| one.0.to_string()).collect();
    let word = if list.len() == 1 { "entry" } else { "entries" };
    format!("{word} {}", list.join(", "))
}

/// A stage in words; abbreviations as courts write them.
pub(super) fn in_words(stage: &str) -> String {
    match stage {
        "idpc" | "ptph" => stage.to_uppercase(),
        other => other.replace('-', " "),
    }
}

fn capitals(stage: &str) -> String {
    in_words(stage).to_uppercase()
}
