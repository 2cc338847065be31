#pragma once

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "mmi/base/format.h"

namespace mmi {

/// JSON knows no NaN and no infinity: they are written as text.
inline nlohmann::json json_number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(format("{}", value));
}

template <class Json>
double read_json_number(const Json& value) {
  return value.is_string() ? std::strtod(value.template get<std::string>().c_str(), nullptr)
                           : value.template get<double>();
}

}  // namespace mmi
