//! What each field of an event means, in words for whoever fills it in.

/// Names of body members and details, and what to say there.
const WORDS: &[(&str, &str)] = &[
    (
        "accreditation",
        "accreditation and validation of the method (FSR)",
    ),
    ("bag", "number of the bag"),
    ("basis", "on what basis"),
    ("carrier", "who carries it"),
    ("circumstances", "what happened"),
    ("condition", "condition it was in"),
    ("description", "what it is"),
    ("digest", "the file or folder that was digested"),
    ("errors", "errors, in words"),
    ("from", "who had it before"),
    ("location", "where it is, in words"),
    ("offer", "the offer's entry"),
    ("org", "name of the organisation, as enrolled"),
    ("outcome", "what came of it"),
    ("parents", "what it was made from"),
    ("part", "its part in the case"),
    ("place", "where"),
    (
        "power_or_consent",
        "under which power or consent it was obtained",
    ),
    ("purpose", "what for"),
    ("read_errors", "number of read errors"),
    ("reason", "why"),
    ("reference", "what people call it, such as JSM/1"),
    ("reversible", "whether it can be undone"),
    ("seal", "number on the seal"),
    ("text", "what you want to say"),
    ("title", "what the case is about"),
    ("to", "to whom: an organisation, or a person by name"),
    ("tool", "tool and its version"),
    ("tracking", "tracking number"),
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
