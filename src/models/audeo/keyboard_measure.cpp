#include "models/audeo/keyboard_measure.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace mmi::models::audeo {
namespace {

constexpr int kBlocks = 13;           // of four white keys each, measured one by one
constexpr double kBlackShare = 0.63;  // a black key's length of a white one's

struct Point {
  double x = 0;
  double y = 0;
};

/// y = middle + slope * (x - x of the keyboard's middle): a line along the keyboard.
struct Slant {
  double middle = 0;
  double slope = 0;
};

double median(std::vector<double> values) {
  const auto half = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), half, values.end());
  return *half;
}

/// A line through points of which some are far off (Theil and Sen).
std::optional<Slant> line_through(const std::vector<Point>& points, double middle) {
  std::vector<double> slopes;
  for (std::size_t i = 0; i < points.size(); ++i) {
    for (std::size_t j = i + 1; j < points.size(); ++j) {
      slopes.push_back((points[j].y - points[i].y) / (points[j].x - points[i].x));
    }
  }
  if (points.size() < kBlocks / 2) {
    return std::nullopt;
  }
  Slant line;
  line.slope = median(slopes);
  std::vector<double> heights;
  for (const auto& point : points) {
    heights.push_back(point.y - line.slope * (point.x - middle));
  }
  line.middle = median(heights);
  return line;
}

/// Mean brightness of a row over the white and the black parts of the keys from..to.
struct Brightness {
  double white = 0;
  double black = 0;
};

class Columns {
 public:
  Columns(const Comb& comb, int width) {
    for (int x = 0; x < width; ++x) {
      const double u = comb.whites_at(x + 0.5);
      if (u <= 0 || u >= kWhites) {
        continue;
      }
      double away = 9;
      for (const double center : black_centers()) {
        away = std::min(away, std::abs(u - center));
      }
      const int block = static_cast<int>(u) / (kWhites / kBlocks);
      auto& columns = blocks_[static_cast<std::size_t>(block)];
      if (away < 0.2) {
        columns.black.push_back(x);
      } else if (away > 0.4 && std::abs(u - std::round(u)) > 0.12) {
        columns.white.push_back(x);
      }
    }
  }

  Brightness brightness(const Plane& plane, int block, int y) const {
    const auto mean = [&](const std::vector<int>& columns) {
      double sum = 0;
      for (const int x : columns) {
        sum += plane.row(y)[x];
      }
      return columns.empty() ? 0 : sum / static_cast<double>(columns.size());
    };
    const auto& columns = blocks_[static_cast<std::size_t>(block)];
    return {mean(columns.white), mean(columns.black)};
  }

 private:
  struct Block {
    std::vector<int> white;
    std::vector<int> black;
  };

  std::array<Block, kBlocks> blocks_;
};

double block_x(const Comb& comb, int block) {
  return comb.at((block + 0.5) * kWhites / kBlocks);
}

/// Where a falling profile passes `level` between index i and i + 1, counted in row borders.
double crossing(double at, double before, double after, double level) {
  const double part = before == after ? 0.5 : (before - level) / (before - after);
  return at + 0.5 + std::clamp(part, 0.0, 1.0);
}

/// Top and front of the black keys and the tilt, from where in each block the contrast of black and
/// white begins and ends.
bool measure_black(const Plane& plane, const Columns& columns, double y, Measured& m) {
  const double white = m.comb.white;
  const int begin = std::max(0, static_cast<int>(y - 8 * white));
  const int end = std::min(plane.height, static_cast<int>(y + 8 * white));
  std::vector<Point> tops, fronts;
  for (int block = 0; block < kBlocks; ++block) {
    std::vector<double> contrast;
    for (int row = begin; row < end; ++row) {
      const Brightness b = columns.brightness(plane, block, row);
      contrast.push_back(b.white - b.black);
    }
    std::vector<double> sorted = contrast;
    std::sort(sorted.begin(), sorted.end());
    const double level = 0.5 * sorted[sorted.size() * 9 / 10];
    if (level < 10) {
      continue;
    }
    // The longest stretch above the level; one weak row does not end it.
    std::size_t best_first = 0, best_last = 0, first = 0;
    for (std::size_t i = 0; i <= contrast.size(); ++i) {
      const bool inside = i < contrast.size() &&
                          (contrast[i] > level ||
                           (i + 1 < contrast.size() && i > first && contrast[i + 1] > level));
      if (!inside) {
        if (i - first > best_last - best_first) {
          best_first = first;
          best_last = i;
        }
        first = i + 1;
      }
    }
    if (best_first == 0 || best_last >= contrast.size()) {
      continue;
    }
    const double x = block_x(m.comb, block);
    const double up = crossing(
        -static_cast<double>(best_first), contrast[best_first], contrast[best_first - 1], level);
    const double down = crossing(
        static_cast<double>(best_last) - 1, contrast[best_last - 1], contrast[best_last], level);
    tops.push_back({x, begin + 1 - up});
    fronts.push_back({x, begin + down});
  }
  const auto top = line_through(tops, m.middle_x());
  const auto front = line_through(fronts, m.middle_x());
  if (!top || !front) {
    return false;
  }
  m.slope = 0.5 * (top->slope + front->slope);
  m.top = top->middle;
  m.black = front->middle;
  const double length = (m.black - m.top) / kBlackShare;
  return length > 3.5 * white && length < 8 * white && std::abs(m.slope) < 0.04;
}

/// The front of the white keys: where most blocks lose the brightness they have between the black
/// keys, near where the black keys' length says.
void measure_front(const Plane& plane, const Columns& columns, Measured& m) {
  const double length = m.black - m.top;
  const double expected = m.top + length / kBlackShare;
  const int begin = static_cast<int>(m.black + 0.2 * length);
  const int end = static_cast<int>(m.black + 1.1 * length);
  const auto brightness = [&](int block, double y) {
    const double at = y + m.slope * (block_x(m.comb, block) - m.middle_x());
    const int row = std::clamp(static_cast<int>(std::lround(at)), 0, plane.height - 1);
    return columns.brightness(plane, block, row).white;
  };
  std::vector<double> profile;
  std::array<double, kBlocks> reference{};
  for (int block = 0; block < kBlocks; ++block) {
    std::vector<double> values;
    for (double part = 0.3; part < 0.8; part += 0.05) {
      values.push_back(brightness(block, m.top + part * length));
    }
    reference[static_cast<std::size_t>(block)] = std::max(20.0, median(values));
  }
  for (int y = begin; y < end; ++y) {
    std::array<double, kBlocks> shares{};
    for (int block = 0; block < kBlocks; ++block) {
      const auto i = static_cast<std::size_t>(block);
      shares[i] = brightness(block, y) / reference[i];
    }
    std::sort(shares.begin(), shares.end());
    profile.push_back(shares[kBlocks * 2 / 3]);
  }
  double best = 0;
  m.front = expected;
  for (std::size_t i = 2; i + 2 < profile.size(); ++i) {
    const double y = begin + static_cast<double>(i);
    const double off = (y - expected) / (0.15 * length);
    const double drop = (profile[i - 2] + profile[i - 1] - profile[i] - profile[i + 1]) *
                        std::exp(-0.5 * off * off);
    if (drop > best) {
      best = drop;
      m.front = y;
    }
  }
}

}  // namespace

bool measure(const Plane& plane, double y, Measured& m) {
  const Columns columns(m.comb, plane.width);
  if (!measure_black(plane, columns, y, m)) {
    return false;
  }
  measure_front(plane, columns, m);
  return true;
}

std::vector<float> along_black_keys(const Plane& plane, const Measured& m) {
  std::vector<float> line(static_cast<std::size_t>(plane.width));
  for (int x = 0; x < plane.width; ++x) {
    const double shift = m.slope * (x + 0.5 - m.middle_x());
    std::vector<double> values;
    for (double part = 0.2; part < 0.85; part += 0.05) {
      const double y = m.top + part * (m.black - m.top) + shift;
      values.push_back(plane.row(std::clamp(static_cast<int>(y), 0, plane.height - 1))[x]);
    }
    line[static_cast<std::size_t>(x)] = static_cast<float>(median(values));
  }
  return line;
}

}  // namespace mmi::models::audeo
