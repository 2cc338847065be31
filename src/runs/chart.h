#pragma once

#include <string>
#include <vector>

#include "mmi/runs/page.h"

/// Charts as HTML fragments with inline SVG; colours come from the page's style sheet.
namespace mmi::runs {

std::string curve_figure(
    const std::string& title,
    const std::vector<Series>& series,
    const CurveOptions& options,
    bool narrow);

std::string bars_figure(
    const std::string& title,
    const std::vector<Bar>& bars,
    const BarsOptions& options,
    bool narrow);

}  // namespace mmi::runs
