//! Opaque ids and names of entries on the command line: 22 or 43 characters of base64url, of which one in 64 begins
//! with a hyphen and would pass for an option.

use std::any::TypeId;
use std::ffi::OsString;

use clap::{Arg, Command};

use crate::protocol::hash::Hash;
use crate::protocol::id::Subject;

/// The command as it reads this line: where the line holds such an id, every argument that takes one word takes it. On
/// any other line a misspelt option is told as one.
pub fn allow(command: Command, line: &[OsString]) -> Command {
    let holds_one = line.iter().filter_map(|word| word.to_str()).any(is_id);
    match holds_one {
        true => allow_everywhere(command),
        false => command,
    }
}

fn allow_everywhere(command: Command) -> Command {
    command.mut_args(allow_in).mut_subcommands(allow_everywhere)
}

fn is_id(word: &str) -> bool {
    let id = || Subject::new(word).is_ok() || Hash::from_base64url(word).is_ok();
    word.starts_with('-') && id()
}

fn allow_in(arg: Arg) -> Arg {
    // One that takes several words would take the options after them too: there ids follow `--`.
    let one_word = arg.get_num_args().is_none() && arg.get_action().takes_values();
    let text = arg.get_value_parser().type_id() == TypeId::of::<String>();
    // Words of a list have a reader of their own.
    let listed = !arg.get_possible_values().is_empty() || arg.get_value_delimiter().is_some();
    match one_word && text && !listed {
        true => arg.allow_hyphen_values(true).value_parser(word),
        false => arg,
    }
}

fn word(text: &str) -> Result<String, String> {
    match text.starts_with('-') && !is_id(text) {
        true => {
            Err("it begins with a hyphen, and is neither an option nor an opaque id".to_owned())
        }
        false => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::*;
    use crate::cli::CommandLine;

    fn parse(line: &[&str]) -> Result<CommandLine, clap::Error> {
        let words: Vec<OsString> = line.iter().map(OsString::from).collect();
        let matches = allow(CommandLine::command(), &words).try_get_matches_from(words)?;
        CommandLine::from_arg_matches(&matches)
    }

    #[test]
    #[cfg(feature = "service")]
    fn an_id_that_begins_with_hyphens_is_no_option_and_a_misspelt_option_no_id() {
        for id in ["-83vEjRWeJCrze8SNFZ4kA", "--3vEjRWeJCrze8SNFZ4kA"] {
            for line in [
                &["custodes", "history", id, "--purpose", "report"][..],
                &["custodes", "history", "--purpose", "report", id],
                &["custodes", "--json", "history", id],
                &["custodes", "seal", id, "K1", "--detail", "bag=B1"],
                &[
                    "custodes",
                    "record",
                    "packed",
                    id,
                    "--set",
                    &format!("container={id}"),
                ],
                &[
                    "custodes",
                    "disclose",
                    id,
                    &format!("--exhibit={id}"),
                    "--to",
                    "ash-and-co",
                ],
                &["custodes", "transfer", "accept", id, "--seal", "K1"],
                &["custodes", "carry", "--out", "case.carry", "--", id],
            ] {
                assert!(parse(line).is_ok(), "{line:?} {}", parse(line).unwrap_err());
            }
        }
        for line in [
            &["custodes", "history", "--purpos", "report", "JSM/1"][..],
            &["custodes", "history", "-x"],
            &["custodes", "history", "JSM/1", "--purpose", "--json"],
            &["custodes", "history", "JSM/1", "-83vEjRWeJCrze8SNFZ4kA"],
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn readers_of_an_argument_s_own_stay() {
        fn check(was: &Command, is: &Command) {
            for arg in was.get_arguments() {
                let other = is.get_arguments().find(|one| one.get_id() == arg.get_id());
                let reader = |arg: &Arg| format!("{:?}", arg.get_value_parser());
                let own = reader(arg) != "ValueParser::string";
                assert!(!own || reader(arg) == reader(other.unwrap()), "{arg:?}");
            }
            for sub in was.get_subcommands() {
                check(sub, is.find_subcommand(sub.get_name()).unwrap());
            }
        }
        let all = allow_everywhere(CommandLine::command());
        check(&CommandLine::command(), &all);
    }
}
