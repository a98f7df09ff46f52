//! Bundles in which nothing fails, and something cannot be checked, which is named.

use super::*;

use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{ChainId, Strand};
use good::{chain, noted};
use world::{prune, untied, withhold, withhold_entry};

pub fn vectors() -> Vec<Vector> {
    let sample = sample();
    let honest = sample.world.exhibit_bundle(&sample.video);
    let mut all = vec![
        Vector::open(
            "evidence-not-given",
            "open-no-file",
            "The reader does not hold the file.",
            &honest,
        )
        .holding(&[]),
        Vector::open(
            "no-witness",
            "open-no-witness",
            "The policy demands no witness.",
            &honest,
        )
        .under("no-witness"),
    ];
    let mut edited = |code, name: &str, says: &str, edit: &dyn Fn(&mut Bundle)| {
        let mut bundle = honest.clone();
        edit(&mut bundle);
        all.push(Vector::open(code, name, says, &bundle));
    };
    let registered = honest.entries[find(&sample, &honest, "registered")].index;
    let viewed = honest.entries[find(&sample, &honest, "viewed")].index;
    edited(
        "details-withheld",
        "open-address-withheld",
        "The address is withheld, and named.",
        &|b| withhold(b, registered, &["address"]),
    );
    edited(
        "details-withheld",
        "open-every-detail-withheld",
        "Every detail of the registration is withheld, and each named.",
        &|b| {
            let names = ["address", "description", "power_or_consent", "reference"];
            withhold(b, registered, &names);
        },
    );
    edited(
        "entries-withheld",
        "open-view-withheld",
        "That somebody looked is shown; who and why is wholly withheld.",
        &|b| withhold_entry(b, viewed),
    );
    edited(
        "view-not-checked",
        "open-reader-withheld",
        "Who looked is withheld, with the request that they signed.",
        &|b| withhold(b, viewed, &["reader", "token"]),
    );
    edited(
        "completeness-not-shown",
        "open-chain-without-map-proof",
        "Nothing shows that the access chain ends where it ends.",
        &|b| {
            chain(b, &sample.video, Strand::Access).map = None;
            prune(b);
        },
    );
    edited(
        "blob-not-given",
        "open-blob-not-given",
        "The bundle lists a file that does not lie beside it.",
        &|b| b.blobs = vec![Hash::of(&[b"a blob"])],
    );
    edited(
        "time-not-bounded",
        "open-time-not-bounded",
        "No older checkpoint bears a witness's line, so nothing says that entries were not recorded later than stated.",
        &|b| {
            let newest = b.checkpoints.len() - 1;
            for note in &mut b.checkpoints[..newest] {
                note.truncate(note.find("— witness.example").unwrap());
            }
        },
    );
    all.push(without_a_chain(&sample));
    all.push(without_a_manifest());
    all.extend(known());
    all
}

fn without_a_chain(sample: &Sample) -> Vector {
    let world = &sample.world;
    let whole = world.exhibit_bundle(&sample.video);
    let kept = whole.chains.iter().filter(|one| {
        !(one.entries.is_empty() || one.subject == sample.video && one.strand == Strand::Access)
    });
    let kept: BTreeSet<ChainId> = kept
        .map(|one| ChainId {
            subject: one.subject.clone(),
            strand: one.strand,
        })
        .collect();
    let entries = world.entries.iter();
    let recorded = entries.filter(|one| kept.contains(&one.entry.payload().chain()));
    let recorded: Vec<_> = recorded.collect();
    let bundle = world.assemble(whole.scope.clone(), &kept, &recorded);
    Vector::open(
        "completeness-not-shown",
        "open-access-left-out",
        "The access chain is left out, and nothing shows that there is none.",
        &bundle,
    )
}

/// A folder as one exhibit, whose manifest does not travel with the bundle.
fn without_a_manifest() -> Vector {
    let digest = EvidenceDigest::of_bytes(DigestKind::Manifest, b"");
    let (sample, exhibit) = registered(digest);
    let bundle = sample.world.exhibit_bundle(&exhibit);
    Vector::open(
        "manifest-not-listed",
        "open-manifest-not-listed",
        "The exhibit is a folder; the bundle does not list its manifest.",
        &bundle,
    )
    .holding(&[])
}

/// A further exhibit with this digest, and what it is called.
pub fn registered(digest: EvidenceDigest) -> (Sample, custodes::protocol::id::Subject) {
    let mut sample = sample();
    let officer = world::clone(&sample.officer);
    let exhibit = sample.world.subject();
    let body = json!({
        "case": sample.case, "kind": "document", "digest": digest, "role": "original",
    });
    let (strand, world) = (Strand::Custody, &mut sample.world);
    world.record(
        &officer,
        &exhibit,
        strand,
        "registered",
        body,
        world::details(),
    );
    (sample, exhibit)
}

/// Against what the reader kept.
fn known() -> Vec<Vector> {
    let mut sample = sample();
    let seen = sample.world.seen;
    sample.world.publish_map();
    let kept = sample.world.exhibit_bundle(&sample.video);
    // Nobody names the older tree as seen, and its checkpoint is left out.
    sample.world.seen = seen;
    noted(&mut sample, "a note in between");
    let untied = untied(sample.world.exhibit_bundle(&sample.video), &kept);
    vec![
        Vector::open(
            "older-than-known",
            "open-older-than-known",
            "What the reader kept is newer than this.",
            &kept,
        )
        .knowing("good-newer"),
        Vector::open(
            "known-not-compared",
            "open-not-tied-to-what-was-kept",
            "Nothing here ties this to the older tree that the reader kept.",
            &untied,
        )
        .knowing("good-kept"),
    ]
}
