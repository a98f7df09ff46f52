#!/usr/bin/env bash
# Makes the evidence of the sample case in the folder given: small, invented, of the kinds a case has.
#
#   footage.y4m or footage.mp4   two seconds of a test card (mp4 where ffmpeg is present)
#   phone.img                    a 4 MiB ext4 disk image with a few files
#   tag.gpx                      a GPS track of five fixes
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
cat >footage.toml <<'TOML'
camera = "CAM-04, Harbour Street car park, level 2"
range_requested = "2026-03-14T08:50:00+00:00/2026-03-14T09:20:00+00:00"
range_retrieved = "2026-03-14T08:50:00+00:00/2026-03-14T09:20:00+00:00"
missing_intervals = "none seen"
player = "none needed"
device_make = "Seecom"
device_model = "NVR-16"
clock = "recorder showed 09:31:40, speaking clock 09:29:55: recorder 105 s fast, read to the second"
retrieved_by = "DC Jo Smith, export to new USB stick"
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
TOML

cat >tag.gpx <<'GPX'
<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="tag provider export" xmlns="http://www.topografix.com/GPX/1/1">
  <trk><name>TAG 20417</name><trkseg>
    <trkpt lat="55.0081" lon="-1.4402"><time>2026-03-14T08:55:00Z</time></trkpt>
    <trkpt lat="55.0086" lon="-1.4391"><time>2026-03-14T08:56:00Z</time></trkpt>
    <trkpt lat="55.0092" lon="-1.4377"><time>2026-03-14T08:57:00Z</time></trkpt>
    <trkpt lat="55.0099" lon="-1.4368"><time>2026-03-14T08:58:00Z</time></trkpt>
    <trkpt lat="55.0101" lon="-1.4360"><time>2026-03-14T08:59:00Z</time></trkpt>
  </trkseg></trk>
</gpx>
GPX
cat >tag.toml <<'TOML'
device_serial = "TAG 20417"
provider = "Northshire Electronic Monitoring"
query = "fixes of 14 March 2026, 08:55 to 09:00 UTC"
fix_interval = "60 s"
accuracy = "8 m, as the provider states"
gaps = "none in the range"
time_zone = "UTC"
smoothing = "raw fixes"
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
probe = "frame 11 of the car park footage, cropped; no other edit"
legal_basis = "common law policing powers; DPA 2018 Part 3"
operator = "Imaging unit, operator 7"
reviewer = "DC Lee Hart"
reviewer_conclusion = "candidate 2 worth further enquiry; no identification made"
corroboration = "none yet"
statement = "investigative lead only"
TOML
