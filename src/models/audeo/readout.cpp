#include "mmi/models/audeo/readout.h"

#include "mmi/base/errors.h"

namespace mmi::models::audeo {

std::int64_t readout_size(Readout readout, std::int64_t channels, std::int64_t input_width) {
  if (readout == Readout::kGlobal) {
    return channels;
  }
  MMI_CHECK(
      ConfigError,
      input_width > 0,
      "readout: columns needs the width of the pictures, but it is {}",
      input_width);
  return channels * ((input_width + 31) / 32);  // five strides of two
}

torch::Tensor read_out(Readout readout, const torch::Tensor& map) {
  return readout == Readout::kGlobal ? map.mean({2, 3}) : map.mean(2).flatten(1);
}

}  // namespace mmi::models::audeo
