#include "mmi/models/audeo/references.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "mmi/models/audeo/recordings.h"

namespace mmi::models::audeo {
namespace {

constexpr double kAudibleDb = 10;  // D0 of the hard world
constexpr double kSlowestS = 0.12;
constexpr std::int64_t kTailFrames = 4;  // mean of 2..6

std::int64_t audible_frames(int pitch) {
  const double rate_db_s = 9 * std::exp2((pitch - 60) / 18.0);
  return std::llround(std::max(kSlowestS, kAudibleDb / rate_db_s) * kFps);
}

}  // namespace

torch::Tensor shuffled_frames(const torch::Tensor& truth, Rng& rng) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(truth.size(0)));
  std::iota(order.begin(), order.end(), 0);
  rng.shuffle(order);
  return truth.index_select(0, torch::tensor(order));
}

torch::Tensor repair_rule(const torch::Tensor& roll, int low_pitch, bool cut) {
  const torch::Tensor held = roll.to(torch::kUInt8).contiguous();
  torch::Tensor sounding = torch::zeros_like(held);
  const auto in = held.accessor<std::uint8_t, 2>();
  auto out = sounding.accessor<std::uint8_t, 2>();
  const std::int64_t frames = held.size(0);
  for (std::int64_t key = 0; key < held.size(1); ++key) {
    const std::int64_t audible = cut ? audible_frames(low_pitch + static_cast<int>(key)) : frames;
    for (std::int64_t start = 0; start < frames;) {
      if (!in[start][key]) {
        ++start;
        continue;
      }
      std::int64_t end = start;
      while (end < frames && in[end][key]) {
        ++end;
      }
      if (end - start > 1) {
        const std::int64_t last = std::min({frames, end + kTailFrames, start + audible});
        for (std::int64_t t = start; t < last; ++t) {
          out[t][key] = 1;
        }
      }
      start = end;
    }
  }
  return sounding.to(torch::kBool);
}

}  // namespace mmi::models::audeo
