//! Identifiers: short printable ASCII, compared byte by byte, each with a limit that its constructor holds.
//!
//! | type | form | limit, and why |
//! |---|---|---|
//! | [`Subject`] | 22 characters of canonical base64url: 128 random bits | cannot be guessed, gives nothing away |
//! | [`OrgId`] | `a-z 0-9 . -`, begins and ends with a letter or digit | 64: fits a DNS label and a column |
//! | [`ActorId`] | `organisation/22 characters` | follows from its parts |
//! | [`Origin`] | printable ASCII without spaces or `+` | 128: signed-note key names and our lines stay short |
//! | [`Code`] | printable ASCII, no leading, trailing or doubled space | 128: a code, seal or place id, never prose |

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::base64url;

/// An identifier broke its form; the message names the type and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {rule}")]
pub struct BadId {
    /// Which identifier.
    pub what: &'static str,
    /// What it must look like.
    pub rule: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks the form.
            pub fn new(text: impl Into<String>) -> Result<$name, BadId> {
                let text = text.into();
                let ok: fn(&str) -> bool = $check;
                if ok(&text) { Ok($name(text)) } else { Err(BadId { what: $what, rule: $rule }) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<$name, BadId> {
                $name::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                $name::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// What an entry is about: an exhibit, case, actor or ledger. Opaque, 128 random bits.
    Subject,
    "subject",
    "22 characters of canonical base64url (128 random bits)",
    |text| base64url::decode_array::<16>(text).is_ok()
);

text_id!(
    /// An organisation, by the name it is enrolled under.
    OrgId,
    "organisation",
    "1 to 64 of a-z, 0-9, '.' and '-', beginning and ending with a letter or digit",
    |text| {
        let edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        (1..=64).contains(&bytes.len())
            && bytes.iter().all(|byte| edge(byte) || b".-".contains(byte))
            && bytes.first().is_some_and(edge)
            && bytes.last().is_some_and(edge)
    }
);

text_id!(
    /// A person or system of an organisation: `organisation/opaque id`.
    ActorId,
    "actor",
    "organisation/22 characters of base64url",
    |text| match text.split_once('/') {
        Some((org, id)) => OrgId::new(org).is_ok() && Subject::new(id).is_ok(),
        None => false,
    }
);

text_id!(
    /// The name of a ledger: the origin line of its checkpoints and the `ledger` member of its entries.
    Origin,
    "ledger origin",
    "1 to 128 printable ASCII characters without spaces or '+'",
    |text| (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'+')
);

text_id!(
    /// A code that rules may compare: a seal number, a place, a role in the case. Never prose.
    Code,
    "code",
    "1 to 128 printable ASCII characters, no leading, trailing or doubled spaces",
    |text| (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.contains("  ")
);

impl Subject {
    /// From 128 random bits.
    pub fn from_bytes(bytes: [u8; 16]) -> Subject {
        Subject(base64url::encode(&bytes))
    }

    /// The 16 bytes.
    pub fn to_bytes(&self) -> [u8; 16] {
        base64url::decode_array(&self.0).expect("a subject was checked when it was made")
    }
}

impl ActorId {
    /// Puts the two halves together.
    pub fn from_parts(org: &OrgId, id: &Subject) -> ActorId {
        ActorId(format!("{org}/{id}"))
    }

    /// The organisation half.
    pub fn org(&self) -> OrgId {
        OrgId(self.halves().0.to_owned())
    }

    /// The id half: the subject of this actor's `keys` chain.
    pub fn subject(&self) -> Subject {
        Subject(self.halves().1.to_owned())
    }

    fn halves(&self) -> (&str, &str) {
        self.0
            .split_once('/')
            .expect("an actor id was checked when it was made")
    }
}

/// The hash chains that a subject may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strand {
    /// Possession of an exhibit.
    Custody,
    /// Everything else about an exhibit, by anyone entitled.
    Notes,
    /// Consultations, written by the service alone.
    Access,
    /// The life of a case.
    Case,
    /// A case's table of contents, written by the service alone.
    Exhibits,
    /// An actor's keys and roles.
    Keys,
    /// The ledger's own rules, keys and organisations.
    Rules,
}

impl Strand {
    /// Every strand.
    pub const ALL: [Strand; 7] = [
        Strand::Custody,
        Strand::Notes,
        Strand::Access,
        Strand::Case,
        Strand::Exhibits,
        Strand::Keys,
        Strand::Rules,
    ];

    /// The wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Strand::Custody => "custody",
            Strand::Notes => "notes",
            Strand::Access => "access",
            Strand::Case => "case",
            Strand::Exhibits => "exhibits",
            Strand::Keys => "keys",
            Strand::Rules => "rules",
        }
    }

    /// Reads the wire name.
    pub fn parse(text: &str) -> Option<Strand> {
        Strand::ALL
            .into_iter()
            .find(|strand| strand.as_str() == text)
    }
}

impl std::fmt::Display for Strand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One hash chain: a subject and one of its strands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainId {
    /// The subject.
    pub subject: Subject,
    /// The strand.
    pub strand: Strand,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert!(Subject::new("q83vEjRWeJCrze8SNFZ4kA").is_ok());
        assert!(
            Subject::new("q83vEjRWeJCrze8SNFZ4kB").is_err(),
            "non-zero trailing bits"
        );
        assert!(OrgId::new("evidence.northshire.example").is_ok());
        for bad in ["", "-a", "a-", "A", "a b", "a/b"] {
            assert!(OrgId::new(bad).is_err(), "{bad:?}");
        }
        let actor = ActorId::new("northshire.example/q83vEjRWeJCrze8SNFZ4kA").unwrap();
        assert_eq!(actor.org().as_str(), "northshire.example");
        assert_eq!(actor.subject().as_str(), "q83vEjRWeJCrze8SNFZ4kA");
        assert!(ActorId::new("northshire.example/x/q83vEjRWeJCrze8SNFZ4kA").is_err());
        for bad in [" a", "a ", "a  b", "é", "a\n"] {
            assert!(Code::new(bad).is_err(), "{bad:?}");
        }
        assert!(Origin::new("a+b").is_err());
    }
}
