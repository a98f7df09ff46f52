//! Programs of the C2SP ecosystem that nobody here wrote read checkpoints, tiles, entry bundles, proofs and
//! cosignatures, and refuse each of them where it was tampered with. They are in the environment that `.ci/setup.sh`
//! makes: `golang.org/x/mod/sumdb` with the Go toolchain that brings it, and `tlog-scales` and `proofbundle` of PyPI.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "interop/programs.rs"]
mod programs;
#[path = "interop/stored.rs"]
mod stored;
#[path = "common/submitter.rs"]
mod submitter;
#[path = "common/wire.rs"]
mod wire;
#[path = "common/witness.rs"]
mod witness;
#[path = "common/witnessed.rs"]
mod witnessed;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custodes::protocol::receipt::Receipt;
use custodes::protocol::tlog_proof::TlogProof;
use custodes::protocol::tree::{ConsistencyProof, RootHash};
use serde_json::Value;

use programs::{ALL, Claims, Program, programs};
use stored::Stored;
use submitter::{Submitter, line, subject, submit_lines};
use witness::get;

#[test]
fn every_tile_of_every_size_reads() {
    let Some(programs) = programs() else { return };
    let mut stored = Stored::new();
    for size in [1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000] {
        stored.grow(size);
    }
    let folder = tempfile::tempdir().unwrap();
    let files = stored.write(folder.path());
    let claims = stored.claims();
    for program in ALL {
        let said = programs.read(program, &folder.path().display().to_string(), &claims);
        println!("{program:?}: {}", said.unwrap());
    }
    println!("{files} files");
}

/// Changes what is said of a log, or its files.
type Edit = Box<dyn Fn(&mut Claims, &Path)>;

/// Something that is not as it was signed, and who reads that kind of thing.
struct Tampering {
    what: &'static str,
    readers: &'static [Program],
    edit: Edit,
}

fn spoil(path: &'static str, at: usize) -> Edit {
    Box::new(move |_, folder| {
        let file = folder.join(path);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[at] ^= 1;
        std::fs::write(file, bytes).unwrap();
    })
}

/// One bit of a signature of the newest checkpoint: of which line, and which byte of what the line holds.
fn unsign(line: usize, byte: usize) -> Edit {
    Box::new(move |claims, _| {
        let note = claims.checkpoints.last_mut().unwrap();
        let lines: Vec<&str> = note.split_inclusive('\n').collect();
        let (name, text) = lines[4 + line].trim_end().rsplit_once(' ').unwrap();
        let mut bytes = STANDARD.decode(text).unwrap();
        bytes[byte] ^= 1;
        let changed = format!("{name} {}\n", STANDARD.encode(bytes));
        *note = note.replace(lines[4 + line], &changed);
    })
}

/// One hash of the proofs of a kind, spoilt, left out or twice.
fn reprove(of: fn(&mut Claims) -> &mut Vec<Value>, how: &'static str) -> Edit {
    Box::new(move |claims, _| {
        let longest = of(claims)
            .iter_mut()
            .max_by_key(|one| one["proof"].as_array().unwrap().len());
        let proof = longest.unwrap()["proof"].as_array_mut().unwrap();
        match how {
            "short" => drop(proof.pop()),
            "long" => proof.push(proof[0].clone()),
            _ => {
                let mut hash = STANDARD.decode(proof[0].as_str().unwrap()).unwrap();
                hash[31] ^= 1;
                proof[0] = STANDARD.encode(hash).into();
            }
        }
    })
}

fn tamperings() -> Vec<Tampering> {
    use Program::{Proofbundle, Sumdb, TlogScales};
    const TILES: &[Program] = &[Sumdb, TlogScales];
    const BUNDLE: &[Program] = &[Proofbundle];
    let one = |what, readers, edit| Tampering {
        what,
        readers,
        edit,
    };
    let mut all = vec![
        one("a full tile", TILES, spoil("tile/0/000", 100)),
        one("a partial tile", TILES, spoil("tile/0/001.p/1", 31)),
        one("an older partial tile", TILES, spoil("tile/0/000.p/255", 0)),
        one("a tile of level 1", TILES, spoil("tile/1/000.p/1", 5)),
        one("an entry", TILES, spoil("tile/entries/000", 2 + 20)),
        one("a map leaf", TILES, spoil("tile/entries/001.p/1", 2 + 40)),
        one(
            "the length of an entry",
            TILES,
            spoil("tile/entries/000", 1),
        ),
        one(
            "a tile that is not there",
            TILES,
            Box::new(|_, folder| std::fs::remove_file(folder.join("tile/0/000.p/255")).unwrap()),
        ),
        one(
            "another size",
            &ALL,
            Box::new(|claims, _| {
                let note = claims.checkpoints.last_mut().unwrap();
                *note = note.replacen("\n257\n", "\n256\n", 1);
            }),
        ),
        one(
            "another origin",
            &ALL,
            Box::new(|claims, _| {
                let note = claims.checkpoints.last_mut().unwrap();
                *note = note.replacen("log.example", "log2.example", 1);
            }),
        ),
        one(
            "another place",
            &ALL,
            Box::new(|claims, _| claims.inclusion.last_mut().unwrap()["index"] = 3.into()),
        ),
        one(
            "another root before",
            &ALL,
            Box::new(|claims, _| {
                claims.consistency.last_mut().unwrap()["old_root"] =
                    claims.consistency[0]["old_root"].clone();
            }),
        ),
        one(
            "another time of recording",
            BUNDLE,
            Box::new(|claims, _| {
                let proof = claims.tlog_proofs.last_mut().unwrap();
                let mut text = TlogProof::parse(proof["text"].as_str().unwrap()).unwrap();
                text.recorded_at.0 += 1;
                proof["text"] = text.to_text().into();
            }),
        ),
    ];
    for how in ["spoilt", "short", "long"] {
        all.push(one(how, &ALL, reprove(|claims| &mut claims.inclusion, how)));
        all.push(one(
            how,
            &ALL,
            reprove(|claims| &mut claims.consistency, how),
        ));
    }
    // The log's 0x01 and 0x06, then 0x04 and 0x06 of each witness: the signature, and for a cosignature its time.
    for line in 0..6 {
        all.push(one("a signature", &ALL, unsign(line, 4 + 8 + 50)));
    }
    for line in 2..6 {
        all.push(one("the time of a cosignature", &ALL, unsign(line, 4 + 7)));
    }
    all
}

#[test]
fn tampering_is_noticed_by_whoever_reads_that_kind() {
    let Some(programs) = programs() else { return };
    let mut stored = Stored::new();
    for size in [1, 255, 256, 257] {
        stored.grow(size);
    }
    let untouched = Tampering {
        what: "nothing",
        readers: &[],
        edit: Box::new(|_, _| ()),
    };
    for Tampering {
        what,
        readers,
        edit,
    } in tamperings().into_iter().chain([untouched])
    {
        let folder = tempfile::tempdir().unwrap();
        stored.write(folder.path());
        let mut claims = stored.claims();
        edit(&mut claims, folder.path());
        for program in ALL {
            let said = programs.read(program, &folder.path().display().to_string(), &claims);
            assert_eq!(
                said.is_err(),
                readers.contains(&program),
                "{what}: {program:?}"
            );
        }
    }
}

#[test]
fn a_running_service_reads_over_http() {
    let Some(programs) = programs() else { return };
    let (ledger, witnesses) = witnessed::witnessed();
    let keys: Vec<_> = witnesses.iter().flat_map(|one| one.vkeys.clone()).collect();
    let mut claims = Claims::new(&witnessed::log_keys(&ledger), &keys);
    let lines = 2 + keys.len();

    // Published again and again while the log grows over the edge of a tile, each time with all the cosignatures.
    let smith = Submitter::of(&ledger, "smith");
    let mut sizes = Vec::new();
    for count in [1, 100, 200, 300] {
        let case = subject();
        let mut batch = vec![line(&smith.case(&case))];
        batch.extend((1..count).map(|_| line(&smith.exhibit(&case, &subject()))));
        let answers = submit_lines(&ledger.url, &batch).unwrap();
        assert!(answers.iter().all(|one| one.status < 300), "{answers:?}");
        let last = answers.last().unwrap().index();
        witnessed::until("all cosignatures", || {
            let (size, signatures) = witnessed::published(&ledger);
            size > last && signatures == lines
        });
        let note = get(&format!("{}/checkpoint", ledger.url)).text;
        sizes.push(note.lines().nth(1).unwrap().parse::<u64>().unwrap());
        claims.checkpoints.push(note);

        // Receipts, and the same as .tlog-proof files.
        for answer in answers.iter().step_by(40) {
            let e = answer.body["e"].as_str().unwrap();
            let ask = |what: &str| {
                wire::read(
                    &ledger,
                    "smith",
                    "GET",
                    &format!("/v1/entries/{e}/{what}"),
                    "",
                )
            };
            let receipt: Receipt = serde_json::from_slice(&ask("receipt").body).unwrap();
            assert!(receipt.witnessed);
            let leaf = custodes::protocol::leaf::Commitment::new(receipt.recorded_at, receipt.e);
            let size = *sizes.last().unwrap();
            claims.include(size, receipt.index.0, &leaf.leaf_data(), &receipt.proof);
            let proof = TlogProof::parse(&ask("proof").text()).unwrap();
            claims.proof(&proof, receipt.e);
        }
    }
    for old in &sizes {
        for new in sizes.iter().filter(|new| *new >= old) {
            let proof = get(&format!("{}/v1/consistency/{old}/{new}", ledger.url));
            let proof: Value = serde_json::from_str(&proof.text).unwrap();
            let root: RootHash = serde_json::from_value(proof["root"].clone()).unwrap();
            let proof: ConsistencyProof = serde_json::from_value(proof["proof"].clone()).unwrap();
            claims.continues(*old, *new, root, &proof);
        }
    }
    for program in ALL {
        println!(
            "{program:?}: {}",
            programs.read(program, &ledger.url, &claims).unwrap()
        );
    }
    // Whoever knows a size that was published gets its tiles, and any narrower one, from then on.
    let body = |path: &str| wire::ask(&ledger, "GET", path, "", b"");
    let (tile, bundle) = (body("/tile/0/000").body, body("/tile/entries/000").body);
    for width in 1..256 {
        assert_eq!(
            body(&format!("/tile/0/000.p/{width}")).body,
            tile[..32 * width]
        );
        let part = body(&format!("/tile/entries/000.p/{width}")).body;
        assert!(part.len() >= 35 * width && bundle.starts_with(&part));
    }
}
