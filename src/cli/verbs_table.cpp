#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/json.h"
#include "mmi/runs/table.h"

namespace mmi::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

int whole_number(const Command& command, const std::string& flag, int otherwise) {
  const std::string text = command.value(flag);
  if (text.empty()) {
    return otherwise;
  }
  MMI_CHECK(
      ConfigError,
      text.size() < 4 && text.find_first_not_of("0123456789") == std::string::npos && text != "0",
      "{} must be a number from 1 to 999, but is \"{}\"",
      flag,
      text);
  return std::stoi(text);
}

/// "small, 3 seeds: 4 of 10 claims hold", or "not made here".
std::string state_of(const fs::path& result) {
  if (!fs::exists(result)) {
    return "not made here";
  }
  const auto made = io::parse_json(mmi::read_text(result), result.string());
  int holds = 0;
  for (const auto& claim : made.at("orderings")) {
    holds += claim.at("verdict") == "holds" ? 1 : 0;
  }
  return format(
      "{}, {} seeds: {} of {} claims hold",
      made.at("preset").get<std::string>(),
      made.at("seeds").get<int>(),
      holds,
      made.at("orderings").size());
}

int list(const Command& command, const fs::path& folder) {
  nlohmann::ordered_json tables = nlohmann::ordered_json::array();
  for (const runs::ThesisTable& entry : runs::thesis_tables()) {
    const std::string state = entry.file.empty() ? "its system is not built yet"
                                                 : state_of(folder / (entry.id + ".json"));
    if (command.json) {
      tables.push_back({{"table", entry.id}, {"title", entry.title}, {"state", state}});
    } else {
      std::printf("%-5s %-62s %s\n", entry.id.c_str(), entry.title.c_str(), state.c_str());
    }
  }
  if (command.json) {
    std::printf("%s\n", tables.dump().c_str());
  }
  return kExitOk;
}

}  // namespace

int run_table(const Command& command) {
  const fs::path folder = command.value("--out", "docs/results");
  if (command.has("--list")) {
    return list(command, folder);
  }
  const std::string id = command.positional(0, "the number of a table, such as 3.1");
  const runs::TableFile table = runs::read_table(id);
  runs::TableOptions options;
  options.preset = command.value("--preset", options.preset);
  options.rows = split(command.value("--rows"), ',');
  options.overrides = command.rest(1);
  options.data = command.value("--data");
  options.seeds = whole_number(command, "--seeds", options.seeds);
  options.jobs = whole_number(command, "--jobs", options.jobs);
  options.program = fs::read_symlink("/proc/self/exe").string();
  MMI_CHECK(
      ConfigError,
      options.jobs == 1 || !fs::path(options.program).filename().string().starts_with("python"),
      "--jobs starts the native `mmi`, which does not know parts written in Python: use --jobs 1");
  options.stop = command.interrupted;
  MMI_CHECK(
      DataError,
      options.data.empty() || fs::is_directory(options.data),
      "{}: no such folder",
      options.data.string());
  options.samples = folder / table.config.id;
  runs::Store store(command.value("--runs"));
  const runs::TableResult result = runs::make_table(table, store, options);
  std::string again = "mmi table " + id;
  for (const char* flag : {"--preset", "--rows", "--seeds", "--data"}) {
    if (const std::string value = command.value(flag); !value.empty()) {
      again +=
          format(" {} {}", flag, value.find(' ') == std::string::npos ? value : '"' + value + '"');
    }
  }
  for (const std::string& word : options.overrides) {
    again += " " + word;
  }
  runs::write_table(result, folder, again);
  runs::write_table_index(folder);
  if (command.json) {
    std::printf("%s", mmi::read_text(folder / (table.config.id + ".json")).c_str());
  } else {
    std::printf(
        "%s\n%s\n", runs::table_text(result).c_str(), (folder / (table.config.id + ".md")).c_str());
  }
  return kExitOk;
}

}  // namespace mmi::cli
