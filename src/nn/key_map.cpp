#include "mmi/nn/key_map.h"

#include <algorithm>
#include <regex>
#include <set>

#include "mmi/base/errors.h"

namespace mmi::nn {
namespace {

std::size_t names_needed(KeyOp op) {
  switch (op) {
    case KeyOp::kRename:
      return 1;
    case KeyOp::kSplit:
    case KeyOp::kFold:
      return 2;
    case KeyOp::kDrop:
    case KeyOp::kTranspose:
      return 0;
  }
  MMI_ASSERT(false);
}

torch::Tensor take(NamedTensors& tensors, const std::string& name, const std::string& source) {
  const auto at = std::find_if(
      tensors.begin(), tensors.end(), [&](const auto& one) { return one.first == name; });
  MMI_CHECK(CheckpointError, at != tensors.end(), "{} has no {}", source, name);
  torch::Tensor tensor = at->second;
  tensors.erase(at);
  return tensor;
}

/// w = g · v / |v|, the norm over all dimensions but the first (Salimans & Kingma 2016).
torch::Tensor fold_weight_norm(const torch::Tensor& v, const torch::Tensor& g) {
  return at::_weight_norm(v, g, 0);
}

NamedTensors apply_rule(
    const KeyRule& rule, const NamedTensors& before, const std::string& source) {
  const std::regex match(rule.match);
  const auto to = [&](const std::string& key, std::size_t i) {
    return std::regex_replace(key, match, rule.to.at(i));
  };
  NamedTensors rest = before;
  NamedTensors after;
  bool used = false;
  for (const auto& [key, tensor] : before) {
    if (!std::regex_search(key, match)) {
      continue;
    }
    used = true;
    if (rule.op == KeyOp::kFold) {
      after.emplace_back(
          to(key, 1), fold_weight_norm(take(rest, key, source), take(rest, to(key, 0), source)));
      continue;
    }
    take(rest, key, source);
    if (rule.op == KeyOp::kRename) {
      after.emplace_back(to(key, 0), tensor);
    } else if (rule.op == KeyOp::kTranspose) {
      MMI_CHECK(CheckpointError, tensor.dim() >= 2, "{}: {} cannot be transposed", source, key);
      after.emplace_back(key, tensor.transpose(-2, -1).contiguous());
    } else if (rule.op == KeyOp::kSplit) {
      const auto parts = static_cast<std::int64_t>(rule.to.size());
      MMI_CHECK(
          CheckpointError,
          tensor.dim() >= 1 && tensor.size(0) % parts == 0,
          "{}: {} has {} rows, which do not split into {}",
          source,
          key,
          tensor.dim() ? tensor.size(0) : 0,
          parts);
      const auto pieces = tensor.chunk(parts, 0);
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        after.emplace_back(to(key, i), pieces[i].contiguous());
      }
    }
  }
  MMI_CHECK(
      CheckpointError, used, "{}: no key fits the rule \"{}\" of its key map", source, rule.match);
  after.insert(after.end(), rest.begin(), rest.end());
  return after;
}

}  // namespace

const config::Schema& KeyRule::schema() {
  static const config::Schema made =
      config::Table<KeyRule>("key_rule", "from another checkpoint's keys to ours")
          .field("op", &KeyRule::op, "what happens to the keys that fit")
          .field("match", &KeyRule::match, "regular expression searched in each key")
          .field("to", &KeyRule::to, "the new key; split: one a part; fold: magnitude, result")
          .check([](const KeyRule& rule, config::Problems& problems) {
            if (rule.to.size() < names_needed(rule.op)) {
              problems.add(format("to: needs {} names for this op", names_needed(rule.op)));
            }
            try {
              const std::regex expression(rule.match);
            } catch (const std::regex_error&) {
              problems.add(format("match: \"{}\" is not a regular expression", rule.match));
            }
          });
  return made;
}

KeyMap::KeyMap(std::vector<KeyRule> rules) : rules_(std::move(rules)) {
  for (const KeyRule& rule : rules_) {
    config::Problems problems;
    for (const auto& check : KeyRule::schema().checks) {
      check(&rule, problems);
    }
    problems.throw_if_any();
  }
}

NamedTensors KeyMap::apply(NamedTensors tensors, const std::string& source) const {
  for (const KeyRule& rule : rules_) {
    tensors = apply_rule(rule, tensors, source);
    std::set<std::string> names;
    for (const auto& [name, tensor] : tensors) {
      MMI_CHECK(
          CheckpointError,
          names.insert(name).second,
          "{}: the rule \"{}\" of its key map gives two tensors the name {}",
          source,
          rule.match,
          name);
    }
  }
  return tensors;
}

}  // namespace mmi::nn
