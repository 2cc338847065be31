#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/io/draw.h"

/// Axes, curves and colour bars for the pictures of rooms.
namespace mmi::models::xrir {

inline constexpr io::Rgb kPaper{255, 255, 255};
inline constexpr io::Rgb kInk{32, 36, 44};
inline constexpr io::Rgb kSoft{98, 106, 120};
inline constexpr io::Rgb kGrid{228, 231, 236};
inline constexpr io::Rgb kBlue{32, 96, 170};
inline constexpr io::Rgb kRed{206, 66, 48};
inline constexpr io::Rgb kGreen{38, 140, 96};
inline constexpr double kTitlePx = 19;
inline constexpr double kLabelPx = 15;

/// Viridis (van der Walt & Smith 2015), 0 dark to 1 light: equal steps look equal.
io::Rgb viridis(double value);

struct Interval {
  double low = 0;
  double high = 1;

  double size() const {
    return high - low;
  }
};

/// Round numbers inside an interval, at most `most` + 1, with as many decimals as they need; or,
/// with `step`, its multiples.
struct Ticks {
  std::vector<double> at;
  int decimals = 0;
};

MMI_API Ticks ticks(Interval interval, int most, double step = 0);
MMI_API std::string number(double value, int decimals);

/// A rectangle of a canvas with coordinates of its own, y upwards.
class Panel {
 public:
  Panel(io::Canvas& canvas, int left, int top, int width, int height, Interval x, Interval y);

  /// Title above, grid, ticks with numbers, and names of both axes ("time, s"): that of x below,
  /// that of y at the end of the title's line. `step`: between ticks of both axes; 0: round ones.
  void axes(
      const std::string& title,
      const std::string& x_name,
      const std::string& y_name,
      double step = 0);

  double x_of(double value) const;
  double y_of(double value) const;

  /// Cut at the borders.
  void line(double x1, double y1, double x2, double y2, io::Rgb colour, double thickness = 1);
  void curve(
      const std::vector<std::pair<double, double>>& points, io::Rgb colour, double thickness = 1.5);

  /// Names with colours in the upper right corner, below each other.
  void key(const std::vector<std::pair<std::string, io::Rgb>>& names);

 private:
  io::Canvas& canvas_;
  int left_;
  int top_;
  int width_;
  int height_;
  Interval x_;
  Interval y_;
};

/// A vertical colour bar 18 px wide with its unit above and numbers to the right.
void colour_bar(
    io::Canvas& canvas, int left, int top, int height, Interval values, const std::string& unit);

}  // namespace mmi::models::xrir
