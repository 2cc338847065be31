#!/usr/bin/env bash
# Real sounds for a codec from Debian 12's packages, and what a codec trained on them is worth. Nothing of them is part of this project:
# they are fetched (100 MB) and unpacked, 1,640 files in 12 classes.
#   bash scripts/acceptance/codec_audio.sh FOLDER          FOLDER/sounds/<class>/…: to train on, see below; used again
#   bash scripts/acceptance/codec_audio.sh FOLDER RUN      then also the judge of a finished run
#   mmi train configs/codec/codec_tiny.yaml task.sounds.name=folder task.sounds.path=FOLDER/sounds
# Packages and licences, as their copyright files say: qabcs-data (GPL-3+; some CC0 and public domain; words spoken in seven languages,
# noises of things), drascula-music (GPL-2+; the music of a game), sonic-pi-samples (mostly CC0; drums, loops), lmms-common (GPL-2+).
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:?usage: codec_audio.sh FOLDER [RUN]}
run=${2:-}
[ -n "$run" ] && run=$(realpath "$run")
mkdir -p "$folder/packages"
cd "$folder"
for package in qabcs-data drascula-music sonic-pi-samples lmms-common; do
  compgen -G "packages/${package}_*.deb" >/dev/null && continue
  (cd packages && apt-get -q download "$package") ||
    { echo "codec_audio: $package cannot be downloaded: is this Debian 12, and was apt-get update run?" >&2; exit 6; }
  dpkg -x packages/"${package}"_*.deb root
done
if [ ! -d sounds ]; then
  words=root/usr/share/qabcs/abcs
  lmms=root/usr/share/lmms/samples
  pi=root/usr/share/sonic-pi/samples
  mkdir -p making/{music,noises,drums,loops,synth}
  for language in be de en fr pl ru uk; do
    mkdir -p "making/speech_$language"
    cp "$words/$language"/sounds/words/* "making/speech_$language"
  done
  cp root/usr/share/scummvm/drascula/audio/*.* making/music
  cp "$words"/all/noises/* making/noises
  cp "$lmms"/{drums,latin}/* "$pi"/{bd,drum,elec,hat,perc,sn,tabla}_* making/drums 2>/dev/null || true
  cp "$lmms"/{beats,bassloops}/* "$pi"/loop_* making/loops
  cp "$lmms"/{instruments,stringsnpads,basses,effects,misc}/* "$pi"/{ambi,bass,glitch,guit,mehackit,misc,vinyl}_* making/synth 2>/dev/null || true
  mv making sounds
fi
[ -z "$run" ] && exit 0
exec "$project/.venv/bin/python" "$project/scripts/acceptance/codec_judge.py" "$run" sounds
