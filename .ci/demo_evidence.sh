#!/usr/bin/env bash
# Makes the evidence of the sample case in the folder given: small, invented, of the kinds a case has.
#
#   footage.y4m or footage.mp4   two seconds of a test card (mp4 where ffmpeg is present)
#   phone.img                    a 4 MiB ext4 disk image with a few files
#   clip.*, redacted.*           the first second of it; the same with a box over part of the picture
#   broken-copy.*                a copy of the footage that ended early
#   tag-1.csv, tag-1-2.csv       16,384 fixes of a GPS tag; the same and as many more
#   candidates.json              what a facial recognition search gave back, the whole list
#   *.toml                       what the person who records it says about each
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin"

into="$1"
mkdir -p "$into"
cd "$into"

if command -v ffmpeg >/dev/null; then
    ffmpeg -nostdin -loglevel error -f lavfi -i testsrc=duration=2:size=320x240:rate=10 -y footage.mp4
else
    python3 - <<'PYTHON'
# YUV4MPEG2, the plainest video there is: a bright bar crosses a grey ramp, 20 frames of 160 by 120.
WIDTH, HEIGHT, FRAMES = 160, 120, 20
with open("footage.y4m", "wb") as out:
    out.write(b"YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n" % (WIDTH, HEIGHT))
    for frame in range(FRAMES):
        bar = range(frame * 8, frame * 8 + 8)
        row = bytes(235 if x in bar else 16 + x for x in range(WIDTH))
        out.write(b"FRAME\n" + row * HEIGHT + bytes([128]) * (WIDTH * HEIGHT // 2))
PYTHON
fi
footage="$(ls footage.*)"
kind="${footage##*.}"
if [ "$kind" = mp4 ]; then
    ffmpeg -nostdin -loglevel error -i footage.mp4 -t 1 -c copy -y clip.mp4
    ffmpeg -nostdin -loglevel error -i clip.mp4 -vf "drawbox=x=200:y=60:w=60:h=60:color=black:t=fill" -y redacted.mp4
else
    python3 - <<'PYTHON'
WIDTH, HEIGHT, FRAMES = 160, 120, 10
FRAME = len(b"FRAME\n") + WIDTH * HEIGHT * 3 // 2
data = open("footage.y4m", "rb").read()
head = data.index(b"\n") + 1
clip = bytearray(data[:head + FRAMES * FRAME])
open("clip.y4m", "wb").write(clip)
for frame in range(FRAMES):
    for y in range(30, 60):
        at = head + frame * FRAME + len(b"FRAME\n") + y * WIDTH + 100
        clip[at:at + 30] = bytes([16]) * 30
open("redacted.y4m", "wb").write(clip)
PYTHON
fi
head -c "$(($(stat -c %s "$footage") * 2 / 3))" "$footage" >"broken-copy.$kind"
cat >footage.toml <<'TOML'
camera = "CAM-04, Harbour Street car park, level 2"
range_requested = "2026-03-14T08:50:00+00:00/2026-03-14T09:20:00+00:00"
range_retrieved = "2026-03-14T08:50:00+00:00/2026-03-14T09:20:00+00:00"
missing_intervals = "none seen"
player = "none needed"
device_make = "Seecom"
device_model = "NVR-16"
clock_shown = "09:31:40"
clock_reference = "09:29:55 by the speaking clock"
clock_offset = "+105 s: the recorder is fast"
clock_uncertainty = "read to the second"
retrieved_by = "DC Jo Smith"
retrieved_how = "export to a new USB stick"
TOML

files="$(mktemp -d)"
trap 'rm -rf "$files"' EXIT
mkdir -p "$files/DCIM" "$files/messages"
printf 'Meet at the car park, level 2, nine sharp.\n' >"$files/messages/2026-03-13.txt"
printf 'Call me when it is done.\n' >"$files/messages/2026-03-14.txt"
head -c 200000 /dev/zero | tr '\0' 'P' >"$files/DCIM/IMG_0001.raw"
rm -f phone.img
mke2fs -q -t ext4 -O '^has_journal' -L PHONE -U 6f1c9a52-0d0e-4f55-9f60-44b1f2f3a001 -d "$files" phone.img 4M >/dev/null 2>&1
cat >phone.toml <<'TOML'
source_make = "Nordfon"
source_model = "N3"
source_serial = "NF3-0091822"
capacity = "4 MiB (sample)"
write_blocker = "Tabler T8, serial 55120"
format = "raw"
read_errors = "none"
clock_offset = "-2 s against the speaking clock, before isolation"
TOML

# Lines of 64 bytes: 16,384 of them fill 1 MiB, the size in which files are digested.
python3 - <<'PYTHON'
def fixes(first, last):
    for n in range(first, last):
        time = 30 * n
        day, clock = 7 + time // 86400, time % 86400
        line = "2026-03-%02dT%02d:%02d:%02dZ,%.5f,%.5f" % (
            day, clock // 3600, clock % 3600 // 60, clock % 60, 55.0081 + n % 900 / 1e5, -1.4402 + n % 700 / 1e5)
        yield line.ljust(63) + "\n"
one = "".join(fixes(0, 16384))
open("tag-1.csv", "w").write(one)
open("tag-1-2.csv", "w").write(one + "".join(fixes(16384, 32768)))
PYTHON
cat >tag.toml <<'TOML'
device_serial = "TAG 20417"
provider = "Northshire Electronic Monitoring"
query = "all fixes from 7 March 2026"
fix_interval = "30 s"
accuracy = "8 m, as the provider states"
gaps = "none in the range"
time_zone = "UTC"
smoothing = "raw fixes"
clock_offset = "none: GPS time"
TOML

cat >candidates.json <<'JSON'
{
  "mode": "retrospective",
  "algorithm": "Facet", "algorithm_version": "5.2",
  "gallery": "custody-images-north", "gallery_version": "2026-03-10", "gallery_size": 412877,
  "threshold": 0.62, "candidates_asked": 5, "candidates_given": 5,
  "candidates": [
    {"rank": 1, "image": "NS-0331882", "score": 0.713},
    {"rank": 2, "image": "NS-0098127", "score": 0.688},
    {"rank": 3, "image": "NS-0277410", "score": 0.671},
    {"rank": 4, "image": "NS-0150093", "score": 0.640},
    {"rank": 5, "image": "NS-0401176", "score": 0.626}
  ],
  "note": "An investigative lead only: not an identification."
}
JSON
cat >candidates.toml <<'TOML'
mode = "retrospective"
probe = "frame 11 of the car park footage, cropped"
probe_edits = "cropped; no other edit"
legal_basis = "common law policing powers; DPA 2018 Part 3"
operator = "Imaging unit, operator 7"
status = "investigative lead only: not an identification"
TOML
