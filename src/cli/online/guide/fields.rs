//! What each field of an event means, in words for whoever fills it in.

/// Names of body members and details, and what to say there.
const WORDS: &[(&str, &str)] = &[
    (
        "accreditation",
        "accreditation and validation of the method (FSR)",
    ),
    ("algorithm", "algorithm of the search"),
    ("algorithm_version", "version of the algorithm"),
    ("asked", "how many candidates were asked for"),
    ("authorisation", "the authorisation"),
    ("bag", "number of the bag"),
    ("basis", "on what basis"),
    ("candidates", "the file with the whole list of candidates"),
    ("carrier", "who carries it"),
    ("category", "category, as the history shows it in brackets"),
    ("certificate", "number of the certificate"),
    ("circumstances", "what happened"),
    ("conclusion", "conclusion of the reviewer"),
    ("condition", "condition it was in"),
    (
        "container",
        "the bag or box it was put into or taken out of",
    ),
    ("corroboration", "what else points to the same"),
    (
        "countersigns",
        "the first restatement, if this is the second",
    ),
    ("dataset", "what was searched"),
    ("dataset_size", "how many items it holds"),
    ("dataset_version", "its version or date"),
    ("description", "what it is"),
    ("digest", "the file or folder that was digested"),
    ("disclosure", "the disclosure"),
    ("due", "due by when"),
    ("errors", "errors, in words"),
    ("from", "who had it before"),
    ("given", "how many candidates were given"),
    ("hearing", "hearing, by its code"),
    ("hold", "the hold"),
    ("holder", "who holds it"),
    ("kind", "kind of evidence"),
    ("legal_basis", "legal basis"),
    ("location", "where it is, in words"),
    ("method", "method, as a code such as by-hand"),
    ("name", "name of the person"),
    ("new", "what it should say"),
    ("offer", "the offer"),
    ("old", "what it says now"),
    ("operator_remarks", "remarks of the operator"),
    ("org", "name of the organisation, as enrolled"),
    ("outcome", "outcome"),
    ("parents", "the exhibits it was made from"),
    ("part", "its part in the case"),
    ("period", "the time that was added"),
    ("place", "place"),
    (
        "power_or_consent",
        "under which power or consent it was obtained",
    ),
    ("probe", "the exhibit that was searched for"),
    ("purpose", "what for"),
    ("read_errors", "number of read errors"),
    ("reason", "why"),
    ("reference", "what people call it, such as JSM/1"),
    ("request", "the request"),
    ("reversible", "whether it can be undone"),
    ("reviewer", "who reviewed the result"),
    ("role", "role"),
    ("schedule", "schedule"),
    ("seal", "number on the seal"),
    ("stage", "stage"),
    ("target", "the entry it is about"),
    ("targets", "the entries it is about"),
    ("terms", "terms"),
    ("text", "what you want to say"),
    ("threshold", "threshold"),
    ("title", "what the case is about"),
    ("to", "to whom: an organisation, or a person by name"),
    ("tool", "tool and its version"),
    ("tracking", "tracking number"),
    ("under", "under which provision, as a code"),
    ("undertaking", "the undertaking"),
    ("until", "until when"),
    ("verification", "what the tool should have arrived at"),
    ("witness", "who witnessed it"),
    ("write_blocker", "write blocker, with serial number"),
];

/// What to say in a field; its own name where there is nothing to add.
pub fn words(name: &str) -> String {
    WORDS.iter().find(|(known, _)| *known == name).map_or_else(
        || name.replace(['_', '-'], " "),
        |(_, words)| (*words).to_owned(),
    )
}

/// Details that practice records with an event beside those that it must have.
pub fn usual(event: &str) -> &'static [&'static str] {
    match event {
        "seized" => &["place", "witness", "condition", "bag"],
        "acquired" | "copied" | "derived" | "split" => {
            &["tool", "method", "write_blocker", "errors", "accreditation"]
        }
        "digested" => &["tool"],
        "sealed" | "unsealed" | "resealed" => &["bag", "condition", "reason"],
        "stored" => &["location"],
        "transfer-offered" => &["carrier", "condition"],
        "transfer-accepted" | "transfer-refused" => &["condition"],
        "consigned" => &["carrier", "tracking"],
        "returned" | "disposed" => &["witness", "certificate"],
        "examined" => &["method", "tool", "outcome", "accreditation"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_once_and_in_order() {
        assert!(WORDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(words("no_such_field"), "no such field");
    }
}
