//! Metadata by kind of evidence: what practice records of each, as details. All of it is optional; what is
//! missing can be supplied later.

/// A field and what to say there.
pub type Field = (&'static str, &'static str);

/// Of every kind.
const EVERY: &[Field] = &[
    ("device_make", "make of the device it comes from"),
    ("device_model", "model"),
    ("device_serial", "serial number"),
    ("device_firmware", "firmware version"),
    ("clock_shown", "time that the device's clock showed"),
    (
        "clock_reference",
        "true time at that moment, and its source, such as the speaking clock",
    ),
    (
        "clock_offset",
        "the difference, with sign: +105 s if the device is fast",
    ),
    ("clock_uncertainty", "how exactly that was read"),
    ("retrieved_by", "who retrieved it"),
    ("retrieved_how", "how, and onto what"),
];

/// Of each kind, beside that.
const KINDS: &[(&str, &[Field])] = &[
    (
        "surveillance-footage",
        &[
            ("camera", "id and place of the camera"),
            ("wearer", "who wore it, if body-worn"),
            ("container", "file format, such as MP4"),
            ("codec", "video codec"),
            ("player", "player that is needed"),
            ("frame_rate", "frames per second"),
            ("resolution", "width and height"),
            ("range_requested", "from when to when was asked for"),
            ("range_retrieved", "from when to when was retrieved"),
            ("missing_intervals", "gaps, or that none were seen"),
            (
                "overwrite_date",
                "when the recorder will overwrite the original",
            ),
            (
                "other_cameras",
                "other cameras that were considered, and why not taken",
            ),
        ],
    ),
    (
        "facial-recognition-result",
        &[
            ("mode", "live, retrospective or operator-initiated"),
            (
                "probe",
                "SHA-256 of the probe image, and the exhibit and frame it comes from",
            ),
            ("probe_edits", "every edit made to the probe, or none"),
            ("vendor", "vendor of the system"),
            ("legal_basis", "legal basis of the search"),
            (
                "candidates",
                "the whole list with rank and score, also of those ruled out",
            ),
            ("operator", "who ran the search"),
            ("reviewer", "who reviewed the result"),
            ("conclusion", "the reviewer's conclusion"),
            ("corroboration", "what else points to the same person"),
            ("status", "state that it is an investigative lead only"),
        ],
    ),
    (
        "forensic-image",
        &[
            ("source_make", "make of the source"),
            ("source_model", "model"),
            ("source_serial", "serial number"),
            ("capacity", "capacity of the source"),
            ("sector_size", "sector size"),
            ("hidden_areas", "HPA, DCO or other hidden areas"),
            (
                "encryption",
                "whether it was encrypted, and how it was opened",
            ),
            ("write_blocker", "write blocker, with serial number"),
            ("tool", "tool and version"),
            ("format", "raw, E01 or AFF4"),
            ("segments", "files of the image with their digests"),
            (
                "media_digest",
                "digest of the medium, beside that of the container",
            ),
            ("read_errors", "sectors that could not be read, or none"),
        ],
    ),
    (
        "mobile-extraction",
        &[
            ("imei", "IMEI"),
            ("os", "operating system and version"),
            ("lock_state", "locked or unlocked when seized"),
            ("power_state", "on or off when seized"),
            ("isolation", "how it was kept off the network"),
            ("extraction_type", "logical, file system, physical"),
            ("tool", "tool and version"),
            ("authority", "authority for the extraction"),
            ("scope", "what was to be extracted"),
            ("changes", "changes that the extraction made to the device"),
        ],
    ),
    (
        "wearable-data",
        &[
            ("wearer", "who wore it"),
            ("fitted", "when it was fitted, and removed"),
            ("order", "order or licence under which it was worn"),
            ("provider", "who provided the data"),
            ("query", "what was asked of the provider"),
            ("fix_interval", "time between fixes"),
            ("positioning", "positioning method"),
            ("accuracy", "accuracy, and who states it"),
            ("gaps", "gaps in the data, or none"),
            ("tamper_events", "tamper and battery events"),
            ("time_zone", "time zone of the data"),
            ("smoothing", "raw fixes or smoothed"),
        ],
    ),
    (
        "device",
        &[
            ("power_state", "on or off when seized"),
            ("lock_state", "locked or unlocked"),
            ("damage", "damage that was seen"),
        ],
    ),
    ("container", &[("contents", "what is in it, by reference")]),
];

/// The fields of a kind: its own, then those of every kind.
pub fn fields(kind: &str) -> impl Iterator<Item = &'static Field> {
    let own = KINDS.iter().find(|(name, _)| *name == kind);
    own.map_or(&[] as &[Field], |(_, fields)| fields)
        .iter()
        .chain(EVERY)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::online::vocabulary;
    use crate::protocol::entry::is_name;

    #[test]
    fn every_kind_is_one_of_the_rules_and_its_fields_are_details() {
        for (kind, _) in KINDS {
            assert!(vocabulary::kind_names().contains(kind), "{kind}");
            let names: Vec<&str> = fields(kind).map(|(name, _)| *name).collect();
            assert!(names.iter().all(|name| is_name(name, b'_')));
            let distinct: BTreeSet<&&str> = names.iter().collect();
            assert_eq!(distinct.len(), names.len(), "{kind}");
        }
    }
}
