#include "mmi/music/names.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "mmi/base/config_node.h"
#include "mmi/base/errors.h"

namespace mmi::music {
namespace {

constexpr std::array<const char*, 12> kPitchClasses{
    "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"};

constexpr std::array<const char*, 128> kGeneralMidi{
    "acoustic grand piano",
    "bright acoustic piano",
    "electric grand piano",
    "honky-tonk piano",
    "electric piano 1",
    "electric piano 2",
    "harpsichord",
    "clavinet",
    "celesta",
    "glockenspiel",
    "music box",
    "vibraphone",
    "marimba",
    "xylophone",
    "tubular bells",
    "dulcimer",
    "drawbar organ",
    "percussive organ",
    "rock organ",
    "church organ",
    "reed organ",
    "accordion",
    "harmonica",
    "tango accordion",
    "acoustic guitar (nylon)",
    "acoustic guitar (steel)",
    "electric guitar (jazz)",
    "electric guitar (clean)",
    "electric guitar (muted)",
    "overdriven guitar",
    "distortion guitar",
    "guitar harmonics",
    "acoustic bass",
    "electric bass (finger)",
    "electric bass (pick)",
    "fretless bass",
    "slap bass 1",
    "slap bass 2",
    "synth bass 1",
    "synth bass 2",
    "violin",
    "viola",
    "cello",
    "contrabass",
    "tremolo strings",
    "pizzicato strings",
    "orchestral harp",
    "timpani",
    "string ensemble 1",
    "string ensemble 2",
    "synth strings 1",
    "synth strings 2",
    "choir aahs",
    "voice oohs",
    "synth choir",
    "orchestra hit",
    "trumpet",
    "trombone",
    "tuba",
    "muted trumpet",
    "french horn",
    "brass section",
    "synth brass 1",
    "synth brass 2",
    "soprano sax",
    "alto sax",
    "tenor sax",
    "baritone sax",
    "oboe",
    "english horn",
    "bassoon",
    "clarinet",
    "piccolo",
    "flute",
    "recorder",
    "pan flute",
    "blown bottle",
    "shakuhachi",
    "whistle",
    "ocarina",
    "lead 1 (square)",
    "lead 2 (sawtooth)",
    "lead 3 (calliope)",
    "lead 4 (chiff)",
    "lead 5 (charang)",
    "lead 6 (voice)",
    "lead 7 (fifths)",
    "lead 8 (bass + lead)",
    "pad 1 (new age)",
    "pad 2 (warm)",
    "pad 3 (polysynth)",
    "pad 4 (choir)",
    "pad 5 (bowed)",
    "pad 6 (metallic)",
    "pad 7 (halo)",
    "pad 8 (sweep)",
    "fx 1 (rain)",
    "fx 2 (soundtrack)",
    "fx 3 (crystal)",
    "fx 4 (atmosphere)",
    "fx 5 (brightness)",
    "fx 6 (goblins)",
    "fx 7 (echoes)",
    "fx 8 (sci-fi)",
    "sitar",
    "banjo",
    "shamisen",
    "koto",
    "kalimba",
    "bagpipe",
    "fiddle",
    "shanai",
    "tinkle bell",
    "agogo",
    "steel drums",
    "woodblock",
    "taiko drum",
    "melodic tom",
    "synth drum",
    "reverse cymbal",
    "guitar fret noise",
    "breath noise",
    "seashore",
    "bird tweet",
    "telephone ring",
    "helicopter",
    "applause",
    "gunshot"};

// "Lead 1 (square)" -> "lead1square"
std::string plain(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

}  // namespace

std::string key_name(int pitch) {
  MMI_CHECK(
      ConfigError, pitch >= 0 && pitch <= 127, "a MIDI pitch lies in 0..127, but is {}", pitch);
  return kPitchClasses[static_cast<std::size_t>(pitch % 12)] + std::to_string(pitch / 12 - 1);
}

int key_number(std::string_view name) {
  constexpr std::string_view kLetters = "C D EF G A B";
  std::size_t at = 0;
  int pitch = -1;
  if (!name.empty() && name[0] != ' ') {
    const auto letter =
        kLetters.find(static_cast<char>(std::toupper(static_cast<unsigned char>(name[at++]))));
    pitch = letter == std::string_view::npos ? -1 : static_cast<int>(letter);
  }
  int shift = 0;
  for (; at < name.size() && (name[at] == '#' || name[at] == 'b'); ++at) {
    shift += name[at] == '#' ? 1 : -1;
  }
  const bool below = at < name.size() && name[at] == '-';
  at += below ? 1 : 0;
  const bool digit = at + 1 == name.size() && name[at] >= '0' && name[at] <= '9';
  if (pitch >= 0 && digit) {
    const int octave = (name[at] - '0') * (below ? -1 : 1);
    pitch += shift + 12 * (octave + 1);
  }
  MMI_CHECK(
      ConfigError,
      digit && pitch >= 0 && pitch <= 127,
      "'{}' is not a key from C-1 to G9: write a letter, # or b, and an octave, as in C4",
      name);
  return pitch;
}

bool is_black_key(int pitch) {
  return key_name(pitch)[1] == '#';
}

const std::vector<std::string>& gm_names() {
  static const std::vector<std::string> names(kGeneralMidi.begin(), kGeneralMidi.end());
  return names;
}

int gm_program(std::string_view name) {
  const auto& names = gm_names();
  const std::string wanted = plain(name);
  const auto found = std::find_if(
      names.begin(), names.end(), [&](const std::string& known) { return plain(known) == wanted; });
  if (found != names.end()) {
    return static_cast<int>(found - names.begin());
  }
  const std::string near = config::nearest(name, names);
  throw ConfigError(
      format("'{}' is not a General MIDI instrument", name) +
      (near.empty() ? ": write its English name, e.g. 'violin', or a program number 0..127"
                    : format(": did you mean '{}'?", near)));
}

}  // namespace mmi::music
