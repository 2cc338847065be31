#include <algorithm>
#include <cmath>

#include "mmi/runs/page.h"
#include "runs/svg.h"
#include "runs/table_parts.h"

namespace mmi::runs {
namespace {

constexpr double kPitch = 26;
constexpr double kPanel = 190;
constexpr double kGap = 24;
constexpr double kTop = 34;

double row_middle(std::size_t i) {
  return kTop + kPitch * (static_cast<double>(i) + 0.5);
}

/// The axis of a column's panel, around all that is drawn in it.
Axis panel_axis(
    const std::vector<const RowResult*>& rows, const ColumnConfig& column, double left) {
  std::vector<double> edges = {0};
  for (const RowResult* row : rows) {
    if (const auto at = row->scores.find(column.metric); at != row->scores.end()) {
      edges.insert(edges.end(), {at->second.low, at->second.high});
    }
    if (const auto at = row->config.paper.find(column.metric); at != row->config.paper.end()) {
      edges.push_back(at->second);
    }
  }
  Axis x;
  if (!fit(x, {&edges})) {
    x.high = 1;
  }
  set_ticks(x, 4, true);
  x.from = left;
  x.to = left + kPanel;
  return x;
}

std::string drawn_row(
    const RowResult& row, const ColumnConfig& column, const Axis& x, double middle) {
  std::string svg;
  if (const auto at = row.scores.find(column.metric); at != row.scores.end()) {
    const Score& score = at->second;
    svg += format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"14\" fill=\"#4477aa\"/>"
        "<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#111\" "
        "stroke-width=\"1.5\"/>",
        std::min(x.at(0), x.at(score.mean)),
        middle - 7,
        std::abs(x.at(score.mean) - x.at(0)),
        x.at(score.low),
        x.at(score.high),
        middle,
        middle);
  }
  if (const auto at = row.config.paper.find(column.metric); at != row.config.paper.end()) {
    svg += format(
        "<path d=\"M{:.1f} {:.1f}l5 5l-5 5l-5 -5z\" fill=\"#ee6677\" stroke=\"#fff\"/>",
        x.at(at->second),
        middle - 5);
  }
  return svg;
}

std::string panel(
    const std::vector<const RowResult*>& rows, const ColumnConfig& column, double left) {
  const Axis x = panel_axis(rows, column, left);
  const double bottom = kTop + kPitch * static_cast<double>(rows.size());
  std::string svg = format(
      "<text x=\"{:.1f}\" y=\"18\" font-weight=\"bold\">{}</text>",
      left,
      escape_html(column_heading(column)));
  for (const double tick : x.ticks) {
    svg += format(
        "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"30\" y2=\"{1:.1f}\" stroke=\"#ddd\"/>"
        "<text x=\"{0:.1f}\" y=\"{2:.1f}\" text-anchor=\"middle\" fill=\"#666\">{3}</text>",
        x.at(tick),
        bottom,
        bottom + 16,
        tick_text(tick));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    svg += drawn_row(*rows[i], column, x, row_middle(i));
  }
  return svg;
}

}  // namespace

std::string table_picture(const TableResult& result) {
  std::vector<const RowResult*> rows;
  std::size_t longest = 0;
  for (const RowResult& row : result.rows) {
    if (!row.scores.empty() || !row.config.paper.empty()) {
      rows.push_back(&row);
      longest = std::max(longest, row.config.name.size());
    }
  }
  const double names = kDigit * static_cast<double>(longest) + 12;
  const double height = kTop + kPitch * static_cast<double>(rows.size()) + 36;
  const double width =
      names + (kPanel + kGap) * static_cast<double>(result.config.columns.size()) + 10;
  std::string svg = format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 "
      "0 {0:.0f} {1:.0f}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">"
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
      width,
      height);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    svg += format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>",
        names,
        row_middle(i) + 4,
        escape_html(rows[i]->config.name));
  }
  for (std::size_t c = 0; c < result.config.columns.size(); ++c) {
    svg += panel(
        rows, result.config.columns[c], names + 12 + (kPanel + kGap) * static_cast<double>(c));
  }
  return svg + format(
                   "<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"#666\">bars: ours, {} ({} seed{}), 95 % "
                   "interval; diamonds: the paper</text></svg>\n",
                   names + 12,
                   height - 6,
                   escape_html(result.preset),
                   result.seeds,
                   result.seeds == 1 ? "" : "s");
}

}  // namespace mmi::runs
