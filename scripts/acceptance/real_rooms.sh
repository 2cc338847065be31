#!/usr/bin/env bash
# Measured rooms and drawn ones from Debian 12's packages: nothing of them is part of this project, they are fetched (160 MB) and unpacked.
#   bash scripts/acceptance/real_rooms.sh [FOLDER]     FOLDER: packages, scenes, pictures (default: a new one below /var/tmp); used again
# 1. Five measured impulse responses: EDT, T20, T30, C50, beside values that were taken independently. Fails when T30 is off by more
#    than 10 % or C50 by more than 1 dB. Those values count C50 from the highest peak, so it is measured once more on a copy cut there.
# 2. Four indoor scenes of MORSE: `check` of the mesh as it was drawn, which is open; then of its closed pieces in a box that closes the
#    room: `check`, a response and a panorama of depth from inside.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
mmi=${MMI:-$project/.venv/bin/mmi}
python=$project/.venv/bin/python
folder=${1:-$(mktemp -d /var/tmp/mmi-real-rooms-XXXX)}
mkdir -p "$folder/packages"
cd "$folder"

# ---- packages
packages=(csoundqt-examples guitarix-common python3-pyo jconvolver-config-files morse-simulator-data
  assimp-utils libassimp5 libdraco7 libminizip1)
for package in "${packages[@]}"; do
  compgen -G "packages/${package}_*.deb" >/dev/null && continue
  (cd packages && apt-get -q download "$package") ||
    { echo "real_rooms: $package cannot be downloaded: is this Debian 12, and was apt-get update run?" >&2; exit 6; }
  dpkg -x packages/"${package}"_*.deb root
done
libraries=$(echo root/usr/lib/*-linux-gnu)
assimp() { LD_LIBRARY_PATH="$libraries" root/usr/bin/assimp "$@"; }

# ---- measured responses
cat >measured.csv <<'CSV'
usr/share/csoundqt/Examples/SourceMaterials/Stairwell.wav,,1.41,-3.0
usr/share/csoundqt/Examples/SourceMaterials/StairwellR.wav,,1.45,-3.0
usr/share/csoundqt/Examples/SourceMaterials/impulse_big_hall.wav,,3.5,-6.2
usr/share/gx_head/sounds/greathall.wav,,2.3,-1.2
usr/lib/python3/dist-packages/pyo/lib/snds/IRMediumHallStereo.wav,,1.9,-1.8
usr/share/jconvolver/config-files/demo-reverbs/street2-L.wav,0.67,,
usr/share/jconvolver/config-files/demo-reverbs/street2-R.wav,0.82,,
CSV
failed=0
"$python" - "$mmi" <<'PYTHON' || failed=1
import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

mmi = sys.argv[1]
cut = Path("cut")
cut.mkdir(exist_ok=True)


def channel_from_peak(path: Path) -> Path:
    """The first channel, from its highest peak on."""
    read = ["ffmpeg", "-v", "error", "-y", "-i", str(path)]
    raw = subprocess.run(
        [*read, "-af", "pan=mono|c0=c0", "-f", "f32le", "-"], check=True, capture_output=True
    )
    peak = int(np.abs(np.frombuffer(raw.stdout, "<f4")).argmax())
    out = cut / path.name
    trim = f"pan=mono|c0=c0,atrim=start_sample={peak}"
    subprocess.run([*read, "-af", trim, "-c:a", "pcm_f32le", str(out)], check=True)
    return out


def measures(path: Path) -> dict[str, float]:
    told = subprocess.run(
        [mmi, "rooms", "measure", str(path), "--json"], check=True, capture_output=True
    )
    first = json.loads(told.stdout)["responses"][0]["measures"]
    return {name: first[name]["value"] for name in ("edt_s", "t20_s", "t30_s", "c50_db")}


def cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


print(f"{'response':24}{'EDT':>6}{'T20':>6}{'T30':>6}{'C50':>8}{'C50 from peak':>15}   known: T20, T30, C50")
bad = []
for name, *known in csv.reader(open("measured.csv")):
    path = Path("root") / name
    ours, peak = measures(path), measures(channel_from_peak(path))
    t20, t30, c50 = (float(text) if text else None for text in known)
    print(
        f"{path.name:24}{cell(ours['edt_s']):>6}{cell(ours['t20_s']):>6}{cell(ours['t30_s']):>6}"
        f"{cell(ours['c50_db']):>8}{cell(peak['c50_db']):>15}   {cell(t20)}, {cell(t30)}, {cell(c50)}"
    )
    if t30 is not None and not (ours["t30_s"] and abs(ours["t30_s"] / t30 - 1) <= 0.1):
        bad.append(f"T30 of {path.name} is {cell(ours['t30_s'])} s, not {t30} s within 10 %")
    if c50 is not None and abs(peak["c50_db"] - c50) > 1:
        bad.append(f"C50 of {path.name} is {cell(peak['c50_db'])} dB, not {c50} dB within 1 dB")
print(*bad, sep="\n")
sys.exit(bool(bad))
PYTHON

# ---- drawn scenes
# Keeps the pieces that are closed and inside of a box, and closes the box: the walls, floor and ceiling that many scenes leave out.
close_room() {
  "$python" - "$@" <<'PYTHON'
import sys
from collections import Counter

source, out, group, height = sys.argv[1:]
corners: list[tuple[float, ...]] = []
faces: dict[str, list[list[int]]] = {}
for line in open(source):
    words = line.split()
    if words[:1] == ["v"]:
        corners.append(tuple(float(word) for word in words[1:4]))
    elif words[:1] == ["g"]:
        name = " ".join(words[1:])
    elif words[:1] == ["f"]:
        faces.setdefault(name, []).append([int(word.split("/")[0]) - 1 for word in words[1:]])


def box(polygons: list[list[int]]) -> tuple[list[float], list[float]]:
    points = [corners[corner] for polygon in polygons for corner in polygon]
    return [min(axis) for axis in zip(*points)], [max(axis) for axis in zip(*points)]


def is_closed(polygons: list[list[int]]) -> bool:
    edges: Counter[tuple[tuple[float, ...], tuple[float, ...]]] = Counter()
    for polygon in polygons:
        ends = [tuple(round(x, 5) for x in corners[corner]) for corner in polygon]
        edges.update((a, b) for a, b in zip(ends, ends[1:] + ends[:1]) if a != b)
    return all(edges[b, a] == count for (a, b), count in edges.items())


low, high = box(faces[group])
low, high = [x - 0.01 for x in low], [x + 0.01 for x in high]
low[2], high[2] = low[2] - 0.01, low[2] + float(height)
kept = []
for name, polygons in faces.items():
    a, b = box(polygons)
    inside = all(low[k] < a[k] and b[k] < high[k] for k in range(3))
    if inside and is_closed(polygons):
        kept.append(name)
with open(out, "w") as file:
    for corner in corners:
        file.write("v {} {} {}\n".format(*corner))
    for z in (low[2], high[2]):
        for x, y in ((low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])):
            file.write(f"v {x} {y} {z}\n")
    file.write("usemtl plasterboard\ng room\n")
    for polygon in ((0, 1, 2, 3), (7, 6, 5, 4), (0, 4, 5, 1), (1, 5, 6, 2), (2, 6, 7, 3), (3, 7, 4, 0)):
        file.write("f " + " ".join(str(len(corners) + 1 + corner) for corner in polygon) + "\n")
    file.write("usemtl cabinet\n")
    for name in kept:
        file.write(f"g {name}\n")
        for polygon in faces[name]:
            file.write("f " + " ".join(str(corner + 1) for corner in polygon) + "\n")
print(f"{len(kept)} of {len(faces)} pieces are closed and inside")
PYTHON
}

scene() {
  local file=$1 group=$2 height=$3 source=$4 receiver=$5 name
  name=$(basename "$file" .blend)
  printf '\n== %s\n' "$name"
  assimp export "root/usr/share/morse/data/environments/$file" "$name.obj" >"$name.log" 2>&1 ||
    { tail -n 3 "$name.log"; failed=1; return; }
  "$mmi" rooms check "$name.obj" default_material=plasterboard 2>&1 >"$name.check" || true
  close_room "$name.obj" "$name-closed.obj" "$group" "$height"
  "$mmi" rooms check "$name-closed.obj" || { failed=1; return; }
  "$mmi" rooms render "$name-closed.obj" --out "$name-depth.npy" position="$receiver" || failed=1
  "$mmi" rooms simulate "$name-closed.obj" --out "$name.wav" source="$source" receiver="$receiver" samples=33075 || failed=1
}
scene apartment.blend Cube.061 2.55 '[-1.2,0.5,1.5]' '[-4,2.6,1.4]'
scene indoors-1/indoor-1.blend Plane 4.4 '[-5,5,1.5]' '[2,3,1.4]'
scene laas/grande_salle.blend Plane 3.05 '[1,-2,1.5]' '[8,-1,1.4]'
scene tum_kitchen/tum_kitchen.blend g1.link68.geom0.003 2.8 '[2,1,1.5]' '[6,5,1.4]'
printf '\n%s\n' "everything is in $folder"
exit "$failed"
