#include <ATen/Parallel.h>
#include <torch/version.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/progress.h"
#include "mmi/base/version.h"
#include "mmi/io/json.h"
#include "mmi/runs/table.h"
#include "runs/run_log.h"
#include "runs/table_parts.h"

namespace mmi::runs {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

std::string status_name(RowStatus status) {
  for (const auto& [name, value] : config::EnumNames<RowStatus>::names) {
    if (value == status) {
      return name;
    }
  }
  return "";
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

/// The row with the best mean of a column; null where nothing is better.
const RowResult* best_of(const TableResult& result, const ColumnConfig& column) {
  const RowResult* best = nullptr;
  for (const RowResult& row : result.rows) {
    const auto found = row.scores.find(column.metric);
    if (!column.ranked || found == row.scores.end()) {
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
                                   "{:+.{}f} [{:+.{}f}, {:+.{}f}]",
                                   ordering.difference->mean,
                                   ordering.digits,
                                   ordering.difference->low,
                                   ordering.digits,
                                   ordering.difference->high,
                                   ordering.digits)
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
  std::string text = "# " + table_heading(table.id, table.title) + "\n\n";
  text += "| row | status |";
  std::string line = "|---|---|";
  for (const ColumnConfig& column : table.columns) {
    text += format(" {} | paper |", column_heading(column));
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
    text += "\n| claim | difference here | verdict |\n|---|---|---|\n";
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

}  // namespace

void write_table(const TableResult& result, const fs::path& folder, const std::string& command) {
  mmi::create_directories(folder);
  const fs::path stem = folder / result.config.id;
  const auto write = [&](const char* suffix, const std::string& text) {
    atomic_write(stem.string() + suffix, text);
  };
  write(".md", markdown(result, command));
  write(".csv", csv(result));
  write(".svg", table_picture(result));
  write(".json", document(result, folder, command).dump(1) + "\n");
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
