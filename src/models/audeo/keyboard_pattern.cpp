#include "models/audeo/keyboard_pattern.h"

#include <algorithm>
#include <cmath>

#include "mmi/worlds/piano/keyboard.h"

namespace mmi::models::audeo {

namespace {

constexpr double kMostBend = 0.08;
constexpr double kPromising = 0.45;  // correlation from which on a place is worth a closer look

}  // namespace

const std::vector<double>& black_centers() {
  static const std::vector<double> centers = [] {
    std::vector<double> made;
    for (int i = 1; i < kWhites; ++i) {
      if (const double x = worlds::piano::black_center_at_boundary(i); x >= 0) {
        made.push_back(x / worlds::piano::kWhiteWidth);
      }
    }
    return made;
  }();
  return centers;
}

Line::Line(const std::vector<float>& brightness, int radius) {
  const int size = static_cast<int>(brightness.size());
  std::vector<double> sums(brightness.size() + 1), squares(brightness.size() + 1);
  for (int x = 0; x < size; ++x) {
    const double v = brightness[static_cast<std::size_t>(x)];
    sums[static_cast<std::size_t>(x + 1)] = sums[static_cast<std::size_t>(x)] + v;
    squares[static_cast<std::size_t>(x + 1)] = squares[static_cast<std::size_t>(x)] + v * v;
  }
  sums_.resize(sums.size());
  squares_.resize(sums.size());
  for (int x = 0; x < size; ++x) {
    const auto a = static_cast<std::size_t>(std::max(0, x - radius));
    const auto b = static_cast<std::size_t>(std::min(size, x + radius + 1));
    const auto count = static_cast<double>(b - a);
    const double mean = (sums[b] - sums[a]) / count;
    const double spread = std::sqrt(std::max(0.0, (squares[b] - squares[a]) / count - mean * mean));
    // What is nearly even stays so; single bright or dark spots count for little.
    const double level = (brightness[static_cast<std::size_t>(x)] - mean) / (spread + 4);
    const double v = std::clamp(level, -1.5, 1.5);
    sums_[static_cast<std::size_t>(x + 1)] = sums_[static_cast<std::size_t>(x)] + v;
    squares_[static_cast<std::size_t>(x + 1)] = squares_[static_cast<std::size_t>(x)] + v * v;
  }
}

double Line::sum(const std::vector<double>& sums, double begin, double end) const {
  const auto until = [&](double x) {
    const auto whole = static_cast<std::size_t>(x);
    return whole + 1 < sums.size()
               ? sums[whole] + (x - static_cast<double>(whole)) * (sums[whole + 1] - sums[whole])
               : sums.back();
  };
  const double a = std::clamp(begin, 0.0, static_cast<double>(size()));
  const double b = std::clamp(end, 0.0, static_cast<double>(size()));
  return until(b) - until(a);
}

double Line::mean(double begin, double end) const {
  const double length = std::min(end, static_cast<double>(size())) - std::max(begin, 0.0);
  return length > 0 ? sum(sums_, begin, end) / length : 0;
}

namespace {

// Of bars with these sums, and all that is in sight. A keyboard that lies an octave further, and
// partly outside, fits as well in what is in sight: all of it counts a little more.
double correlation_of(
    double dark, double dark_length, double total, double squares, double length, double whole) {
  const double mean = total / length;
  const double variance = squares / length - mean * mean;
  const double share = dark_length / length;
  if (variance < 1e-6 || share <= 0 || share >= 1) {
    return -1;
  }
  const double bright = (total - dark) / (length - dark_length);
  const double fit = (bright - dark / dark_length) * std::sqrt(share * (1 - share) / variance);
  return fit * (0.7 + 0.3 * length / whole);
}

}  // namespace

Match Line::search() const {
  const int length = size();
  // Sums at whole pixels, continued to both sides, so that bars may lie outside.
  const int margin = length / 2;
  const auto padded = [&](const auto& value) {
    std::vector<double> all(static_cast<std::size_t>(length + 2 * margin + 1));
    for (int x = -margin; x <= length + margin; ++x) {
      all[static_cast<std::size_t>(x + margin)] = value(std::clamp(x, 0, length));
    }
    return all;
  };
  const auto sums = padded([&](int x) { return sums_[static_cast<std::size_t>(x)]; });
  const auto squares = padded([&](int x) { return squares_[static_cast<std::size_t>(x)]; });
  const auto counts = padded([](int x) { return static_cast<double>(x); });
  Match best;
  std::vector<std::pair<int, int>> bars(black_centers().size());
  for (const double bend : {0.0, -0.035, 0.035}) {
    if (bend != 0 && best.correlation < kPromising) {
      break;  // no keyboard, however bent
    }
    for (double whole = 0.48 * length; whole < 1.2 * length; whole *= 1.007) {
      const Comb comb{0, whole / kWhites, bend};
      for (std::size_t i = 0; i < bars.size(); ++i) {
        bars[i].first = static_cast<int>(std::lround(comb.at(black_centers()[i] - kHalfBlack)));
        bars[i].second = static_cast<int>(std::lround(comb.at(black_centers()[i] + kHalfBlack)));
      }
      const int extent = static_cast<int>(std::lround(whole));
      const int step = std::max(1, static_cast<int>(0.17 * comb.white));
      const int outside = static_cast<int>((1 - kLeast) * whole);
      for (int left = -outside; left + extent <= length + outside; left += step) {
        const auto between = [&](const std::vector<double>& of, int begin, int end) {
          const double* at = of.data() + margin + left;
          return at[end] - at[begin];
        };
        const double seen = between(counts, 0, extent);
        if (seen < kLeast * whole) {
          continue;
        }
        double dark = 0, dark_length = 0;
        for (const auto& [begin, end] : bars) {
          dark += between(sums, begin, end);
          dark_length += between(counts, begin, end);
        }
        const double score = correlation_of(
            dark, dark_length, between(sums, 0, extent), between(squares, 0, extent), seen, whole);
        if (score > best.correlation) {
          best = {{static_cast<double>(left), comb.white, bend}, score};
        }
      }
    }
  }
  return best;
}

Match Line::refine(const Comb& from) const {
  Match best{from, correlation(from)};
  for (double reach = 1; reach > 0.02; reach /= 2) {  // of the ends, in white keys
    const Comb middle = best.comb;
    for (int i = -4; i <= 4; ++i) {
      for (int j = -4; j <= 4; ++j) {
        for (int k = -2; k <= 2; ++k) {
          const double left = middle.left + i * 0.25 * reach * middle.white;
          const double right = middle.at(kWhites) + j * 0.25 * reach * middle.white;
          const double bend = std::clamp(middle.bend + k * 0.02 * reach, -kMostBend, kMostBend);
          const Comb comb{left, (right - left) / kWhites, bend};
          if (const double score = correlation(comb); score > best.correlation) {
            best = {comb, score};
          }
        }
      }
    }
  }
  return best;
}

Match Line::best() const {
  const Match found = search();
  Match best;
  for (const int octave : {0, -7, 7}) {
    Comb comb = found.comb;
    comb.left += octave * comb.white;
    if (const Match match = refine(comb); match.correlation > best.correlation) {
      best = match;
    }
  }
  return best;
}

double Line::correlation(const Comb& comb) const {
  const double begin = std::max(0.0, comb.left);
  const double end = std::min(static_cast<double>(size()), comb.at(kWhites));
  const double length = end - begin;
  if (length < kLeast * kWhites * comb.white) {
    return -1;
  }
  double dark = 0, dark_length = 0;
  for (const double center : black_centers()) {
    const double a = std::max(begin, comb.at(center - kHalfBlack));
    const double b = std::min(end, comb.at(center + kHalfBlack));
    if (a < b) {
      dark += sum(sums_, a, b);
      dark_length += b - a;
    }
  }
  return correlation_of(
      dark,
      dark_length,
      sum(sums_, begin, end),
      sum(squares_, begin, end),
      length,
      kWhites * comb.white);
}

Evidence evidence_of(const Line& line, const Comb& comb) {
  constexpr int kEnd = 10;
  Evidence evidence;
  evidence.correlation = line.correlation(comb);
  int bars = 0, gaps = 0, dark = 0, bright = 0, left = 0, right = 0;
  std::size_t next = 0;
  for (int boundary = 1; boundary < kWhites; ++boundary) {
    const auto& centers = black_centers();
    const bool black = next < centers.size() && std::abs(centers[next] - boundary) < 0.4;
    const double middle = black ? centers[next++] : boundary;
    const double level = line.mean(comb.at(middle - 0.2), comb.at(middle + 0.2));
    const bool right_level = black ? level < 0 : level > 0;
    (black ? bars : gaps) += 1;
    (black ? dark : bright) += right_level;
    left += boundary <= kEnd && right_level;
    right += boundary >= kWhites - kEnd && right_level;
  }
  evidence.bars = static_cast<double>(dark) / bars;
  evidence.gaps = static_cast<double>(bright) / gaps;
  evidence.left = static_cast<double>(left) / kEnd;
  evidence.right = static_cast<double>(right) / kEnd;
  return evidence;
}

}  // namespace mmi::models::audeo
