//! What commands print: words for people, or one line of JSON for programs.

use std::io::{IsTerminal as _, Write as _};
#[cfg(feature = "witness")]
use std::path::Path;

use serde_json::{Value, json};

use super::failure::Failure;

/// Where results go. Results are written to standard output, everything else to standard error.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Words, or JSON.
    pub fn new(json: bool) -> Output {
        Output { json }
    }

    /// Whether results are for programs.
    #[cfg(feature = "service")]
    pub fn is_json(self) -> bool {
        self.json
    }

    /// The result of a command.
    pub fn result(self, words: &str, value: &Value) {
        if self.json {
            print(&value.to_string());
        } else {
            print(words.trim_end());
        }
    }

    /// Why the command was not carried out.
    pub fn failure(self, failure: &Failure) {
        if self.json {
            let error = json!({
                "code": failure.code, "detail": failure.detail, "next": failure.next, "exit": failure.exit,
            });
            eprintln!("{}", json!({ "error": error }));
            return;
        }
        eprintln!("{failure}");
        if let Some(next) = &failure.next {
            eprintln!("  next: {next}");
        }
    }

    /// Whether a progress bar helps anyone.
    pub fn shows_progress(self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }
}

/// Writes the address of a service that is up, whole or not at all: whoever waits for the file may read it at once.
#[cfg(feature = "witness")]
pub fn write_ready_file(path: Option<&Path>, url: &str) -> std::io::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, url)?;
    std::fs::rename(&beside, path)
}

/// A reader that stops reading (`| head`) is no error of ours.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Removes control characters, which text from elsewhere could use to repaint the terminal.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|one| {
            if one.is_control() && one != '\n' {
                '\u{fffd}'
            } else {
                one
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn terminal_controls_are_shown_not_obeyed() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\nc");
    }
}
