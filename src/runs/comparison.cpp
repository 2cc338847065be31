#include <algorithm>
#include <map>

#include "mmi/base/config_node.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/progress.h"
#include "mmi/runs/page.h"
#include "mmi/runs/reference.h"
#include "mmi/runs/store.h"
#include "runs/run_log.h"

namespace mmi::runs {
namespace {

namespace fs = std::filesystem;

struct Side {
  std::string name;  ///< "A: video2roll-3f9a12"
  RunInfo info;
};

/// A metric's curves of both runs; the same split has the same place in the legend.
void add_curves(Page& page, const std::vector<Side>& sides) {
  std::map<std::string, std::vector<Series>> metrics;
  for (const Side& side : sides) {
    for (auto& [metric, splits] : read_curves(side.info.path)) {
      for (auto& [split, series] : splits) {
        series.name = side.name.substr(0, 1) + " " + split;
        metrics[metric].push_back(std::move(series));
      }
    }
  }
  for (const auto& [metric, lines] : metrics) {
    CurveOptions axes;
    axes.x_label = "step";
    axes.y_label = metric;
    page.curve(metric, lines, axes);
  }
}

void add_scores(Page& page, const std::vector<Side>& sides) {
  std::vector<std::vector<std::string>> rows;
  for (const char* split : {"valid", "test"}) {
    const auto left = read_scores(sides[0].info.path, split);
    const auto right = read_scores(sides[1].info.path, split);
    for (const auto& [name, value] : left) {
      const auto other =
          std::ranges::find_if(right, [&](const auto& score) { return score.first == name; });
      if (other != right.end()) {
        rows.push_back(
            {split,
             name,
             format("{:.4f}", value),
             format("{:.4f}", other->second),
             format("{:+.4f}", other->second - value)});
      }
    }
  }
  if (rows.empty()) {
    page.paragraph("Score both with `mmi eval` to see a table here.");
  } else {
    page.table(
        {{"split"}, {"metric"}, {sides[0].name, true}, {sides[1].name, true}, {"B − A", true}},
        rows);
  }
}

/// Pairs of files of one name that both runs made.
void add_samples(Page& page, const std::vector<Side>& sides) {
  std::vector<std::string> names;
  const fs::path left = sides[0].info.path / "samples";
  const fs::path right = sides[1].info.path / "samples";
  if (fs::is_directory(left)) {
    for (const auto& entry : fs::directory_iterator(left)) {
      const fs::path name = entry.path().filename();
      if (fs::exists(right / name) && name.extension() != ".mid") {
        names.push_back(name.string());
      }
    }
  }
  std::ranges::sort(names);
  if (names.empty()) {
    page.paragraph(
        "Both have no sample of the same name: `--input FILE` lets both generate from one file.");
  }
  for (const std::string& name : names) {
    page.side_by_side([&](Page& columns) {
      columns.artifact(left / name, "A: " + name);
      columns.artifact(right / name, "B: " + name);
    });
  }
}

}  // namespace

fs::path write_comparison(
    const fs::path& a, const fs::path& b, const fs::path& input, const fs::path& out) {
  const std::vector<Side> sides = {
      {"A: " + a.filename().string(), read_info(a)}, {"B: " + b.filename().string(), read_info(b)}};
  if (!input.empty()) {
    MMI_CHECK(DataError, fs::exists(input), "{}: no such file", input.string());
    const torch::NoGradGuard no_grad;
    for (const Side& side : sides) {
      GenerateRequest request;
      request.input = input;
      request.out = side.info.path / "samples" / input.stem();
      mmi::create_directories(request.out.parent_path());
      open(side.info.path)->task->generate(request);
    }
  }
  Page page("Two runs beside each other", sides[0].name + ", " + sides[1].name);
  std::vector<std::vector<std::string>> facts;
  for (const Side& side : sides) {
    facts.push_back(
        {side.name,
         side.info.task,
         side.info.preset,
         std::to_string(side.info.steps),
         duration_text(side.info.seconds),
         format("{} {:.4f}", side.info.best_metric, side.info.best_value)});
  }
  page.table(
      {{"run"}, {"task"}, {"preset"}, {"steps", true}, {"training", true}, {"best on valid"}},
      facts);
  page.heading("Configuration");
  std::vector<std::vector<std::string>> rows;
  const auto tree = [](const Side& side) {
    const fs::path path = side.info.path / "config.yaml";
    return config::parse_yaml(read_text(path), path.string());
  };
  for (const Difference& one : differences(tree(sides[0]), tree(sides[1]))) {
    rows.push_back({one.path, one.left, one.right});
  }
  if (rows.empty()) {
    page.paragraph("They have the same configuration.");
  } else {
    page.table({{"setting"}, {sides[0].name}, {sides[1].name}}, rows);
  }
  page.heading("Curves");
  add_curves(page, sides);
  page.heading("Scores");
  add_scores(page, sides);
  page.heading("What they made of the same");
  add_samples(page, sides);
  const fs::path path =
      out.empty() ? a / format("compare_{}.html", b.filename().string()) : fs::absolute(out);
  page.save(path);
  return path;
}

}  // namespace mmi::runs
