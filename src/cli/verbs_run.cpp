#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/command.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/log.h"
#include "mmi/runs/store.h"
#include "mmi/train/distributed.h"

namespace mmi::cli {
namespace {

namespace fs = std::filesystem;

runs::Store store_of(const Command& command) {
  return runs::Store(command.value("--runs"));
}

std::shared_ptr<runs::Run> open_run(const Command& command) {
  return runs::open(
      store_of(command).find(command.positional(0, "a run or bundle")),
      command.value("--device", "auto"));
}

void print_metrics(const Metrics& metrics, bool json) {
  if (json) {
    nlohmann::ordered_json object = nlohmann::ordered_json::object();
    for (const auto& [name, value] : metrics) {
      object[name] = value;
    }
    std::printf("%s\n", object.dump().c_str());
    return;
  }
  for (const auto& [name, value] : metrics) {
    std::printf("%-24s %10.4f\n", name.c_str(), value);
  }
}

}  // namespace

int run_train(const Command& command) {
  const auto stage = runs::resolve(command.positional(0, "a configuration file"), command.rest(1));
  const int threads = stage->config.threads;
  // Under torchrun the processes of a machine share its cores.
  const char* const local = std::getenv("LOCAL_WORLD_SIZE");
  const int processes = std::max(1, local == nullptr ? 1 : std::atoi(local));
  at::set_num_threads(
      threads > 0 ? threads
                  : std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / processes));
  if (command.has("--dry-run")) {
    const train::Rehearsal found = store_of(command).rehearse(*stage);
    if (command.json) {
      const nlohmann::ordered_json result = {
          {"step_s", found.step_s}, {"peak_bytes", found.peak_bytes}, {"lines", found.lines}};
      std::printf("%s\n", result.dump().c_str());
      return kExitOk;
    }
    for (const std::string& line : found.lines) {
      std::printf("%s\n", line.c_str());
    }
    return kExitOk;
  }
  runs::TrainOptions options;
  options.again = command.has("--again");
  options.stop = command.interrupted;
  if (const std::string from = command.value("--resume", "auto"); from != "auto") {
    MMI_CHECK(
        ConfigError, !options.again, "--again starts anew, --resume continues: choose one of them");
    options.resume = from;
  }
  const auto run = store_of(command).train(*stage, options);
  if (run->info.path.empty()) {
    log::info("{} trains nothing of its own; what it needs is ready", run->info.task);
    return kExitOk;
  }
  if (!train::distributed().is_writer()) {
    return kExitOk;
  }
  if (command.json) {
    const nlohmann::ordered_json result = {
        {"run", run->info.path.string()},
        {"id", run->info.id},
        {"steps", run->info.steps},
        {"seconds", run->info.seconds},
        {"metric", run->info.best_metric},
        {"value", run->info.best_value}};
    std::printf("%s\n", result.dump().c_str());
  } else {
    std::printf("%s\n", run->info.path.string().c_str());
  }
  return kExitOk;
}

int run_eval(const Command& command) {
  const auto run = open_run(command);
  print_metrics(runs::evaluate(*run, command.value("--split", "test")), command.json);
  return kExitOk;
}

int run_generate(const Command& command) {
  GenerateRequest request;
  request.input = command.value("--input");
  MMI_CHECK(
      ConfigError,
      !request.input.empty(),
      "`mmi generate` needs --input FILE; see `mmi generate --help`");
  MMI_CHECK(DataError, fs::exists(request.input), "{}: no such file", request.input.string());
  const auto run = open_run(command);
  const std::string out = command.value("--out");
  request.out = out.empty() ? run->info.path / "samples" / request.input.stem() : fs::path(out);
  if (request.out.has_parent_path()) {
    mmi::create_directories(request.out.parent_path());
  }
  for (const char* option : {"crop", "program", "truth", "on-error"}) {
    const std::string value = command.value(std::string("--") + option);
    if (!value.empty()) {
      request.options[option == std::string("on-error") ? "on_error" : option] = value;
    }
  }
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  for (const Artifact& artifact : run->task->generate(request)) {
    if (command.json) {
      files.push_back({{"path", artifact.path.string()}, {"caption", artifact.caption}});
    } else {
      std::printf("%s\t%s\n", artifact.path.string().c_str(), artifact.caption.c_str());
    }
  }
  if (command.json) {
    std::printf("%s\n", files.dump().c_str());
  }
  return kExitOk;
}

int run_export(const Command& command) {
  const std::string out = command.value("--out");
  MMI_CHECK(ConfigError, !out.empty(), "`mmi export` needs --out DIR");
  runs::export_bundle(store_of(command).find(command.positional(0, "a run")), out);
  std::printf("%s\n", out.c_str());
  return kExitOk;
}

int run_report(const Command& command) {
  const runs::Store store = store_of(command);
  const fs::path run = store.find(command.positional(0, "a run"));
  fs::path page;
  if (command.rest(0).size() > 1) {
    page = runs::write_comparison(
        run,
        store.find(command.positional(1, "")),
        command.value("--input"),
        command.value("--out"));
  } else {
    MMI_CHECK(
        ConfigError,
        command.value("--input").empty() && command.value("--out").empty(),
        "--input and --out compare two runs: `mmi report A B`");
    page = runs::write_report(run);
  }
  std::printf("%s\n", page.string().c_str());
  return kExitOk;
}

int run_runs(const Command& command) {
  const std::string action = command.positional(0, "list, rm or du");
  const runs::Store store = store_of(command);
  if (action == "rm") {
    store_of(command).remove(command.positional(1, "the run to remove"));
    return kExitOk;
  }
  MMI_CHECK(
      ConfigError,
      action == "list" || action == "du",
      "`mmi runs` knows list, rm and du, not \"{}\"",
      action);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  std::uint64_t total = 0;
  for (const runs::RunInfo& info : store.list()) {
    std::uint64_t bytes = 0;
    // A training beside it may rename and delete what is counted.
    std::error_code code;
    for (auto at = fs::recursive_directory_iterator(info.path, code); !code && at != fs::end(at);
         at.increment(code)) {
      std::error_code gone;
      const std::uint64_t size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
      bytes += gone ? 0 : size;
    }
    total += bytes;
    if (command.json) {
      rows.push_back(
          {{"path", info.path.string()},
           {"preset", info.preset},
           {"finished", info.finished},
           {"metric", info.best_metric},
           {"value", info.best_value},
           {"bytes", bytes}});
    } else if (action == "du") {
      std::printf("%10s  %s\n", human_size(bytes).c_str(), info.path.string().c_str());
    } else {
      std::printf(
          "%-20s  %-6s  %-10s  %s  %s\n",
          info.started.c_str(),
          info.preset.c_str(),
          info.finished ? "finished" : "unfinished",
          info.path.string().c_str(),
          info.finished ? format("{} {:.4f}", info.best_metric, info.best_value).c_str() : "");
    }
  }
  if (command.json) {
    std::printf("%s\n", rows.dump().c_str());
  } else if (action == "du") {
    std::printf("%10s  in all\n", human_size(total).c_str());
  }
  return kExitOk;
}

}  // namespace mmi::cli
