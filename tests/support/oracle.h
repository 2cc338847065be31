#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mmi/base/format.h"
#include "mmi/base/hash.h"
#include "mmi/io/npy.h"
#include "mmi/nn/state.h"
#include "mmi/tensor/array.h"

/// Parity with official networks: the fill rule, the stored outputs, the comparison.
/// Element i of the tensor named `key` comes from splitmix64 of (FNV-1a of the key) + (i + 1) *
/// 0x9E37...; the branch named in oracle.json turns it into a weight. See
/// tests/data/audeo/README.md.
namespace mmi::testing {

using Json = nlohmann::json;

/// u in [0, 1), float32, `count` of them.
inline torch::Tensor rule_u01(const std::string& key, std::int64_t count) {
  torch::Tensor out = torch::empty({count}, torch::kFloat);
  float* value = out.data_ptr<float>();
  const std::uint64_t seed = fnv1a64(key);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint64_t z =
        mix64(seed + (static_cast<std::uint64_t>(i) + 1) * 0x9E3779B97F4A7C15ULL);
    value[i] = static_cast<float>(z >> 40) * 0x1p-24F;
  }
  return out;
}

inline torch::Tensor rule_tensor(
    const std::string& key, const std::vector<std::int64_t>& shape, const std::string& branch) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    count *= size;
  }
  if (branch == "zero") {
    return torch::zeros(shape);
  }
  const torch::Tensor u = rule_u01(key, count);
  if (branch == "unit") {
    return u.view(shape);
  }
  if (branch == "gain") {
    return (u + 0.5F).view(shape);
  }
  const torch::Tensor sym = u * 2.0F - 1.0F;
  if (branch == "sym") {
    return sym.view(shape);
  }
  if (branch == "vector") {
    return (sym * 0.1F).view(shape);
  }
  const std::size_t axis = branch == "matrix_t" ? 1 : 0;
  EXPECT_TRUE(branch == "matrix" || branch == "matrix_t") << branch;
  const auto fan = static_cast<double>(count / shape.at(axis));
  return (sym * static_cast<float>(std::sqrt(3.0 / fan))).view(shape);
}

/// The branch that tensors of official packages take by their names (scripts/oracles/rule.py).
inline std::string branch_of(const std::string& name) {
  const auto ends = [&](const char* end) { return name.ends_with(end); };
  if (ends(".weight_g") || ends(".alpha") || ends(".gamma")) {
    return "gain";
  }
  if (name.find(".bias") != std::string::npos) {
    return "vector";
  }
  return ends(".embed") || ends(".codebook.weight") ? "sym" : "matrix";
}

/// max |ours - theirs| <= bar. Both are kept with the test's result under `name`, wherever a test
/// says what it measured; scripts/parity.py makes a table of them.
inline void expect_difference(
    const std::string& name, const torch::Tensor& ours, const torch::Tensor& theirs, double bar) {
  ASSERT_EQ(ours.sizes(), theirs.sizes()) << name;
  const double found = (ours - theirs).abs().max().item<double>();
  ::testing::Test::RecordProperty(name, mmi::format("{} {}", found, bar));
  EXPECT_LE(found, bar) << name;
}

/// The same of integers, which are to be equal.
inline void expect_equal(
    const std::string& name, const torch::Tensor& ours, const torch::Tensor& theirs) {
  ASSERT_EQ(ours.sizes(), theirs.sizes()) << name;
  const auto wrong = ours.ne(theirs.to(ours.scalar_type())).sum().item<std::int64_t>();
  ::testing::Test::RecordProperty(name, mmi::format("{} of {} differ", wrong, ours.numel()));
  EXPECT_EQ(wrong, 0) << name;
}

/// Outputs of an official package, kept in one file by a script of scripts/oracles.
class Outputs {
 public:
  /// `file` of tests/data.
  explicit Outputs(const std::string& file)
      : arrays_(io::read_npz(std::filesystem::path(MMI_TEST_DATA) / file)) {}

  torch::Tensor at(const std::string& name) const {
    return to_tensor(arrays_.at(name));
  }

  /// max |ours - stored| <= tolerance, or that share of max |stored| where it is below 1.
  void expect_near(const std::string& name, const torch::Tensor& ours, double tolerance) const {
    const torch::Tensor theirs = at(name);
    const double largest = theirs.abs().max().item<double>();
    expect_difference(name, ours, theirs, tolerance * std::min(1.0, largest));
  }

  /// Codes equal in every place.
  void expect_equal(const std::string& name, const torch::Tensor& ours) const {
    mmi::testing::expect_equal(name, ours, at(name));
  }

 private:
  std::map<std::string, io::Array> arrays_;
};

/// Fills parameters and buffers by the rule; "constant" and tied entries stay as they are.
/// Fails when names, order or shapes differ from the official state.
inline void fill_by_rule(const torch::nn::Module& module, const Json& keys) {
  torch::NoGradGuard no_grad;
  const auto state = nn::state_of(module);
  ASSERT_EQ(state.size(), keys.size());
  for (std::size_t i = 0; i < state.size(); ++i) {
    const auto name = keys[i][0].get<std::string>();
    const auto shape = keys[i][1].get<std::vector<std::int64_t>>();
    const auto branch = keys[i][2].get<std::string>();
    ASSERT_EQ(state[i].name, name);
    ASSERT_EQ(state[i].tensor.sizes().vec(), shape) << name;
    if (branch != "constant" && branch.rfind("tied:", 0) != 0) {
      torch::Tensor target = state[i].tensor;
      target.copy_(rule_tensor(name, shape, branch));
    }
  }
}

/// One network of oracle.json with its stored tensors.
class Oracle {
 public:
  Oracle(const std::filesystem::path& folder, const std::string& network)
      : arrays_(io::read_npz(folder / (network + ".npz"))) {
    std::ifstream file(folder / "oracle.json");
    const Json all = Json::parse(file);
    for (const Json& item : all["networks"]) {
      if (item["name"] == network) {
        json_ = item;
      }
    }
    EXPECT_FALSE(json_.is_null()) << network;
  }

  const Json& keys() const {
    return json_.at("keys");
  }

  std::int64_t parameters() const {
    return json_.at("parameters").get<std::int64_t>();
  }

  torch::Tensor input(const std::string& name) const {
    for (const Json& item : json_.at("inputs")) {
      if (item["key"] == "input:" + name) {
        const auto shape = item["shape"].get<std::vector<std::int64_t>>();
        torch::Tensor value = rule_tensor("input:" + name, shape, item["branch"]);
        if (item.contains("floor_times")) {
          return (value * item["floor_times"].get<float>()).floor().to(torch::kLong);
        }
        if (item.contains("threshold")) {
          return value.ge(item["threshold"].get<float>()).to(torch::kFloat);
        }
        if (item.contains("mask_below")) {
          return value.lt(item["mask_below"].get<float>()).to(torch::kFloat);
        }
        return value * item["scale"].get<float>();
      }
    }
    ADD_FAILURE() << "no input " << name;
    return {};
  }

  /// A table of the state that is no weight ("constant"), as the official code computed it.
  torch::Tensor constant(const std::string& key) const {
    return to_tensor(arrays_.at("constants." + key));
  }

  /// max |ours - stored| / absmax <= tolerance. A float64 tensor is compared with the float64 run.
  void expect(const std::string& name, const torch::Tensor& ours, double tolerance) const {
    const bool wide = ours.scalar_type() == torch::kDouble;
    for (const Json& item : json_.at("tensors")) {
      if (item["name"] != name) {
        continue;
      }
      ASSERT_EQ(ours.sizes().vec(), item["shape"].get<std::vector<std::int64_t>>()) << name;
      const auto slice = item[wide ? "f64_slice" : "slice"].get<std::string>();
      const torch::Tensor stored = to_tensor(arrays_.at(item[wide ? "f64_npz" : "npz"])).flatten();
      const std::int64_t step = slice == "full" ? 1 : std::stoll(slice.substr(8));
      const torch::Tensor kept =
          ours.detach().contiguous().flatten().slice(0, 0, std::nullopt, step);
      expect_difference(
          json_.at("name").get<std::string>() + "." + name,
          kept,
          stored,
          tolerance * item["absmax"].get<double>());
      return;
    }
    ADD_FAILURE() << "no stored tensor " << name;
  }

 private:
  Json json_;
  std::map<std::string, io::Array> arrays_;
};

}  // namespace mmi::testing
