"""Checks configs/audeo/pieces/bwv772.yaml, alone and against a MIDI file of the piece.

    .venv/bin/python scripts/oracles/check_bwv772.py [MIDI ...]

Without an argument: every bar of each hand lasts 16 sixteenths, there are 22 bars, every key is
inside 36..86, and each tie meets its own pitch. With MIDI files, each is compared note by note:

- a file written from a score (every onset on the 32nd grid, one track a hand) by onset and pitch;
- a performance (free tempo, hands mixed) by following the score through it: each score note takes
  the unused note of its pitch that is nearest to the time predicted from the notes before.

Two files used as reference, both from Debian 12 (not kept here, they have their own licences):
playmidi 2.4debian-13, /usr/share/doc/playmidi/examples/bach-invention-01.mid.gz (a score file), and
chuck-data 1.4.2.0-1, /usr/share/doc/chuck-data/examples/midi/bwv772.mid (a performance).
"""

import gzip
import io
import pathlib
import re
import sys

PIECE = pathlib.Path(__file__).resolve().parents[2] / "configs/audeo/pieces/bwv772.yaml"
BARS = 22
LOWEST_KEY, HIGHEST_KEY = 36, 86
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ALTERATIONS = {"": 0, "#": 1, "b": -1}
NOTE = re.compile(r"([A-G])([#b]?)(\d):([1-9]\d*)(~?)")
REST = re.compile(r"r([1-9]\d*)")
HANDS = ("rh", "lh")
NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")


def key_name(key):
    return f"{NAMES[key % 12]}{key // 12 - 1}"


def place(onset, sixteenths_per_bar):
    return f"bar {int(onset // sixteenths_per_bar) + 1} sixteenth {onset % sixteenths_per_bar:g}"


def read_piece(path):
    """Returns (sixteenths per bar, {hand: [bar text]}) of the YAML subset that the pieces use."""
    text = path.read_text(encoding="utf-8")
    per_bar = int(re.search(r"^sixteenths_per_bar: (\d+)$", text, re.M)[1])
    hands = {hand: re.findall(rf'^[ -]+{hand}: "([^"]*)"$', text, re.M) for hand in HANDS}
    return per_bar, hands


def parse_hand(bars, hand, per_bar):
    """Returns (notes as [onset, key, duration] in sixteenths with ties joined, error texts)."""
    notes, errors, tied_key = [], [], None
    for index, bar in enumerate(bars):
        where = f"bar {index + 1} {hand}"
        time = index * per_bar
        for token in bar.split():
            if rest := REST.fullmatch(token):
                if tied_key is not None:
                    errors.append(f"{where}: the tie from the bar before meets a rest")
                    tied_key = None
                time += int(rest[1])
                continue
            note = NOTE.fullmatch(token)
            if not note:
                errors.append(f"{where}: cannot read {token!r}")
                continue
            key = 12 * (int(note[3]) + 1) + STEPS[note[1]] + ALTERATIONS[note[2]]
            duration = int(note[4])
            if not LOWEST_KEY <= key <= HIGHEST_KEY:
                errors.append(
                    f"{where}: {token!r} is key {key}, outside {LOWEST_KEY}..{HIGHEST_KEY}"
                )
            if tied_key is not None and tied_key == key:
                notes[-1][2] += duration
            else:
                if tied_key is not None:
                    errors.append(f"{where}: the tie of {key_name(tied_key)} meets {token!r}")
                notes.append([time, key, duration])
            time += duration
            tied_key = key if note[5] else None
            if tied_key is not None and time != (index + 1) * per_bar:
                errors.append(f"{where}: {token!r} is tied but does not end the bar")
        if time != (index + 1) * per_bar:
            errors.append(f"{where}: lasts {time - index * per_bar} sixteenths, not {per_bar}")
    if tied_key is not None:
        errors.append(f"{hand}: the last note is tied")
    return notes, errors


def read_midi(path):
    """Returns the tracks with notes, each a sorted list of (onset, key, duration) in sixteenths."""
    import mido

    data = pathlib.Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    midi = mido.MidiFile(file=io.BytesIO(data))
    sixteenth = midi.ticks_per_beat / 4
    tracks = []
    for track in midi.tracks:
        time, sounding, notes = 0, {}, []
        for message in track:
            time += message.time
            if message.type not in ("note_on", "note_off"):
                continue
            voice = (message.channel, message.note)
            if voice in sounding:
                onset = sounding.pop(voice)
                notes.append((onset / sixteenth, message.note, (time - onset) / sixteenth))
            if message.type == "note_on" and message.velocity > 0:
                sounding[voice] = time
        if notes:
            tracks.append(sorted(notes))
    return tracks


def compare_score(piece, tracks, per_bar):
    for hand, track in zip(HANDS, tracks, strict=True):
        ours = {(onset, key): duration for onset, key, duration in piece[hand]}
        theirs = {(onset, key): duration for onset, key, duration in track}
        common = ours.keys() & theirs.keys()
        equal = sum(ours[note] == theirs[note] for note in common)
        print(
            f"  {hand}: {len(ours)} notes here, {len(theirs)} in the file, {len(common)} with the "
            f"same onset and key, {equal} of these with the same duration"
        )
        for note in sorted(ours.keys() ^ theirs.keys()):
            side = "only here" if note in ours else "only in the file"
            print(f"    {side}: {place(note[0], per_bar)} {key_name(note[1])}")
        for note in sorted(common):
            if ours[note] != theirs[note]:
                print(
                    f"    duration: {place(note[0], per_bar)} {key_name(note[1])}: "
                    f"{ours[note]} here, {theirs[note]:g} in the file"
                )


def compare_performance(piece, tracks, per_bar, window=2.0):
    """Follows the score; `window` is the widest accepted time error in score sixteenths."""
    score = sorted((onset, key, hand) for hand in HANDS for onset, key, _ in piece[hand])
    played = sorted(note for track in tracks for note in track)
    free = [True] * len(played)
    tempo = (played[-1][0] - played[0][0]) / (score[-1][0] - score[0][0])
    anchor_score, anchor_played = score[0][0], played[0][0]
    matched = dict.fromkeys(HANDS, 0)
    missing, errors = [], []
    for group_onset in sorted({onset for onset, _, _ in score}):
        predicted = anchor_played + (group_onset - anchor_score) * tempo
        found = []
        for onset, key, hand in score:
            if onset != group_onset:
                continue
            candidates = [
                (abs(time - predicted), index)
                for index, (time, pitch, _) in enumerate(played)
                if free[index] and pitch == key and abs(time - predicted) <= window * tempo
            ]
            if not candidates:
                missing.append(f"{place(onset, per_bar)} {hand} {key_name(key)}")
                continue
            error, index = min(candidates)
            free[index] = False
            matched[hand] += 1
            found.append(played[index][0])
            errors.append(error / tempo)
        if found:
            time = min(found)
            if group_onset > anchor_score:
                local = (time - anchor_played) / (group_onset - anchor_score)
                tempo += 0.2 * (local - tempo)
            anchor_score, anchor_played = group_onset, time
    for hand in HANDS:
        print(f"  {hand}: {matched[hand]} of {len(piece[hand])} notes found in score order")
    print(
        f"  time error of the found notes in sixteenths: mean {sum(errors) / len(errors):.3f}, "
        f"largest {max(errors):.3f}, {sum(error <= 0.25 for error in errors)} of {len(errors)} "
        f"within 0.25; {sum(free)} of {len(played)} played notes are not in the score"
    )
    for note in missing:
        print(f"    not played: {note}")
    extra = [note for note, unused in zip(played, free, strict=True) if unused]
    print("    extra:", " ".join(f"{key_name(key)}@{onset:.1f}" for onset, key, _ in extra))


def main():
    per_bar, bars = read_piece(PIECE)
    piece, errors = {}, []
    if per_bar != 16:
        errors.append(f"sixteenths_per_bar is {per_bar}, not 16")
    for hand in HANDS:
        if len(bars[hand]) != BARS:
            errors.append(f"{hand}: {len(bars[hand])} bars, not {BARS}")
        piece[hand], found = parse_hand(bars[hand], hand, per_bar)
        errors += found
        keys = [key for _, key, _ in piece[hand]]
        print(f"{hand}: {len(bars[hand])} bars, {len(keys)} notes, keys {min(keys)}..{max(keys)}")
    for error in errors:
        print(f"error: {error}")
    for path in sys.argv[1:]:
        tracks = read_midi(path)
        on_grid = all((2 * onset).is_integer() for track in tracks for onset, _, _ in track)
        print(f"{path}: {'score' if on_grid else 'performance'}")
        compare = compare_score if on_grid and len(tracks) == 2 else compare_performance
        compare(piece, tracks, per_bar)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
