#include "mmi/models/audeo/keyboard_finder.h"

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/worlds/piano/keyboard.h"
#include "models/audeo/keyboard_measure.h"

namespace mmi::models::audeo {
namespace {

constexpr int kSearchWidth = 640;  // of the picture in which all places are tried
constexpr int kFineWidth = 1280;   // of the one in which the box is measured
constexpr int kBandRows = 6;       // that are looked at together
// Beyond the ends of the keys, in lengths of a white key.
constexpr double kAbove =
    worlds::piano::kKeyTop / (worlds::piano::kKeyFront - worlds::piano::kKeyTop);
constexpr double kBelow = (worlds::piano::kCanvasHeight - worlds::piano::kKeyFront) /
                          (worlds::piano::kKeyFront - worlds::piano::kKeyTop);

constexpr const char* kNone =
    "{}: no complete piano keyboard is in sight: all 88 keys must be seen from above, low keys at "
    "the left; or give its region as x1,y1,x2,y2";

struct Found {
  Match match;
  double y = 0;
};

Plane median_of(const std::vector<io::Image>& frames, const std::string& name) {
  MMI_CHECK(DataError, !frames.empty(), "{}: holds no picture", name);
  Plane plane{frames[0].width, frames[0].height, {}};
  for (const io::Image& frame : frames) {
    MMI_CHECK(
        ShapeError,
        frame.channels == 1 && frame.width == plane.width && frame.height == plane.height,
        "{}: the keyboard is looked for in gray pictures of one size",
        name);
  }
  plane.values.resize(frames[0].data.size());
  std::vector<std::uint8_t> column(frames.size());
  const auto half = static_cast<std::ptrdiff_t>(frames.size() / 2);
  for (std::size_t i = 0; i < plane.values.size(); ++i) {
    for (std::size_t f = 0; f < frames.size(); ++f) {
      column[f] = frames[f].data[i];
    }
    std::nth_element(column.begin(), column.begin() + half, column.end());
    plane.values[i] = column[static_cast<std::size_t>(half)];
  }
  return plane;
}

/// Means over squares of `factor` pixels.
Plane reduced(const Plane& from, int factor) {
  Plane to{from.width / factor, from.height / factor, {}};
  to.values.resize(static_cast<std::size_t>(to.width) * static_cast<std::size_t>(to.height));
  for (int y = 0; y < to.height; ++y) {
    float* out =
        to.values.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(to.width);
    for (int j = 0; j < factor; ++j) {
      const float* in = from.row(y * factor + j);
      for (int x = 0; x < to.width * factor; ++x) {
        out[x / factor] += in[x];
      }
    }
    for (int x = 0; x < to.width; ++x) {
      out[x] /= static_cast<float>(factor * factor);
    }
  }
  return to;
}

std::vector<float> mean_rows(const Plane& plane, int begin, int end) {
  std::vector<float> line(static_cast<std::size_t>(plane.width));
  for (int y = begin; y < end; ++y) {
    const float* row = plane.row(y);
    for (std::size_t x = 0; x < line.size(); ++x) {
      line[x] += row[x] / static_cast<float>(end - begin);
    }
  }
  return line;
}

/// The best band of rows of a picture, and the place on it.
Found search(const Plane& plane) {
  Found best;
  for (int y = 0; y + kBandRows <= plane.height; y += kBandRows - 1) {
    const std::vector<float> brightness = mean_rows(plane, y, y + kBandRows);
    const auto [low, high] = std::minmax_element(brightness.begin(), brightness.end());
    if (*high - *low < 20) {
      continue;
    }
    const Match match = Line(brightness, plane.width / 16).search();
    if (match.correlation > best.match.correlation) {
      best = {match, y + kBandRows / 2.0};
    }
  }
  return best;
}

KeyboardBox box_of(const Measured& m, const Plane& source, int factor, double confidence) {
  const double length = m.front - m.top;
  const double rise = std::abs(m.slope) * 0.5 * kWhites * m.comb.white;
  const double lean = std::abs(m.slope) * 0.5 * length;
  const auto pixel = [&](double at, int limit) {
    return std::clamp(static_cast<int>(std::lround(at * factor)), 0, limit);
  };
  return {
      pixel(m.comb.left - lean, source.width),
      pixel(m.top - kAbove * length - rise, source.height),
      pixel(m.comb.at(kWhites) + lean, source.width),
      pixel(m.front + kBelow * length + rise, source.height),
      confidence};
}

/// The keyboard on a band of rows. The pattern is nearly its own mirror image: upside down it fits
/// almost as well, three keys further.
Match match_upright(const Plane& plane, double middle, const std::string& name) {
  const int y = static_cast<int>(middle);
  std::vector<float> line = mean_rows(plane, y - kBandRows / 2, y + kBandRows / 2);
  const Match match = Line(line, plane.width / 16).best();
  std::reverse(line.begin(), line.end());
  const double reversed = Line(line, plane.width / 16).best().correlation;
  MMI_CHECK(
      DataError,
      reversed < match.correlation || reversed < 0.75,
      "{}: the keyboard is upside down: turn the video by 180 degrees, so that low keys are at the "
      "left",
      name);
  MMI_CHECK(DataError, reversed < match.correlation, kNone, name);
  return match;
}

}  // namespace

KeyboardBox find_keyboard(const std::vector<io::Image>& frames, const std::string& name) {
  const Plane source = median_of(frames, name);
  const int factor = (source.width + kFineWidth - 1) / kFineWidth;
  const Plane fine = reduced(source, factor);
  const int coarser = std::max(1, fine.width / kSearchWidth);
  const Plane coarse = reduced(fine, coarser);
  const Found found = search(coarse);
  MMI_CHECK(DataError, found.match.correlation > 0.45, kNone, name);
  Match match = match_upright(coarse, found.y, name);
  match.comb.left *= coarser;
  match.comb.white *= coarser;
  double middle = found.y * coarser;

  Measured m;
  Evidence evidence;
  for (int round = 0; round < 2; ++round) {
    const int y = static_cast<int>(middle);
    const std::vector<float> brightness =
        round == 0 ? mean_rows(fine, std::max(0, y - 2), std::min(fine.height, y + 3))
                   : along_black_keys(fine, m);
    const Line line(brightness, static_cast<int>(6 * match.comb.white));
    match = line.refine(match.comb);
    m.comb = match.comb;
    evidence = evidence_of(line, m.comb);
    MMI_CHECK(DataError, measure(fine, middle, m), kNone, name);
    middle = 0.5 * (m.top + m.black);
  }
  const bool cut_left = m.comb.left < -0.5 * m.comb.white;
  const bool cut_right = m.comb.at(kWhites) > fine.width + 0.5 * m.comb.white;
  MMI_CHECK(
      DataError,
      match.correlation < 0.6 || (!cut_left && !cut_right),
      "{}: the keyboard is cut off at the {} edge of the picture: all 88 keys must be in sight; or "
      "give its region as x1,y1,x2,y2",
      name,
      cut_left ? "left" : "right");
  MMI_CHECK(
      DataError,
      !cut_left && !cut_right && evidence.correlation > 0.6 && evidence.bars > 0.75 &&
          evidence.gaps > 0.7 && evidence.left >= 0.7 && evidence.right >= 0.7,
      kNone,
      name);
  return box_of(m, source, factor, evidence.correlation);
}

}  // namespace mmi::models::audeo
