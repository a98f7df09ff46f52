//! Words of others within our own: they must not pass for lines, or for the end, of what we print.

/// Most characters of a place or a sentence of a finding.
pub(crate) const MAX_WORDS: usize = 500;

/// Said where a text is cut.
pub(crate) const CUT: &str = " ... [cut]";

/// Control characters, line breaks, and marks without width or that turn the direction of text.
pub(crate) fn misleads(c: char) -> bool {
    let unseen = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    c.is_control() || unseen
}

/// The text on one line, such characters shown escaped; a long one is cut, which is said.
pub(crate) fn one_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(MAX_WORDS));
    for (at, c) in text.chars().enumerate() {
        if at == MAX_WORDS {
            shown.push_str(CUT);
            break;
        }
        match misleads(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_whatever_is_in_it() {
        assert_eq!(
            one_line("a\n1. PROVEN\u{1b}[2J\u{202e}é"),
            "a\\n1. PROVEN\\u{1b}[2J\\u{202e}é"
        );
        let long = one_line(&"\u{e9}".repeat(10_000));
        assert_eq!(long.chars().count(), MAX_WORDS + CUT.len());
    }
}
