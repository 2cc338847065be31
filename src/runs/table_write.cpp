#include <ATen/Parallel.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/progress.h"
#include "mmi/base/version.h"
#include "mmi/io/json.h"
#include "mmi/runs/page.h"
#include "mmi/runs/table.h"
#include "runs/run_log.h"
#include "runs/svg.h"

namespace mmi::runs {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

std::string label_of(const ColumnConfig& column) {
  return column.label.empty() ? column.metric : column.label;
}

std::string status_name(RowStatus status) {
  for (const auto& [name, value] : config::EnumNames<RowStatus>::names) {
    if (value == status) {
      return name;
    }
  }
  return "";
}

std::string figure_text(double value, int digits) {
  return format("{:.{}f}", value, digits);
}

/// "56.4 [54.0, 58.1]", or "–" for a row that was not run.
std::string score_text(const RowResult& row, const ColumnConfig& column) {
  const auto found = row.scores.find(column.metric);
  if (found == row.scores.end()) {
    return "–";
  }
  const Score& score = found->second;
  return format(
      "{} [{}, {}]",
      figure_text(score.mean, column.digits),
      figure_text(score.low, column.digits),
      figure_text(score.high, column.digits));
}

std::string paper_text(const RowResult& row, const ColumnConfig& column) {
  const auto found = row.config.paper.find(column.metric);
  return found == row.config.paper.end() ? "–" : figure_text(found->second, column.digits);
}

std::string status_text(const RowResult& row) {
  return row.config.status == RowStatus::kRun && row.scores.empty()
             ? "not run"
             : status_name(row.config.status);
}

/// The row with the best mean of a column.
const RowResult* best_of(const TableResult& result, const ColumnConfig& column) {
  const RowResult* best = nullptr;
  for (const RowResult& row : result.rows) {
    const auto found = row.scores.find(column.metric);
    if (found == row.scores.end()) {
      continue;
    }
    const double sign = column.higher ? 1 : -1;
    if (best == nullptr || sign * found->second.mean > sign * best->scores.at(column.metric).mean) {
      best = &row;
    }
  }
  return best;
}

std::string difference_text(const OrderingResult& ordering) {
  return ordering.difference ? format(
                                   "{:+.1f} [{:+.1f}, {:+.1f}]",
                                   ordering.difference->mean,
                                   ordering.difference->low,
                                   ordering.difference->high)
                             : "–";
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) {
      return line.substr(line.find(':') + 2);
    }
  }
  return "unknown";
}

std::string provenance(const TableResult& result) {
  return format(
      "Preset {}, {} seed{}, split {}; mean over items and seeds with its 95 % interval (paired "
      "hierarchical bootstrap). libmmi {} ({}), torch {}, {}, {} threads; this call took {}.",
      result.preset,
      result.seeds,
      result.seeds == 1 ? "" : "s",
      result.config.split,
      version(),
      source_revision(),
      TORCH_VERSION,
      cpu_name(),
      at::get_num_threads(),
      duration_text(result.seconds));
}

std::string markdown(const TableResult& result, const std::string& command) {
  const TableConfig& table = result.config;
  std::string text = format("# Table {}: {}\n\n", table.id, table.title);
  text += "| row | status |";
  std::string line = "|---|---|";
  for (const ColumnConfig& column : table.columns) {
    text += format(" {} {} | paper |", label_of(column), column.higher ? "↑" : "↓");
    line += "---|---|";
  }
  text += "\n" + line + "\n";
  for (const RowResult& row : result.rows) {
    text += format("| {} | {} |", row.config.name, status_text(row));
    for (const ColumnConfig& column : table.columns) {
      const std::string ours = score_text(row, column);
      text += best_of(result, column) == &row ? format(" **{}** |", ours) : format(" {} |", ours);
      text += format(" {} |", paper_text(row, column));
    }
    text += "\n";
  }
  if (!result.orderings.empty()) {
    text += "\n| claim of the paper | difference here | verdict |\n|---|---|---|\n";
    for (const OrderingResult& ordering : result.orderings) {
      text +=
          format("| {} | {} | {} |\n", ordering.text, difference_text(ordering), ordering.verdict);
    }
  }
  for (const RowResult& row : result.rows) {
    if (!row.config.note.empty()) {
      text += format("\n{}: {}\n", row.config.name, row.config.note);
    }
  }
  if (!table.note.empty()) {
    text += "\n" + table.note + "\n";
  }
  return text + "\n" + provenance(result) + "\n\n```sh\n" + command + "\n```\n";
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) {
    return text;
  }
  std::string quoted = "\"";
  for (const char c : text) {
    quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  }
  return quoted + "\"";
}

std::string csv(const TableResult& result) {
  std::string text = "row,status,metric,mean,low,high,paper\n";
  for (const RowResult& row : result.rows) {
    for (const ColumnConfig& column : result.config.columns) {
      text += csv_cell(row.config.name) + "," + status_text(row) + "," + column.metric;
      const auto score = row.scores.find(column.metric);
      text += score == row.scores.end() ? ",,,"
                                        : format(
                                              ",{:.6g},{:.6g},{:.6g}",
                                              score->second.mean,
                                              score->second.low,
                                              score->second.high);
      const auto paper = row.config.paper.find(column.metric);
      text += paper == row.config.paper.end() ? "," : format(",{:g}", paper->second);
      text += "\n";
    }
  }
  return text;
}

/// The training loss of the first seed: steps and values, at most a hundred.
ordered_json loss_of(const RowResult& row) {
  ordered_json curve = {{"x", ordered_json::array()}, {"y", ordered_json::array()}};
  if (row.runs.empty()) {
    return curve;
  }
  Curves curves = read_curves(row.runs.front());
  const Series& series = curves[curves.contains("loss") ? "loss" : "generator_loss"]["train"];
  const std::size_t stride = series.x.size() / 100 + 1;
  for (std::size_t i = 0; i < series.x.size(); i += stride) {
    curve["x"].push_back(series.x[i]);
    curve["y"].push_back(series.y[i]);
  }
  return curve;
}

/// Relative to the table's folder.
ordered_json samples_of(const RowResult& row, const fs::path& folder) {
  ordered_json samples = ordered_json::array();
  for (const Artifact& sample : row.samples) {
    samples.push_back(
        {{"file", fs::relative(sample.path, folder).generic_string()},
         {"caption", sample.caption}});
  }
  return samples;
}

ordered_json document(
    const TableResult& result, const fs::path& folder, const std::string& command) {
  ordered_json rows = ordered_json::array();
  for (const RowResult& row : result.rows) {
    ordered_json metrics = ordered_json::object();
    for (const ColumnConfig& column : result.config.columns) {
      if (const auto found = row.scores.find(column.metric); found != row.scores.end()) {
        const Score& score = found->second;
        metrics[column.metric] = {{"mean", score.mean}, {"lo", score.low}, {"hi", score.high}};
      }
    }
    ordered_json runs = ordered_json::array();
    for (const fs::path& run : row.runs) {
      runs.push_back(run.filename().string());
    }
    rows.push_back(
        {{"name", row.config.name},
         {"status", status_text(row)},
         {"metrics", metrics},
         {"paper", row.config.paper},
         {"training_s", row.seconds},
         {"runs", runs},
         {"loss", loss_of(row)},
         {"samples", samples_of(row, folder)}});
  }
  ordered_json orderings = ordered_json::array();
  for (const OrderingResult& ordering : result.orderings) {
    ordered_json one = {{"text", ordering.text}, {"verdict", ordering.verdict}};
    if (ordering.difference) {
      one["p"] = ordering.difference->p;
      one["difference"] = {
          {"mean", ordering.difference->mean},
          {"lo", ordering.difference->low},
          {"hi", ordering.difference->high}};
    }
    orderings.push_back(std::move(one));
  }
  ordered_json columns = ordered_json::array();
  for (const ColumnConfig& column : result.config.columns) {
    columns.push_back(
        {{"metric", column.metric},
         {"label", label_of(column)},
         {"higher", column.higher},
         {"digits", column.digits}});
  }
  return {
      {"table", result.config.id},
      {"title", result.config.title},
      {"preset", result.preset},
      {"seeds", result.seeds},
      {"split", result.config.split},
      {"columns", columns},
      {"rows", rows},
      {"orderings", orderings},
      {"note", result.config.note},
      {"provenance", provenance(result)},
      {"command", command}};
}

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
      "<text x=\"{:.1f}\" y=\"18\" font-weight=\"bold\">{} {}</text>",
      left,
      escape_html(label_of(column)),
      column.higher ? "↑" : "↓");
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

/// One panel a column: our means with their intervals, and the paper's figures as diamonds.
std::string picture(const TableResult& result) {
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

}  // namespace

void write_table(const TableResult& result, const fs::path& folder, const std::string& command) {
  mmi::create_directories(folder);
  const fs::path stem = folder / result.config.id;
  const auto write = [&](const char* suffix, const std::string& text) {
    atomic_write(stem.string() + suffix, text);
  };
  write(".md", markdown(result, command));
  write(".csv", csv(result));
  write(".svg", picture(result));
  write(".json", document(result, folder, command).dump(1) + "\n");
}

fs::path write_table_index(const fs::path& folder) {
  Page page("Tables", "ours beside the paper's");
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    const auto table = io::parse_json(read_text(file), file.string());
    page.heading(format(
        "Table {}: {}",
        table.at("table").get<std::string>(),
        table.at("title").get<std::string>()));
    std::vector<Column> columns = {{"row"}, {"status"}};
    for (const auto& column : table.at("columns")) {
      columns.push_back({column.at("label").get<std::string>(), true});
      columns.push_back({"paper", true});
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& row : table.at("rows")) {
      std::vector<std::string> cells = {
          row.at("name").get<std::string>(), row.at("status").get<std::string>()};
      for (const auto& column : table.at("columns")) {
        const auto metric = column.at("metric").get<std::string>();
        const int digits = column.at("digits").get<int>();
        const auto& scores = row.at("metrics");
        cells.push_back(
            scores.contains(metric)
                ? format(
                      "{} [{}, {}]",
                      figure_text(scores[metric].at("mean").get<double>(), digits),
                      figure_text(scores[metric].at("lo").get<double>(), digits),
                      figure_text(scores[metric].at("hi").get<double>(), digits))
                : "–");
        const auto& paper = row.at("paper");
        cells.push_back(
            paper.contains(metric) ? figure_text(paper[metric].get<double>(), digits) : "–");
      }
      rows.push_back(std::move(cells));
    }
    page.table(columns, rows);
    fs::path svg = file;
    page.picture(svg.replace_extension(".svg").filename(), "our means with 95 % intervals");
    std::vector<Series> losses;
    std::set<std::string> drawn;
    for (const auto& row : table.at("rows")) {
      const auto x = row.value("loss", nlohmann::json::object()).value("x", std::vector<double>());
      if (x.size() > 1 && drawn.insert(row.at("runs")[0].get<std::string>()).second) {
        losses.push_back(
            {row.at("name").get<std::string>(), x, row["loss"].at("y").get<std::vector<double>>()});
      }
    }
    if (!losses.empty()) {
      CurveOptions axes;
      axes.x_label = "step";
      axes.y_label = "training loss of the first seed";
      axes.log_y = true;
      page.curve("Training", losses, axes);
    }
    page.side_by_side([&](Page& samples) {
      for (const auto& row : table.at("rows")) {
        for (const auto& sample : row.value("samples", nlohmann::json::array())) {
          samples.artifact(
              sample.at("file").get<std::string>(),
              row.at("name").get<std::string>() + ": " + sample.at("caption").get<std::string>());
        }
      }
    });
    std::vector<std::vector<std::string>> claims;
    for (const auto& claim : table.at("orderings")) {
      claims.push_back(
          {claim.at("text").get<std::string>(),
           claim.contains("p") ? format("{:.3f}", claim["p"].get<double>()) : "–",
           claim.at("verdict").get<std::string>()});
    }
    if (!claims.empty()) {
      page.table({{"claim of the paper"}, {"p", true}, {"verdict"}}, claims);
    }
    for (const char* text : {"note", "provenance"}) {
      if (const auto words = table.at(text).get<std::string>(); !words.empty()) {
        page.paragraph(words);
      }
    }
    page.code(table.at("command").get<std::string>());
  }
  const fs::path index = folder / "index.html";
  page.save(index);
  return index;
}

std::string table_text(const TableResult& result) {
  std::size_t longest = 0;
  for (const RowResult& row : result.rows) {
    longest = std::max(longest, row.config.name.size());
  }
  std::string text = format("{:<{}}", "", longest);
  for (const ColumnConfig& column : result.config.columns) {
    text += format("  {:>24} {:>7}", label_of(column), "paper");
  }
  text += "\n";
  for (const RowResult& row : result.rows) {
    text += format("{:<{}}", row.config.name, longest);
    for (const ColumnConfig& column : result.config.columns) {
      text += format("  {:>24} {:>7}", score_text(row, column), paper_text(row, column));
    }
    text += "\n";
  }
  for (const OrderingResult& ordering : result.orderings) {
    text += format("{:<10} {}  {}\n", ordering.verdict, ordering.text, difference_text(ordering));
  }
  return text;
}

}  // namespace mmi::runs
