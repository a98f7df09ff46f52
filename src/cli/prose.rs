//! What README, docs and help tell people to type is what the command line takes, and what they link to is there.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};

use super::CommandLine;

/// The pages that people read, by path from the project's folder.
fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("README.md"), root.join("keys/README.md")];
    for file in fs::read_dir(root.join("docs")).expect("docs is there") {
        paths.push(file.expect("its entries can be listed").path());
    }
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    assert!(paths.len() > 5, "the pages are where they were");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a page is text");
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// Commands in the code blocks of a page, with lines that go on joined.
fn in_code_blocks(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut found: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
            continue;
        }
        let (text, more) = match line.strip_suffix('\\') {
            Some(text) => (text, true),
            None => (line, false),
        };
        if inside && goes_on {
            let last = found.last_mut().expect("a line went on, so there is one");
            last.push_str(text);
        } else if inside {
            found.push(text.to_owned());
        }
        goes_on = inside && more;
    }
    found
}

/// The arguments of a line that calls the program, as a shell would split them; `None` for any other line.
fn arguments(line: &str) -> Option<Vec<String>> {
    let line = line.trim().trim_start_matches("$ ");
    let line = line.strip_prefix("ExecStart=").unwrap_or(line);
    let program = line.split(' ').next()?;
    if program.rsplit('/').next() != Some("custodes") || line.contains("(cli)") {
        return None;
    }
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#' | '>' | '|' | ';' | '&') => break,
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    assert!(quote.is_none(), "a quote is left open: {line}");
    words.extend(word);
    Some(words)
}

/// Parses a line if it calls the program; whether it did.
fn parses(line: &str, place: &str) -> bool {
    let Some(words) = arguments(line) else {
        return false;
    };
    if let Err(error) = CommandLine::try_parse_from(&words) {
        use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
        assert!(
            matches!(error.kind(), DisplayHelp | DisplayVersion),
            "{place}: {line}\n{error}"
        );
    }
    true
}

#[test]
fn commands_on_the_pages_parse() {
    let mut count = 0;
    for (path, page) in pages() {
        for line in in_code_blocks(&page) {
            count += usize::from(parses(&line, &path.to_string_lossy()));
        }
    }
    assert!(count > 10, "{count} commands found");
}

#[test]
fn examples_in_help_parse() {
    fn walk(command: &clap::Command, path: &str, count: &mut usize) {
        for text in [command.get_after_help(), command.get_after_long_help()]
            .into_iter()
            .flatten()
        {
            let text = text.to_string().replace("\\\n", "");
            for line in text.lines() {
                let line = line.trim();
                let line = line
                    .trim_start_matches("Example:")
                    .trim_start_matches("Examples:");
                *count += usize::from(parses(line, path));
            }
        }
        for inner in command.get_subcommands() {
            walk(inner, &format!("{path} {}", inner.get_name()), count);
        }
    }
    let mut count = 0;
    walk(&CommandLine::command(), "custodes", &mut count);
    assert!(count > 20, "{count} examples found");
}

#[test]
fn a_command_that_is_not_taken_is_noticed() {
    let wrong = arguments("custodes register --no-such-flag \"44NS1234526 JSM/2\"");
    let wrong = wrong.expect("it calls the program");
    assert_eq!(wrong[3], "44NS1234526 JSM/2");
    assert!(CommandLine::try_parse_from(wrong).is_err());
}

#[test]
fn every_reason_not_to_start_is_on_the_operators_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("it is text");
    let (page, source) = (read("docs/OPERATING.md"), read("src/cli/online/serve.rs"));
    let codes: Vec<&str> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","))
        .filter(|code| {
            code.bytes()
                .all(|one| one.is_ascii_lowercase() || one == b'-')
        })
        .collect();
    assert!(codes.len() > 12, "{codes:?}");
    for code in codes {
        assert!(page.contains(&format!("`{code}`")), "{code}");
    }
}

/// The name that a heading is linked by, as code hosts make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut count = 0;
    for (path, page) in pages() {
        let folder = path.parent().expect("a page is in a folder");
        for link in page.split("](").skip(1) {
            let link = link.split(')').next().unwrap_or_default();
            if link.starts_with("http") || link.contains(' ') {
                continue;
            }
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                _ => folder.join(file),
            };
            assert!(target.exists(), "{}: {link}", path.display());
            if !part.is_empty() {
                let text = fs::read_to_string(&target).expect("a page is text");
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                assert!(
                    headings.any(|line| anchor(line.trim_start_matches('#')) == part),
                    "{}: {link}",
                    path.display()
                );
            }
            count += 1;
        }
    }
    assert!(count > 10, "{count} links found");
}
