#!/usr/bin/env bash
# The sample case, told through the real command line. `make run` calls it; everything it makes is in ledger-demo/.
# With ONCE=1, or where no one is at a terminal, it stops the service at the end; otherwise it leaves it running.
#
# One function per step of the story, in order; `story` at the end lists them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CUSTODES="${CUSTODES:-$PWD/target/release/custodes}"
DEMO="$PWD/ledger-demo"
LEDGER="$DEMO/ledger"         # the service's own folder: keys, database
PEOPLE="$DEMO/people"         # one profile a person, each on what would be their own machine
EVIDENCE="$DEMO/evidence"
DEFENCE="$DEMO/for-the-defence"
POLICY="$LEDGER/policy"       # the log's and the witnesses' public keys, which the defence got when the case began
CASE=44NS1234526
PHONE="$CASE JSM/1"
FOOTAGE="$CASE JSM/2"
SERVICE_PID=""
declare -A WITNESS_PID=()     # by sector

# --- telling ---------------------------------------------------------------------------------------------------

STEP=0
step() { heading "$((STEP += 1)). $*"; }
heading() { printf '\n\n%s\n%s\n' "$*" "$(printf '%*s' "${#1}" '' | tr ' ' '-')"; }
say() { printf '\n%s\n' "$*" | fold -s -w 100; }

# Shows a command as one could type it, and runs it. Post-quantum keys, which fill a screen, are cut.
run() {
    printf '  $ custodes'
    local word
    for word in "$@"; do
        word="${word//$PWD\//}"
        [ "${#word}" -le 200 ] || word="${word:0:60}..."
        case "$word" in *[!A-Za-z0-9_./:=,@%+-]* | "") printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$CUSTODES" "$@" 2>&1 | sed "s|$PWD/||g; s/\([A-Za-z0-9+/=]\{60\}\)[A-Za-z0-9+/=]\{200,\}/\1.../g; s/^/    /"
}

# as PERSON COMMAND...: the same, with that person's own key.
as() { CUSTODES_HOME="$PEOPLE/$1" run "${@:2}"; }

# expect "0 3" COMMAND...: the same, where the exit code is part of the story.
expect() {
    local code=0
    run "${@:2}" || code=$?
    case " $1 " in
        *" $code "*) printf '  (exit code %s)\n' "$code" ;;
        *)
            printf '\nThe demonstration expected exit code %s and got %s.\n' "${1// / or }" "$code" >&2
            exit 1
            ;;
    esac
}

# --- the service -----------------------------------------------------------------------------------------------

# await FILE PROCESS LOG: until it says in the file where it is reached.
await() {
    local waited=0
    until [ -s "$1" ]; do
        if ! kill -0 "$2" 2>/dev/null || [ "$((waited += 1))" -gt 300 ]; then
            echo "It did not start. What it said (${3#"$PWD"/}):" >&2
            tail -20 "$3" >&2
            exit 1
        fi
        sleep 0.1
    done
}

start_service() {
    rm -f "$DEMO/ready"
    "$CUSTODES" serve --dir "$LEDGER" --listen 127.0.0.1:0 --ready-file "$DEMO/ready" >>"$DEMO/service.log" 2>&1 &
    SERVICE_PID=$!
    await "$DEMO/ready" "$SERVICE_PID" "$DEMO/service.log"
    CUSTODES_URL="$(cat "$DEMO/ready")"
    export CUSTODES_URL
}

stop_service() {
    [ -n "$SERVICE_PID" ] || return 0
    kill -TERM "$SERVICE_PID" 2>/dev/null || true
    wait "$SERVICE_PID" 2>/dev/null || true
    SERVICE_PID=""
}

# ask PATH: what the service answers, whatever the status.
ask() {
    python3 - "$CUSTODES_URL$1" <<'PYTHON'
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(sys.argv[1])
except urllib.error.HTTPError as error:
    answer = error
print(answer.read().decode())
PYTHON
}

# until_it_says PATH WORD: asks until the word is there, for a minute at most, and prints the answer.
until_it_says() {
    local waited=0
    until ask "$1" >"$DEMO/told" && grep -q "$2" "$DEMO/told"; do
        [ "$((waited += 1))" -le 200 ] || { echo "$2 does not come; it says: $(cat "$DEMO/told")" >&2; exit 1; }
        sleep 0.3
    done
    cat "$DEMO/told"
}

# After a start nothing is recorded until the witnesses have confirmed what is there.
await_quorum() { until_it_says /readyz "^ready" >/dev/null; }

# start_witness SECTOR: under the address that it had before, if it had one.
start_witness() {
    local home="$DEMO/witness-$1" listen=127.0.0.1:0
    [ ! -s "$home/address" ] || listen="$(sed 's|^http://||' "$home/address")"
    rm -f "$home/address"
    "$CUSTODES" witness serve --dir "$home" --listen "$listen" --ready-file "$home/address" >>"$home/log" 2>&1 &
    WITNESS_PID[$1]=$!
    await "$home/address" "${WITNESS_PID[$1]}" "$home/log"
}

stop_witness() {
    kill -TERM "${WITNESS_PID[$1]}" 2>/dev/null || true
    wait "${WITNESS_PID[$1]}" 2>/dev/null || true
    unset "WITNESS_PID[$1]"
}

stop_all() {
    local sector
    stop_service
    for sector in "${!WITNESS_PID[@]}"; do stop_witness "$sector"; done
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- the story -------------------------------------------------------------------------------------------------

prepare() {
    rm -rf "$DEMO"
    mkdir -p "$PEOPLE" "$EVIDENCE" "$DEFENCE"
    bash .ci/demo_evidence.sh "$EVIDENCE"
    FOOTAGE_FILE="$EVIDENCE/footage.mp4"
    [ -e "$FOOTAGE_FILE" ] || FOOTAGE_FILE="$EVIDENCE/footage.y4m"
}

found_the_ledger() {
    step "Seven organisations found a ledger"
    say "Each brings a key of its own and accepts the ledger's first entry. The people, the case and the evidence \
are invented. The demonstration keeps its keys unencrypted; a real ledger must not."
    run init --dir "$LEDGER" --origin evidence.northshire.example \
        --org northshire-police:police --org nfu:forensic --org cps:prosecution --org hmcts:court \
        --org probation:probation --org defence-llp:defence --org inspectorate:oversight --plain-keys
    run_witnesses
    start_service
    await_quorum
    say "The service is up at $CUSTODES_URL. Each organisation accepts what the ledger's first entry says."
    local org
    for org in northshire-police nfu cps hmcts probation defence-llp inspectorate; do
        run key accept-genesis --authority "$LEDGER/authority/$org.pem" --org "$org"
    done
}

run_witnesses() {
    step "Court, defence and inspectorate each run a witness"
    say "A witness cosigns a checkpoint of the log only if it continues the last one that it cosigned. It sees sizes and \
hashes, never an entry. The trust policy asks for two of the three."
    local log sector home
    mapfile -t log < <(sed -n 's/^\(# \)\{0,1\}log //p' "$POLICY")
    printf 'log %s\n' "${log[@]}" >"$POLICY"
    for sector in court defence oversight; do
        home="$DEMO/witness-$sector"
        run witness init --dir "$home" --name "witness.$sector.example" --plain-keys
        run witness trust --dir "$home" "${log[@]}"
        start_witness "$sector"
        "$CUSTODES" --json witness show --dir "$home" >"$DEMO/told"
        printf 'witness %s %s %s\n' \
            "$sector-ed" "$(jq -r .ed25519 "$DEMO/told")" "$(cat "$home/address")" \
            "$sector-pq" "$(jq -r .ml_dsa_44 "$DEMO/told")" "$(cat "$home/address")" >>"$POLICY"
        printf 'group %s any %s-ed %s-pq\n' "$sector" "$sector" "$sector" >>"$POLICY"
    done
    # Keys of their own say "I recomputed the map"; they are no witness's.
    run witness init --dir "$DEMO/auditor" --name map.inspectorate.example --plain-keys
    "$CUSTODES" --json witness show --dir "$DEMO/auditor" >"$DEMO/told"
    printf 'witness %s %s\n' map-ed "$(jq -r .ed25519 "$DEMO/told")" map-pq "$(jq -r .ml_dsa_44 "$DEMO/told")" >>"$POLICY"
    printf 'group map-recomputed any map-ed map-pq\n' >>"$POLICY"
    printf 'group sectors 2 court defence oversight\nquorum sectors\n' >>"$POLICY"
    for home in "$LEDGER"/authority/*/; do cp "$POLICY" "$home"; done
    run policy explain "$POLICY"
}

# enrol PROFILE ORGANISATION ROLES NAME
enrol() {
    mkdir -p "$PEOPLE/$1"
    as "$1" key new --plain
    run key enrol --authority "$LEDGER/authority/$2.pem" --org "$2" --role "$3" --name "$4" --home-of "$PEOPLE/$1"
}

enrol_people() {
    step "Each organisation vouches for its own people"
    say "Every person makes a key on their own machine. The service never has it, so it cannot write in their name."
    enrol smith northshire-police officer "DC Jo Smith"
    enrol vale inspectorate auditor "Sam Vale"
    enrol hart northshire-police officer,disclosure-officer "DC Lee Hart"
    enrol barnes nfu examiner "Kim Barnes"
    enrol shah cps prosecutor "Tariq Shah"
    enrol dunn probation probation "Viv Dunn"
    enrol morgan defence-llp defence "Alex Morgan"
}

open_the_case() {
    step "DC Smith opens a case, and the other parties join it"
    as smith case open --reference "$CASE" --title "Burglary, Harbour Street car park"
    as smith case join "$CASE" --org nfu --part forensic
    as smith case join "$CASE" --org cps --part prosecution
    as smith case join "$CASE" --org hmcts --part court
    as smith case join "$CASE" --org probation --part probation
}

seize_the_phone() {
    step "A phone was seized two days ago, and is entered only now"
    say "A phone has no digest yet, so the record begins with the thing itself and its seal. It was recorded late, \
and the ledger says so."
    local at
    at="$(date -u -d '2 days ago' '+%Y-%m-%dT21:14:00+00:00')"
    as smith record seized "$PHONE" --occurred-at "$at" --set kind=device --set seal=K1234567 \
        --detail "description=Nordfon N3 mobile phone, black, screen cracked" --detail "power_or_consent=PACE 1984 s.19" \
        --detail "place=Harbour Street car park, level 2" --detail "condition=switched on, locked" --detail "bag=B0099123"
    say "DC Smith sees what was flagged, and explains it. The flag stays, with the explanation beside it."
    as smith history "$PHONE" --purpose "checking what I recorded" | tee "$DEMO/told"
    local entry
    entry="$(sed -n 's/.*they seized.*\[entry \([0-9]*\),.*/\1/p' "$DEMO/told")"
    as smith explain "$PHONE" recorded-late "$entry" --text "cordon duty for two days; notes in pocket book 77"
    as smith history "$PHONE" --purpose "how the explanation reads"
}

register_the_footage() {
    step "The car park's footage is registered by its digest"
    say "The file is read and hashed on DC Smith's machine; its bytes are not sent anywhere. The recorder's clock was \
105 seconds fast: what it showed, and how the true time is known, is recorded with the footage."
    as smith register "$CASE" "$FOOTAGE_FILE" --kind surveillance-footage --reference JSM/2 \
        --description "CCTV of the car park, camera 4" --power "provided voluntarily by the operator" --meta "$EVIDENCE/footage.toml"
}

follow_the_tag() {
    step "Probation supplies the fixes of a GPS tag, and later more of them"
    as dunn register "$CASE" "$EVIDENCE/tag-1.csv" --kind wearable-data --reference VDU/1 \
        --description "GPS fixes of tag 20417" --power "DPA 2018 Sch. 2, request of the police" --meta "$EVIDENCE/tag.toml"
    say "The second file begins with the first, and the entry carries the proof: nobody needs both files to check it."
    as dunn extend "$CASE VDU/1" "$EVIDENCE/tag-1.csv" "$EVIDENCE/tag-1-2.csv" --period "12 to 18 March 2026"
}

hand_over_the_phone() {
    step "The phone goes to the forensic unit: first refused, then accepted from a courier"
    say "Custody moves only when the recipient signs too. Kim Barnes refuses the first bag: the number on the form is \
not the number on the seal."
    as smith transfer offer "$PHONE" --to nfu --seal K1234576 --purpose "extraction"
    as barnes transfer refuse "$PHONE" --seal K1234567 --reason "form says K1234576, the seal says K1234567"
    say "DC Smith corrects the form, and sends the bag by courier. DC Smith stays responsible until the unit signs."
    as smith transfer offer "$PHONE" --to nfu --method courier --carrier "Swift Secure, van 12" --seal K1234567 --purpose "extraction"
    as smith record consigned "$PHONE" --set carrier=swift-secure --set seal=K1234567 --detail "tracking=SS-99812"
    as barnes transfer accept "$PHONE" --seal K1234567 --condition "box closed, bag undamaged"
}

image_the_phone() {
    step "The phone is unsealed and imaged"
    say "The image is an exhibit of its own, tied to the phone it came from."
    as barnes unseal "$PHONE" K1234567 --detail "reason=extraction"
    as barnes acquire "$PHONE" "$EVIDENCE/phone.img" --kind forensic-image --reference KBA/1 --description "Image of JSM/1" \
        --verification-file "$EVIDENCE/phone.img" --meta "$EVIDENCE/phone.toml"
    as barnes record resealed "$PHONE" --set seal=K1234601 --detail "reason=extraction complete"
}

make_a_clip() {
    step "A copy that failed, a good one, a clip, and a redaction"
    say "The first working copy of the footage ended early. That is recorded as it was, and flagged; the second is whole."
    as barnes copy "$FOOTAGE" "$EVIDENCE"/broken-copy.* --kind surveillance-footage --reference KBA/2 \
        --description "Working copy, failed" --detail "tool=cp, coreutils 9"
    as barnes copy "$FOOTAGE" "$FOOTAGE_FILE" --kind surveillance-footage --reference KBA/3 \
        --description "Working copy" --detail "tool=cp, coreutils 9"
    as barnes history "$CASE KBA/2" --purpose "report"
    say "From the good copy comes a clip, and from the clip one in which a bystander cannot be recognised."
    as barnes derive "$CASE KBA/3" "$EVIDENCE"/clip.* --kind surveillance-footage --role clip --reference KBA/4 \
        --description "Clip, the first second" --detail "tool=demonstration script"
    as barnes derive "$CASE KBA/4" "$EVIDENCE"/redacted.* --kind surveillance-footage --role redaction --reference KBA/5 \
        --description "Clip for open court, a bystander covered" --detail "tool=demonstration script"
    as barnes lineage "$FOOTAGE" --purpose "report"
}

search_for_the_face() {
    step "A face is searched for, and the whole list is kept"
    say "The record says what was searched, with what, at which threshold, and who reviewed it; and it keeps every \
candidate, also those who had nothing to do with it. It is a lead, not an identification."
    as hart register "$CASE" "$EVIDENCE/candidates.json" --kind facial-recognition-result --reference LHA/1 \
        --description "Facial recognition search, whole candidate list" --power "common law policing powers" \
        --meta "$EVIDENCE/candidates.toml"
    as hart record searched "$CASE LHA/1" --set probe="$CASE KBA/4" --set dataset=custody-images-north \
        --set dataset_version=2026-03-10 --set dataset_size=412877 --set algorithm=facet --set algorithm_version=5.2 \
        --set threshold=0.62 --set asked=5 --set given=5 --set "reviewer=DC Jo Smith" --attach "candidates=$EVIDENCE/candidates.json" \
        --detail "legal_basis=common law policing powers; DPA 2018 Part 3" --detail "operator_remarks=face turned half away" \
        --detail "conclusion=candidate 2 worth further enquiry; no identification made" --detail "corroboration=none yet"
    as smith history "$CASE LHA/1" --purpose "review of the search"
}

prosecution_looks() {
    step "The prosecution looks at the footage, and that is recorded too"
    as shah history "$FOOTAGE" --purpose "charging decision"
}

disclose_to_the_defence() {
    step "The footage is disclosed to the defence"
    as hart case join "$CASE" --org defence-llp --part defence
    as hart disclose "$CASE" --to defence-llp --exhibit JSM/2
    say "That nothing is left out of a history is the operator's word, until somebody else has looked at every entry. Sam \
Vale of the inspectorate recomputes on a machine of their own which chains there are and how long, and cosigns."
    as vale audit --service --cosign "$DEMO/auditor" --purpose "the map, before disclosure"
    say "Alex Morgan takes a bundle that ends there: the entries, their proofs and the keys behind them, in one file. A \
copy of the footage comes with it."
    as morgan bundle "$FOOTAGE" --audited --out "$DEFENCE/JSM-2.custody.json" --purpose "defence case preparation"
    cp "$FOOTAGE_FILE" "$DEFENCE/"
    cp "$POLICY" "$DEFENCE/trust.policy"
}

# What an operator would need who wants to rewrite what comes from here on: an old copy of the folder.
keep_an_old_copy() {
    stop_service
    cp -a "$LEDGER" "$DEMO/ledger-old"
    cp -a "$PEOPLE/smith" "$PEOPLE/smith-old"
    start_service
    await_quorum
}

stop_one_witness() {
    step "One witness stops, and nobody waits for it"
    say "The inspectorate's machine is down. What is recorded now is witnessed all the same, by the other two."
    stop_witness oversight
    CUSTODES_HOME="$PEOPLE/hart" "$CUSTODES" --json record stage-set "$CASE" --set stage=ptph --set due=2026-04-10T10:00:00+01:00 >"$DEMO/told"
    as hart receipt wait "$(jq -r .e "$DEMO/told")"
    start_witness oversight
}

rewrite_history() {
    step "The operator tries to rewrite the record, and the witnesses refuse"
    say "The service starts on a copy of its folder from before the prosecution looked. A policy without witnesses lets it \
record other things in the place of what was removed, until it is as long as before."
    local newest="$LEDGER" policy size proofs other=0
    stop_service
    policy="$(cat "$POLICY")"
    size="$(sed -n 2p "$newest/head")"
    LEDGER="$DEMO/ledger-old"
    { grep '^log ' <<<"$policy" && echo "quorum none"; } >"$LEDGER/policy"
    start_service
    until [ "$(ask /v1/ledger | jq .size)" -gt "$size" ]; do
        CUSTODES_HOME="$PEOPLE/smith-old" "$CUSTODES" --json case open --reference "other-$((other += 1))" \
            --title "Another case" >/dev/null
    done
    say "Then it wants the witnesses back. They have cosigned another history, and say so; nothing is recorded or signed any more."
    stop_service
    printf '%s\n' "$policy" >"$LEDGER/policy"
    start_service
    until_it_says /readyz ALARM | jq -r .detail | fold -s -w 100 | sed 's/^/    /'
    say "The two checkpoints that contradict each other are kept: a proof that names the key of the log, for anyone to check."
    proofs=("$LEDGER"/forks/*.custody-fork)
    expect 0 verify "${proofs[0]}" --policy "$DEFENCE/trust.policy"
    stop_service
    LEDGER="$newest"
}

verify_offline() {
    step "The defence checks it, asking no one"
    say "The service is stopped first. Only the bundle, the footage and the trust policy are used."
    stop_service
    unset CUSTODES_URL
    COPY="$DEFENCE/$(basename "$FOOTAGE_FILE")"
    expect "0 3" verify "$DEFENCE/JSM-2.custody.json" --timeline --file "$COPY" --policy "$DEFENCE/trust.policy"
    say "Exit code 3 means: nothing failed, but what is named above could not be shown."
    say "The same bundle says who looked at the footage, as far as the defence is told."
    expect "0 3" report access --bundle "$DEFENCE/JSM-2.custody.json" --policy "$DEFENCE/trust.policy"
}

# change_one FILE EVENT|byte: changes one byte in the middle of the file, or the year in the first entry of that event
# in a bundle, as somebody would who wants it to have happened at another time.
change_one() {
    python3 - "$1" "$2" <<'PYTHON'
import base64, json, re, sys
path, what = sys.argv[1:]
data = bytearray(open(path, "rb").read())
if what == "byte":
    at = len(data) // 2
    data[at] ^= 1
    print(f"  byte {at} of {len(data)} changed")
else:
    for entry in re.finditer(rb"eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]{86}", data):
        signed = entry[1]
        payload = base64.urlsafe_b64decode(signed + b"=" * (-len(signed) % 4))
        if json.loads(payload)["event"] == what:
            break
    changed = re.sub(rb'("occurred_at":"\d{3})(\d)', lambda year: year[1] + b"%d" % ((int(year[2]) + 9) % 10), payload)
    data[slice(*entry.span(1))] = base64.urlsafe_b64encode(changed).rstrip(b"=")
    print(f'  "{what}" now says that it happened in {json.loads(changed)["occurred_at"][:4]}')
open(path, "wb").write(data)
PYTHON
}

tamper() {
    step "One byte is changed, and it shows"
    say "First in a copy of the footage."
    local changed="$DEMO/changed"
    mkdir -p "$changed"
    cp "$COPY" "$changed/footage"
    change_one "$changed/footage" byte
    expect 1 verify "$DEFENCE/JSM-2.custody.json" --file "$changed/footage" --policy "$DEFENCE/trust.policy"
    say "Then in a copy of the record: one digit of the year in which the footage was registered."
    cp "$DEFENCE/JSM-2.custody.json" "$changed/JSM-2.custody.json"
    change_one "$changed/JSM-2.custody.json" registered
    expect 1 verify "$changed/JSM-2.custody.json" --file "$COPY" --policy "$DEFENCE/trust.policy"
}

audit() {
    step "An auditor recomputes the whole ledger"
    expect "0 3" audit --dir "$LEDGER"
}

finish() {
    heading "What to look at"
    cat <<TEXT
  ledger-demo/for-the-defence/   what the defence was given; check it again:
      custodes verify JSM-2.custody.json --file $(basename "$FOOTAGE_FILE") --policy trust.policy
  ledger-demo/evidence/          the evidence, and what was said about each piece
  ledger-demo/changed/           the two copies with one byte changed
  ledger-demo/ledger-old/forks/  the proof that the operator kept two histories
  README.md, docs/THREATS.md     what this shows, and what it does not
  (custodes is ${CUSTODES#"$PWD"/})
TEXT
    if [ -t 0 ] && [ "${ONCE:-0}" != 1 ]; then
        start_service
        say "The service is running again at $CUSTODES_URL, with the case in it. In another terminal, as DC Smith:"
        printf "  CUSTODES_URL=%s CUSTODES_HOME=%s \\\\\n    %s history '%s' --purpose 'a look round'\n" \
            "$CUSTODES_URL" "${PEOPLE#"$PWD"/}/smith" "${CUSTODES#"$PWD"/}" "$FOOTAGE"
        say "Ctrl-C stops it."
        trap 'stop_all; printf "\nStopped.\n"; exit 0' INT
        wait "$SERVICE_PID" || true
    fi
}

story() {
    prepare
    found_the_ledger
    enrol_people
    open_the_case
    seize_the_phone
    register_the_footage
    follow_the_tag
    hand_over_the_phone
    image_the_phone
    make_a_clip
    search_for_the_face
    keep_an_old_copy
    prosecution_looks
    disclose_to_the_defence
    stop_one_witness
    verify_offline
    tamper
    rewrite_history
    audit
    finish
}

story
