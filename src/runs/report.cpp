#include <algorithm>
#include <map>

#include "mmi/base/config_node.h"
#include "mmi/base/files.h"
#include "mmi/base/progress.h"
#include "mmi/runs/page.h"
#include "mmi/runs/store.h"
#include "mmi/train/metric_log.h"
#include "runs/run_log.h"

namespace mmi::runs {
Curves read_curves(const std::filesystem::path& run) {
  Curves curves;
  for (const auto& line : train::MetricLog::read(run)) {
    for (const auto& [name, value] : line.values) {
      Series& series = curves[name][line.split];
      series.name = line.split;
      series.x.push_back(static_cast<double>(line.step));
      series.y.push_back(value);
    }
  }
  return curves;
}

/// What `mmi eval` wrote.
std::vector<std::pair<std::string, double>> read_scores(
    const std::filesystem::path& run, const std::string& split) {
  std::vector<std::pair<std::string, double>> scores;
  const auto path = run / "eval" / (split + ".json");
  if (std::filesystem::exists(path)) {
    for (const auto& [name, value] : config::parse_yaml(read_text(path), path.string()).members) {
      scores.emplace_back(
          name,
          value.kind == config::Node::Kind::kInt ? static_cast<double>(value.int_value)
                                                 : value.float_value);
    }
  }
  return scores;
}

/// What `mmi generate` left there, sorted.
std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.is_regular_file()) {
        files.push_back(entry.path());
      }
    }
  }
  std::ranges::sort(files);
  return files;
}

std::filesystem::path write_report(const std::filesystem::path& run) {
  const RunInfo info = read_info(run);
  Page page(info.task, info.path.filename().string());
  page.stats(
      {{format("{:.4f}", info.best_value), info.best_metric, "best on the validation split"},
       {std::to_string(info.steps), "steps", "preset " + info.preset},
       {duration_text(info.seconds), "training time", info.started}});
  page.heading("Curves");
  for (const auto& [metric, splits] : read_curves(run)) {
    std::vector<Series> lines;
    for (const auto& [split, series] : splits) {
      lines.push_back(series);
    }
    CurveOptions axes;
    axes.x_label = "step";
    axes.y_label = metric;
    page.curve(metric, lines, axes);
  }
  page.heading("Scores");
  std::vector<std::vector<std::string>> rows;
  for (const char* split : {"valid", "test"}) {
    for (const auto& [name, value] : read_scores(run, split)) {
      rows.push_back({split, name, format("{:.4f}", value)});
    }
  }
  if (rows.empty()) {
    page.paragraph("Not scored yet: `mmi eval` adds a table here.");
  } else {
    page.table({{"split"}, {"metric"}, {"value", true}}, rows);
  }
  if (const auto samples = files_in(run / "samples"); !samples.empty()) {
    page.heading("Samples");
    for (const auto& file : samples) {
      page.artifact(file, file.filename().string());
    }
  }
  page.heading("Configuration");
  page.code(read_text(run / "config.yaml"));
  const auto path = run / "report.html";
  page.save(path);
  return path;
}

}  // namespace mmi::runs
