//! Paths and bodies of the public log over HTTP (C2SP tlog-tiles, tile height 8).
//!
//! ```text
//! tile/<L>/<N>[.p/<W>]          hashes of level 8·L, 256·N to 256·N+255; W of them in a partial tile
//! tile/entries/<N>[.p/<W>]      entry bundle: sequence of u16be(length) || leaf data
//! N  3-digit path elements, all but the last with an x: 1234067 is x001/x234/067
//! L  0 to 5, W 1 to 255, both decimal without leading zeros
//! ```

use super::tree::TreeSize;

/// Hashes in a full tile.
pub const TILE_WIDTH: u16 = 256;

/// Highest tile level: 256^6 leaves are more than any log will have.
const MAX_LEVEL: u8 = 5;

/// Most path elements of N: seven hold the 20 digits of the largest 64-bit number.
const MAX_ELEMENTS: usize = 7;

/// A tile or entry bundle, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilePath {
    /// Tile level; none for an entry bundle.
    pub level: Option<u8>,
    /// Position among the tiles of this level.
    pub index: u64,
    /// How many hashes or entries, 1 to 256; 256 is a full tile.
    pub width: u16,
}

/// Not the path of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile or entry bundle")]
pub struct BadTilePath;

impl TilePath {
    /// Reads a path, without a leading slash.
    pub fn parse(path: &str) -> Result<TilePath, BadTilePath> {
        let rest = path.strip_prefix("tile/").ok_or(BadTilePath)?;
        let (level, rest) = rest.split_once('/').ok_or(BadTilePath)?;
        let level = match level {
            "entries" => None,
            level => Some(decimal(level, MAX_LEVEL.into())? as u8),
        };
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((index, width)) => match decimal(width, u64::from(TILE_WIDTH) - 1)? {
                0 => return Err(BadTilePath),
                width => (index, width as u16),
            },
        };
        Ok(TilePath {
            level,
            index: parse_index(index)?,
            width,
        })
    }

    /// Whether a tree of this size has the tile: full, or partial of exactly a width it reaches.
    pub fn exists_in(&self, size: TreeSize) -> bool {
        let nodes = size.0 >> (8 * u32::from(self.level.unwrap_or(0)));
        let first = self.index.checked_mul(u64::from(TILE_WIDTH));
        first
            .and_then(|first| first.checked_add(u64::from(self.width)))
            .is_some_and(|end| end <= nodes)
    }
}

impl std::fmt::Display for TilePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.level {
            Some(level) => write!(f, "tile/{level}/")?,
            None => f.write_str("tile/entries/")?,
        }
        let mut elements = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            elements.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        elements.reverse();
        f.write_str(&elements.join("/"))?;
        match self.width {
            TILE_WIDTH => Ok(()),
            width => write!(f, ".p/{width}"),
        }
    }
}

fn decimal(text: &str, limit: u64) -> Result<u64, BadTilePath> {
    let number: u64 = text.parse().map_err(|_| BadTilePath)?;
    if number > limit || number.to_string() != text {
        Err(BadTilePath)
    } else {
        Ok(number)
    }
}

fn parse_index(text: &str) -> Result<u64, BadTilePath> {
    let elements: Vec<&str> = text.split('/').collect();
    if elements.len() > MAX_ELEMENTS {
        return Err(BadTilePath);
    }
    let mut index: u64 = 0;
    for (at, element) in elements.iter().enumerate() {
        let last = at + 1 == elements.len();
        let digits = if last {
            Some(*element)
        } else {
            element.strip_prefix('x')
        };
        let digits = digits.filter(|d| d.len() == 3 && d.bytes().all(|byte| byte.is_ascii_digit()));
        let value: u64 = digits
            .ok_or(BadTilePath)?
            .parse()
            .map_err(|_| BadTilePath)?;
        if at == 0 && !last && value == 0 {
            return Err(BadTilePath); // a leading x000 would be a second spelling
        }
        index = index
            .checked_mul(1000)
            .and_then(|i| i.checked_add(value))
            .ok_or(BadTilePath)?;
    }
    Ok(index)
}

/// The body of an entry bundle.
///
/// # Panics
/// When a leaf is longer than 65,535 bytes; ours have 33 or 41.
pub fn encode_entries<'a>(leaves: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut body = Vec::new();
    for leaf in leaves {
        let length = u16::try_from(leaf.len()).expect("leaf data has 33 or 41 bytes");
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(leaf);
    }
    body
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_paths() {
        for bad in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/6/000",
            "tile/00/000",
            "tile/-1/000",
            "tile/0/0",
            "tile/0/x000/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/x1/000",
            "tile/0/é00",
            "tile/0/001/002",
            "/tile/0/000",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
            "tile/entries/x001/000.p/1.p/1",
        ] {
            assert_eq!(TilePath::parse(bad), Err(BadTilePath), "{bad}");
        }
        let path = TilePath::parse("tile/0/x001/x234/067.p/8").unwrap();
        assert_eq!(
            path,
            TilePath {
                level: Some(0),
                index: 1_234_067,
                width: 8
            }
        );
        assert!(path.exists_in(TreeSize(1_234_067 * 256 + 8)));
        assert!(!path.exists_in(TreeSize(1_234_067 * 256 + 7)));
    }

    proptest! {
        #[test]
        fn round_trip(level in proptest::option::of(0u8..=5), index in 0u64..u64::MAX / 1000, width in 1u16..=256) {
            let path = TilePath { level, index, width };
            prop_assert_eq!(TilePath::parse(&path.to_string()), Ok(path));
        }

        #[test]
        fn never_panics(text in ".{0,60}") {
            let _ = TilePath::parse(&text);
            let _ = TilePath::parse(&format!("tile/{text}"));
        }
    }
}
