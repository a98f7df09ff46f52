//! What differs from one run to the next, made plain: times, numbers of entries, ids.

use std::collections::BTreeSet;

use custodes::protocol::time::{LogTime, Moment};

/// The time at which a situation begins.
pub struct Clock {
    start: i64,
}

/// Units of `{4 hours ago}`, in seconds.
const UNITS: &[(&str, i64)] = &[("days", 86_400), ("hours", 3600), ("minutes", 60)];

/// How long a situation may take, in seconds.
const LASTS: i64 = 300;

impl Clock {
    /// Now.
    pub fn now() -> Clock {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Clock {
            start: since.unwrap().as_secs().try_into().unwrap(),
        }
    }

    /// Puts times for `{4 hours ago}`, `{in 2 days}`.
    pub fn fill(&self, command: &str) -> String {
        let mut text = command.to_owned();
        for (placeholder, seconds) in placeholders(command) {
            let time = Moment::from_unix(self.start + seconds, 0).unwrap();
            text = text.replace(&placeholder, time.as_str());
        }
        text
    }

    /// Puts `{4 hours ago}` for times, `{now}` for those within the situation, and nothing for ids.
    pub fn plain(&self, said: &str) -> String {
        let mut text = said.to_owned();
        // Ids are drawn anew each time; eight characters of one are shown.
        let mut parts = text.split("with id ");
        let first = parts.next().unwrap_or_default().to_owned();
        text = parts.fold(first, |text, part| {
            let rest = part.get(8..).unwrap_or_default();
            format!("{text}with id {{id}}{rest}")
        });
        for second in -5..LASTS {
            text = put(&text, &words(self.start + second), "{now}");
        }
        for (unit, seconds) in UNITS {
            for count in 1..=72 {
                let ago = words(self.start - count * seconds);
                text = put(&text, &ago, &format!("{{{count} {unit} ago}}"));
                let ahead = words(self.start + count * seconds);
                text = put(&text, &ahead, &format!("{{in {count} {unit}}}"));
            }
        }
        text
    }
}

/// Puts one text for another where that is not the end of a longer number: "1 May" is no part of "21 May".
fn put(text: &str, old: &str, new: &str) -> String {
    let mut parts = text.split(old);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let longer = result.ends_with(|c: char| c.is_ascii_digit());
        result.push_str(if longer { old } else { new });
        result.push_str(part);
    }
    result
}

fn words(seconds: i64) -> String {
    LogTime(u64::try_from(seconds).unwrap() * 1000).in_words()
}

/// `{4 hours ago}` and `{in 2 days}` in a text, with what to add to now.
fn placeholders(text: &str) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    for part in text.split('{').skip(1) {
        let inside = part.split('}').next().unwrap();
        let (words, sign) = match (inside.strip_suffix(" ago"), inside.strip_prefix("in ")) {
            (Some(words), _) => (words, -1),
            (_, Some(words)) => (words, 1),
            _ => continue,
        };
        let (count, unit) = words.split_once(' ').expect("a number and a unit");
        let unit = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .expect("minutes, hours or days");
        found.push((
            format!("{{{inside}}}"),
            sign * count.parse::<i64>().unwrap() * unit.1,
        ));
    }
    found
}

/// A history without its first line, which names the exhibit by its id, and without its last, where that says whether it
/// is all as of a tree that has this size in this run.
pub fn without_frame(history: &str) -> &str {
    let rest = history.split_once("\n\n").map_or("", |(_, rest)| rest);
    let last = ["This is complete ", "Whether this is all "];
    let framed = rest.trim_end().rsplit_once("\n\n");
    let framed = framed.filter(|(_, line)| last.iter().any(|start| line.starts_with(start)));
    framed.map_or(rest, |(told, _)| told)
}

/// Numbers of entries replaced by their rank in the text.
pub fn ranked(text: &str) -> String {
    let mut parts: Vec<(Option<u64>, &str)> = vec![(None, "")];
    let mut rest = text;
    while let Some(at) = rest.find("entry ") {
        let (before, after) = rest.split_at(at + "entry ".len());
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        parts.push((after[..digits].parse().ok(), before));
        rest = &after[digits..];
    }
    let numbers: BTreeSet<u64> = parts.iter().filter_map(|(number, _)| *number).collect();
    let rank = |number: u64| numbers.range(..=number).count();
    let told: Vec<String> = parts
        .iter()
        .map(|(number, before)| match number {
            Some(number) => format!("{before}{}", rank(*number)),
            None => (*before).to_owned(),
        })
        .collect();
    format!("{}{rest}", told.concat())
}

/// The sentences of a history, without where they stand in the log; and its flags, as a report words them.
pub fn sentences(history: &str) -> Vec<String> {
    let handled = without_frame(history)
        .split("\nWho looked:\n")
        .next()
        .unwrap();
    let lines = handled.lines().filter_map(|line| {
        let cut = if line.starts_with("    ") {
            "] "
        } else {
            " [entry "
        };
        let line = line.trim_start();
        match cut {
            " [entry " => line
                .split_once(cut)
                .map(|(sentence, _)| sentence.to_owned()),
            _ => line.split(']').next().map(|flag| format!("{flag};")),
        }
    });
    lines.filter(|line| !line.is_empty()).collect()
}

/// Numbers of the entries that commands recorded, as they said.
#[derive(Default)]
pub struct Recorded(Vec<(String, String)>);

impl Recorded {
    /// Keeps the number that a command said.
    pub fn note(&mut self, command: &str, said: &str) {
        if let Some((_, rest)) = said.split_once("Recorded as entry ") {
            let number = rest.split(' ').next().unwrap();
            self.0.push((command.to_owned(), number.to_owned()));
        }
    }

    /// Puts the number that a command like it said for `{entry of WORDS}`.
    pub fn fill(&self, command: &str) -> String {
        let Some((before, rest)) = command.split_once("{entry of ") else {
            return command.to_owned();
        };
        let (words, after) = rest.split_once('}').unwrap();
        let mut found = self
            .0
            .iter()
            .rev()
            .filter(|(typed, _)| typed.contains(words));
        let number = found
            .next()
            .map_or("unrecorded", |(_, number)| number.as_str());
        self.fill(&format!("{before}{number}{after}"))
    }
}
