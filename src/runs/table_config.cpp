#include <algorithm>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/runs/table.h"

namespace mmi::runs {
namespace {

namespace fs = std::filesystem;

struct ThesisTables {
  std::vector<ThesisTable> tables;

  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<ThesisTables>("tables", "the tables of the thesis")
            .field("tables", &ThesisTables::tables, "in order");
    return made;
  }
};

}  // namespace

const config::Schema& ColumnConfig::schema() {
  static const config::Schema made =
      config::Table<ColumnConfig>("column", "a score")
          .field("metric", &ColumnConfig::metric, "its name among the task's scores")
          .field("label", &ColumnConfig::label, "heading; default: the metric")
          .field("higher", &ColumnConfig::higher, "larger is better")
          .field("ranked", &ColumnConfig::ranked, "mark the best row (off: nothing is better)")
          .field("digits", &ColumnConfig::digits, "after the point", config::between(0, 6));
  return made;
}

const config::Schema& RowConfig::schema() {
  static const config::Schema made =
      config::Table<RowConfig>("row", "a system and its published figures")
          .field("name", &RowConfig::name, "as the paper names it")
          .field("status", &RowConfig::status, "what is done about it")
          .field("config", &RowConfig::config, "what is trained; relative to the table's file")
          .field("overrides", &RowConfig::overrides, "name=value settings for it")
          .field("data", &RowConfig::data, "settings that read a real dataset; {data}: its folder")
          .field(
              "calibration",
              &RowConfig::calibration,
              "fixed instead of what the run calibrated, for example a threshold")
          .field("paper", &RowConfig::paper, "published figures by metric")
          .field(
              "world_only",
              &RowConfig::world_only,
              "left out with --data: it needs a truth that only a procedural world has")
          .field("note", &RowConfig::note, "small print");
  return made;
}

const config::Schema& OrderingConfig::schema() {
  static const config::Schema made =
      config::Table<OrderingConfig>("ordering", "a claim of the paper about two rows")
          .field("metric", &OrderingConfig::metric, "the score it is about")
          .field("better", &OrderingConfig::better, "the row that is ahead")
          .field("worse", &OrderingConfig::worse, "the row that is behind")
          .field("margin", &OrderingConfig::margin, "by more than this", config::at_least(0));
  return made;
}

const config::Schema& TableConfig::schema() {
  static const config::Schema made =
      config::Table<TableConfig>("table", "a table of the thesis")
          .field("id", &TableConfig::id, "its number")
          .field("title", &TableConfig::title, "what it shows")
          .field("split", &TableConfig::split, "valid or test")
          .field("note", &TableConfig::note, "what a reader must know about the data")
          .field("columns", &TableConfig::columns, "scores")
          .field("rows", &TableConfig::rows, "systems")
          .field("orderings", &TableConfig::orderings, "claims that are judged")
          .check([](const TableConfig& c, config::Problems& problems) {
            const auto is_row = [&](const std::string& name) {
              return std::ranges::any_of(
                  c.rows, [&](const RowConfig& r) { return r.name == name; });
            };
            const auto is_column = [&](const std::string& metric) {
              return std::ranges::any_of(
                  c.columns, [&](const ColumnConfig& k) { return k.metric == metric; });
            };
            if (c.id.empty() || c.columns.empty() || c.rows.empty()) {
              problems.add("a table needs id, columns and rows");
            }
            for (const RowConfig& row : c.rows) {
              if (row.status == RowStatus::kRun && row.config.empty()) {
                problems.add(format("row {}: names no config to train", row.name));
              }
              for (const auto& [metric, value] : row.paper) {
                if (!is_column(metric)) {
                  problems.add(format("row {}: paper: no column {}", row.name, metric));
                }
              }
            }
            for (const OrderingConfig& o : c.orderings) {
              if (!is_row(o.better) || !is_row(o.worse) || !is_column(o.metric)) {
                problems.add(format(
                    "ordering {} > {} in {}: no such row or column", o.better, o.worse, o.metric));
              }
            }
          });
  return made;
}

const config::Schema& ThesisTable::schema() {
  static const config::Schema made =
      config::Table<ThesisTable>("thesis table", "a table of the thesis")
          .field("id", &ThesisTable::id, "its number")
          .field("system", &ThesisTable::system, "whose table it is")
          .field("title", &ThesisTable::title, "what it shows");
  return made;
}

std::vector<ThesisTable> thesis_tables() {
  const fs::path list = find_config("tables.yaml");
  std::vector<ThesisTable> tables = config::read<ThesisTables>(config::read_yaml(list)).tables;
  for (ThesisTable& table : tables) {
    const fs::path file = list.parent_path() / table.system / "tables" / (table.id + ".yaml");
    if (fs::exists(file)) {
      table.file = file;
    }
  }
  return tables;
}

TableFile read_table(const std::string& name) {
  fs::path path = name;
  if (!name.ends_with(".yaml")) {
    path.clear();
    std::string known;
    for (const ThesisTable& table : thesis_tables()) {
      if (!table.file.empty()) {
        known += (known.empty() ? "" : ", ") + table.id;
        path = table.id == name ? table.file : path;
      }
    }
    MMI_CHECK(
        ConfigError,
        !path.empty(),
        "there is no table {} yet; there are: {} (`mmi table --list` shows the state of all)",
        name,
        known);
  }
  path = find_config(path.string());
  return {path, config::read<TableConfig>(config::read_yaml(path))};
}

}  // namespace mmi::runs
