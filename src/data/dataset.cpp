#include "mmi/data/dataset.h"

#include <numeric>

MMI_DEFINE_REGISTRY(mmi::data::Dataset)

namespace mmi::data {

std::vector<std::int64_t> PermutationSampler::epoch(std::uint64_t seed, std::int64_t epoch) const {
  std::vector<std::int64_t> order(static_cast<std::size_t>(size_));
  std::iota(order.begin(), order.end(), 0);
  if (shuffle_) {
    Rng(seed).stream("order", static_cast<std::uint64_t>(epoch)).shuffle(order);
  }
  return order;
}

}  // namespace mmi::data
