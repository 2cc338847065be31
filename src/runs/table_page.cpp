#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "mmi/base/files.h"
#include "mmi/io/json.h"
#include "mmi/runs/page.h"
#include "runs/table_parts.h"

namespace mmi::runs {

namespace fs = std::filesystem;

std::string table_heading(const std::string& id, const std::string& title) {
  const bool numbered = !id.empty() && id.front() >= '0' && id.front() <= '9';
  return numbered ? format("Table {}: {}", id, title) : title;
}

std::string label_of(const ColumnConfig& column) {
  return column.label.empty() ? column.metric : column.label;
}

std::string column_heading(const ColumnConfig& column) {
  return label_of(column) + (!column.ranked ? "" : column.higher ? " ↑" : " ↓");
}

std::string figure_text(double value, int digits) {
  return format("{:.{}f}", value, digits);
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
    page.heading(
        table_heading(table.at("table").get<std::string>(), table.at("title").get<std::string>()));
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
      page.table({{"claim"}, {"p", true}, {"verdict"}}, claims);
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

}  // namespace mmi::runs
