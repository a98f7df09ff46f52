//! What users wait for: an entry acknowledged by the real service, a bundle verified, a file digested.
//! `make bench`. Compare ratios within one run; machines differ.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/common/ledger.rs"]
mod ledger;
#[path = "../tests/common/submitter.rs"]
mod submitter;
#[path = "../tests/common/world.rs"]
mod world;

use std::collections::BTreeMap;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use custodes::cli::hashing::digest_path;
use custodes::ledger::rules::Rules;
use custodes::protocol::hash::Hash;
use custodes::protocol::id::Strand;
use custodes::protocol::map_rows::{self, MemoryRows};
use custodes::verify::{Inputs, verify};
use serde_json::json;
use submitter::{Submitter, line, subject, submit, submit_lines};

/// Lines of a batch.
const BATCH: usize = 256;

fn append(criterion: &mut Criterion) {
    let ledger = ledger::Ledger::new();
    let officer = Submitter::of(&ledger, "smith");
    let case = subject();
    assert_eq!(
        submit(&ledger.url, &officer.case(&case)).unwrap().status,
        201
    );
    let mut group = criterion.benchmark_group("append");
    group.sample_size(20);
    group.throughput(Throughput::Elements(1));
    group.bench_function("one, to its receipt", |bencher| {
        bencher.iter_batched(
            || officer.exhibit(&case, &subject()),
            |entry| assert_eq!(submit(&ledger.url, &entry).unwrap().status, 201),
            BatchSize::PerIteration,
        );
    });
    group.sample_size(10);
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("a batch of 256, to its receipts", |bencher| {
        bencher.iter_batched(
            || -> Vec<String> {
                (0..BATCH)
                    .map(|_| line(&officer.exhibit(&case, &subject())))
                    .collect()
            },
            |lines| {
                let answers = submit_lines(&ledger.url, &lines).unwrap();
                assert!(answers.iter().all(|answer| answer.status == 201));
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn verification(criterion: &mut Criterion) {
    let mut sample = world::sample();
    let mut group = criterion.benchmark_group("verify");
    group.sample_size(10);
    for (what, views) in [
        ("one exhibit", 0),
        ("an exhibit looked at 10,000 times", 10_000),
    ] {
        let (service, officer) = (
            world::clone(&sample.world.service),
            world::clone(&sample.officer),
        );
        let video = sample.video.clone();
        for number in 0..views {
            if number % 500 == 0 {
                sample.world.wait(1);
                sample.world.publish();
            }
            let purpose = format!("look {number}");
            let token =
                sample
                    .world
                    .token(&officer, &format!("exhibits/{video}/history"), &purpose);
            let details = json!({"reader": officer.actor, "purpose": purpose, "token": token});
            let body = json!({"target": "exhibit", "extent": "history"});
            sample
                .world
                .record(&service, &video, Strand::Access, "viewed", body, details);
        }
        let bundle = sample.world.exhibit_bundle(&sample.video);
        let (entries, nodes) = (bundle.entries.len(), bundle.nodes.len());
        let bundle = bundle.to_bytes();
        println!(
            "{what}: {} bytes, {entries} entries, {nodes} hashes",
            bundle.len()
        );
        let policy = sample.world.policy();
        let inputs = Inputs {
            bundle: &bundle,
            policy: &policy,
            rules: Rules::embedded(),
            evidence: &[],
            sidecars: &[],
        };
        assert!(verify(inputs).verified.is_some());
        group.throughput(Throughput::Bytes(bundle.len() as u64));
        group.bench_function(format!("the bundle of {what}"), |bencher| {
            bencher.iter(|| verify(inputs));
        });
    }
    group.finish();
}

fn digest(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image");
    let bytes: Vec<u8> = (0..64u32 << 20).map(|at| (at ^ (at >> 9)) as u8).collect();
    std::fs::write(&file, &bytes).unwrap();
    let mut group = criterion.benchmark_group("digest");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("SHA-256 alone, in memory", |bencher| {
        bencher.iter(|| Hash::of(&[&bytes]));
    });
    group.bench_function("a file of 64 MiB, with its chunk tree", |bencher| {
        bencher.iter(|| digest_path(&file, false).unwrap());
    });
    group.finish();
}

/// The map of completeness: what a group of 256 entries in as many chains costs, and one proof.
fn map(criterion: &mut Criterion) {
    let chain = |n: u64| {
        (
            Hash::of(&[b"key", &n.to_be_bytes()]),
            Hash::of(&[&n.to_be_bytes()]),
        )
    };
    let mut group = criterion.benchmark_group("map");
    for chains in [10_000, 100_000, 1_000_000] {
        let mut rows = MemoryRows::default();
        for from in (0..chains).step_by(10_000) {
            let values = (from..from + 10_000).map(chain).collect();
            rows.extend(map_rows::update(&rows, &values).unwrap().rows);
        }
        let bytes: usize = rows
            .rows()
            .map(|(id, row)| id.to_bytes().len() + row.len())
            .sum();
        println!(
            "{chains} chains: {} rows, {} bytes a chain",
            rows.len(),
            bytes as u64 / chains
        );
        let known: BTreeMap<Hash, Hash> = (0..chains)
            .step_by(chains as usize / BATCH)
            .map(|n| (chain(n).0, Hash::ZERO))
            .collect();
        let new: BTreeMap<Hash, Hash> = (chains..chains + BATCH as u64).map(chain).collect();
        group.throughput(Throughput::Elements(BATCH as u64));
        for (what, values) in [("longer", &known), ("new", &new)] {
            group.bench_function(format!("256 chains {what}, of {chains}"), |bencher| {
                bencher.iter(|| map_rows::update(&rows, values).unwrap());
            });
        }
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("a proof, of {chains}"), |bencher| {
            bencher.iter(|| map_rows::prove(&rows, chain(77).0).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, append, verification, digest, map);
criterion_main!(benches);
