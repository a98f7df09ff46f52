"""Reads a Custodes log with packages that nobody of Custodes wrote.

    reader.py tlog-scales LOG CLAIMS     checkpoints, cosignatures, tiles, entry bundles; proofs as checked and as made
    reader.py proofbundle LOG CLAIMS     checkpoints, cosignatures, quorum, proofs and .tlog-proof; it knows no tiles

LOG is a folder or an address with tile/ below it, CLAIMS a JSON file of what is said of it. Exit 0: all holds.
"""

import hashlib
import json
import sys
from base64 import b64decode

import proofbundle.checkpoint
import proofbundle.merkle
import proofbundle.tlogproof
from tlog_scales import backend, reader, signing, tiles, tlog


def holds(what, words):
    if not what:
        raise SystemExit(words)


def hashes(proof):
    return [b64decode(one, validate=True) for one in proof]


def above(nodes):
    """The root over a full tile."""
    while len(nodes) > 1:
        pairs = zip(nodes[::2], nodes[1::2])
        nodes = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return nodes[0]


class Scales:
    """One checkpoint of the log, with the tiles of its size."""

    def __init__(self, place, note, said):
        self.head = tlog.Checkpoint.from_text(note)
        holds(self.head.origin == said["origin"], "the checkpoint is of another log")
        keys = said["log"] + said["witnesses"]
        keys = signing.VkeySet(*(signing.Vkey.from_string(key) for key in keys))
        signed = keys.verify(self.head.signatures, self.head)
        holds(len(signed) == len(keys.keys) == len(self.head.signatures), "not every key has signed")
        self.backend = backend.make_backend(place)
        self.reader = reader.TilesReader(self.backend)
        self.reader.set_size(self.head.size)
        holds(self.reader.calculate_root_hash() == self.head.root_hash, "the tiles give another root")
        self.tiles = self.bundles = 0
        below = self.leaves = self.entries()
        level = 0
        while below:
            found = self.level(level)
            holds(found == below, f"the tiles of level {level} are not what is below them")
            full = len(found) // 256 * 256
            below = [above(found[at : at + 256]) for at in range(0, full, 256)]
            level += 1

    def read(self, level, kind):
        """All that the tiles of a level hold, each read under the path that this size gives it."""
        full, partial = tiles.level_tiles(self.head.size, level)
        widths = [(n, 0) for n in range(full)] + ([(full, partial)] if partial else [])
        found = []
        for n, width in widths:
            path = tiles.tile_path(level, n, width)
            body = self.backend.get(*path)
            holds(body is not None, f"{'/'.join(path)} is not there")
            tile = kind(body)
            holds(tile.length == (width or 256), f"{'/'.join(path)} holds {tile.length}")
            found += tile.entries
        return found, len(widths)

    def level(self, level):
        found, count = self.read(level, reader.Tile.from_hash_bytes)
        self.tiles += count
        return found

    def entries(self):
        found, count = self.read(-1, reader.Tile.from_entries_bytes)
        self.bundles += count
        return [tiles.leaf_hash(one) for one in found]


def scales(place, said):
    logs = {}
    for note in said["checkpoints"]:
        one = Scales(place, note, said)
        logs[one.head.size] = one
    for one in said["inclusion"]:
        log = logs[one["size"]]
        proof = tlog.InclusionProof(one["index"], one["size"], hashes(one["proof"]))
        proof.check(log.leaves[one["index"]], log.head.root_hash)
        made = log.reader.get_inclusion_proof(one["index"], one["size"])
        holds(made == proof, "the tiles give another inclusion proof")
    for one in said["consistency"]:
        log = logs[one["new"]]
        proof = tlog.ConsistencyProof(one["old"], one["new"], hashes(one["proof"]))
        proof.check(b64decode(one["old_root"]), log.head.root_hash)
        made = log.reader.get_consistency_proof(one["old"], one["new"])
        holds(made == proof, "the tiles give another consistency proof")
    print(
        f"ok: {len(logs)} checkpoints, {sum(log.tiles for log in logs.values())} tiles,"
        f" {sum(log.bundles for log in logs.values())} entry bundles, {len(said['inclusion'])} inclusion proofs,"
        f" {len(said['consistency'])} consistency proofs"
    )


def bundle(said):
    checkpoint, merkle = proofbundle.checkpoint, proofbundle.merkle
    heads = {}
    for note in said["checkpoints"]:
        witnessed = checkpoint.verify_witnessed_checkpoint(
            note, said["log"][0], said["witnesses"], threshold=len(said["witnesses"]), expected_origin=said["origin"]
        )
        holds(witnessed["log_ok"], "the log has not signed")
        holds(witnessed["ok"], "not every witness has signed")
        own = checkpoint.verify_cosignature(note, said["log"][1])
        holds(own["ok"] and own["timestamp"] == 0, "the log has not signed with its post-quantum key")
        heads[witnessed["tree_size"]] = witnessed["root"]
    for one in said["inclusion"]:
        leaf = bytes.fromhex(one["leaf"])
        held = merkle.verify_inclusion(leaf, one["index"], one["size"], hashes(one["proof"]), heads[one["size"]])
        holds(held, f"leaf {one['index']} is not in the {one['size']}")
    for one in said["consistency"]:
        root = b64decode(one["old_root"])
        held = merkle.verify_consistency(one["old"], one["new"], hashes(one["proof"]), root, heads[one["new"]])
        holds(held, f"{one['new']} does not continue {one['old']}")
    for one in said["tlog_proofs"]:
        # What `extra` holds rebuilds the leaf, as docs/FORMATS.md says in its section 5.
        extra = proofbundle.tlogproof.parse_tlog_proof(one["text"])["extra"]
        commitment = hashlib.sha256(b"custodes/entry/v1\x00" + extra + bytes.fromhex(one["e"])).digest()
        held = proofbundle.tlogproof.verify_tlog_proof(
            one["text"],
            b"\x01" + commitment,
            said["log"][0],
            said["witnesses"],
            threshold=len(said["witnesses"]),
            expected_origin=said["origin"],
        )
        holds(held["ok"], "a .tlog-proof does not hold")
    print(
        f"ok: {len(heads)} checkpoints, {len(said['inclusion'])} inclusion proofs,"
        f" {len(said['consistency'])} consistency proofs, {len(said['tlog_proofs'])} tlog-proofs"
    )


def main(kind, place, claims):
    with open(claims, encoding="utf-8") as file:
        said = json.load(file)
    if kind == "tlog-scales":
        scales(place, said)
    else:
        bundle(said)


main(*sys.argv[1:])
