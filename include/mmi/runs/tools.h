#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config_node.h"
#include "mmi/runs/store.h"
#include "mmi/task/tool.h"

namespace mmi::runs {

/// Runs the registered tool `name` ("audeo/transcribe"). `settings`: a map of its configuration.
/// Inputs that name runs are looked up in `store`. ConfigError for an unknown tool or setting.
MMI_API ToolResult run_tool(
    const std::string& name,
    const config::Node& settings,
    const std::vector<std::string>& inputs,
    const std::filesystem::path& out,
    const Store& store,
    const std::function<bool()>& stop = [] { return false; },
    const std::function<void(const std::string&)>& show = {});

/// How `mmi <system> <tool>` is used, its settings with types, ranges and defaults: a help page.
MMI_API std::string tool_help(const std::string& name);

/// "  <tool>  what it does\n" for every tool of a system.
MMI_API std::string list_tools(const std::string& system);

}  // namespace mmi::runs
