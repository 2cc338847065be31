#pragma once

#include <string>
#include <vector>

/// What the charts share: axes with round positions, and SVG elements whose looks come from the
/// page's style sheet.
namespace mmi::runs {

/// Colours of the style sheet: classes c0 … c5.
inline constexpr int kColours = 6;

/// Width of a figure at the font size of the charts.
inline constexpr double kDigit = 7.4;

struct Axis {
  double low = 0;
  double high = 1;
  double from = 0;  ///< position of `low` on the picture
  double to = 1;
  bool log = false;
  std::vector<double> ticks;

  /// Position of a value on the picture.
  double at(double value) const;

  /// Finite, and positive where the axis is logarithmic.
  bool shows(double value) const;
};

/// Sets limits around all values that can be shown; false when there are none.
bool fit(Axis& axis, const std::vector<const std::vector<double>*>& columns);

/// About `count` ticks; `widen` moves the limits to the next tick.
void set_ticks(Axis& axis, int count, bool widen);

/// Round positions within [low, high], about `count` of them.
std::vector<double> linear_ticks(double low, double high, int count);

/// Powers of ten in [low, high]; 1-2-5 multiples when there are few.
std::vector<double> log_ticks(double low, double high, int count);

/// Short text of an axis position: "0.25", "20k", "1e-05".
std::string tick_text(double value);

std::string text_at(
    double x, double y, const char* anchor, const std::string& text, const char* classes = "");

std::string line_at(double x1, double y1, double x2, double y2, const char* classes);

/// To be closed by "</svg></div>".
std::string open_svg(double width, double height, const std::string& title);

std::string figure(const std::string& title, const std::string& content);

}  // namespace mmi::runs
