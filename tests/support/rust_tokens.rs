//! Just enough of Rust's grammar for `tests/layering.rs`: tokens without comments, strings and `#[cfg(test)]`
//! items, and the paths written in them with groups spelt out.

/// One source file: where it is, and which module it makes.
pub struct Source {
    /// For messages.
    pub name: String,
    /// From the crate root: `src/ledger/rules.rs` is `["ledger", "rules"]`, `src/lib.rs` is empty.
    pub module: Vec<String>,
    /// The whole text.
    pub text: String,
}

/// An identifier, `::`, or a single character of punctuation. Strings and lifetimes are left out.
pub struct Token {
    /// As written.
    pub text: String,
    /// From 1.
    pub line: usize,
}

impl Token {
    /// Whether the token reads exactly so.
    pub fn is(&self, text: &str) -> bool {
        self.text == text
    }

    fn is_name(&self) -> bool {
        self.text
            .starts_with(|c: char| c.is_alphanumeric() || c == '_')
    }
}

/// A path as written, with its group spelt out: `a::{b, c::*}` is `a::b` and `a::c::*`.
pub struct Path {
    /// At least one.
    pub segments: Vec<String>,
    /// The module it stands in, inline modules included: what `self` means there.
    pub module: Vec<String>,
    /// Of its last segment.
    pub line: usize,
}

/// The tokens of a file that count outside tests.
pub fn tokens(text: &str) -> Vec<Token> {
    without_tests(lex(text), &mut vec![], &[])
}

/// The modules that a file declares for tests alone, in files of their own: `#[cfg(test)] mod x;`.
pub fn test_modules(text: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut found = vec![];
    without_tests(lex(text), &mut found, module);
    found
}

/// Every path in the code that has two segments or more, and every one that is imported.
pub fn paths(code: &[Token], file: &[String]) -> Vec<Path> {
    let mut found = vec![];
    let mut module = file.to_vec();
    let mut inline_at = vec![]; // depth of the braces of each inline module that is open
    let mut depth = 0_usize;
    for (at, token) in code.iter().enumerate() {
        let before = |back: usize| at.checked_sub(back).map(|index| &code[index]);
        if token.is("{") {
            depth += 1;
            if before(2).is_some_and(|word| word.is("mod")) {
                module.push(code[at - 1].text.clone());
                inline_at.push(depth);
            }
        } else if token.is("}") {
            if inline_at.last() == Some(&depth) {
                inline_at.pop();
                module.pop();
            }
            depth = depth.saturating_sub(1);
        } else if token.is("path")
            && before(1).is_some_and(|it| it.is("["))
            && before(2).is_some_and(|it| it.is("#"))
        {
            let segments = vec!["crate".into(), "`#[path]`".into()];
            found.push(Path {
                segments,
                module: module.clone(),
                line: token.line,
            });
        } else if token.is_name() {
            // A path starts at a name that continues no other path; `::std` starts one, `Vec::<u8>::new` does not.
            let continues = before(1).is_some_and(|it| it.is("::"))
                && before(2).is_some_and(|it| it.is(">") || it.is_name() && !it.is("use"));
            let imported = before(1).is_some_and(|it| it.is("use"))
                || before(1).is_some_and(|it| it.is("::"))
                    && before(2).is_some_and(|it| it.is("use"));
            let inside_group =
                before(1).is_some_and(|it| it.is("{") || it.is(",")) && in_group(code, at);
            let longer = code.get(at + 1).is_some_and(|it| it.is("::"));
            if !continues && !inside_group && (imported || longer) {
                let mut tree = Tree {
                    code,
                    at,
                    leaves: vec![],
                };
                tree.read(&[]);
                let here = |(segments, line)| Path {
                    segments,
                    module: module.clone(),
                    line,
                };
                found.extend(tree.leaves.into_iter().map(here));
            }
        }
    }
    found
}

/// Whether the nearest brace open before `at` is that of a group, `a::{ ... }`.
fn in_group(code: &[Token], at: usize) -> bool {
    let mut closed = 0_usize;
    for index in (0..at).rev() {
        match code[index].text.as_str() {
            "}" => closed += 1,
            "{" if closed > 0 => closed -= 1,
            "{" => return index > 0 && (code[index - 1].is("::") || code[index - 1].is("use")),
            ";" => return false,
            _ => {}
        }
    }
    false
}

/// A reader of one path or import tree.
struct Tree<'a> {
    code: &'a [Token],
    at: usize,
    leaves: Vec<(Vec<String>, usize)>,
}

impl Tree<'_> {
    fn token(&self) -> Option<&Token> {
        self.code.get(self.at)
    }

    fn sees(&self, text: &str) -> bool {
        self.token().is_some_and(|token| token.is(text))
    }

    fn read(&mut self, prefix: &[String]) {
        let mut segments = prefix.to_vec();
        let mut line = self.token().map_or(0, |token| token.line);
        while let Some(token) = self.token() {
            if token.is("{") {
                self.at += 1;
                while self.token().is_some() && !self.sees("}") {
                    let start = self.at;
                    self.read(&segments);
                    self.at = self.at.max(start + usize::from(self.sees(",")));
                    if self.sees(",") || self.at == start {
                        self.at += 1;
                    }
                }
                self.at += 1;
                return;
            }
            if !(token.is_name() || token.is("*")) {
                break; // a turbofish, or a stray `::`
            }
            line = token.line;
            // `a::{self}` imports `a` itself.
            if segments.is_empty() || !token.is("self") {
                segments.push(token.text.clone());
            }
            self.at += 1;
            if !self.sees("::") {
                break;
            }
            self.at += 1;
        }
        if self.sees("as") {
            self.at += 2;
        }
        self.leaves.push((segments, line));
    }
}

/// Drops each item under `#[cfg(test)]` or `#[cfg(all(test, ...))]`, and the whole file under `#![cfg(test)]`.
fn without_tests(
    code: Vec<Token>,
    declared: &mut Vec<Vec<String>>,
    module: &[String],
) -> Vec<Token> {
    let reads = |at: usize, words: &[&str]| {
        words
            .iter()
            .enumerate()
            .all(|(offset, word)| code.get(at + offset).is_some_and(|token| token.is(word)))
    };
    let mut dropped = vec![false; code.len()];
    let mut at = 0;
    while at < code.len() {
        if reads(at, &["#", "!", "[", "cfg", "(", "test", ")"]) {
            return vec![];
        }
        let marked = reads(at, &["#", "[", "cfg", "(", "test", ")"])
            || reads(at, &["#", "[", "cfg", "(", "all", "(", "test"]);
        if !marked {
            at += 1;
            continue;
        }
        let start = at;
        while reads(at, &["#", "["]) {
            at = after_item(&code, at + 1);
        }
        let item = at;
        at = after_item(&code, at);
        dropped[start..at].fill(true);
        if let Some(name) = (item..at).find(|index| code[*index].is("mod"))
            && reads(name + 2, &[";"])
        {
            declared.push(
                module
                    .iter()
                    .cloned()
                    .chain([code[name + 1].text.clone()])
                    .collect(),
            );
        }
    }
    let mut dropped = dropped.into_iter();
    code.into_iter()
        .filter(|_| !dropped.next().expect("one mark for each token"))
        .collect()
}

/// The place after an attribute's `[...]` or after an item: its `;` or its closing brace, whichever is first.
fn after_item(code: &[Token], start: usize) -> usize {
    let attribute = code.get(start).is_some_and(|token| token.is("["));
    let mut depth = 0_usize;
    for (at, token) in code.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => return at, // the end of what holds the item
            ")" | "]" | "}" => {
                depth -= 1;
                if depth == 0 && (token.is("}") || attribute && token.is("]")) {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

fn lex(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let peek = |at: usize| chars.get(at).copied().unwrap_or('\0');
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = vec![];
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let start = at;
        let c = chars[at];
        if c == '/' && peek(at + 1) == '/' {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if c == '/' && peek(at + 1) == '*' {
            at = after_block_comment(&chars, at);
        } else if let Some(after) = after_string(&chars, at) {
            at = after;
        } else if c == '\'' {
            // A character literal has its quote within reach; a lifetime has none.
            if peek(at + 1) == '\\' {
                at += 3;
                while at < chars.len() && chars[at] != '\'' {
                    at += 1;
                }
                at += 1;
            } else if peek(at + 2) == '\'' {
                at += 3;
            } else {
                at += 1;
                while word(peek(at)) {
                    at += 1;
                }
            }
        } else if word(c) {
            if c == 'r' && peek(at + 1) == '#' && word(peek(at + 2)) {
                at += 2;
            }
            let from = at;
            while word(peek(at)) {
                at += 1;
            }
            found.push(Token {
                text: chars[from..at].iter().collect(),
                line,
            });
        } else if c == ':' && peek(at + 1) == ':' {
            at += 2;
            found.push(Token {
                text: "::".into(),
                line,
            });
        } else {
            at += 1;
            if !c.is_whitespace() {
                found.push(Token {
                    text: c.into(),
                    line,
                });
            }
        }
        at = at.min(chars.len());
        line += chars[start..at].iter().filter(|c| **c == '\n').count();
    }
    found
}

fn after_block_comment(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The place after a string literal of any kind (`""`, `b""`, `c""`, `r#""#`, `br""`), if one starts here.
fn after_string(chars: &[char], start: usize) -> Option<usize> {
    let mut at = start;
    if matches!(chars.get(at), Some('b' | 'c')) {
        at += 1;
    }
    let raw = chars.get(at) == Some(&'r');
    at += usize::from(raw);
    let hashes = if raw {
        chars[at..].iter().take_while(|c| **c == '#').count()
    } else {
        0
    };
    at += hashes;
    if chars.get(at) != Some(&'"') {
        return None;
    }
    at += 1;
    while at < chars.len() {
        match chars[at] {
            '\\' if !raw => at += 2,
            '"' if chars[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes => {
                return Some(at + 1 + hashes);
            }
            _ => at += 1,
        }
    }
    Some(chars.len())
}
