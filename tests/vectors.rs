//! Other people's test vectors: RFC 6962 proofs and Ed25519 edge cases.
#![allow(clippy::unwrap_used)]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custodes::protocol::hash::Hash;
use custodes::protocol::key::PublicKey;
use custodes::protocol::tree::{
    ConsistencyProof, EntryIndex, InclusionProof, LeafHash, RootHash, TreeSize,
};
use serde_json::Value;

/// A hash of a vector; one that has not 32 bytes cannot even be said in our types.
fn hash(value: &Value) -> Option<Hash> {
    let bytes = STANDARD.decode(value.as_str().unwrap_or("")).unwrap();
    bytes.try_into().ok().map(Hash)
}

fn proof(value: &Value) -> Option<Vec<Hash>> {
    value
        .as_array()
        .map_or(Some(Vec::new()), |list| list.iter().map(hash).collect())
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[test]
fn rfc_6962_inclusion_and_consistency() {
    let Some(data) = common::data_dir() else {
        return;
    };
    let (mut good, mut bad) = (0, 0);
    for kind in ["inclusion", "consistency"] {
        for path in common::files(&data.join("vectors/merkle").join(kind)) {
            let text = std::fs::read(&path).unwrap();
            let vector: Value = serde_json::from_slice(&text).unwrap();
            let holds = match kind {
                "inclusion" => inclusion(&vector),
                _ => consistency(&vector),
            };
            // Some of theirs carry "hashes" of other lengths, which our types cannot even hold.
            let sayable = ["root", "root1", "root2", "leafHash"]
                .iter()
                .all(|name| vector.get(*name).is_none_or(|value| hash(value).is_some()));
            let wanted = sayable && !vector["wantErr"].as_bool().unwrap();
            assert_eq!(holds.is_some(), wanted, "{}", path.display());
            if wanted { good += 1 } else { bad += 1 }
        }
    }
    assert!(
        good >= 10 && bad >= 150,
        "{good} good and {bad} bad vectors are fewer than there were"
    );
}

fn inclusion(vector: &Value) -> Option<()> {
    InclusionProof(proof(&vector["proof"])?)
        .verify(
            EntryIndex(number(&vector["leafIdx"])),
            TreeSize(number(&vector["treeSize"])),
            LeafHash(hash(&vector["leafHash"])?),
            RootHash(hash(&vector["root"])?),
        )
        .ok()
}

fn consistency(vector: &Value) -> Option<()> {
    ConsistencyProof(proof(&vector["proof"])?)
        .verify(
            TreeSize(number(&vector["size1"])),
            RootHash(hash(&vector["root1"])?),
            TreeSize(number(&vector["size2"])),
            RootHash(hash(&vector["root2"])?),
        )
        .ok()
}

#[test]
fn ed25519_edge_cases_are_refused() {
    let Some(data) = common::data_dir() else {
        return;
    };
    let text = std::fs::read(data.join("vectors/ed25519/ed25519vectors.json")).unwrap();
    let vectors: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for vector in &vectors {
        let bytes = |name: &str| hex::decode(vector[name].as_str().unwrap()).unwrap();
        let message = vector["msg"].as_str().unwrap().as_bytes();
        let holds = PublicKey::from_bytes(&bytes("key").try_into().unwrap()).is_ok_and(|key| {
            key.verify(message, &bytes("sig").try_into().unwrap())
                .is_ok()
        });
        let flags: Vec<&str> = vector["flags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        // Any flag marks something on which implementations disagree; without one, everybody accepts.
        assert_eq!(holds, flags.is_empty(), "{vector}");
        if holds { accepted += 1 } else { refused += 1 }
    }
    println!("{accepted} accepted, {refused} refused");
    assert!(accepted + refused > 500);
}
