//! Sentences for what is recorded of an exhibit after it was opened, beside handing it on.

use super::sentences::Writer;

/// What was recorded, and the details that the sentence already holds.
type Told = (String, &'static [&'static str]);

impl Writer<'_> {
    /// The sentence of an event, if it has one here.
    pub(super) fn more(&self, event: &str) -> Option<Told> {
        let subject = &self.entry.payload().subject;
        let exhibit = self.names.exhibit(subject);
        let case = self.names.case(subject);
        let because = self.said(", because ", "reason");
        let basis = self.said(", on the basis ", "basis");
        let seal = self.after(", under seal ", "seal");
        let until = self.after(", until ", "until");
        let how = self.said(": ", "circumstances");
        Some(match event {
            "resealed" => (
                format!(
                    "they sealed {exhibit} again, with seal {}",
                    self.text("seal")
                ),
                &[],
            ),
            "stored" => (
                format!(
                    "they put {exhibit} into the store \"{}\"",
                    self.text("place")
                ),
                &[],
            ),
            "packed" => (
                format!("they put {exhibit} into {}", self.exhibit("container")),
                &[],
            ),
            "unpacked" => (
                format!("they took {exhibit} out of {}", self.exhibit("container")),
                &[],
            ),
            "extended" => (
                format!(
                    "{exhibit} grew{}: {}",
                    self.said(", by the period ", "period"),
                    self.digest()
                ),
                &["period"],
            ),
            "undertaking-discharged" => (
                format!(
                    "the undertaking{} is discharged{basis}",
                    self.pointing("undertaking", " in", "")
                ),
                &["basis"],
            ),
            "consigned" => (
                format!(
                    "they gave {exhibit} to the carrier \"{}\"{seal}",
                    self.text("carrier")
                ),
                &[],
            ),
            "handed-to-unenrolled" => (
                format!(
                    "they handed {exhibit} to {}, who has no key here",
                    self.outsider()
                ),
                &["name"],
            ),
            "received-from-unenrolled" => (
                format!(
                    "they received {exhibit} from {}, who has no key here{seal}",
                    self.outsider()
                ),
                &["name"],
            ),
            "custody-assumed" => (
                format!(
                    "they took {exhibit} over{}{seal}{because}",
                    self.by(" from ", "from")
                ),
                &["reason"],
            ),
            "lost" => (format!("{exhibit} was lost{how}"), &["circumstances"]),
            "found" => (
                format!("they found {exhibit}{seal}{how}"),
                &["circumstances"],
            ),
            "destroyed-unplanned" => (
                format!("{exhibit} was destroyed by accident{how}"),
                &["circumstances"],
            ),
            "returned" => (
                format!(
                    "they gave {exhibit} back{}",
                    self.pointing(
                        "authorisation",
                        ", as authorised in",
                        ", without an authorisation"
                    )
                ),
                &[],
            ),
            "disposed" => (
                format!(
                    "they disposed of {exhibit} ({}){}",
                    self.text("method"),
                    self.pointing(
                        "authorisation",
                        ", as authorised in",
                        ", without an authorisation"
                    )
                ),
                &[],
            ),
            "examined" => (
                format!(
                    "they examined {exhibit}{}",
                    self.said(", for the purpose ", "purpose")
                ),
                &["purpose"],
            ),
            "searched" => (self.searched(), &[]),
            "combined" => (
                format!(
                    "they combined {} into {}{}",
                    self.list("inputs"),
                    self.exhibit("output"),
                    self.said(", for the purpose ", "purpose")
                ),
                &["purpose"],
            ),
            "verified" => (
                format!("they checked the bytes of {exhibit} and found the digest expected"),
                &[],
            ),
            "verification-failed" => (
                format!("they checked the bytes of {exhibit} and did NOT find the digest expected"),
                &[],
            ),
            "annotated" => (
                format!(
                    "they add{}{}",
                    self.pointing("target", " to", ""),
                    self.said(": ", "text")
                ),
                &["text"],
            ),
            "supplemented" => (
                format!(
                    "they supply what was missing{}",
                    self.pointing("target", " in", "")
                ),
                &[],
            ),
            "corrected" => (
                format!(
                    "{}{} should read{}{because}",
                    self.said("", "old"),
                    self.pointing("target", " in", ""),
                    self.said(" ", "new"),
                ),
                &["old", "new", "reason"],
            ),
            "custody-restated" => (
                format!(
                    "{exhibit} is held{}{}{because}",
                    self.by(" by ", "holder"),
                    self.pointing(
                        "countersigns",
                        ", as was said in",
                        ", which waits for a second person"
                    ),
                ),
                &["reason"],
            ),
            "exhibit-re-referenced" => (
                format!(
                    "the exhibit has the reference{}{because}",
                    self.said(" ", "reference")
                ),
                &["reference", "reason"],
            ),
            "hold-placed" => (
                format!("they placed a hold on {exhibit}{until}{basis}"),
                &["basis"],
            ),
            "case-hold-placed" => (
                format!("they placed a hold on all of {case}{until}{basis}"),
                &["basis"],
            ),
            "hold-lifted" | "case-hold-lifted" => (
                format!(
                    "they lifted the hold{}{basis}",
                    self.pointing("hold", " of", "")
                ),
                &["basis"],
            ),
            "retention-set" => (format!("{exhibit} is to be kept{until}{basis}"), &["basis"]),
            "disposal-authorised" => (
                format!(
                    "they authorised the disposal of {exhibit} ({}){basis}",
                    self.text("method")
                ),
                &["basis"],
            ),
            "privilege-claimed" => (
                format!("they claim privilege in {exhibit}{basis}"),
                &["basis"],
            ),
            "quarantined" => (format!("they set {exhibit} apart{basis}"), &["basis"]),
            "privilege-resolved" => (
                format!(
                    "the claim of privilege in {exhibit} was {}{basis}",
                    self.text("outcome")
                ),
                &["basis"],
            ),
            "produced" => (
                format!("{exhibit} was produced at hearing {}", self.text("hearing")),
                &[],
            ),
            "irregularity-raised" | "case-irregularity-raised" => (
                format!(
                    "there is an irregularity of the category \"{}\"{}",
                    self.text("category"),
                    self.said(": ", "text")
                ),
                &["text"],
            ),
            "irregularity-explained" | "case-irregularity-explained" => (
                format!(
                    "what was flagged as \"{}\" is explained{}",
                    self.text("category"),
                    self.said(": ", "text")
                ),
                &["text"],
            ),
            other => return self.of_case(other, &case),
        })
    }

    fn of_case(&self, event: &str, case: &str) -> Option<Told> {
        let basis = self.said(", on the basis ", "basis");
        let because = self.said(", because ", "reason");
        Some(match event {
            "case-closed" => (format!("they closed {case}{because}"), &["reason"]),
            "party-left" => (
                format!("{} left {case}{basis}", self.text("org")),
                &["basis"],
            ),
            "stage-set" => (
                format!(
                    "{case} is at the stage {}{}",
                    self.text("stage"),
                    self.after(", due ", "due")
                ),
                &[],
            ),
            "scheduled" => (
                format!(
                    "they put {} on the schedule {}{}",
                    self.exhibit("exhibit"),
                    self.text("schedule").to_uppercase(),
                    self.said(", described as ", "description")
                ),
                &["description"],
            ),
            "disclosure-requested" => (
                format!(
                    "they ask for disclosure under {}{}",
                    self.text("under"),
                    self.said(": ", "text")
                ),
                &["text"],
            ),
            "disclosure-decided" => (
                format!(
                    "the request{} was decided: {}{basis}",
                    self.pointing("request", " in", ""),
                    self.text("outcome").replace('-', " ")
                ),
                &["basis"],
            ),
            "inspected" => (
                format!(
                    "they inspected what was disclosed{}",
                    self.pointing("disclosure", " in", "")
                ),
                &[],
            ),
            "undertaking-given" => (
                format!(
                    "they gave an undertaking for what was disclosed{}{}",
                    self.pointing("disclosure", " in", ""),
                    self.said(": ", "terms")
                ),
                &["terms"],
            ),
            "order-made" => (
                format!(
                    "an order was made ({}){}",
                    self.text("type"),
                    self.said(": ", "terms")
                ),
                &["terms"],
            ),
            "roles-changed" => (
                format!("the person now acts as {}{because}", self.list("roles")),
                &["reason"],
            ),
            "rule-proposed" => (
                format!(
                    "they propose that the threshold \"{}\" be{} seconds{because}",
                    self.text("threshold"),
                    self.after(" ", "seconds")
                ),
                &["reason"],
            ),
            "rule-approved" => (
                format!(
                    "they approve the proposal{}",
                    self.pointing("proposal", " in", "")
                ),
                &[],
            ),
            _ => return None,
        })
    }

    fn outsider(&self) -> String {
        match self.said("", "name") {
            name if name.is_empty() => "somebody (name withheld)".to_owned(),
            name => name,
        }
    }

    fn searched(&self) -> String {
        format!(
            "they searched {} version {} ({} items) with {} version {} at threshold {} for the probe {}; \
             {} of {} candidates asked for were given{}",
            self.text("dataset"),
            self.text("dataset_version"),
            self.after("", "dataset_size"),
            self.text("algorithm"),
            self.text("algorithm_version"),
            self.text("threshold"),
            self.exhibit("probe"),
            self.after("", "given"),
            self.after("", "asked"),
            match self.by("; reviewed by ", "reviewer") {
                none if none.is_empty() => "; nobody reviewed the result".to_owned(),
                by => by,
            }
        )
    }
}
