//! Times as people state them. Without an offset they are of this machine's time zone; what is signed always has one.
//!
//! `2026-03-14T09:12:04+00:00`, `2026-03-14 09:12`, `2026-03-14` (midnight), `09:12` (today), `yesterday 21:14`, `now`.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::json;

use crate::cli::failure::Failure;
use crate::protocol::time::{Moment, Occurred};

/// What a time can look like, for errors.
const FORMS: &str = "a time is written 2026-03-14 09:12, 09:12 (today), yesterday 21:14, or in full: 2026-03-14T09:12:04+00:00";

/// When something happened: a time, `FROM/TO` where it is not known exactly, or now.
pub fn occurred(stated: Option<&str>) -> Result<Occurred, Failure> {
    let (now, zone) = (Timestamp::now(), TimeZone::system());
    let Some(stated) = stated else {
        return Ok(Occurred::At(moment("now", now, &zone)?));
    };
    match stated.split_once('/') {
        None => moment(stated, now, &zone).map(Occurred::At),
        Some((from, to)) => {
            let (from, to) = (moment(from, now, &zone)?, moment(to, now, &zone)?);
            let range = json!({ "from": from.as_str(), "to": to.as_str() });
            serde_json::from_value(range)
                .map_err(|error| Failure::new("usage", format!("{stated}: {error}")).next(FORMS))
        }
    }
}

/// One time.
pub fn stated(text: &str) -> Result<Moment, Failure> {
    moment(text, Timestamp::now(), &TimeZone::system())
}

fn moment(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Moment, Failure> {
    let text = text.trim();
    if let Ok(moment) = Moment::parse(text) {
        return Ok(moment);
    }
    let bad = || Failure::new("usage", format!("{text:?} is not a time")).next(FORMS);
    let (time, minutes) = match text {
        // The ledger's own times are in UTC, so that what is recorded at once reads the same.
        "now" => (now, 0),
        _ => {
            let today = zone.to_datetime(now).date();
            let civil = civil(text, today).ok_or_else(bad)?;
            let time = zone.to_timestamp(civil).map_err(|_| bad())?;
            (time, zone.to_offset(time).seconds() / 60)
        }
    };
    Moment::from_unix(time.as_second(), minutes).map_err(|_| bad())
}

fn civil(text: &str, today: Date) -> Option<DateTime> {
    let time = |text: &str| -> Option<Time> { text.parse().ok() };
    let (day, at) = match text.split_once([' ', 'T']) {
        Some((day, at)) => (day, Some(time(at)?)),
        None if text.contains(':') => ("today", Some(time(text)?)),
        None => (text, None),
    };
    let day = match day {
        "today" => today,
        "yesterday" => today.checked_sub(1.day()).ok()?,
        day => day.parse().ok()?,
    };
    Some(day.to_datetime(at.unwrap_or(Time::midnight())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_what_people_write_and_is_signed_in_full() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let now = Timestamp::from_second(1_773_479_524).unwrap();
        let read = |text: &str| moment(text, now, &zone).map(|moment| moment.as_str().to_owned());
        for (text, signed) in [
            ("now", "2026-03-14T09:12:04+00:00"),
            ("2026-03-13 09:12", "2026-03-13T09:12:00+01:00"),
            ("2026-03-13 09:12:05", "2026-03-13T09:12:05+01:00"),
            ("2026-03-13", "2026-03-13T00:00:00+01:00"),
            ("09:12", "2026-03-14T09:12:00+01:00"),
            ("yesterday 21:14", "2026-03-13T21:14:00+01:00"),
            ("2026-03-13T09:12:04-05:00", "2026-03-13T09:12:04-05:00"),
        ] {
            assert_eq!(read(text).unwrap(), signed, "{text}");
        }
        for bad in [
            "",
            "tomorrow 9",
            "2026-02-30",
            "25:00",
            "last week",
            "2026-03-13T09:12:04Z",
        ] {
            assert_eq!(read(bad).unwrap_err().code, "usage", "{bad}");
        }
    }

    #[test]
    fn a_range_has_a_beginning_and_an_end() {
        assert!(occurred(None).is_ok());
        let range = occurred(Some("2026-03-14T09:12:04+00:00/2026-03-14 10:00")).unwrap();
        assert_eq!(range.earliest(), 1_773_479_524);
        assert!(occurred(Some("2026-03-14/2026-03-13")).is_err());
        assert!(occurred(Some("then")).is_err());
    }
}
