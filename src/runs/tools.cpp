#include "mmi/runs/tools.h"

#include <algorithm>
#include <sstream>

#include "mmi/base/errors.h"

namespace mmi::runs {
namespace {

std::shared_ptr<Tool> make_tool(const std::string& name, const config::Node& settings) {
  const auto& tools = Registry<Tool>::get();
  tools.at(name);
  config::Node node = settings;
  node.set("name", config::Node::text(name));
  config::Component<Tool> component;
  config::Problems problems;
  tools.read_component(component.name, component.config, node, name, problems);
  problems.throw_if_any();
  return tools.create(component, {});
}

std::string verb(std::string name) {
  std::replace(name.begin(), name.end(), '/', ' ');
  return name;
}

}  // namespace

ToolResult run_tool(
    const std::string& name,
    const config::Node& settings,
    const std::vector<std::string>& inputs,
    const std::filesystem::path& out,
    const Store& store,
    const std::function<bool()>& stop,
    const std::function<void(const std::string&)>& show) {
  const auto tool = make_tool(name, settings);
  std::vector<std::shared_ptr<Run>> opened;
  ToolCall call;
  call.inputs.assign(inputs.begin(), inputs.end());
  call.out = out;
  call.open = [&](const std::string& run) {
    opened.push_back(open(store.find(run)));
    return opened.back()->task;
  };
  call.stop = stop;
  call.show = show;
  return tool->run(call);
}

std::string tool_help(const std::string& name) {
  const auto& entry = Registry<Tool>::get().at(name);
  const auto tool = make_tool(name, config::Node::map());
  std::string text = format(
      "mmi {}: {}\n\nUsage\n  mmi {} {} [setting=value …]\n",
      verb(name),
      entry.doc,
      verb(name),
      tool->usage());
  if (entry.schema && !entry.schema->fields.empty()) {
    text += "\nSettings\n";
    const auto defaults = entry.schema->make();
    for (const config::Field& field : entry.schema->fields) {
      text += format(
          "  {}={}\n      {}{}\n",
          field.name,
          field.write(defaults.get(), false).json(),
          field.doc.empty() ? field.type : field.doc + " (" + field.type + ")",
          field.range.text().empty() ? "" : ", " + field.range.text());
    }
  }
  if (!tool->examples().empty()) {
    text += "\nExamples\n";
    std::istringstream lines(tool->examples());
    for (std::string line; std::getline(lines, line);) {
      text += "  " + line + "\n";
    }
  }
  return text;
}

std::string list_tools(const std::string& system) {
  std::string text;
  for (const auto& entry : Registry<Tool>::get().entries()) {
    if (entry.name.starts_with(system + "/")) {
      text += format("  {:<20}  {}\n", entry.name.substr(system.size() + 1), entry.doc);
    }
  }
  return text;
}

}  // namespace mmi::runs
