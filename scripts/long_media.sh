#!/usr/bin/env bash
# Three hours of 1080p video and of sound, made by repeating the packets of a short clip, then streamed: prints the
# peak memory over the baseline and the bytes a frame takes in the index. Usage: bash scripts/long_media.sh [SECONDS_IN_ONE_GO]
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/long_media
mkdir -p "$out"
cmake --build --preset release --target long_media
if [[ ! -f $out/video.mp4 || ! -f $out/sound.mp3 ]]; then
  ffmpeg -v error -y -f lavfi -i testsrc=s=1920x1080:r=25:d=4 -c:v libx264 -preset veryfast -crf 32 -g 50 -pix_fmt yuv420p "$out/clip.mp4"
  ffmpeg -v error -y -stream_loop 2699 -i "$out/clip.mp4" -c copy "$out/video.mp4"
  ffmpeg -v error -y -f lavfi -i "sine=440:r=44100:d=10" -ac 2 -c:a libmp3lame -b:a 64k "$out/clip.mp3"
  ffmpeg -v error -y -stream_loop 1079 -i "$out/clip.mp3" -c copy "$out/sound.mp3"
fi
ls -l "$out"/{video.mp4,sound.mp3}
build/release/tests/long_media "$out/video.mp4" "$out/sound.mp3" "${1:-600}"
