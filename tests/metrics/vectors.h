#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mmi::metrics {

/// tests/data/metrics/vectors.json, made by scripts/oracles/metrics_vectors.py.
inline const nlohmann::json& vectors() {
  static const nlohmann::json parsed = [] {
    std::ifstream file(std::string(MMI_TEST_DATA) + "/metrics/vectors.json");
    return nlohmann::json::parse(file);
  }();
  return parsed;
}

}  // namespace mmi::metrics
