#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <string_view>
#include <tuple>

#include "io/tempo_map.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/midi.h"

namespace mmi::io {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// Order of events at one tick: keys go up before controls change, then keys go down, each after
/// the change to its program.
enum Rank { kOff, kControl, kOn };

struct Timed {
  std::int64_t tick;
  int rank;
  Bytes bytes;
};

std::uint8_t byte(std::int64_t value) {
  return static_cast<std::uint8_t>(value);
}

void put_number(Bytes& out, std::int64_t value, int n_bytes) {
  for (int shift = 8 * (n_bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(byte(value >> shift));
  }
}

void put_variable(Bytes& out, std::int64_t value) {
  MMI_CHECK(
      ConfigError,
      value >= 0 && value < (1 << 28),
      "two MIDI events are {} ticks apart, but a file can hold at most 2^28 - 1",
      value);
  for (int shift = 21; shift > 0; shift -= 7) {
    if (value >> shift) {
      out.push_back(byte(((value >> shift) & 127) | 128));
    }
  }
  out.push_back(byte(value & 127));
}

void check_range(const char* what, std::int64_t value, std::int64_t low, std::int64_t high) {
  MMI_CHECK(
      ConfigError,
      value >= low && value <= high,
      "MIDI {} must be in [{}, {}], but is {}",
      what,
      low,
      high,
      value);
}

void put_track(Bytes& out, std::vector<Timed> events, std::int64_t end_tick) {
  std::stable_sort(events.begin(), events.end(), [](const Timed& a, const Timed& b) {
    return std::tie(a.tick, a.rank) < std::tie(b.tick, b.rank);
  });
  Bytes body;
  std::int64_t tick = 0;
  for (const Timed& event : events) {
    put_variable(body, event.tick - tick);
    tick = event.tick;
    body.insert(body.end(), event.bytes.begin(), event.bytes.end());
  }
  put_variable(body, std::max(end_tick, tick) - tick);
  put_number(body, 0xFF2F00, 3);
  put_number(out, 0x4D54726B, 4);
  put_number(out, static_cast<std::int64_t>(body.size()), 4);
  out.insert(out.end(), body.begin(), body.end());
}

std::vector<Timed> conductor(const MidiFile& midi) {
  std::vector<Timed> events;
  for (const MidiTimeSignature& signature : midi.time_signatures) {
    check_range("time signature's numerator", signature.numerator, 1, 255);
    check_range("time signature's denominator", signature.denominator, 1, 1 << 15);
    const auto denominator = static_cast<unsigned>(signature.denominator);
    MMI_CHECK(
        ConfigError,
        std::has_single_bit(denominator),
        "MIDI time signature's denominator must be a power of two, but is {}",
        signature.denominator);
    Bytes bytes{0xFF, 0x58, 4, byte(signature.numerator), byte(std::bit_width(denominator) - 1)};
    bytes.insert(bytes.end(), {24, 8});
    events.push_back({signature.tick, kOff, bytes});
  }
  for (const MidiTempo& tempo : midi.tempi) {
    check_range("tempo in microseconds per quarter", tempo.microseconds_per_quarter, 1, 0xFFFFFF);
    Bytes bytes{0xFF, 0x51, 3};
    put_number(bytes, tempo.microseconds_per_quarter, 3);
    events.push_back({tempo.tick, kControl, bytes});
  }
  return events;
}

/// Note with times in ticks.
struct Placed {
  std::int64_t on;
  std::int64_t off;
  const MidiNote* note;
};

/// By time; one key is never down twice.
std::vector<Placed> place_notes(const MidiFile& midi, const TempoMap& tempo_map) {
  std::vector<Placed> placed;
  for (const MidiNote& note : midi.notes) {
    check_range("pitch", note.pitch, 0, 127);
    check_range("velocity", note.velocity, 1, 127);
    check_range("channel", note.channel, 0, 15);
    check_range("program", note.program, 0, 127);
    const std::int64_t on = tempo_map.tick(note.onset_s);
    placed.push_back({on, std::max(tempo_map.tick(note.offset_s), on + 1), &note});
  }
  std::stable_sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return std::tuple(a.on, a.note->pitch, -a.off) < std::tuple(b.on, b.note->pitch, -b.off);
  });
  std::map<std::pair<int, int>, std::size_t> last;
  std::vector<Placed> kept;
  for (const Placed& item : placed) {
    const auto [found, fresh] =
        last.try_emplace({item.note->channel, item.note->pitch}, kept.size());
    if (!fresh) {
      Placed& before = kept[found->second];
      if (before.on == item.on) {
        continue;
      }
      before.off = std::min(before.off, item.on);
      found->second = kept.size();
    }
    kept.push_back(item);
  }
  return kept;
}

std::map<int, std::vector<Timed>> channel_events(const MidiFile& midi, const TempoMap& tempo_map) {
  std::map<int, std::vector<Timed>> channels;
  std::map<int, int> programs;
  for (const Placed& item : place_notes(midi, tempo_map)) {
    const MidiNote& note = *item.note;
    auto& events = channels[note.channel];
    const auto [program, fresh] = programs.try_emplace(note.channel, note.program);
    if (fresh || program->second != note.program) {
      program->second = note.program;
      events.push_back({fresh ? 0 : item.on, kOn, {byte(0xC0 | note.channel), byte(note.program)}});
    }
    const std::uint8_t pitch = byte(note.pitch);
    events.push_back({item.on, kOn, {byte(0x90 | note.channel), pitch, byte(note.velocity)}});
    events.push_back({item.off, kOff, {byte(0x80 | note.channel), pitch, 64}});
  }
  for (const MidiControl& control : midi.controls) {
    check_range("channel", control.channel, 0, 15);
    check_range("controller", control.controller, 0, 127);
    check_range("control value", control.value, 0, 127);
    channels[control.channel].push_back(
        {tempo_map.tick(control.time_s),
         kControl,
         {byte(0xB0 | control.channel), byte(control.controller), byte(control.value)}});
  }
  for (const MidiPitchBend& bend : midi.pitch_bends) {
    check_range("channel", bend.channel, 0, 15);
    check_range("pitch bend", bend.value, -8192, 8191);
    const int value = bend.value + 8192;
    channels[bend.channel].push_back(
        {tempo_map.tick(bend.time_s),
         kControl,
         {byte(0xE0 | bend.channel), byte(value & 127), byte(value >> 7)}});
  }
  return channels;
}

std::int64_t division(const MidiFile& midi) {
  if (midi.smpte_ticks_per_second <= 0) {
    check_range("ticks per quarter", midi.ticks_per_quarter, 1, 0x7FFF);
    return midi.ticks_per_quarter;
  }
  for (const int frames : {25, 30, 24, 29}) {
    const double rate = frames == 29 ? 30000.0 / 1001.0 : frames;
    const double per_frame = midi.smpte_ticks_per_second / rate;
    const auto whole = std::llround(per_frame);
    if (whole >= 1 && whole <= 255 && std::abs(per_frame - static_cast<double>(whole)) < 1e-9) {
      return ((256 - frames) << 8) | whole;
    }
  }
  throw ConfigError(format(
      "{} ticks per second are no SMPTE division of a MIDI file", midi.smpte_ticks_per_second));
}

}  // namespace

std::vector<std::uint8_t> encode_midi(const MidiFile& midi) {
  Bytes out;
  const std::int64_t time_base = division(midi);
  const TempoMap tempo_map(midi);
  const auto channels = channel_events(midi, tempo_map);
  put_number(out, 0x4D546864, 4);
  put_number(out, 6, 4);
  put_number(out, 1, 2);
  put_number(out, static_cast<std::int64_t>(channels.size()) + 1, 2);
  put_number(out, time_base, 2);
  const std::int64_t end_tick = tempo_map.tick(midi.duration_s);
  put_track(out, conductor(midi), end_tick);
  for (const auto& [channel, events] : channels) {
    put_track(out, events, end_tick);
  }
  return out;
}

void write_midi(const std::filesystem::path& path, const MidiFile& midi) {
  atomic_write(path, encode_midi(midi));
}

}  // namespace mmi::io
