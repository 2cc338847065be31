#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/nn/state.h"

namespace mmi::nn {

enum class KeyOp { kRename, kDrop, kTranspose, kSplit, kFold };

/// One step from another checkpoint's keys to ours. `match` is a regular expression (ECMAScript)
/// searched in every key; `to` holds replacements with $1, $2 … for its groups.
///   rename     the key becomes `to`
///   drop       the tensor is left out
///   transpose  the last two dimensions change places
///   split      the tensor is cut into as many equal parts along dimension 0 as `to` has names
///   fold       weight norm: `match` finds the direction ("weight_v"), `to` its magnitude
///              ("weight_g") and the result ("weight")
struct MMI_API KeyRule {
  KeyOp op = KeyOp::kRename;
  std::string match;
  std::vector<std::string> to;

  static const config::Schema& schema();
};

/// From a checkpoint in another layout (a training wrapper's prefix, fused projections, weight
/// norm) to the registered names of a module here.
class MMI_API KeyMap {
 public:
  /// Throws ConfigError for an expression that cannot be read.
  explicit KeyMap(std::vector<KeyRule> rules);

  /// Rules apply in order. CheckpointError for a rule that fits no key and for two tensors that end
  /// under one name. `source` names the file in messages.
  NamedTensors apply(NamedTensors tensors, const std::string& source) const;

 private:
  std::vector<KeyRule> rules_;
};

}  // namespace mmi::nn

template <>
struct mmi::config::EnumNames<mmi::nn::KeyOp> {
  static constexpr std::array<std::pair<const char*, mmi::nn::KeyOp>, 5> names{{
      {"rename", mmi::nn::KeyOp::kRename},
      {"drop", mmi::nn::KeyOp::kDrop},
      {"transpose", mmi::nn::KeyOp::kTranspose},
      {"split", mmi::nn::KeyOp::kSplit},
      {"fold", mmi::nn::KeyOp::kFold},
  }};
};
