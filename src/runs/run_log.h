#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mmi/runs/page.h"

/// What a run wrote about itself, for pages.
namespace mmi::runs {

using Curves = std::map<std::string, std::map<std::string, Series>>;  // metric → split → points

Curves read_curves(const std::filesystem::path& run);

/// What `mmi eval` found on a split; empty when it did not run.
std::vector<std::pair<std::string, double>> read_scores(
    const std::filesystem::path& run, const std::string& split);

}  // namespace mmi::runs
