#!/usr/bin/env bash
# Sends the running service what its own OpenAPI document allows and forbids, first as a reader with valid tokens, then
# as nobody: no answer may be a 5xx, undocumented, or other than its schema. About two minutes; the seed is fixed.
#
#   .ci/fuzz_http.sh FOLDER    FOLDER is free for use; CUSTODES names the binary
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
CUSTODES="${CUSTODES:?names the binary}"
folder="$1"
venv="${XDG_CACHE_HOME:-$HOME/.cache}/custodes/schemathesis"
if ! "$venv/bin/schemathesis" --version >/dev/null 2>&1; then
    echo "schemathesis is not present (.ci/setup.sh test installs it): skipped"
    exit 0
fi

rm -rf "$folder"
mkdir -p "$folder/reader"
"$CUSTODES" init --dir "$folder/ledger" --origin evidence.example --org police:police --plain-keys >"$folder/log"
"$CUSTODES" serve --dir "$folder/ledger" --listen 127.0.0.1:0 --ready-file "$folder/ready" >>"$folder/log" 2>&1 &
service=$!
trap 'kill -TERM "$service" 2>/dev/null || true; wait "$service" 2>/dev/null || true' EXIT
until [ -s "$folder/ready" ]; do
    kill -0 "$service" || { cat "$folder/log"; exit 1; }
    sleep 0.1
done
CUSTODES_URL="$(cat "$folder/ready")"
export SCHEMATHESIS_HOOKS=fuzz_http PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1
export CUSTODES_URL CUSTODES_HOME="$folder/reader" CUSTODES_PURPOSE=fuzzing
authority="$folder/ledger/authority/police.pem"
{
    "$CUSTODES" key accept-genesis --authority "$authority" --org police
    "$CUSTODES" key new --plain
    "$CUSTODES" key enrol --authority "$authority" --org police --role officer --name "DC Jo Smith" --home-of "$folder/reader"
    "$CUSTODES" case open --reference 44NS1234526 --title "A case to fuzz"
    mkdir "$folder/files" && echo one >"$folder/files/1" && echo two >"$folder/files/2"
    "$CUSTODES" register 44NS1234526 "$folder/files" --kind other --reference JSM/1 --description "two files" --power consent
} >>"$folder/log"

checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
fuzz() {
    (cd "$folder" && "$venv/bin/schemathesis" run "$CUSTODES_URL/openapi.json" --checks "$checks" --seed 20260314 \
        --phases examples,coverage,fuzzing --continue-on-failure --no-color "$@")
}
echo "as DC Smith, with a token for each request"
CUSTODES_SIGN=1 fuzz --max-examples "${EXAMPLES:-40}"
echo "as nobody"
fuzz --max-examples "${EXAMPLES:-10}"
kill -0 "$service" || { echo "the service ended" >&2; exit 1; }
