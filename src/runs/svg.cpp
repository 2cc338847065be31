#include "runs/svg.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>

#include "mmi/base/format.h"
#include "mmi/runs/page.h"

namespace mmi::runs {

double Axis::at(double value) const {
  const double part =
      log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
  return from + part * (to - from);
}

bool Axis::shows(double value) const {
  return std::isfinite(value) && (!log || value > 0);
}

bool fit(Axis& axis, const std::vector<const std::vector<double>*>& columns) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const auto* column : columns) {
    for (const double value : *column) {
      if (axis.shows(value)) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
    }
  }
  if (low > high) {
    return false;
  }
  if (low == high) {
    const double room = low == 0 ? 1 : std::abs(low) * 0.1;
    axis.low = axis.log ? low / 1.5 : low - room;
    axis.high = axis.log ? high * 1.5 : high + room;
  } else {
    axis.low = low;
    axis.high = high;
  }
  return true;
}

void set_ticks(Axis& axis, int count, bool widen) {
  if (axis.log) {
    if (widen) {
      const double room = std::pow(axis.high / axis.low, 0.04);
      axis.low /= room;
      axis.high *= room;
    }
    axis.ticks = log_ticks(axis.low, axis.high, count);
    return;
  }
  axis.ticks = linear_ticks(axis.low, axis.high, count);
  if (widen && axis.ticks.size() >= 2) {
    const double step = axis.ticks[1] - axis.ticks[0];
    axis.low = std::floor(axis.low / step + 1e-6) * step;
    axis.high = std::ceil(axis.high / step - 1e-6) * step;
    axis.ticks =
        linear_ticks(axis.low, axis.high, static_cast<int>((axis.high - axis.low) / step + 0.5));
  }
}

std::vector<double> linear_ticks(double low, double high, int count) {
  const double raw = (high - low) / std::max(count, 1);
  if (!(raw > 0) || !std::isfinite(raw)) {
    return {low};
  }
  const double decade = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * decade;
  for (const double nice : {1.0, 2.0, 5.0}) {
    if (raw <= nice * decade * 1.0001) {
      step = nice * decade;
      break;
    }
  }
  std::vector<double> ticks;
  const double slack = step * 1e-6;
  for (double k = std::ceil((low - slack) / step); k * step <= high + slack; k += 1) {
    ticks.push_back(k == 0 ? 0.0 : k * step);
  }
  return ticks;
}

std::vector<double> log_ticks(double low, double high, int count) {
  const auto at = [&](std::initializer_list<double> digits, int every) {
    std::vector<double> ticks;
    for (int p = static_cast<int>(std::floor(std::log10(low))); std::pow(10.0, p) <= high; ++p) {
      for (const double digit : digits) {
        const double value = digit * std::pow(10.0, p);
        if (p % every == 0 && value >= low * 0.999999 && value <= high * 1.000001) {
          ticks.push_back(value);
        }
      }
    }
    return ticks;
  };
  const double decades = std::log10(high / low);
  if (decades > count) {
    return at({1.0}, static_cast<int>(std::ceil(decades / count)));
  }
  if (decades >= 2) {
    return at({1.0}, 1);
  }
  std::vector<double> ticks = at({1.0, 2.0, 5.0}, 1);
  return ticks.size() >= 2 ? ticks : linear_ticks(low, high, count);
}

std::string tick_text(double value) {
  const double size = std::abs(value);
  if (size >= 1e4 && size < 1e9) {
    return size >= 1e6 ? format("{:.4g}M", value / 1e6) : format("{:.4g}k", value / 1e3);
  }
  return format("{:.4g}", value);
}

std::string text_at(
    double x, double y, const char* anchor, const std::string& text, const char* classes) {
  return format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\">{}</text>",
      x,
      y,
      anchor,
      classes,
      escape_html(text));
}

std::string line_at(double x1, double y1, double x2, double y2, const char* classes) {
  return format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>",
      x1,
      y1,
      x2,
      y2,
      classes);
}

std::string open_svg(double width, double height, const std::string& title) {
  return format(
      "<div class=\"chart\"><svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\" "
      "style=\"--w:{:.0f}px\">",
      width,
      height,
      escape_html(title),
      width);
}

std::string figure(const std::string& title, const std::string& content) {
  const std::string head =
      title.empty() ? "" : format("<p class=\"chart-title\">{}</p>", escape_html(title));
  return "<figure class=\"card\">" + head + content + "</figure>\n";
}

}  // namespace mmi::runs
