#include "mmi/music/score.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "mmi/base/config_node.h"
#include "mmi/base/errors.h"
#include "mmi/music/names.h"

namespace mmi::music {
namespace {

constexpr int kVelocity = 80;

struct Place {
  std::string file;
  std::size_t bar;  ///< from 1
  const char* hand;

  std::string text() const {
    return format("{}: bar {}, {}", file, bar, hand);
  }
};

int whole_number(std::string_view text, const std::string& token, const Place& place) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  MMI_CHECK(
      ConfigError,
      error == std::errc() && end == text.data() + text.size() && value > 0,
      "{}: \"{}\" must end in a number of sixteenths",
      place.text(),
      token);
  return value;
}

const config::Node& require(
    const config::Node& map, const char* key, config::Node::Kind kind, const std::string& where) {
  const config::Node* value = map.find(key);
  MMI_CHECK(ConfigError, value != nullptr && value->kind == kind, "{}: needs \"{}\"", where, key);
  return *value;
}

/// Appends one hand's bar; returns its length in sixteenths. `tied` is the note that the last bar
/// left open, or -1.
int read_bar(
    const std::string& tokens,
    const Place& place,
    int start,
    double sixteenth_s,
    Notes& notes,
    std::ptrdiff_t& tied) {
  std::istringstream words(tokens);
  int length = 0;
  for (std::string token; words >> token;) {
    if (token[0] == 'r') {
      length += whole_number(std::string_view(token).substr(1), token, place);
      continue;
    }
    const bool tie = token.back() == '~';
    const auto colon = token.find(':');
    MMI_CHECK(
        ConfigError,
        colon != std::string::npos,
        "{}: \"{}\" is neither a note (C5:2) nor a rest (r4)",
        place.text(),
        token);
    const int sixteenths = whole_number(
        std::string_view(token).substr(colon + 1, token.size() - colon - 1 - (tie ? 1 : 0)),
        token,
        place);
    const int pitch = key_number(std::string_view(token).substr(0, colon));
    const double end_s = (start + length + sixteenths) * sixteenth_s;
    if (tied >= 0) {
      MMI_CHECK(
          ConfigError,
          notes[static_cast<std::size_t>(tied)].pitch == pitch,
          "{}: \"{}\" does not continue the tied note",
          place.text(),
          token);
      notes[static_cast<std::size_t>(tied)].offset_s = end_s;
    } else {
      notes.push_back({(start + length) * sixteenth_s, end_s, pitch, kVelocity});
    }
    tied = tie ? (tied >= 0 ? tied : static_cast<std::ptrdiff_t>(notes.size()) - 1) : -1;
    length += sixteenths;
  }
  return length;
}

}  // namespace

Notes read_score(const std::filesystem::path& path) {
  using Kind = config::Node::Kind;
  const config::Node score = config::read_yaml(path);
  const std::string file = path.string();
  const double tempo = static_cast<double>(require(score, "tempo_bpm", Kind::kInt, file).int_value);
  const auto bar_length =
      static_cast<int>(require(score, "sixteenths_per_bar", Kind::kInt, file).int_value);
  MMI_CHECK(
      ConfigError, tempo > 0 && bar_length > 0, "{}: tempo and bar length must be positive", file);
  const config::Node& bars = require(score, "bars", Kind::kList, file);
  const double sixteenth_s = 15.0 / tempo;
  Notes notes;
  for (const char* hand : {"rh", "lh"}) {
    std::ptrdiff_t tied = -1;
    for (std::size_t bar = 0; bar < bars.items.size(); ++bar) {
      const Place place{file, bar + 1, hand};
      const config::Node& tokens = require(bars.items[bar], hand, Kind::kString, place.text());
      const int length = read_bar(
          tokens.string_value, place, static_cast<int>(bar) * bar_length, sixteenth_s, notes, tied);
      MMI_CHECK(
          ConfigError,
          length == bar_length,
          "{}: lasts {} sixteenths instead of {}",
          place.text(),
          length,
          bar_length);
    }
  }
  std::sort(notes.begin(), notes.end(), [](const Note& a, const Note& b) {
    return std::pair(a.onset_s, a.pitch) < std::pair(b.onset_s, b.pitch);
  });
  return notes;
}

}  // namespace mmi::music
