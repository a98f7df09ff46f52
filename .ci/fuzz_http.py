"""What schemathesis needs to know of Custodes: a read token is signed for each request, by the person whose folder
CUSTODES_HOME is. SCHEMATHESIS_HOOKS names this file."""

import base64
import hashlib
import json
import os
import pathlib
import time
import tomllib

import requests
import schemathesis
from cryptography.hazmat.primitives import serialization

HOME = pathlib.Path(os.environ["CUSTODES_HOME"])
CONFIG = tomllib.loads((HOME / "config.toml").read_text())
KEY = serialization.load_pem_private_key((HOME / "key.pem").read_bytes(), None)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value):
    return base64url(json.dumps(value, separators=(",", ":")).encode())


PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
# RFC 7638: the members that define the key, in order.
THUMBPRINT = base64url(hashlib.sha256(b'{"crv":"Ed25519","kty":"OKP","x":"%s"}' % base64url(PUBLIC).encode()).digest())


def token(method, uri, body):
    now = int(time.time())
    header = {"alg": "Ed25519", "typ": "custody-read+jwt", "kid": THUMBPRINT}
    payload = {
        "ledger": CONFIG["ledger"],
        "actor": CONFIG["actor"],
        "method": method,
        "uri": uri,
        "body": base64url(hashlib.sha256(body).digest()) if body else None,
        "purpose": "fuzzing",
        "client": "fuzz_http.py",
        "iat": now,
        "exp": now + 60,
        "jti": base64url(os.urandom(16)),
    }
    signed = f"{compact(header)}.{compact(payload)}"
    return f"{signed}.{base64url(KEY.sign(signed.encode()))}"

def ask(path):
    uri = URL + path
    return requests.get(uri, headers={"Authorization": "Custody " + token("GET", uri, b"")}, timeout=30).json()


# What is really there, so that answers other than "not visible" are seen too: a folder, with its manifest as a blob.
URL = os.environ["CUSTODES_URL"]
EXHIBIT = ask("/v1/resolve?reference=44NS1234526%20JSM%2F1")["matches"][0]["subject"]
ENTRY = ask(f"/v1/exhibits/{EXHIBIT}/history")["entries"][0]["entry"].split("~")[0]
PAYLOAD = json.loads(base64.urlsafe_b64decode(ENTRY.split(".")[1] + "=="))
SHA256 = base64.urlsafe_b64decode(PAYLOAD["body"]["digest"]["sha256"] + "=").hex()
REAL = {
    "e": base64url(hashlib.sha256(ENTRY.encode()).digest()),
    "subject": EXHIBIT,
    "kind": "exhibits",
    "strand": "custody",
    "path": "0/000.p/1",
    "sha256": SHA256,
    "reference": "44NS1234526 JSM/1",
}


def real(values):
    """What is there in place of what was made up, in about half of the requests; the same ones for the same seed."""
    if values and sum(map(ord, str(values))) % 2:
        return {name: REAL.get(name, value) for name, value in values.items()}
    return values


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    return real(path_parameters)


@schemathesis.hook
def map_query(context, query):
    return real(query)


@schemathesis.hook
def filter_headers(context, headers):
    # A control character in a header is not HTTP, and gets a bare 400 before any route is looked for.
    return all(character.isprintable() for value in (headers or {}).values() for character in str(value))


class Signed(requests.auth.AuthBase):
    """Requests calls this with the request as it will be sent."""

    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        request.headers["Authorization"] = "Custody " + token(request.method, request.url, body)
        return request


if os.environ.get("CUSTODES_SIGN") == "1":
    schemathesis.auth.set_from_requests(Signed())
