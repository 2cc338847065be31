#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "mmi/base/errors.h"
#include "mmi/runs/tools.h"

namespace mmi::cli {
namespace {

/// "threshold=0.4" is a setting; a file may have such a name, too.
bool is_setting(const std::string& argument) {
  const auto equals = argument.find('=');
  constexpr std::string_view kNames = "abcdefghijklmnopqrstuvwxyz_0123456789.";
  return equals != std::string::npos && equals > 0 &&
         argument.find_first_not_of(kNames) == equals && !std::filesystem::exists(argument);
}

int finish(const ToolResult& result) {
  MMI_CHECK(DataError, result.problem.empty(), "{}", result.problem);
  return kExitOk;
}

int print(const ToolResult& result, bool json) {
  if (json) {
    nlohmann::ordered_json values = nlohmann::ordered_json::object();
    for (const auto& [name, value] : result.values) {
      values[name] = value;
    }
    nlohmann::ordered_json files = nlohmann::ordered_json::array();
    for (const Artifact& file : result.files) {
      files.push_back({{"path", file.path.string()}, {"caption", file.caption}});
    }
    nlohmann::ordered_json all = {{"lines", result.lines}, {"values", values}, {"files", files}};
    if (!result.json.empty()) {
      all.update(nlohmann::ordered_json::parse(result.json));
    }
    std::printf("%s\n", all.dump().c_str());
    return finish(result);
  }
  for (const std::string& line : result.lines) {
    std::printf("%s\n", line.c_str());
  }
  for (const auto& [name, value] : result.values) {
    std::printf("%-28s %12.6g\n", name.c_str(), value);
  }
  for (const Artifact& file : result.files) {
    std::printf("%s\t%s\n", file.path.c_str(), file.caption.c_str());
  }
  return finish(result);
}

}  // namespace

int run_tool(const Command& command) {
  const std::vector<std::string> arguments = command.rest(0);
  if (arguments.empty()) {
    std::printf("%s", runs::list_tools(command.verb()).c_str());
    return kExitOk;
  }
  const std::string name = command.verb() + "/" + arguments[0];
  if (command.help) {
    std::printf("%s", runs::tool_help(name).c_str());
    return kExitOk;
  }
  config::Node settings = config::Node::map();
  std::vector<std::string> inputs;
  for (const std::string& argument : command.rest(1)) {
    if (is_setting(argument)) {
      config::apply_override(settings, argument, 0);
    } else {
      inputs.push_back(argument);
    }
  }
  if (command.has("--prompt")) {
    settings.set("prompt", config::Node::text(command.value("--prompt")));
  }
  std::function<void(const std::string&)> show;
  if (!command.json) {
    show = [](const std::string& part) {
      std::fwrite(part.data(), 1, part.size(), stdout);
      std::fflush(stdout);
    };
  }
  return print(
      runs::run_tool(
          name,
          settings,
          inputs,
          command.value("--out"),
          runs::Store(command.value("--runs")),
          command.interrupted,
          show),
      command.json);
}

}  // namespace mmi::cli
