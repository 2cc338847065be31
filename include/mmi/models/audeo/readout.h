#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <utility>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

namespace mmi::models::audeo {

/// How the last feature map becomes the input of the classifier.
enum class Readout {
  kGlobal,   ///< mean over the picture, as published: where a key is must be coded by channels
  kColumns,  ///< mean over the height only: columns stay apart, which needs far fewer examples
};

/// Inputs of the classifier for a map of `channels` that comes from pictures `input_width` wide.
MMI_API std::int64_t readout_size(Readout readout, std::int64_t channels, std::int64_t input_width);

/// (B,C,h,w) → (B,C) or (B,C·w).
MMI_API torch::Tensor read_out(Readout readout, const torch::Tensor& map);

}  // namespace mmi::models::audeo

template <>
struct mmi::config::EnumNames<mmi::models::audeo::Readout> {
  static constexpr std::array<std::pair<const char*, mmi::models::audeo::Readout>, 2> names{{
      {"global", mmi::models::audeo::Readout::kGlobal},
      {"columns", mmi::models::audeo::Readout::kColumns},
  }};
};
