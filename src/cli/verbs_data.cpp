#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "mmi/base/errors.h"
#include "mmi/data/check.h"
#include "mmi/models/audeo/clip.h"
#include "mmi/models/audeo/video2roll_task.h"
#include "mmi/runs/config.h"
#include "mmi/runs/store.h"

namespace mmi::cli {

namespace {

using nlohmann::ordered_json;

ordered_json to_json(const std::string& name, const data::CheckReport& report) {
  ordered_json samples = ordered_json::array();
  for (const auto& [index, values] : report.samples) {
    samples.push_back({{"index", index}, {"values", values}});
  }
  ordered_json files = ordered_json::array();
  for (const auto& file : report.files) {
    files.push_back(file.string());
  }
  return {
      {"name", name},
      {"size", report.size},
      {"checked", report.checked},
      {"fingerprint", report.fingerprint},
      {"samples", samples},
      {"problems", report.problems},
      {"files", files}};
}

void print(const std::string& name, const data::CheckReport& report) {
  std::printf(
      "%s: %lld examples, %lld of them decoded\n  fingerprint %s\n",
      name.c_str(),
      static_cast<long long>(report.size),
      static_cast<long long>(report.checked),
      report.fingerprint.substr(0, report.fingerprint.find('\n')).c_str());
  for (const auto& [index, values] : report.samples) {
    std::printf("  example %lld\n", static_cast<long long>(index));
    for (const std::string& value : values) {
      std::printf("    %s\n", value.c_str());
    }
  }
  for (const auto& file : report.files) {
    std::printf("  %s\n", file.c_str());
  }
  for (const std::string& problem : report.problems) {
    std::printf("  problem: %s\n", problem.c_str());
  }
}

/// The task of a stage with its first weights, its parents' too; `add` gets the datasets of all.
std::shared_ptr<Task> visit(
    const runs::Stage& stage, const std::function<void(const std::string&, Task&)>& add) {
  std::map<std::string, std::shared_ptr<Task>> parents;
  for (const auto& [name, parent] : stage.parents) {
    parents[name] = visit(*parent, add);
  }
  auto task = runs::build_task(stage.config, parents);
  add(stage.config.task.name, *task);
  return task;
}

int check(const Command& command) {
  const auto stage = runs::resolve(command.positional(1, "a configuration file"), command.rest(2));
  data::CheckOptions options;
  options.seed = stage->config.seed;
  options.out = command.value("--out");
  if (command.has("--all")) {
    options.limit = 0;
  }
  ordered_json rows = ordered_json::array();
  std::size_t problems = 0;
  const auto take = [&](const std::string& name, const data::CheckReport& report) {
    problems += report.problems.size();
    if (command.json) {
      rows.push_back(to_json(name, report));
    } else {
      print(name, report);
    }
  };
  // What cannot even be opened is a problem like the others.
  const auto attempt = [&](const std::string& name, const std::function<void()>& body) {
    try {
      body();
    } catch (const DataError& error) {
      data::CheckReport report;
      report.problems.emplace_back(error.what());
      take(name, report);
    }
  };
  bool found = false;
  attempt(stage->config.task.name, [&] {
    visit(*stage, [&](const std::string& task, Task& built) {
      attempt(task, [&] {
        for (const auto& [name, open] : built.datasets()) {
          found = true;
          attempt(task + " " + name, [&, &name = name, &open = open] {
            take(task + " " + name, data::check_dataset(*open(), name, options));
          });
        }
      });
    });
  });
  MMI_CHECK(
      ConfigError,
      found || problems > 0,
      "{} names no dataset: {} makes its training data itself",
      stage->file.string(),
      stage->config.task.name);
  if (command.json) {
    std::printf("%s\n", ordered_json{{"datasets", rows}, {"problems", problems}}.dump().c_str());
  } else {
    std::printf("%zu problems\n", problems);
  }
  return problems == 0 ? kExitOk : kExitData;
}

}  // namespace

int run_data(const Command& command) {
  const std::string action = command.positional(0, "make or check");
  if (action == "check") {
    return check(command);
  }
  MMI_CHECK(ConfigError, action == "make", "`mmi data` knows make and check, not \"{}\"", action);
  const std::string out = command.value("--out");
  MMI_CHECK(ConfigError, !out.empty(), "`mmi data make` needs --out DIR");
  const auto stage = runs::resolve(command.positional(1, "a configuration file"), command.rest(2));
  Task::BuildArgs args;
  args.seed = stage->config.seed;
  const auto task = std::dynamic_pointer_cast<models::audeo::Video2RollTask>(
      Registry<Task>::get().create(stage->config.task, args));
  MMI_CHECK(
      ConfigError,
      task != nullptr,
      "{} describes no dataset of videos; use configs/audeo/video2roll.yaml",
      stage->file.string());
  models::audeo::write_layout(task->recordings(), task->config().height, task->config().width, out);
  std::printf("%s\n", out.c_str());
  return kExitOk;
}

}  // namespace mmi::cli
