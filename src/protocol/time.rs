//! Times. What a person states is text in one RFC 3339 form; what the log states is milliseconds.
//!
//! [`Moment`]: `YYYY-MM-DDThh:mm:ss±hh:mm`, 25 characters, years 1900 to 9999, no leap second, no `Z`,
//! no fraction, and `-00:00` refused (RFC 3339 gives it another meaning). [`Occurred`]: a moment, or a
//! range `{"from","to"}` where the time is not known exactly. [`LogTime`]: milliseconds since
//! 1970-01-01T00:00:00Z, by the service's clock.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text was not a moment in the one accepted form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "time: expected YYYY-MM-DDThh:mm:ss+hh:mm with a real date, for example 2026-11-23T09:14:05+00:00"
)]
pub struct BadTime;

/// Milliseconds since the Unix epoch by the service's clock, as committed to by a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogTime(pub u64);

impl LogTime {
    /// For people, in UTC: `14 March 2026 09:12:04 UTC`.
    pub fn in_words(self) -> String {
        words(i64::try_from(self.0 / 1000).unwrap_or(i64::MAX), 0)
    }
}

/// A moment as somebody stated it, with the offset they stated.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Moment {
    text: String,
    unix_seconds: i64,
    offset_seconds: i32,
}

impl Moment {
    /// Reads the one accepted form.
    pub fn parse(text: &str) -> Result<Moment, BadTime> {
        let bytes = text.as_bytes();
        let shape = bytes.len() == 25
            && bytes.iter().enumerate().all(|(at, byte)| match at {
                4 | 7 => *byte == b'-',
                10 => *byte == b'T',
                13 | 16 | 22 => *byte == b':',
                19 => *byte == b'+' || *byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !shape {
            return Err(BadTime);
        }
        let number = |from: usize, to: usize| text[from..to].parse::<i16>().map_err(|_| BadTime);
        let small = |from: usize, to: usize, limit: i8| match text[from..to].parse::<i8>() {
            Ok(value) if value <= limit => Ok(value),
            _ => Err(BadTime),
        };
        let year = number(0, 4)?;
        if year < 1900 || &text[19..25] == "-00:00" {
            return Err(BadTime);
        }
        let date = Date::new(year, small(5, 7, 12)?, small(8, 10, 31)?).map_err(|_| BadTime)?;
        let (hour, minute, second) = (small(11, 13, 23)?, small(14, 16, 59)?, small(17, 19, 59)?);
        let offset = i32::from(small(20, 22, 14)?) * 3600 + i32::from(small(23, 25, 59)?) * 60;
        let offset_seconds = if bytes[19] == b'-' { -offset } else { offset };
        let utc = Offset::UTC
            .to_timestamp(date.at(hour, minute, second, 0))
            .map_err(|_| BadTime)?
            .as_second();
        let unix_seconds = utc - i64::from(offset_seconds);
        Ok(Moment {
            text: text.to_owned(),
            unix_seconds,
            offset_seconds,
        })
    }

    /// Writes a moment from Unix seconds and an offset from UTC in minutes.
    pub fn from_unix(unix_seconds: i64, offset_minutes: i32) -> Result<Moment, BadTime> {
        let shifted = unix_seconds.saturating_add(i64::from(offset_minutes) * 60);
        let local = Offset::UTC.to_datetime(Timestamp::from_second(shifted).map_err(|_| BadTime)?);
        let sign = if offset_minutes < 0 { '-' } else { '+' };
        let size = offset_minutes.unsigned_abs();
        Moment::parse(&format!(
            "{}{sign}{:02}:{:02}",
            local.strftime("%Y-%m-%dT%H:%M:%S"),
            size / 60,
            size % 60
        ))
    }

    /// Seconds since the Unix epoch.
    pub fn unix_seconds(&self) -> i64 {
        self.unix_seconds
    }

    /// The text as stated.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// For people: `14 March 2026 09:12:04 UTC+01:00`, in the offset as stated.
    pub fn in_words(&self) -> String {
        words(self.unix_seconds, self.offset_seconds)
    }
}

fn words(unix_seconds: i64, offset_seconds: i32) -> String {
    let Ok(shifted) =
        Timestamp::from_second(unix_seconds.saturating_add(i64::from(offset_seconds)))
    else {
        return format!("{unix_seconds} seconds after 1970");
    };
    let zone = match (offset_seconds, offset_seconds.unsigned_abs() / 60) {
        (0, _) => String::new(),
        (offset, minutes) => {
            let sign = if offset < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        }
    };
    let civil = Offset::UTC.to_datetime(shifted);
    format!("{} UTC{zone}", civil.strftime("%-d %B %Y %H:%M:%S"))
}

impl std::fmt::Debug for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        Moment::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// When something is said to have happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Occurred {
    /// At a stated moment.
    At(Moment),
    /// Some time in a range; `from` is not after `to`.
    Between(Range),
}

/// A range of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "RawRange")]
pub struct Range {
    /// Not before this.
    pub from: Moment,
    /// Not after this.
    pub to: Moment,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRange {
    from: Moment,
    to: Moment,
}

impl TryFrom<RawRange> for Range {
    type Error = &'static str;
    fn try_from(raw: RawRange) -> Result<Range, Self::Error> {
        if raw.from.unix_seconds > raw.to.unix_seconds {
            return Err("a range of time must not end before it begins");
        }
        Ok(Range {
            from: raw.from,
            to: raw.to,
        })
    }
}

impl Occurred {
    /// The earliest it can have been, in Unix seconds.
    pub fn earliest(&self) -> i64 {
        match self {
            Occurred::At(moment) => moment.unix_seconds,
            Occurred::Between(range) => range.from.unix_seconds,
        }
    }

    /// For people.
    pub fn in_words(&self) -> String {
        match self {
            Occurred::At(moment) => moment.in_words(),
            Occurred::Between(range) => {
                format!(
                    "between {} and {}",
                    range.from.in_words(),
                    range.to.in_words()
                )
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_form_only() {
        let moment = Moment::parse("2026-03-14T10:12:04+01:00").unwrap();
        assert_eq!(moment.unix_seconds(), 1_773_479_524);
        assert_eq!(moment.in_words(), "14 March 2026 10:12:04 UTC+01:00");
        assert_eq!(
            LogTime(1_773_479_524_999).in_words(),
            "14 March 2026 09:12:04 UTC"
        );
        assert_eq!(Moment::from_unix(1_773_479_524, 60).unwrap(), moment);
        for bad in [
            "2026-03-14T10:12:04Z",
            "2026-03-14T10:12:04.0+01:00",
            "2026-02-29T10:12:04+01:00",
            "2026-03-14T24:00:00+00:00",
            "2026-03-14T10:12:60+00:00",
            "2026-03-14t10:12:04+00:00",
            "2026-03-14T10:12:04-00:00",
            "2026-03-14T10:12:04+15:00",
            "1066-03-14T10:12:04+00:00",
            "2026-03-14T10:12:é4+00:0",
        ] {
            assert_eq!(Moment::parse(bad), Err(BadTime), "{bad}");
        }
        let backwards = r#"{"from":"2026-03-14T10:12:04+00:00","to":"2026-03-14T10:12:03+00:00"}"#;
        assert!(serde_json::from_str::<Occurred>(backwards).is_err());
    }
}
