#pragma once

#include <string>

#include "mmi/runs/table.h"

/// What the files of a table share.
namespace mmi::runs {

/// "Table 3.1: …"; tables that are not the thesis's have a name instead of a number.
std::string table_heading(const std::string& id, const std::string& title);

std::string label_of(const ColumnConfig& column);

/// With an arrow towards what is better.
std::string column_heading(const ColumnConfig& column);

std::string figure_text(double value, int digits);

/// SVG, one panel a column: our means with their intervals, and the paper's figures as diamonds.
std::string table_picture(const TableResult& result);

}  // namespace mmi::runs
