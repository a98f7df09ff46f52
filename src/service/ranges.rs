//! Parts of a blob, as HTTP names them (RFC 9110 section 14): one range at a time.

use axum::http::HeaderValue;

/// `Content-Range: bytes FIRST-LAST/TOTAL` of a request: what a piece is of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// First byte.
    pub first: u64,
    /// Last byte.
    pub last: u64,
    /// Length of the whole.
    pub total: u64,
}

impl ContentRange {
    /// Reads the header; nothing where it is not a range of at least one byte within the whole.
    pub fn parse(value: &HeaderValue) -> Option<ContentRange> {
        let (range, total) = value
            .to_str()
            .ok()?
            .strip_prefix("bytes ")?
            .split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last, total) = (number(first)?, number(last)?, number(total)?);
        (first <= last && last < total).then_some(ContentRange { first, last, total })
    }
}

/// What of a blob an asker wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: no range was asked for, or several, or in a unit we do not have.
    Whole,
    /// From the first of these bytes to the last.
    Part(u64, u64),
    /// A range that the blob does not have.
    Nowhere,
}

/// Reads `Range` for a blob of `length` bytes.
pub fn wanted(value: Option<&HeaderValue>, length: u64) -> Wanted {
    let range = value
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("bytes="))
        .and_then(|text| text.split_once('-'));
    let Some((first, last)) = range else {
        return Wanted::Whole;
    };
    let part = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.min(length.saturating_sub(1))),
        (Some(first), None) if last.is_empty() => (first, length.saturating_sub(1)),
        // The last so many bytes.
        (None, Some(count)) if first.is_empty() && count > 0 => {
            (length.saturating_sub(count), length.saturating_sub(1))
        }
        (None, Some(0)) if first.is_empty() => return Wanted::Nowhere,
        _ => return Wanted::Whole,
    };
    match part.0 < length {
        true => Wanted::Part(part.0, part.1),
        false => Wanted::Nowhere,
    }
}

/// Digits and nothing else; a number past all lengths is past the end.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        let part = |text: &'static str| wanted(Some(&HeaderValue::from_static(text)), 10);
        assert_eq!(part("bytes=0-0"), Wanted::Part(0, 0));
        assert_eq!(part("bytes=2-5"), Wanted::Part(2, 5));
        assert_eq!(part("bytes=2-"), Wanted::Part(2, 9));
        assert_eq!(part("bytes=-3"), Wanted::Part(7, 9));
        assert_eq!(part("bytes=-30"), Wanted::Part(0, 9));
        assert_eq!(part("bytes=2-99999999999999999999"), Wanted::Part(2, 9));
        for nowhere in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(part(nowhere), Wanted::Nowhere, "{nowhere}");
        }
        for whole in [
            "bytes=5-2",
            "bytes=0-1,3-4",
            "lines=1-2",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
        ] {
            assert_eq!(part(whole), Wanted::Whole, "{whole}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
        assert_eq!(
            wanted(Some(&HeaderValue::from_static("bytes=-1")), 0),
            Wanted::Nowhere
        );
    }

    #[test]
    fn a_content_range_lies_within_its_whole() {
        let parse = |text: &'static str| ContentRange::parse(&HeaderValue::from_static(text));
        let good = ContentRange {
            first: 0,
            last: 9,
            total: 10,
        };
        assert_eq!(parse("bytes 0-9/10"), Some(good));
        for bad in [
            "bytes 0-10/10",
            "bytes 5-4/10",
            "bytes */10",
            "bytes 0-9/*",
            "0-9/10",
            "bytes 0-9",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
