#include "mmi/music/midi.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include "mmi/base/errors.h"

namespace mmi::music {
namespace {

constexpr int kDrumChannel = 9;
constexpr int kSustainController = 64;
constexpr int kChannels = 16;

struct PedalSpan {
  double down_s;
  double up_s;
};

using Pedals = std::array<std::vector<PedalSpan>, kChannels>;

Pedals pedals_of(const io::MidiFile& midi) {
  Pedals pedals;
  for (const auto& control : midi.controls) {
    if (control.controller != kSustainController) {
      continue;
    }
    auto& spans = pedals[static_cast<std::size_t>(control.channel)];
    const bool open = !spans.empty() && std::isinf(spans.back().up_s);
    if (control.value >= 64 && !open) {
      spans.push_back({control.time_s, std::numeric_limits<double>::infinity()});
    } else if (control.value < 64 && open) {
      spans.back().up_s = control.time_s;
    }
  }
  return pedals;
}

// Latest time at which the pedal of the note's channel still holds it.
double held_until(const io::MidiNote& note, const Pedals& pedals, double end_s) {
  for (const auto& span : pedals[static_cast<std::size_t>(note.channel)]) {
    if (note.offset_s >= span.down_s && note.offset_s < span.up_s) {
      return std::max(note.offset_s, std::min(span.up_s, end_s));
    }
  }
  return note.offset_s;
}

}  // namespace

Notes to_notes(const io::MidiFile& midi, bool sustain_pedal) {
  const Pedals pedals = sustain_pedal ? pedals_of(midi) : Pedals{};
  double end_s = midi.duration_s;
  for (const auto& note : midi.notes) {
    end_s = std::max(end_s, note.offset_s);
  }
  // From the end, so that the next onset of each key is known.
  std::array<std::array<double, 128>, kChannels> next_onset{};
  for (auto& keys : next_onset) {
    keys.fill(std::numeric_limits<double>::infinity());
  }
  Notes notes;
  for (auto note = midi.notes.rbegin(); note != midi.notes.rend(); ++note) {
    auto& next =
        next_onset[static_cast<std::size_t>(note->channel)][static_cast<std::size_t>(note->pitch)];
    const double held = held_until(*note, pedals, end_s);
    const double offset = std::min(held, std::max(note->offset_s, next));
    next = note->onset_s;
    if (note->channel != kDrumChannel) {
      notes.push_back({note->onset_s, offset, note->pitch, note->velocity});
    }
  }
  std::reverse(notes.begin(), notes.end());
  std::stable_sort(notes.begin(), notes.end(), [](const Note& a, const Note& b) {
    return std::tie(a.onset_s, a.pitch) < std::tie(b.onset_s, b.pitch);
  });
  return notes;
}

io::MidiFile to_midi(const Notes& notes, int program, double tempo_bpm) {
  MMI_CHECK(
      ConfigError,
      tempo_bpm >= 4 && tempo_bpm <= 1000,
      "a tempo lies in 4..1000 beats per minute, but is {}",
      tempo_bpm);
  io::MidiFile midi;
  const int quarter_us = static_cast<int>(std::lround(60e6 / tempo_bpm));
  midi.ticks_per_quarter = quarter_us % 1000 == 0 ? quarter_us / 1000 : 960;
  midi.tempi = {{0, quarter_us}};
  for (const auto& note : notes) {
    midi.notes.push_back(
        {.onset_s = note.onset_s,
         .offset_s = note.offset_s,
         .pitch = note.pitch,
         .velocity = note.velocity,
         .program = program});
    midi.duration_s = std::max(midi.duration_s, note.offset_s);
  }
  return midi;
}

Notes read_notes(const std::filesystem::path& path, bool sustain_pedal) {
  return to_notes(io::read_midi(path), sustain_pedal);
}

void write_notes(
    const std::filesystem::path& path, const Notes& notes, int program, double tempo_bpm) {
  io::write_midi(path, to_midi(notes, program, tempo_bpm));
}

}  // namespace mmi::music
