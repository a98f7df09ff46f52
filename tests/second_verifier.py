"""A second verifier of bundles, in another language: it follows docs/FORMATS.md and shares no line with the first.

    second_verifier.py BUNDLE POLICY

Checks the canonical form, checkpoint signatures (type 0x01, 0x04), consistency, inclusion, chains, the map,
disclosures and signatures (sections 3 to 7, 10 and 11, steps 1 to 6 and 11, and the requests to read of step 7), and does not run the rules of custody. Prints "ok" and
exits 0, or a code of section 14 and exits 1. Needs Python 3.9 and `cryptography`.
"""

import base64
import hashlib
import json
import re
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LIMIT = 2**53 - 1
STRANDS = ["custody", "notes", "access", "case", "exhibits", "keys", "rules"]


class Failed(Exception):
    """The code of what failed, and where."""


def need(condition, code, place=""):
    if not condition:
        raise Failed(f"{code} {place}".strip())


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def u64(number):
    return struct.pack(">Q", number)


def b64url(text, code, length=None):
    """Section 1: base64url without padding, one spelling."""
    need(isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9_-]*", text), code)
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Failed(code) from None
    need(base64.urlsafe_b64encode(data).decode().rstrip("=") == text, code)
    need(length is None or len(data) == length, code)
    return data


def b64(text, code):
    """C2SP formats: standard base64 with padding, one spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Failed(code) from None
    need(base64.b64encode(data).decode() == text, code)
    return data


def strict(text, code, integers=True):
    """Section 1: strict JSON."""

    def pairs(items):
        names = [name for name, _ in items]
        need(len(set(names)) == len(names), code, "member twice")
        return dict(items)

    def integer(digits):
        need(digits != "-0" and abs(int(digits)) <= LIMIT, code, "number")
        return int(digits)

    def other(digits):
        need(not integers, code, "number")
        return float(digits)

    def constant(word):
        raise Failed(f"{code} {word}")

    def depth(value, level=0):
        need(level <= 16, code, "depth")
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
            depth(item, level + 1)

    try:
        value = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=pairs,
            parse_int=integer if integers else None,
            parse_float=other,
            parse_constant=constant,
        )
        text_of(value)
    except (ValueError, RecursionError):
        raise Failed(code) from None
    depth(value)
    return value


def text_of(value):
    """The one spelling of section 11. A lone surrogate cannot be encoded and is an error."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def members(value, names, code):
    need(isinstance(value, dict) and sorted(value) == sorted(names), code, str(names))
    need(list(value) == names, "bundle-not-canonical", str(names))


# Section 2 and 3: keys and JWS.


def key_id(x):
    return base64.urlsafe_b64encode(
        sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode())
    ).decode().rstrip("=")


def check_jws(text, kind, code):
    """Form alone: header, payload, and what a signature is checked over."""
    need(isinstance(text, str) and len(text) <= 65536 and text.count(".") == 2, code)
    header, payload, signature = text.split(".")
    head = strict(b64url(header, code), code)
    need(isinstance(head, dict) and set(head) == {"alg", "typ", "kid"}, code)
    need(head["alg"] == "Ed25519" and head["typ"] == kind, code)
    b64url(head["kid"], code, 32)
    body = strict(b64url(payload, code), code)
    need(isinstance(body, dict), code)
    return head["kid"], body, text.rsplit(".", 1)[0].encode(), b64url(signature, code, 64)


def check_signature(x, signed, signature, place):
    try:
        Ed25519PublicKey.from_public_bytes(b64url(x, "signature", 32)).verify(signature, signed)
    except (InvalidSignature, ValueError):
        raise Failed(f"signature {place}") from None


# Section 6: the tree.


def node(left, right):
    return sha256(b"\x01", left, right)


def root_of_inclusion(index, size, leaf, proof, place):
    need(index < size, "not-in-log", place)
    at, last, value = index, size - 1, leaf
    for sibling in proof:
        need(last > 0, "not-in-log", place)
        if at & 1 or at == last:
            value = node(sibling, value)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            value = node(value, sibling)
        at, last = at >> 1, last >> 1
    need(last == 0, "not-in-log", place)
    return value


# Section 10: the map.

EMPTY = [sha256(b"custodes/map-empty/v1\0")]
for _ in range(256):
    EMPTY.insert(0, sha256(b"custodes/map-node/v1\0", EMPTY[0], EMPTY[0]))


def root_of_path(key, value, present, siblings, place):
    left = list(siblings)
    for depth in reversed(range(256)):
        byte, bit = depth // 8, 7 - depth % 8
        sibling = EMPTY[depth + 1]
        if present[byte] >> bit & 1:
            need(left, "map-form", place)
            sibling = left.pop()
            need(sibling != EMPTY[depth + 1], "map-form", place)
        pair = (sibling, value) if key[byte] >> bit & 1 else (value, sibling)
        value = sha256(b"custodes/map-node/v1\0", *pair)
    need(not left, "map-form", place)
    return value


def check_consistency(old, old_root, new, new_root, proof, place):
    code = "consistency-failed"
    need(0 < old <= new, code, place)
    if old == new:
        return need(not proof and old_root == new_root, code, place)
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    need(path, code, place)
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        need(last > 0, code, place)
        if at & 1 or at == last:
            first, second = node(sibling, first), node(sibling, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node(second, sibling)
        at, last = at >> 1, last >> 1
    return need(last == 0 and first == old_root and second == new_root, code, place)


# Section 7: policy and checkpoints.


def read_policy(text):
    """Log keys by name, witnesses by name, and the groups; type 0x06 is left to others."""
    logs, witnesses, groups, quorum = [], {}, {}, None
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "log":
            logs.append(words[1])
        elif words[0] == "witness":
            witnesses[words[1]] = words[2]
        elif words[0] == "group":
            members_of = words[3:]
            count = {"all": len(members_of), "any": 1}.get(words[2]) or int(words[2])
            groups[words[1]] = (count, members_of)
        elif words[0] == "quorum":
            quorum = None if words[1] == "none" else words[1]
    return logs, witnesses, groups, quorum


def read_vkey(vkey):
    name, identity, key = vkey.split("+", 2)
    data = b64(key, "policy")
    need(sha256(name.encode(), b"\n", data)[:4].hex() == identity, "policy")
    return name, bytes.fromhex(identity), data[0], data[1:]


def open_checkpoint(note, policy, ledger, place):
    code = "checkpoint-not-signed"
    logs, witnesses, groups, quorum = policy
    need(isinstance(note, str) and "\n\n" in note and note.endswith("\n"), code, place)
    end = note.rindex("\n\n")
    text, lines = note[: end + 1], note[end + 2 : -1].split("\n")
    need(len(lines) <= 100, code, place)
    keys = [(None, read_vkey(one)) for one in logs]
    keys += [(name, read_vkey(one)) for name, one in witnesses.items()]
    signed, cosigned = False, {}
    for line in lines:
        parts = re.fullmatch("— ([^ +]+) ([A-Za-z0-9+/=]+)", line)
        need(parts, code, place)
        data = b64(parts[2], code)
        need(len(data) >= 4, code, place)
        for witness, (name, identity, kind, key) in keys:
            if name != parts[1] or identity != data[:4] or kind == 6:
                continue
            message, signature = text.encode(), data[4:]
            if kind == 4:
                need(len(signature) == 72, code, place)
                seconds = struct.unpack(">Q", signature[:8])[0]
                need(seconds < 2**63, code, place)
                message = f"cosignature/v1\ntime {seconds}\n".encode() + message
                signature = signature[8:]
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
            except InvalidSignature:
                raise Failed(f"{code} {place}") from None
            if witness is None:
                need(name == ledger and not signed, code, place)
                signed = True
            else:
                need(witness not in cosigned, code, place)
                if seconds > 0:
                    cosigned[witness] = seconds * 1000
    need(signed, code, place)
    body = text.split("\n")
    need(len(body) == 4 and body[3] == "" and body[0] == ledger, code, place)
    need(re.fullmatch("0|[1-9][0-9]*", body[1]) and int(body[1]) <= LIMIT, code, place)
    root = b64(body[2], code)
    need(len(root) == 32, code, place)

    def met(name):
        if name not in groups:
            return name in cosigned
        count, members_of = groups[name]
        return sum(met(one) for one in members_of) >= count

    return int(body[1]), root, quorum is None or met(quorum), list(cosigned.values())


# Sections 4, 5 and 11: entries, chains, the bundle.

PAYLOAD = {
    "ledger", "subject", "strand", "seq", "prev", "event", "actor", "occurred_at", "seen", "client", "jti",
    "body", "details",
}  # fmt: skip


def read_entry(entry, ledger, place):
    """The signed payload with its key id, after its form and disclosures were checked."""
    length = sum(len(one) + 1 for one in [entry["jws"], *entry["disclosures"]])
    need(length <= 1 << 20, "entry-too-long", place)
    kid, payload, signed, signature = check_jws(entry["jws"], "custody-entry-v1+jwt", "entry-signed-part")
    need(set(payload) == PAYLOAD and payload["strand"] in STRANDS, "entry-payload", place)
    need(isinstance(payload["seq"], int) and isinstance(payload["details"], dict), "entry-payload", place)
    need((payload["prev"] is None) == (payload["seq"] == 0), "entry-payload", place)
    seen, when = payload["seen"], payload["occurred_at"]
    need(seen is None or isinstance(seen, dict) and set(seen) == {"size", "root"}, "entry-payload", place)
    need(isinstance(when, str) or isinstance(when, dict) and set(when) == {"from", "to"}, "entry-payload", place)
    for name in ("subject", "strand", "event", "actor", "client", "jti"):
        need(isinstance(payload[name], str), "entry-payload", place)
    need(payload["ledger"] == ledger, "other-ledger", place)
    names, values = [], {}
    for text in entry["disclosures"]:
        parts = strict(b64url(text, "disclosure-form"), "disclosure-form", integers=False)
        need(isinstance(parts, list) and len(parts) == 3, "disclosure-form", place)
        b64url(parts[0], "disclosure-form", 16)
        need(isinstance(parts[1], str), "disclosure-form", place)
        need(parts[1] not in names, "disclosure-twice", place)
        digest = base64.urlsafe_b64encode(sha256(text.encode())).decode().rstrip("=")
        need(payload["details"].get(parts[1]) == digest, "disclosure-unreferenced", place)
        need(not names or names[-1] < parts[1], "disclosure-order", place)
        names.append(parts[1])
        values[parts[1]] = parts[2]
    need(sorted(set(payload["details"]) - set(names)) == entry["withheld"], "withheld-list", place)
    return kid, payload, signed, signature, values


TOKEN = {"ledger", "actor", "method", "uri", "body", "purpose", "client", "iat", "exp", "jti"}
TEN_MINUTES = 600_000


def check_view(payload, values, recorded_at, keys, before, used, place):
    """Step 7, of access entries: the reader's own request. `before`: the subject of each entry so far."""
    if payload["strand"] != "access" or "token" not in values or "reader" not in values:
        return
    code = "view-not-signed"
    kid, request, signed, signature = check_jws(values["token"], "custody-read+jwt", code)
    need(set(request) == TOKEN, code, place)
    actor, x = keys.get(kid, (None, None))
    need(actor is not None and actor == request["actor"] == values["reader"], code, place)
    try:
        check_signature(x, signed, signature, place)
    except Failed:
        raise Failed(f"{code} {place}") from None
    need(request["ledger"] == payload["ledger"], code, place)
    need(values.get("purpose", request["purpose"]) == request["purpose"], code, place)
    need(re.fullmatch("[ -~]{1,200}", request["client"]), code, place)
    need(0 < request["exp"] - request["iat"] <= 60, code, place)
    need(request["iat"] * 1000 - TEN_MINUTES <= recorded_at <= request["exp"] * 1000 + TEN_MINUTES, code, place)
    path = re.split("[?#]", request["uri"])[0].split("/")
    extent = payload["body"].get("extent")
    # An exhibit of another case that this case took in is read under this case.
    read = payload["body"].get("exhibit", payload["subject"])
    need(extent not in ("history", "bundle") or read in path, code, place)
    need(extent != "entry" or before.get(path[-1], read) == read, code, place)
    one = (payload["subject"], kid, request["jti"])
    need(one not in used, code, place)
    used.add(one)


def check_end(note, policy, place):
    name = note.split("\n")[0]
    logs = [one for one in policy[0] if read_vkey(one)[0] == name]
    try:
        logs and open_checkpoint(note, (logs, *policy[1:]), name, place)
    except Failed:
        raise Failed(f"continued-not-signed {place}") from None


def form(bundle):
    code = "bundle-form"
    members(
        bundle,
        ["format", "ledger", "scope", "evaluated_at", "checkpoints", "nodes", "entries", "consistency", "chains", "blobs"],
        code,
    )  # fmt: skip
    need(bundle["format"] == "custody-bundle-v1", code)
    members(bundle["scope"], ["kind", "subject"], code)
    for entry in bundle["entries"]:
        kind = ["e"] if "e" in entry else ["jws", "disclosures", "withheld"]
        members(entry, ["index", "recorded_at", "proof"] + kind, code)
    for one in bundle["consistency"]:
        members(one, ["size", "root", "proof"], code)
    for chain in bundle["chains"]:
        members(chain, ["subject", "strand", "head", "entries", "map"], code)
        need(chain["strand"] in STRANDS, code)
        if chain["map"] is not None:
            members(chain["map"], ["leaf", "proof", "present", "siblings"], code)

    def ascending(what, values):
        need(all(a < b for a, b in zip(values, values[1:])), "bundle-order", what)

    ascending("nodes", [b64url(one, code, 32) for one in bundle["nodes"]])
    ascending("entries", [one["index"] for one in bundle["entries"]])
    ascending("consistency", [(one["size"], b64url(one["root"], code, 32)) for one in bundle["consistency"]])
    ascending("chains", [(one["subject"], STRANDS.index(one["strand"])) for one in bundle["chains"]])
    ascending("blobs", [b64url(one, code, 32) for one in bundle["blobs"]])


def verify(data, policy):
    # 1. Canonical form.
    bundle = strict(data, "bundle-form")
    need(text_of(bundle) + b"\n" == data, "bundle-not-canonical")
    form(bundle)
    nodes = [b64url(one, "bundle-form", 32) for one in bundle["nodes"]]
    used = set()

    def resolve(proof, place):
        need(len(proof) <= 256 and all(0 <= at < len(nodes) for at in proof), "node-missing", place)
        used.update(proof)
        return [nodes[at] for at in proof]

    # 2. Checkpoints.
    ledger = bundle["ledger"]
    need(any(read_vkey(one)[0] == ledger for one in policy[0]), "log-unknown")
    everybody = policy
    policy = ([one for one in policy[0] if read_vkey(one)[0] == ledger], *policy[1:])
    need(len(bundle["checkpoints"]) <= 2 * len(bundle["entries"]) + 1, "checkpoint-superfluous")
    heads = [open_checkpoint(one, policy, ledger, f"checkpoint {at}") for at, one in enumerate(bundle["checkpoints"])]
    need(heads, "checkpoint-missing")
    need(all(a[0] < b[0] for a, b in zip(heads, heads[1:])), "checkpoint-order")
    size, root, witnessed, _ = heads[-1]
    need(witnessed, "quorum-not-met")

    # 4. Entries.
    wanted = {(one[0], one[1]) for one in heads[:-1]}
    entries, last, seen_hashes = {}, 0, set()
    for entry in bundle["entries"]:
        index, recorded_at = entry["index"], entry["recorded_at"]
        place = f"entry {index}"
        read = None
        if "e" in entry:
            e = b64url(entry["e"], "bundle-form", 32)
        else:
            e = sha256(entry["jws"].encode())
            read = read_entry(entry, ledger, place)
            seen = read[1]["seen"]
            if seen is not None:
                need(seen["size"] <= index, "seen-ahead", place)
                wanted.add((seen["size"], b64url(seen["root"], "entry-payload", 32)))
        need(e not in seen_hashes, "entry-repeated", place)
        seen_hashes.add(e)
        need(recorded_at >= last, "time-backwards", place)
        last = recorded_at
        commitment = sha256(b"custodes/entry/v1\0", u64(recorded_at), e)
        leaf = sha256(b"\x00", b"\x01" + commitment)
        proof = resolve(entry["proof"], place)
        need(root_of_inclusion(index, size, leaf, proof, place) == root, "not-in-log", place)
        entries[index] = (e, commitment, read)
        # By the clocks of the witnesses of the last checkpoint without it, and of the first with it.
        before = [times for of_size, _, met, times in heads if met and of_size <= index][-1:]
        after = [times for of_size, _, met, times in heads if met and of_size > index][:1]
        early = all(recorded_at + TEN_MINUTES >= time for times in before for time in times)
        late = all(recorded_at - TEN_MINUTES <= time for times in after for time in times)
        need(early and late, "recorded-outside-bracket", place)

    # 3. Consistency.
    for one in bundle["consistency"]:
        head = (one["size"], b64url(one["root"], "bundle-form", 32))
        need(head in wanted, "consistency-superfluous")
        wanted.discard(head)
        check_consistency(*head, size, root, resolve(one["proof"], "consistency"), f"size {head[0]}")
    need(not wanted, "consistency-missing")

    # 5. Chains.
    placed = set()
    for chain in bundle["chains"]:
        place = f"chain {chain['strand']} of {chain['subject']}"
        need(chain["entries"] or chain["map"], "chain-empty", place)
        head, before, last_index = bytes(32), None, -1
        for seq, index in enumerate(chain["entries"]):
            need(index != last_index, "chain-repeat", place)
            need(index > last_index, "chain-order", place)
            last_index = index
            need(index in entries, "entry-missing", place)
            need(index not in placed, "entry-in-two-chains", place)
            placed.add(index)
            e, commitment, read = entries[index]
            head = sha256(b"custodes/chain/v1\0", head, u64(index), commitment)
            if read:
                payload = read[1]
                own = (payload["subject"], payload["strand"])
                need(own == (chain["subject"], chain["strand"]), "entry-in-other-chain", place)
                need(payload["seq"] <= seq, "chain-gap", place)
                need(payload["seq"] == seq, "chain-position-taken", place)
                need(before is None or b64url(payload["prev"], "entry-payload", 32) == before, "chain-previous", place)
            before = e
        need(head == b64url(chain["head"], "bundle-form", 32), "chain-head", place)
    # What a branch holds stands right behind the entry that takes it in, and in no chain.
    for index in sorted(entries):
        read, place = entries[index][2], f"entry {index}"
        if not read or read[1]["event"] != "late-branch":
            continue
        taking, before, seq = read[1], read[1]["body"]["from"], None
        for at, name in enumerate(taking["body"]["entries"], index + 1):
            e, _, of_branch = entries.get(at, (None, None, None))
            need(of_branch and e == b64url(name, "rule-broken", 32), "branch-missing", place)
            need(at not in placed, "entry-in-two-chains", f"entry {at}")
            placed.add(at)
            payload = of_branch[1]
            need(all(payload[one] == taking[one] for one in ("subject", "strand")), "rule-broken", f"entry {at}")
            need(payload["prev"] == before and payload["seq"] == (seq or payload["seq"]), "rule-broken", f"entry {at}")
            before, seq = name, payload["seq"] + 1
    need(placed == set(entries), "entry-in-no-chain")
    scope = bundle["scope"]
    strand = {"exhibit": "custody", "case": "case"}.get(scope["kind"])
    need(strand is not None, "bundle-form", "scope")
    here = {(one["subject"], one["strand"]) for one in bundle["chains"]}
    need((scope["subject"], strand) in here, "chain-missing", "scope")

    # 11. The map: each chain has the length and head that the last leaf of the newest tree commits to.
    for chain in bundle["chains"]:
        if chain["map"] is None:
            continue
        place = f"chain {chain['strand']} of {chain['subject']}"
        key = sha256(b"custodes/map/v1\0", b64url(chain["subject"], "bundle-form", 16), chain["strand"].encode())
        value, length = EMPTY[256], len(chain["entries"])
        if length:
            value = sha256(b"custodes/map-value/v1\0", key, u64(length), b64url(chain["head"], "bundle-form", 32))
        proof = chain["map"]
        siblings = resolve(proof["siblings"], place)
        map_root = root_of_path(key, value, b64url(proof["present"], "map-form", 32), siblings, place)
        need(proof["leaf"] == size - 1, "map-not-newest", place)
        leaf = sha256(b"\x00\x02", u64(proof["leaf"]), map_root)
        hashes = resolve(proof["proof"], place)
        try:
            of_tree = root_of_inclusion(proof["leaf"], size, leaf, hashes, place)
        except Failed:
            of_tree = None
        need(of_tree == root, "map-differs", place)

    # No hash without a proof; the time of evaluation.
    need(used == set(range(len(nodes))), "node-unused")
    need(bundle["evaluated_at"] == last, "evaluated-at")

    # 6. Signatures, under keys that entries before this one enrolled.
    need(0 in entries and entries[0][2], "genesis-missing")
    genesis = entries[0][2][1]["body"]
    named = [genesis["service"]] + [one["authority"] for one in genesis["organisations"]]
    keys = {key_id(one["key"]): (one["actor"], one["key"]) for one in named}
    times = {one["index"]: one["recorded_at"] for one in bundle["entries"]}
    before, used_requests, ended = {}, set(), set()
    for index in sorted(entries):
        read = entries[index][2]
        if not read:
            continue
        kid, payload, signed, signature, values = read
        actor, x = keys.get(kid, (None, None))
        need(x is not None, "signer-unknown", f"entry {index}")
        check_signature(x, signed, signature, f"entry {index}")
        need(actor == payload["actor"] and kid not in ended, "rule-broken", f"entry {index}")
        check_view(payload, values, times[index], keys, before, used_requests, f"entry {index}")
        before[base64.urlsafe_b64encode(entries[index][0]).decode().rstrip("=")] = payload["subject"]
        body = payload["body"]
        if payload["event"] == "key-enrolled":
            keys[key_id(body["key"])] = (body["actor"], body["key"])
        if payload["event"] == "log-key-rotated":
            genesis["log"] += body["log"]
        if payload["event"] == "continued-from":
            # 8. Where another ledger ended, under the keys that the reader has for that one.
            check_end(body["checkpoint"], everybody, f"entry {index}")
        if payload["event"] == "service-key-rotated":
            # What the service's earlier keys sign from here on is nobody's statement.
            need(kid == key_id(genesis["service"]["key"]) and body["actor"] == actor, "rule-broken", f"entry {index}")
            ended.add(kid)
            genesis["service"]["key"] = body["key"]
            keys[key_id(body["key"])] = (actor, body["key"])

    # 8. Genesis, or a later entry, names the log key.
    need(all(one in genesis["log"] for one in policy[0]), "genesis-other-log")
    return len(entries)


def main(bundle, policy):
    with open(bundle, "rb") as file:
        data = file.read()
    with open(policy, encoding="utf-8") as file:
        trust = read_policy(file.read())
    try:
        count = verify(data, trust)
    except Failed as failed:
        print(failed)
        return 1
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        print(f"bundle-form {error!r}")
        return 1
    print(f"ok: {count} entries")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
