#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "io/tempo_map.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/midi.h"

namespace mmi::io {
namespace {

constexpr std::uint64_t kMaxBytes = 16ULL << 20;
constexpr std::int64_t kMaxEvents = 5'000'000;
constexpr std::int64_t kMaxTick = std::int64_t{1} << 38;

/// Reads big-endian fields and knows where it is.
class Cursor {
 public:
  Cursor(std::span<const std::uint8_t> bytes, std::size_t base, const std::string& name)
      : bytes_(bytes), base_(base), name_(name) {}

  bool done() const {
    return used_ == bytes_.size();
  }

  std::size_t place() const {
    return base_ + used_;
  }

  std::uint8_t peek() const {
    need(1);
    return bytes_[used_];
  }

  std::uint8_t byte() {
    need(1);
    return bytes_[used_++];
  }

  /// A byte below 128.
  int data() {
    const std::uint8_t value = byte();
    if (value >= 128) {
      fail(format("byte {} where a value below 128 must stand", static_cast<int>(value)), 1);
    }
    return value;
  }

  std::uint32_t number(int n_bytes) {
    std::uint32_t value = 0;
    for (int i = 0; i < n_bytes; ++i) {
      value = (value << 8) | byte();
    }
    return value;
  }

  /// 7 bits a byte, at most four bytes.
  std::uint32_t variable() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const std::uint8_t part = byte();
      value = (value << 7) | (part & 127U);
      if (part < 128) {
        return value;
      }
    }
    fail("a variable-length number of more than four bytes", 4);
  }

  std::span<const std::uint8_t> take(std::size_t n) {
    need(n);
    const auto part = bytes_.subspan(used_, n);
    used_ += n;
    return part;
  }

  [[noreturn]] void fail(const std::string& what, std::size_t back = 0) const {
    throw DataError(format("{}: {} at byte {}", name_, what, place() - back));
  }

 private:
  void need(std::size_t n) const {
    if (bytes_.size() - used_ < n) {
      fail("the MIDI data ends early");
    }
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t base_;
  std::size_t used_ = 0;
  const std::string& name_;
};

/// A channel event before its time is known.
struct Event {
  std::int64_t tick = 0;
  int track = 0;
  int status = 0;
  int first = 0;
  int second = 0;
};

struct Raw {
  MidiFile midi;
  std::vector<Event> events;
  std::vector<std::int64_t> track_ends;
  std::int64_t n_events = 0;
};

void read_meta(Cursor& cursor, std::int64_t tick, Raw& raw, bool& ended) {
  const std::size_t place = cursor.place();
  const int type = cursor.byte();
  const auto body = cursor.take(cursor.variable());
  const auto need = [&](std::size_t size) {
    if (body.size() != size) {
      cursor.fail(
          format("meta event {} has {} bytes instead of {},", type, body.size(), size),
          cursor.place() - place);
    }
  };
  if (type == 0x2F) {
    ended = true;
  } else if (type == 0x03 && raw.midi.track_names.back().empty()) {
    raw.midi.track_names.back().assign(body.begin(), body.end());
  } else if (type == 0x51) {
    need(3);
    const int tempo = (body[0] << 16) | (body[1] << 8) | body[2];
    if (tempo == 0) {
      cursor.fail("a tempo of 0 microseconds", cursor.place() - place);
    }
    raw.midi.tempi.push_back({tick, tempo});
  } else if (type == 0x58 && body.size() >= 2 && body[0] > 0 && body[1] < 16) {
    raw.midi.time_signatures.push_back({tick, body[0], 1 << body[1]});
  }
}

void read_track(Cursor cursor, int track, Raw& raw) {
  raw.midi.track_names.emplace_back();
  std::int64_t tick = 0;
  int running = 0;
  bool ended = false;
  while (!ended && !cursor.done()) {
    tick += cursor.variable();
    if (tick > kMaxTick) {
      cursor.fail("time beyond 2^38 ticks");
    }
    if (++raw.n_events > kMaxEvents) {
      cursor.fail(format("more than {} events", kMaxEvents));
    }
    int status = cursor.peek() >= 128 ? cursor.byte() : running;
    if (status == 0xFF) {
      read_meta(cursor, tick, raw, ended);
    } else if (status == 0xF0 || status == 0xF7) {
      cursor.take(cursor.variable());
    } else if (status >= 0xF0) {
      cursor.fail(format("status byte {}, which no MIDI file may hold,", status), 1);
    } else if (status == 0) {
      cursor.fail("a data byte before any status byte");
    } else {
      running = status;
      Event event{tick, track, status, cursor.data(), 0};
      const int kind = status >> 4;
      if (kind != 0xC && kind != 0xD) {
        event.second = cursor.data();
      }
      raw.events.push_back(event);
    }
  }
  raw.track_ends.push_back(tick);
}

void read_division(Cursor& cursor, MidiFile& midi) {
  const std::uint32_t division = cursor.number(2);
  if (division < 0x8000) {
    midi.ticks_per_quarter = static_cast<int>(division);
    if (division == 0) {
      cursor.fail("a division of 0 ticks per quarter note", 2);
    }
    return;
  }
  const int frames = 256 - static_cast<int>(division >> 8);
  const int per_frame = static_cast<int>(division & 255);
  if ((frames != 24 && frames != 25 && frames != 29 && frames != 30) || per_frame == 0) {
    cursor.fail(format("SMPTE division of {} frames x {} ticks", frames, per_frame), 2);
  }
  midi.ticks_per_quarter = 0;
  midi.smpte_ticks_per_second = (frames == 29 ? 30000.0 / 1001.0 : frames) * per_frame;
}

Raw read_chunks(std::span<const std::uint8_t> bytes, const std::string& name) {
  Cursor cursor(bytes, 0, name);
  if (bytes.size() < 4 || cursor.number(4) != 0x4D546864) {
    throw DataError(format("{} is not a MIDI file: it does not begin with 'MThd'", name));
  }
  Raw raw;
  const std::uint32_t header = cursor.number(4);
  const std::size_t start = cursor.place();
  if (header < 6) {
    cursor.fail(format("a header of {} bytes instead of 6", header), 4);
  }
  const std::uint32_t kind = cursor.number(2);
  if (kind > 1) {
    cursor.fail(format("format {} (independent patterns); only 0 and 1 are read,", kind), 2);
  }
  const std::uint32_t n_tracks = cursor.number(2);
  read_division(cursor, raw.midi);
  cursor.take(header - (cursor.place() - start));
  for (std::uint32_t track = 0; track < n_tracks;) {
    const std::uint32_t id = cursor.number(4);
    const std::uint32_t size = cursor.number(4);
    const std::size_t base = cursor.place();
    const auto body = cursor.take(size);
    if (id == 0x4D54726B) {  // "MTrk"; other chunks are skipped, as the standard asks
      read_track(Cursor(body, base, name), static_cast<int>(track), raw);
      ++track;
    }
  }
  return raw;
}

/// Turns note-on/off pairs of all tracks into notes, in the order of time.
class NoteBuilder {
 public:
  NoteBuilder(MidiFile& midi, const TempoMap& tempo_map, std::size_t n_tracks)
      : midi_(midi), tempo_map_(tempo_map) {
    for (auto& programs : track_programs_) {
      programs.assign(n_tracks, -1);
    }
  }

  void program(const Event& event) {
    const int channel = event.status & 15;
    programs_[channel] = event.first;
    track_programs_[channel][event.track] = event.first;
  }

  void on(const Event& event) {
    const int channel = event.status & 15;
    const int own = track_programs_[channel][event.track];
    MidiNote note;
    note.pitch = event.first;
    note.velocity = event.second;
    note.channel = channel;
    note.track = event.track;
    note.program = own >= 0 ? own : programs_[channel];
    sounding_[{event.track, channel, event.first}].push_back({event.tick, note});
  }

  void off(int track, int channel, int pitch, std::int64_t tick) {
    const auto found = sounding_.find({track, channel, pitch});
    if (found == sounding_.end()) {
      return;
    }
    // A note that begins at this very tick belongs to a later note-off.
    std::vector<Open> kept;
    for (Open& open : found->second) {
      if (open.tick < tick) {
        finish(open, tick);
      } else {
        kept.push_back(open);
      }
    }
    if (kept.empty() || kept.size() == found->second.size()) {
      sounding_.erase(found);
    } else {
      found->second = std::move(kept);
    }
  }

  void finish_all(const std::vector<std::int64_t>& track_ends) {
    for (auto& [key, opens] : sounding_) {
      for (Open& open : opens) {
        const std::int64_t end = track_ends[static_cast<std::size_t>(std::get<0>(key))];
        if (open.tick < end) {
          finish(open, end);
        }
      }
    }
    std::stable_sort(
        midi_.notes.begin(), midi_.notes.end(), [](const MidiNote& a, const MidiNote& b) {
          return std::tie(a.onset_s, a.pitch, a.channel) < std::tie(b.onset_s, b.pitch, b.channel);
        });
  }

 private:
  struct Open {
    std::int64_t tick;
    MidiNote note;
  };

  void finish(Open& open, std::int64_t tick) {
    open.note.onset_s = tempo_map_.seconds(open.tick);
    open.note.offset_s = tempo_map_.seconds(tick);
    midi_.notes.push_back(open.note);
  }

  MidiFile& midi_;
  const TempoMap& tempo_map_;
  std::array<int, 16> programs_{};
  std::array<std::vector<int>, 16> track_programs_;
  std::map<std::tuple<int, int, int>, std::vector<Open>> sounding_;
};

}  // namespace

MidiFile parse_midi(std::span<const std::uint8_t> bytes, const std::string& name) {
  MMI_CHECK(
      DataError,
      bytes.size() <= kMaxBytes,
      "{}: {} of MIDI, but at most {} are read",
      name,
      human_size(bytes.size()),
      human_size(kMaxBytes));
  Raw raw = read_chunks(bytes, name);
  MidiFile& midi = raw.midi;
  const auto by_tick = [](const auto& a, const auto& b) { return a.tick < b.tick; };
  std::stable_sort(midi.tempi.begin(), midi.tempi.end(), by_tick);
  std::stable_sort(midi.time_signatures.begin(), midi.time_signatures.end(), by_tick);
  std::stable_sort(raw.events.begin(), raw.events.end(), by_tick);
  const TempoMap tempo_map(midi);
  NoteBuilder notes(midi, tempo_map, raw.track_ends.size());
  for (const Event& event : raw.events) {
    const int channel = event.status & 15;
    switch (event.status >> 4) {
      case 0x8:
        notes.off(event.track, channel, event.first, event.tick);
        break;
      case 0x9:
        if (event.second == 0) {
          notes.off(event.track, channel, event.first, event.tick);
        } else {
          notes.on(event);
        }
        break;
      case 0xB:
        midi.controls.push_back(
            {tempo_map.seconds(event.tick), channel, event.first, event.second});
        break;
      case 0xC:
        notes.program(event);
        break;
      case 0xE:
        midi.pitch_bends.push_back(
            {tempo_map.seconds(event.tick), channel, event.first + event.second * 128 - 8192});
        break;
      default:  // aftertouch
        break;
    }
  }
  notes.finish_all(raw.track_ends);
  for (const std::int64_t end : raw.track_ends) {
    midi.duration_s = std::max(midi.duration_s, tempo_map.seconds(end));
  }
  return std::move(raw.midi);
}

MidiFile read_midi(const std::filesystem::path& path) {
  return parse_midi(read_bytes(path, kMaxBytes), path.string());
}

}  // namespace mmi::io
