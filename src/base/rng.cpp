#include "mmi/base/rng.h"

#include <cmath>
#include <numbers>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"

namespace mmi {
namespace {

std::array<std::uint32_t, 4> philox(
    std::uint64_t key, std::uint64_t stream, std::uint64_t counter) {
  std::array<std::uint32_t, 4> c{
      static_cast<std::uint32_t>(counter),
      static_cast<std::uint32_t>(counter >> 32),
      static_cast<std::uint32_t>(stream),
      static_cast<std::uint32_t>(stream >> 32)};
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = 0xD2511F53ULL * c[0];
    const std::uint64_t p1 = 0xCD9E8D57ULL * c[2];
    c = {
        static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0,
        static_cast<std::uint32_t>(p1),
        static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1,
        static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return c;
}

}  // namespace

Rng::Rng(std::uint64_t seed, std::uint64_t stream_id) : seed_(seed), stream_id_(stream_id) {}

Rng Rng::stream(std::string_view name, std::uint64_t index) const {
  return Rng(seed_, mix64(fnv1a64(name, stream_id_ ^ 0xCBF29CE484222325ULL) + mix64(index + 1)));
}

std::uint32_t Rng::next_u32() {
  if (used_ == 4) {
    block_ = philox(seed_, stream_id_, counter_++);
    used_ = 0;
  }
  return block_[used_++];
}

std::uint64_t Rng::next_u64() {
  const std::uint64_t high = next_u32();
  return (high << 32) | next_u32();
}

double Rng::uniform() {
  return static_cast<double>(next_u64() >> 11) * 0x1.0p-53;
}

double Rng::uniform(double low, double high) {
  return low + (high - low) * uniform();
}

std::int64_t Rng::integer(std::int64_t n) {
  MMI_ASSERT(n > 0);
  // Multiply-shift; the bias is below n / 2^64.
  return static_cast<std::int64_t>(
      (static_cast<unsigned __int128>(next_u64()) * static_cast<std::uint64_t>(n)) >> 64);
}

double Rng::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

double Rng::normal(double mean, double sd) {
  return mean + sd * normal();
}

bool Rng::chance(double probability) {
  return uniform() < probability;
}

std::size_t Rng::choice(std::span<const double> weights) {
  double total = 0;
  for (const double w : weights) {
    total += w;
  }
  MMI_ASSERT(total > 0);
  double left = uniform() * total;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    left -= weights[i];
    if (left < 0) {
      return i;
    }
  }
  std::size_t last = weights.size() - 1;
  while (weights[last] <= 0) {
    --last;
  }
  return last;
}

}  // namespace mmi
