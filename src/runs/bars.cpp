#include <algorithm>
#include <cmath>

#include "mmi/base/format.h"
#include "runs/chart.h"
#include "runs/svg.h"

namespace mmi::runs {
namespace {

constexpr double kPitch = 36;
constexpr double kBarHeight = 22;

Axis value_axis(const std::vector<Bar>& bars, const BarsOptions& options) {
  std::vector<double> edges = {0, options.reference.value_or(0)};
  for (const Bar& bar : bars) {
    edges.push_back(bar.value);
    if (bar.interval) {
      edges.push_back(bar.interval->first);
      edges.push_back(bar.interval->second);
    }
  }
  if (std::all_of(edges.begin(), edges.end(), [](double v) { return v == 0; })) {
    edges.push_back(1);
  }
  Axis axis;
  fit(axis, {&edges});
  return axis;
}

std::string shortened(const std::string& name, std::size_t most) {
  if (name.size() <= most) {
    return name;
  }
  std::size_t cut = most - 1;
  while (cut > 0 && (static_cast<unsigned char>(name[cut]) & 0xC0) == 0x80) {
    --cut;  // not inside a character
  }
  return name.substr(0, cut) + "…";
}

/// One bar with its name on the left and its value on the right.
std::string drawn_bar(const Bar& bar, const Axis& x, double name_width, double middle, bool quiet) {
  std::string tip = format("{}: {:.5g}", bar.name, bar.value);
  if (bar.interval) {
    tip += format(" [{:.5g}, {:.5g}]", bar.interval->first, bar.interval->second);
  }
  const auto room = static_cast<std::size_t>(name_width / kDigit + 0.5);
  std::string svg =
      format("<g class=\"{}\"><title>{}</title>", quiet ? "c0 quiet" : "c0", escape_html(tip));
  svg += text_at(
      name_width + 4,
      middle + 4.5,
      "end",
      shortened(bar.name, room),
      bar.highlight ? "name strong" : "name");
  double end = x.at(0);
  if (std::isfinite(bar.value)) {
    const double left = std::min(x.at(0), x.at(bar.value));
    const double right = std::max(x.at(0), x.at(bar.value));
    svg += format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\" rx=\"2\" "
        "class=\"bar\"/>",
        left,
        middle - kBarHeight / 2,
        right - left,
        kBarHeight);
    end = right;
  }
  if (bar.interval && std::isfinite(bar.interval->first) && std::isfinite(bar.interval->second)) {
    const double low = x.at(bar.interval->first);
    const double high = x.at(bar.interval->second);
    svg += line_at(low, middle, high, middle, "whisker");
    svg += line_at(low, middle - 5, low, middle + 5, "whisker");
    svg += line_at(high, middle - 5, high, middle + 5, "whisker");
    end = std::max(end, high);
  }
  return svg + text_at(end + 8, middle + 4.5, "start", format("{:.3g}", bar.value), "value") +
         "</g>";
}

}  // namespace

std::string bars_figure(
    const std::string& title,
    const std::vector<Bar>& bars,
    const BarsOptions& options,
    bool narrow) {
  if (bars.empty()) {
    return figure(title, "<p class=\"empty\">Nothing to draw.</p>");
  }
  std::size_t longest = 0;
  for (const Bar& bar : bars) {
    longest = std::max(longest, bar.name.size());
  }
  const double width = narrow ? 470 : 880;
  const double name_width = std::min(static_cast<double>(longest) * kDigit, width * 0.36);
  const double top = options.reference && !options.reference_label.empty() ? 26 : 6;
  const double bottom = top + kPitch * static_cast<double>(bars.size());
  const double height = bottom + (options.label.empty() ? 30 : 50);
  Axis x = value_axis(bars, options);
  set_ticks(x, narrow ? 4 : 8, true);
  x.from = name_width + 16;
  x.to = width - 64;

  std::string svg = open_svg(width, height, title);
  for (const double tick : x.ticks) {
    svg += line_at(x.at(tick), top, x.at(tick), bottom, tick == 0 ? "axis" : "grid-line");
    svg += text_at(x.at(tick), bottom + 20, "middle", tick_text(tick));
  }
  const bool any = std::any_of(bars.begin(), bars.end(), [](const Bar& b) { return b.highlight; });
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double middle = top + kPitch * (static_cast<double>(i) + 0.5);
    svg += drawn_bar(bars[i], x, name_width, middle, any && !bars[i].highlight);
  }
  if (options.reference && x.shows(*options.reference)) {
    const double at = x.at(*options.reference);
    svg += line_at(at, top - 6, at, bottom, "mark");
    svg += text_at(at, top - 11, "middle", options.reference_label);
  }
  if (!options.label.empty()) {
    svg += text_at(x.to, height - 6, "end", options.label, "label");
  }
  return figure(title, svg + "</svg></div>");
}

}  // namespace mmi::runs
