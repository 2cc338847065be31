#pragma once

#include <torch/types.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace mmi::dsp::testing {

/// tests/data/dsp/manifest.json, written by scripts/oracles/dsp_vectors.py.
inline nlohmann::json manifest() {
  std::ifstream file(std::string(MMI_TEST_DATA) + "/dsp/manifest.json");
  return nlohmann::json::parse(file);
}

/// A committed vector; `complex` ones have a last dimension of 2 in the file.
inline torch::Tensor load(const std::string& name, bool complex = false) {
  auto shape = manifest().at("shapes").at(name).get<std::vector<std::int64_t>>();
  if (complex) {
    shape.push_back(2);
  }
  auto values = torch::empty(shape, torch::kFloat32);
  std::ifstream file(std::string(MMI_TEST_DATA) + "/dsp/" + name + ".f32", std::ios::binary);
  if (!file.read(static_cast<char*>(values.data_ptr()), values.numel() * 4)) {
    throw std::runtime_error("cannot read the test vector " + name);
  }
  return complex ? torch::view_as_complex(values) : values;
}

inline double max_error(const torch::Tensor& got, const torch::Tensor& expected) {
  if (got.sizes() != expected.sizes()) {
    throw std::runtime_error("shapes differ");
  }
  return torch::abs(got - expected).max().item<double>();
}

}  // namespace mmi::dsp::testing
