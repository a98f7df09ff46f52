//! The text of a proof of a wrong map: read, and written in its one spelling.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Content, Given, MapFault, MapFaultError, Stretch, form};
use crate::protocol::frontier::Frontier;
use crate::protocol::hash::Hash;
use crate::protocol::json::MAX_INTEGER;
use crate::protocol::leaf::ChainHead;
use crate::protocol::map_multiproof::MapMultiproof;
use crate::protocol::note::VerifierKey;
use crate::protocol::time::LogTime;
use crate::protocol::tree::{ConsistencyProof, TreeSize};

/// First line.
pub const HEADER: &str = "custody-map-fault-v1";

/// Largest file read: as a bundle. A stretch is what was recorded between two publications, some seconds apart.
pub const MAX_FAULT: usize = 256 << 20;

/// Lines, each a word and what follows it.
struct Lines<'t>(std::iter::Peekable<std::str::Split<'t, char>>);

impl<'t> Lines<'t> {
    /// What follows the word, if the next line begins with it.
    fn take(&mut self, word: &str) -> Option<&'t str> {
        let rest = self.0.peek()?.strip_prefix(word)?.strip_prefix(' ')?;
        self.0.next();
        Some(rest)
    }

    fn take_all<T>(
        &mut self,
        word: &str,
        read: impl Fn(&str) -> Result<T, MapFaultError>,
    ) -> Result<Vec<T>, MapFaultError> {
        std::iter::from_fn(|| self.take(word)).map(read).collect()
    }
}

impl MapFault {
    /// Checks the form.
    pub fn parse(text: &str) -> Result<MapFault, MapFaultError> {
        if text.len() > MAX_FAULT {
            return Err(form("longer than 256 MiB"));
        }
        let parts = text.split_once("\n\n");
        let (head, note) = parts.ok_or(form("it has no checkpoint behind an empty line"))?;
        let mut lines = Lines(head.split('\n').peekable());
        if lines.0.next() != Some(HEADER) {
            return Err(form("the first line is not custody-map-fault-v1"));
        }
        let mut keys = Vec::new();
        let mut last = "";
        while let Some(key) = lines.take("key") {
            if last >= key {
                return Err(form("the keys do not ascend"));
            }
            last = key;
            keys.push(VerifierKey::parse(key)?);
        }
        let mut map_before = None;
        let mut tree_before = Frontier::default();
        if let Some(leaf) = lines.take("map") {
            let leaf = leaf
                .split_once(' ')
                .ok_or(form("a map leaf has index and root"))?;
            let (index, root) = (number(leaf.0)?, hash(leaf.1)?);
            map_before = Some(root);
            let subtrees = lines.take_all("tree", hash)?;
            tree_before = Frontier::new(TreeSize(index), subtrees).ok_or(form(
                "there are not as many subtrees as a tree of that size has",
            ))?;
        }
        let present = lines.take("present").ok_or(form("it has no multiproof"))?;
        let siblings = MapMultiproof {
            present: bytes(present)?,
            siblings: lines.take_all("sibling", hash)?,
        };
        let mut entries = Vec::new();
        loop {
            let before = lines.take("chain").map(chain).transpose()?;
            let (content, is_entry) = match (lines.take("entry"), before) {
                (Some(rest), _) => (rest, true),
                (None, None) => match lines.take("raw") {
                    Some(rest) => (rest, false),
                    None => break,
                },
                (None, Some(_)) => return Err(form("a chain stands before no entry")),
            };
            let (time, content) = content
                .split_once(' ')
                .ok_or(form("an entry has its time"))?;
            let content = match is_entry {
                true => Content::read(content.as_bytes()),
                false => Content::read(&bytes(content)?),
            };
            if matches!(content, Content::Entry(_)) != is_entry {
                return Err(form("an entry is given as none, or something else as one"));
            }
            entries.push(Given {
                recorded_at: LogTime(number(time)?),
                content,
                before,
            });
        }
        let map = lines.take("map").map(hash).transpose()?;
        let proof = ConsistencyProof(lines.take_all("proof", hash)?);
        if lines.0.next().is_some() {
            return Err(form("a line stands where it cannot"));
        }
        let fault = MapFault {
            keys,
            stretch: Stretch {
                map_before,
                tree_before,
                siblings,
                entries,
                map,
            },
            proof,
            note: note.to_owned(),
        };
        match fault.to_text() == text {
            true => Ok(fault),
            false => Err(form("it is written otherwise than it has to be")),
        }
    }

    /// Writes the file.
    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        let mut line = |word: &str, rest: &str| {
            text.push_str(word);
            text.push(' ');
            text.push_str(rest);
            text.push('\n');
        };
        let base64 = |hash: &Hash| STANDARD.encode(hash.0);
        let stretch = &self.stretch;
        for key in &self.keys {
            line("key", &key.to_string());
        }
        if let Some(root) = &stretch.map_before {
            let index = stretch.tree_before.size().0;
            line("map", &format!("{index} {}", base64(root)));
            for subtree in stretch.tree_before.subtrees() {
                line("tree", &base64(subtree));
            }
        }
        line("present", &STANDARD.encode(&stretch.siblings.present));
        for sibling in &stretch.siblings.siblings {
            line("sibling", &base64(sibling));
        }
        for given in &stretch.entries {
            match given.before {
                Some((0, _)) => line("chain", "0"),
                Some((length, head)) => line("chain", &format!("{length} {}", base64(&head.0))),
                None => {}
            }
            let time = given.recorded_at.0;
            match &given.content {
                Content::Entry(entry) => line("entry", &format!("{time} {}", entry.jws())),
                Content::Raw(bytes) => line("raw", &format!("{time} {}", STANDARD.encode(bytes))),
            }
        }
        if let Some(root) = &stretch.map {
            line("map", &base64(root));
        }
        for hash in &self.proof.0 {
            line("proof", &base64(hash));
        }
        text.push('\n');
        text.push_str(&self.note);
        text
    }
}

fn chain(text: &str) -> Result<super::Before, MapFaultError> {
    match text.split_once(' ') {
        None if text == "0" => Ok((0, ChainHead::EMPTY)),
        Some((length, head)) if length != "0" => Ok((number(length)?, ChainHead(hash(head)?))),
        _ => Err(form("a chain has length and head")),
    }
}

fn number(text: &str) -> Result<u64, MapFaultError> {
    let number = text.parse().ok().filter(|number| *number <= MAX_INTEGER);
    number.ok_or(form("a number is not up to 2^53-1"))
}

fn bytes(text: &str) -> Result<Vec<u8>, MapFaultError> {
    let bytes = STANDARD.decode(text);
    bytes.map_err(|_| form("not base64"))
}

fn hash(text: &str) -> Result<Hash, MapFaultError> {
    let bytes = bytes(text)?.try_into();
    bytes.map(Hash).map_err(|_| form("a hash is not 32 bytes"))
}
