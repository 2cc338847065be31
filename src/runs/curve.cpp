#include "runs/chart.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mmi/base/errors.h"
#include "mmi/base/format.h"
#include "runs/svg.h"

namespace mmi::runs {
namespace {

constexpr std::size_t kMostHits = 120;  // tooltips a line
// A line of fewer points shows its values: a moving average would lag behind them.
constexpr std::size_t kFewestToSmooth = 200;

struct Point {
  double x;
  double y;
  double value_x;
  double value_y;
};

using Piece = std::vector<Point>;  ///< without a gap

std::vector<Piece> pieces_of(
    const std::vector<double>& xs, const std::vector<double>& ys, const Axis& x, const Axis& y) {
  std::vector<Piece> pieces(1);
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (x.shows(xs[i]) && y.shows(ys[i])) {
      pieces.back().push_back({x.at(xs[i]), y.at(ys[i]), xs[i], ys[i]});
    } else if (!pieces.back().empty()) {
      pieces.emplace_back();
    }
  }
  std::erase_if(pieces, [](const Piece& piece) { return piece.empty(); });
  return pieces;
}

/// At most four points a pixel column (first, lowest, highest, last), so that a long log neither
/// bloats the page nor loses its peaks.
Piece thinned(const Piece& piece) {
  Piece out;
  for (std::size_t begin = 0; begin < piece.size();) {
    std::size_t end = begin;
    std::size_t lowest = begin;
    std::size_t highest = begin;
    while (end < piece.size() && std::floor(piece[end].x) == std::floor(piece[begin].x)) {
      lowest = piece[end].y > piece[lowest].y ? end : lowest;
      highest = piece[end].y < piece[highest].y ? end : highest;
      ++end;
    }
    std::vector<std::size_t> keep = {begin, lowest, highest, end - 1};
    std::sort(keep.begin(), keep.end());
    keep.erase(std::unique(keep.begin(), keep.end()), keep.end());
    for (const std::size_t i : keep) {
      out.push_back(piece[i]);
    }
    begin = end;
  }
  return out;
}

std::string path_of(const std::vector<Piece>& pieces, const std::string& classes) {
  std::string d;
  for (const Piece& piece : pieces) {
    char command = 'M';
    for (const Point& point : thinned(piece)) {
      d += format("{}{:.1f} {:.1f}", std::string(1, command), point.x, point.y);
      command = 'L';
    }
    if (piece.size() == 1) {
      d += "h.01";  // a lone point becomes a dot by its round caps
    }
  }
  return d.empty() ? "" : format("<path class=\"{}\" d=\"{}\"/>", classes, d);
}

std::string hits_of(
    const std::vector<Piece>& pieces, const Series& series, const CurveOptions& options) {
  std::size_t points = 0;
  for (const Piece& piece : pieces) {
    points += piece.size();
  }
  const std::size_t every = points / kMostHits + 1;
  std::string out;
  std::size_t index = 0;
  for (const Piece& piece : pieces) {
    for (const Point& point : piece) {
      if (index++ % every == 0) {
        out += format(
            "<g class=\"hit\"><circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"9\"/><circle class=\"dot\" "
            "cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\"/><title>{}{}{:.6g}: {:.5g}</title></g>",
            point.x,
            point.y,
            point.x,
            point.y,
            escape_html(series.name.empty() ? "" : series.name + "\n"),
            escape_html(options.x_label.empty() ? "" : options.x_label + " "),
            point.value_x,
            point.value_y);
      }
    }
  }
  return out;
}

/// Exponential moving average without the bias of its start.
std::vector<double> smoothed(const std::vector<double>& values, double keep) {
  std::vector<double> out;
  double sum = 0;
  double weight = 0;
  for (const double value : values) {
    if (std::isfinite(value)) {
      sum = keep * sum + (1 - keep) * value;
      weight = keep * weight + (1 - keep);
    }
    out.push_back(std::isfinite(value) ? sum / weight : value);
  }
  return out;
}

std::string legend(const std::vector<Series>& series) {
  if (series.size() < 2 && (series.empty() || series[0].name.empty())) {
    return "";
  }
  std::string out = "<div class=\"legend\">";
  for (std::size_t i = 0; i < series.size(); ++i) {
    out += format(
        "<span class=\"c{}\"><svg viewBox=\"0 0 22 8\"><path class=\"{}\" d=\"M2 4H20\"/></svg>{}"
        "</span>",
        i % kColours,
        i < kColours ? "line" : "line dashed",
        escape_html(series[i].name));
  }
  return out + "</div>";
}

std::string grid(const Axis& x, const Axis& y) {
  std::string out;
  for (const double tick : y.ticks) {
    out += line_at(x.from, y.at(tick), x.to, y.at(tick), "grid-line");
    out += text_at(x.from - 8, y.at(tick) + 4, "end", tick_text(tick));
  }
  for (const double tick : x.ticks) {
    out += line_at(x.at(tick), y.from, x.at(tick), y.from + 5, "axis");
    out += text_at(x.at(tick), y.from + 20, "middle", tick_text(tick));
  }
  return out + line_at(x.from, y.from, x.to, y.from, "axis");
}

std::string drawn_lines(
    const std::vector<Series>& series, const CurveOptions& options, const Axis& x, const Axis& y) {
  std::string out;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const Series& s = series[i];
    const auto raw = pieces_of(s.x, s.y, x, y);
    const std::string dash = i < kColours ? "" : " dashed";
    out += format("<g class=\"c{}\">", i % kColours);
    if (options.smoothing > 0 && s.x.size() >= kFewestToSmooth) {
      const auto calm = pieces_of(s.x, smoothed(s.y, options.smoothing), x, y);
      out += path_of(raw, "line faint" + dash) + path_of(calm, "line" + dash);
      out += hits_of(calm, s, options);
    } else {
      out += path_of(raw, "line" + dash) + hits_of(raw, s, options);
    }
    out += "</g>";
  }
  return out;
}

bool fit_both(const std::vector<Series>& series, const CurveOptions& options, Axis& x, Axis& y) {
  x.log = options.log_x;
  y.log = options.log_y;
  std::vector<const std::vector<double>*> xs;
  std::vector<const std::vector<double>*> ys;
  for (const Series& s : series) {
    MMI_CHECK(
        ConfigError,
        s.x.size() == s.y.size(),
        "curve \"{}\" has {} x but {} y values: give one y per x",
        s.name,
        s.x.size(),
        s.y.size());
    xs.push_back(&s.x);
    ys.push_back(&s.y);
  }
  return fit(x, xs) && fit(y, ys);
}

}  // namespace

std::string curve_figure(
    const std::string& title,
    const std::vector<Series>& series,
    const CurveOptions& options,
    bool narrow) {
  Axis x;
  Axis y;
  if (!fit_both(series, options, x, y)) {
    return figure(title, "<p class=\"empty\">Nothing to draw: no finite values.</p>");
  }
  const double width = narrow ? 470 : 880;
  const double height = narrow ? 290 : 350;
  set_ticks(y, narrow ? 5 : 6, true);
  double label_columns = 0;
  for (const double tick : y.ticks) {
    label_columns = std::max(label_columns, static_cast<double>(tick_text(tick).size()));
  }
  x.from = label_columns * kDigit + 14;
  x.to = width - 18;
  y.from = height - (options.x_label.empty() ? 28 : 48);
  y.to = options.y_label.empty() ? 14 : 34;
  set_ticks(x, static_cast<int>((x.to - x.from) / 95), false);

  std::string svg = open_svg(width, height, title) + grid(x, y);
  if (!options.y_label.empty()) {
    svg += text_at(2, 14, "start", options.y_label, "label");
  }
  if (!options.x_label.empty()) {
    svg += text_at(x.to, height - 6, "end", options.x_label, "label");
  }
  if (options.mark_x && x.shows(*options.mark_x) && *options.mark_x >= x.low &&
      *options.mark_x <= x.high) {
    const double at = x.at(*options.mark_x);
    svg += line_at(at, y.from, at, y.to - 6, "mark");
    const bool left = at > (x.from + x.to) / 2;
    svg += text_at(left ? at - 6 : at + 6, y.to + 4, left ? "end" : "start", options.mark_label);
  }
  svg += drawn_lines(series, options, x, y) + "</svg></div>";
  return figure(title, legend(series) + svg);
}

}  // namespace mmi::runs
