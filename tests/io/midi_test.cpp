#include "mmi/io/midi.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "helpers.h"
#include "mmi/base/files.h"
#include "mmi/base/rng.h"

namespace mmi::io {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes join(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

Bytes header(int kind, int n_tracks, int division) {
  const auto b = [](int value) { return static_cast<std::uint8_t>(value); };
  return {
      'M',
      'T',
      'h',
      'd',
      0,
      0,
      0,
      6,
      0,
      b(kind),
      b(n_tracks >> 8),
      b(n_tracks),
      b(division >> 8),
      b(division)};
}

Bytes track(const Bytes& body) {
  const auto size = static_cast<std::uint8_t>(body.size());
  return join({{'M', 'T', 'r', 'k', 0, 0, 0, size}, body});
}

const Bytes kEnd{0, 0xFF, 0x2F, 0};

MidiFile one_track(const Bytes& body, int division = 480) {
  return parse_midi(join({header(0, 1, division), track(join({body, kEnd}))}), "test.mid");
}

class Midi : public test::InFolder {};

void expect_same_as_pretty_midi(const std::string& name) {
  const MidiFile midi = read_midi(test::data(name));
  const auto rows = nlohmann::json::parse(read_text(test::data(name + ".json")));
  ASSERT_GT(rows.size(), 30U);
  ASSERT_EQ(midi.notes.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_NEAR(midi.notes[i].onset_s, rows[i][0].get<double>(), 1e-9) << i;
    EXPECT_NEAR(midi.notes[i].offset_s, rows[i][1].get<double>(), 1e-9) << i;
    EXPECT_EQ(midi.notes[i].pitch, rows[i][2].get<int>()) << i;
    EXPECT_EQ(midi.notes[i].velocity, rows[i][3].get<int>()) << i;
    EXPECT_EQ(midi.notes[i].program, rows[i][4].get<int>()) << i;
  }
}

TEST_F(Midi, ReadsTheNotesThatPrettyMidiReads) {
  expect_same_as_pretty_midi("pretty.mid");
}

TEST_F(Midi, ReadsARoughPerformanceAsPrettyMidiDoes) {
  expect_same_as_pretty_midi("rough.mid");
  EXPECT_EQ(read_midi(test::data("rough.mid")).track_names[1], "right hand");
}

TEST_F(Midi, KeepsTheSustainPedal) {
  const MidiFile midi = read_midi(test::data("pretty.mid"));
  ASSERT_EQ(midi.controls.size(), 4U);
  EXPECT_EQ(midi.controls[0].controller, 64);
  EXPECT_EQ(midi.controls[0].value, 127);
  EXPECT_NEAR(midi.controls[0].time_s, 1.0, 2e-3);
  EXPECT_EQ(midi.controls[3].value, 0);
  EXPECT_NEAR(midi.controls[3].time_s, 2.5, 2e-3);
}

TEST_F(Midi, TempoMapIsExactOverHoursAndInvertible) {
  MidiFile midi;
  midi.ticks_per_quarter = 480;
  midi.tempi = {{0, 333'333}, {1'000'001, 777'777}, {5'000'000, 100'003}};
  // 1,000,001 x 333,333 + 3,999,999 x 777,777 + 1 x 100,003, over 480 x 10^6
  EXPECT_DOUBLE_EQ(midi.seconds_of(5'000'001), 3'444'440'655'559.0 / 480e6);
  for (const std::int64_t tick :
       {0L, 1L, 1'000'000L, 1'000'001L, 1'000'002L, 4'999'999L, 90'000'000L}) {
    EXPECT_EQ(midi.tick_of(midi.seconds_of(tick)), tick);
  }
  EXPECT_EQ(midi.tick_of(-1), 0);
  EXPECT_EQ(MidiFile{}.seconds_of(960), 1.0) << "120 quarters a minute unless told otherwise";
}

TEST_F(Midi, RunningStatusAndVelocityZero) {
  const MidiFile midi =
      one_track({0, 0x91, 60, 100, 0x83, 0x60, 60, 0, 0, 62, 90, 0x83, 0x60, 62, 0});
  ASSERT_EQ(midi.notes.size(), 2U);
  EXPECT_EQ(midi.notes[0], (MidiNote{0, 0.5, 60, 100, 1, 0, 0}));
  EXPECT_EQ(midi.notes[1], (MidiNote{0.5, 1.0, 62, 90, 1, 0, 0}));
  EXPECT_DOUBLE_EQ(midi.duration_s, 1.0);
}

TEST_F(Midi, SmpteTimeIgnoresTempo) {
  // 25 frames x 40 ticks = 1 ms a tick
  const Bytes body{0, 0xFF, 0x51, 3, 1, 0, 0, 100, 0x90, 60, 64, 50, 0x80, 60, 0};
  const MidiFile midi = one_track(body, 0xE728);
  EXPECT_EQ(midi.ticks_per_quarter, 0);
  ASSERT_EQ(midi.notes.size(), 1U);
  EXPECT_DOUBLE_EQ(midi.notes[0].onset_s, 0.1);
  EXPECT_DOUBLE_EQ(midi.notes[0].offset_s, 0.15);
  const MidiFile again = parse_midi(encode_midi(midi), "again");
  ASSERT_EQ(again.notes.size(), 1U);
  EXPECT_DOUBLE_EQ(again.notes[0].onset_s, 0.1);
  EXPECT_DOUBLE_EQ(again.smpte_ticks_per_second, 1000);
}

TEST_F(Midi, ATrackWithoutAProgramTakesTheChannels) {
  const Bytes first = track(join({{0, 0xC2, 40}, kEnd}));
  const Bytes second = track(join({{0, 0x92, 60, 64, 10, 60, 0}, kEnd}));
  const Bytes third = track(join({{0, 0xC2, 7, 0, 0x92, 61, 64, 10, 61, 0}, kEnd}));
  const MidiFile midi = parse_midi(join({header(1, 3, 480), first, second, third}), "x");
  ASSERT_EQ(midi.notes.size(), 2U);
  EXPECT_EQ(midi.notes[0].program, 40);
  EXPECT_EQ(midi.notes[1].program, 7);
}

TEST_F(Midi, NotesWithoutEndLastToTheEndOfTheirTrack) {
  const MidiFile midi = one_track({0, 0x90, 60, 64, 0x83, 0x60, 0xB0, 64, 127});
  ASSERT_EQ(midi.notes.size(), 1U);
  EXPECT_DOUBLE_EQ(midi.notes[0].offset_s, 0.5);
}

TEST_F(Midi, UnknownChunksSysexAndMetaAreSkipped) {
  const Bytes junk{'X', 'F', 'I', 'H', 0, 0, 0, 3, 1, 2, 3};
  const Bytes body = track(
      join({{0, 0xF0, 3, 1, 2, 0xF7, 0, 0xFF, 0x7F, 2, 9, 9, 0, 0xE0, 0, 64, 0, 0xD0, 5}, kEnd}));
  const MidiFile midi = parse_midi(join({header(0, 1, 480), junk, body}), "x");
  EXPECT_TRUE(midi.notes.empty());
  ASSERT_EQ(midi.pitch_bends.size(), 1U);
  EXPECT_EQ(midi.pitch_bends[0].value, 0);
}

TEST_F(Midi, WritingAndReadingKeepsEverything) {
  MidiFile midi;
  midi.tempi = {{0, 480'000}, {960, 610'000}, {2000, 350'000}};
  midi.time_signatures = {{0, 3, 4}, {1440, 6, 8}};
  Rng rng(5);
  for (int i = 0; i < 300; ++i) {
    MidiNote note;
    note.onset_s = midi.seconds_of(100 * i + rng.integer(50));
    note.offset_s = midi.seconds_of(midi.tick_of(note.onset_s) + 1 + rng.integer(90));
    note.pitch = static_cast<int>(rng.integer(128));
    note.velocity = 1 + static_cast<int>(rng.integer(127));
    note.channel = static_cast<int>(rng.integer(3));
    note.program = i < 150 ? 10 * note.channel : 5 + note.channel;
    midi.notes.push_back(note);
    midi.duration_s = std::max(midi.duration_s, note.offset_s);
  }
  midi.controls = {{midi.seconds_of(10), 1, 64, 127}, {midi.seconds_of(500), 1, 64, 0}};
  midi.pitch_bends = {{midi.seconds_of(77), 2, -8192}, {midi.seconds_of(78), 2, 8191}};
  write_midi(file("a.mid"), midi);
  MidiFile read = read_midi(file("a.mid"));
  for (MidiNote& note : read.notes) {
    note.track = 0;
  }
  std::sort(midi.notes.begin(), midi.notes.end(), [](const auto& a, const auto& b) {
    return std::tie(a.onset_s, a.pitch, a.channel) < std::tie(b.onset_s, b.pitch, b.channel);
  });
  EXPECT_EQ(read.notes, midi.notes);
  EXPECT_EQ(read.controls, midi.controls);
  EXPECT_EQ(read.pitch_bends, midi.pitch_bends);
  EXPECT_EQ(read.tempi, midi.tempi);
  EXPECT_EQ(read.time_signatures, midi.time_signatures);
  EXPECT_DOUBLE_EQ(read.duration_s, midi.duration_s);
  EXPECT_EQ(encode_midi(read), read_bytes(file("a.mid")));
}

TEST_F(Midi, OneKeyIsNeverDownTwice) {
  MidiFile midi;
  midi.notes = {{0, 2, 60, 50}, {1, 3, 60, 60}, {1, 1.5, 60, 70}, {4, 4, 60, 80}};
  const MidiFile read = parse_midi(encode_midi(midi), "x");
  ASSERT_EQ(read.notes.size(), 3U);
  EXPECT_DOUBLE_EQ(read.notes[0].offset_s, 1);
  EXPECT_EQ(read.notes[1].velocity, 60);
  EXPECT_DOUBLE_EQ(read.notes[1].offset_s, 3);
  EXPECT_NEAR(read.notes[2].offset_s, 4, 0.002);
  EXPECT_GT(read.notes[2].offset_s, 4);
}

TEST_F(Midi, EveryPrefixOfAFileIsRefused) {
  const Bytes whole = read_bytes(test::data("pretty.mid"));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THROW(parse_midi({whole.data(), length}, "cut"), DataError) << length;
  }
}

TEST_F(Midi, AnyChangedByteReadsOrIsADataError) {
  const Bytes whole = read_bytes(test::data("rough.mid"));
  Rng rng(1);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    Bytes changed = whole;
    for (int i = 0; i < 3; ++i) {
      changed[static_cast<std::size_t>(rng.integer(static_cast<std::int64_t>(whole.size())))] =
          static_cast<std::uint8_t>(rng.integer(256));
    }
    try {
      const MidiFile midi = parse_midi(changed, "changed");
      for (const MidiNote& note : midi.notes) {
        ASSERT_GT(note.offset_s, note.onset_s);
      }
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST_F(Midi, EachFaultHasItsMessage) {
  const auto parse = [](const Bytes& bytes) { return parse_midi(bytes, "f.mid"); };
  EXPECT_ERROR(parse({'R', 'I', 'F', 'F'}), DataError, "f.mid is not a MIDI file");
  EXPECT_ERROR(parse(join({header(2, 1, 480), track(kEnd)})), DataError, "format 2");
  EXPECT_ERROR(parse(header(0, 1, 0)), DataError, "0 ticks per quarter");
  EXPECT_ERROR(parse(header(0, 1, 0xEA00)), DataError, "SMPTE division of 22 frames");
  EXPECT_ERROR(parse(header(0, 1, 480)), DataError, "ends early at byte 14");
  EXPECT_ERROR(one_track({0, 60, 64}), DataError, "a data byte before any status");
  EXPECT_ERROR(one_track({0, 0x90, 60, 0x90, 60, 1}), DataError, "byte 144 where");
  EXPECT_ERROR(one_track({0xFF, 0xFF, 0xFF, 0xFF, 1, 0x90}), DataError, "more than four bytes");
  EXPECT_ERROR(one_track({0, 0xF8}), DataError, "status byte 248");
  EXPECT_ERROR(one_track({0, 0xFF, 0x51, 3, 0, 0, 0}), DataError, "a tempo of 0");
  EXPECT_ERROR(one_track({0, 0xFF, 0x51, 2, 0, 0}), DataError, "has 2 bytes instead of 3");
  EXPECT_ERROR(parse_midi(Bytes((16 << 20) + 1), "big"), DataError, "at most 16.0 MiB");
  EXPECT_ERROR(read_midi("/none.mid"), DataError, "/none.mid does not exist");
  MidiFile midi;
  midi.notes = {{0, 1, 200, 50}};
  EXPECT_ERROR(encode_midi(midi), ConfigError, "pitch must be in [0, 127], but is 200");
  midi.notes = {{NAN, 1, 60, 50}};
  EXPECT_ERROR(encode_midi(midi), ConfigError, "finite");
}

TEST_F(Midi, EventsAreLimited) {
  Bytes body;
  // 16 MiB of running status with 2 data bytes and 1 delta byte is 5.6 million events.
  const std::size_t size = 15'500'000;
  body.reserve(size + 64);
  body = {0, 0xB0, 1, 1};
  while (body.size() < size) {
    body.insert(body.end(), {0, 1, 1});
  }
  const auto b = [](std::size_t value) { return static_cast<std::uint8_t>(value); };
  Bytes file = header(0, 1, 480);
  const std::size_t n = body.size();
  file.insert(file.end(), {'M', 'T', 'r', 'k', b(n >> 24), b(n >> 16), b(n >> 8), b(n)});
  file.insert(file.end(), body.begin(), body.end());
  EXPECT_ERROR(parse_midi(file, "many.mid"), DataError, "more than 5000000 events");
}

}  // namespace
}  // namespace mmi::io
