//! Reads `src/` and fails on what a reviewer would have to catch by eye:
//!
//! 1. an import that points outward, in the order of [`LAYERS`];
//! 2. input, output, clock, randomness, threads or environment in a pure layer;
//! 3. a file longer than [`LINE_LIMIT`].
//!
//! Comments, strings and `#[cfg(test)]` items do not count: tests may reach wherever they like.
//!
//! Out of scope: what a macro expands to, and paths reached through a re-export of an allowed layer. This is a
//! tokenizer and a resolver of `crate::`, `super::` and `self::`, not a compiler.

#![allow(clippy::unwrap_used)]

#[path = "support/rust_tokens.rs"]
mod rust_tokens;

use rust_tokens::{Path, Source, paths, test_modules, tokens};
use std::{fs, path};

/// Every layer, and the layers it may import besides itself. A top-level module that is not here is an error.
const LAYERS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("held", &[]),
    ("software", &[]),
    ("ledger", &["protocol"]),
    ("verify", &["protocol", "ledger"]),
    ("court", &["protocol", "ledger", "verify"]),
    ("storage", &["protocol", "ledger", "held"]),
    (
        "service",
        &[
            "protocol", "ledger", "verify", "court", "storage", "witness", "held", "software",
        ],
    ),
    ("witness", &["protocol", "held"]),
    ("monitor", &["protocol", "ledger", "verify"]),
    (
        "cli",
        &[
            "protocol", "ledger", "verify", "court", "storage", "service", "witness", "monitor",
            "held", "software",
        ],
    ),
];

/// Layers whose functions depend on their arguments alone, so that every verifier reaches the same finding.
const PURE: &[&str] = &["protocol", "ledger", "verify", "court"];

/// Paths that a pure layer may not name; a longer path that starts with one of these counts too.
const IMPURE_PATHS: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "getrandom",
    "rand",
    "rayon",
    "rocksdb",
    "tokio",
    "axum",
    "ureq",
];

/// Calls that a pure layer may not make, under whatever path their type was imported.
const IMPURE_CALLS: &[(&str, &str)] = &[
    ("Instant", "now"),
    ("SystemTime", "now"),
    ("Timestamp", "now"),
    ("Zoned", "now"),
];

/// Whole modules under one name, behind which an impure path could hide.
const HIDING_PLACES: &[&str] = &["std", "std::*", "std::time::*"];

/// Macros that write to the terminal.
const IMPURE_MACROS: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

/// A reader can hold this much in mind; above it a file has two subjects.
const LINE_LIMIT: usize = 500;

/// The name that the binary and the integration tests call the library by.
const CRATE: &str = "custodes";

fn layer_of(module: &[String]) -> Option<&str> {
    module.first().map(String::as_str)
}

/// Where a path leads: the module path from the crate root, or `None` for another crate or a local name.
fn resolve(path: &Path) -> Option<Vec<String>> {
    let (first, mut rest) = path.segments.split_first()?;
    let mut base = match first.as_str() {
        "crate" | CRATE => vec![],
        "self" => path.module.clone(),
        "super" => path
            .module
            .split_last()
            .map_or(vec![], |(_, parent)| parent.to_vec()),
        _ => return None,
    };
    while let Some((next, after)) = rest.split_first() {
        match next.as_str() {
            "super" => _ = base.pop(),
            "self" => {}
            _ => break,
        }
        rest = after;
    }
    base.extend_from_slice(rest);
    Some(base)
}

/// Everything wrong with one file, as sentences that start with `file:line`.
fn faults(source: &Source) -> Vec<String> {
    let mut found = vec![];
    let mut fault =
        |line: usize, text: String| found.push(format!("{}:{line}: {text}", source.name));

    let lines = source.text.lines().count();
    if lines > LINE_LIMIT {
        fault(
            lines,
            format!("{lines} lines; the limit is {LINE_LIMIT}: split it by subject"),
        );
    }
    let Some(own) = layer_of(&source.module) else {
        return found;
    };
    let Some((_, inward)) = LAYERS.iter().find(|(layer, _)| *layer == own) else {
        fault(
            1,
            format!("`{own}` is not a layer: give it a place in LAYERS in tests/layering.rs"),
        );
        return found;
    };
    let pure = PURE.contains(&own);
    let code = tokens(&source.text);

    for path in paths(&code, &source.module) {
        let written = path.segments.join("::");
        if let Some(target) = resolve(&path) {
            match layer_of(&target) {
                Some(to) if to == own || inward.contains(&to) => {}
                Some("*") | None => fault(
                    path.line,
                    format!("`{written}` takes in the crate root: name what is meant"),
                ),
                Some(to) => fault(
                    path.line,
                    format!("`{written}` points outward: `{own}` may not use `{to}`"),
                ),
            }
        }
        let names = |banned: &&str| {
            written
                .strip_prefix(*banned)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let calls = |pair: &[String]| {
            IMPURE_CALLS
                .iter()
                .any(|(of, call)| pair[0] == *of && pair[1] == *call)
        };
        let impure = IMPURE_PATHS.iter().any(names)
            || path.segments.windows(2).any(calls)
            || HIDING_PLACES.contains(&written.as_str());
        if pure && impure {
            fault(
                path.line,
                format!("`{written}` in `{own}`, which is pure: make it an argument"),
            );
        }
    }
    for pair in code.windows(2) {
        if pure && pair[1].is("!") && IMPURE_MACROS.iter().any(|name| pair[0].is(name)) {
            fault(
                pair[0].line,
                format!(
                    "`{}!` in `{own}`, which is pure: return it instead",
                    pair[0].text
                ),
            );
        }
    }
    found
}

/// Every Rust file under `folder`, with its module path; `main.rs` and `lib.rs` are the crate root.
fn sources(folder: &path::Path, module: &[String], into: &mut Vec<Source>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for entry in entries {
        let stem = entry.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut here = module.to_vec();
        if entry.is_dir() {
            here.push(stem);
            sources(&entry, &here, into);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            if stem != "mod" && !(module.is_empty() && (stem == "lib" || stem == "main")) {
                here.push(stem);
            }
            let text = fs::read_to_string(&entry).unwrap();
            into.push(Source {
                name: entry.display().to_string(),
                module: here,
                text,
            });
        }
    }
}

/// Faults of all files, leaving out the imports of modules that exist for tests alone (`#[cfg(test)] mod x;`).
fn all_faults(sources: &[Source]) -> Vec<String> {
    let for_tests: Vec<_> = sources
        .iter()
        .flat_map(|source| test_modules(&source.text, &source.module))
        .collect();
    sources
        .iter()
        .filter(|source| {
            !for_tests
                .iter()
                .any(|module| source.module.starts_with(module))
        })
        .flat_map(faults)
        .collect()
}

#[test]
fn imports_point_inward_and_pure_layers_are_pure() {
    let mut found = vec![];
    sources(
        &path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &[],
        &mut found,
    );
    assert!(
        found
            .iter()
            .any(|source| source.module == ["protocol", "hash"]),
        "the walk found the sources"
    );
    let faults = all_faults(&found);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// One planted file. `expected` is a piece of the only fault, or empty where there is none.
fn check(file: &str, text: &str, expected: &str) {
    let module = file.split('/').map(str::to_owned).collect();
    let faults = all_faults(&[Source {
        name: file.to_owned(),
        module,
        text: text.to_owned(),
    }]);
    match (faults.as_slice(), expected) {
        ([], "") => {}
        ([fault], piece) if !piece.is_empty() && fault.contains(piece) => {}
        _ => panic!("{file}: {text:?}: expected {expected:?}, found {faults:?}"),
    }
}

#[test]
fn planted_outward_imports_are_caught() {
    let outward = "points outward";
    check(
        "protocol/note",
        "use crate::ledger::rules::Rule;",
        "note:1: `crate::ledger::rules::Rule` points outward",
    );
    check(
        "protocol/note",
        "use crate::{protocol::hash::Hash, ledger::State};",
        "`crate::ledger::State` points outward",
    );
    check(
        "protocol/note",
        "use crate::{\n  protocol::{hash::{self, Hash}},\n  verify,\n};",
        "note:3:",
    );
    check("protocol/note", "use super::super::ledger::State;", outward);
    check("protocol", "use super::ledger::State;", outward);
    check(
        "protocol/a/b",
        "use super::{super::super::court::{Report}, c};",
        outward,
    );
    check(
        "ledger/rules",
        "fn f() { crate::verify::bundle::open(); }",
        outward,
    );
    check(
        "ledger/rules",
        "mod inner { use super::super::super::storage::Store; }",
        outward,
    );
    check(
        "storage/rocks",
        "use crate::service::sequencer::Group;",
        outward,
    );
    check("witness/server", "use crate::ledger::rules;", outward);
    check("court/report", "use custodes::service::api;", outward);
    check("verify/bundle", "pub(in crate::cli) fn f() {}", outward);
    check(
        "verify/bundle",
        "fn f<'a>(x: &'a str) { let c = '\"'; crate::cli::run(); let d = '\"'; }",
        outward,
    );
    check(
        "verify/bundle",
        "#[cfg(test)]\nmod tests { use crate::cli; }\nuse crate::cli;",
        "bundle:3:",
    );
    check(
        "verify/bundle",
        "#[cfg(not(test))]\nuse crate::cli;",
        outward,
    );
    check("protocol", "use super::*;", "takes in the crate root");
    check(
        "protocol/note",
        "use crate as everything;",
        "takes in the crate root",
    );
    check(
        "protocol/note",
        "use crate::{self as everything};",
        "takes in the crate root",
    );
    check("portal/page", "", "is not a layer");
    check(
        "protocol/note",
        "#[path = \"../ledger/state.rs\"]\nmod state;",
        "`#[path]`",
    );
}

#[test]
fn planted_impurity_is_caught() {
    let pure = "which is pure";
    check(
        "protocol/note",
        "use std::fs::File;",
        "`std::fs::File` in `protocol`",
    );
    check(
        "ledger/rules",
        "use std::{collections::BTreeMap, time::{Duration, SystemTime}};",
        "`std::time::SystemTime`",
    );
    check(
        "ledger/rules",
        "use std::time::{self, Duration}; fn f() { let t = time::SystemTime::now(); }",
        pure,
    );
    check(
        "verify/bundle",
        "fn f() { let n = jiff::Timestamp::now(); }",
        pure,
    );
    check(
        "verify/bundle",
        "fn f() { ::std::thread::spawn(|| {}); }",
        pure,
    );
    check(
        "court/report",
        "fn f() { println!(\"done\"); }",
        "`println!` in `court`",
    );
    check("court/report", "use getrandom;", pure);
    check("court/report", "use std::*;", pure);
    check("court/report", "use std as s;", pure);
    check(
        "verify/bundle",
        "fn f() { getrandom::fill(&mut []).ok(); }",
        pure,
    );
}

#[test]
fn what_is_allowed_passes() {
    check(
        "ledger/rules",
        "use crate::protocol::{hash::Hash, base64url};\nuse super::state::State;",
        "",
    );
    check(
        "protocol/note",
        "// use crate::ledger;\n/* /* std::fs */ crate::cli */\nconst S: &str = \"crate::cli\";",
        "",
    );
    check(
        "protocol/note",
        "const S: &str = r#\"\" crate::cli \"#; const B: &[u8] = b\"std::fs\";",
        "",
    );
    check(
        "protocol/note",
        "pub(crate) fn f() { let r#type = Vec::<u8>::new(); super::hash::g(); }",
        "",
    );
    check(
        "protocol/note",
        "#[cfg(test)]\n#[allow(x)]\nmod tests { use super::*; use std::fs; use crate::cli; }",
        "",
    );
    check(
        "protocol/note",
        "#[cfg(test)]\nuse std::{fs, env};\nfn f() {}",
        "",
    );
    check(
        "cli/serve",
        "use crate::{service, storage};\nuse std::{env, fs, process};\nfn f() { println!(\"\"); }",
        "",
    );
    check(
        "storage/rocks",
        "use std::fs;\nuse crate::protocol::hash::Hash;",
        "",
    );
    check(
        "verify/bundle",
        "fn f() -> &'static str { env!(\"CARGO_PKG_VERSION\") }",
        "",
    );
    check("verify/bundle", "fn f(p: std::path::PathBuf) {}", "");
}

#[test]
fn a_module_for_tests_alone_may_import_anything() {
    let file = |module: &[&str], text: &str| Source {
        name: module.join("/"),
        module: module.iter().map(|part| (*part).to_owned()).collect(),
        text: text.to_owned(),
    };
    let parent = "#[cfg(test)]\npub(crate) mod testing;\nmod real;";
    let outward = "use crate::cli::x;";
    assert!(
        all_faults(&[
            file(&["ledger"], parent),
            file(&["ledger", "testing"], outward)
        ])
        .is_empty()
    );
    assert_eq!(
        all_faults(&[
            file(&["ledger"], parent),
            file(&["ledger", "real"], outward)
        ])
        .len(),
        1
    );
}

#[test]
fn a_file_over_the_line_limit_is_caught() {
    check("protocol/note", &"\n".repeat(LINE_LIMIT), "");
    check("protocol/note", &"\n".repeat(LINE_LIMIT + 1), "501 lines");
}
