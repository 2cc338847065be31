#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "mmi/base/api.h"

namespace mmi {

/// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011). A stream is a pure
/// function of (seed, name, index), so results do not depend on the number of workers or on call
/// order elsewhere. Not thread-safe; make one stream per thread.
///   Rng rng(seed); Rng item = rng.stream("augment", index); double x = item.uniform(-1, 1);
class MMI_API Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t stream_id = 0);

  /// Independent child stream; does not advance this one.
  Rng stream(std::string_view name, std::uint64_t index = 0) const;

  std::uint32_t next_u32();
  std::uint64_t next_u64();

  /// In [0, 1), 53 random bits.
  double uniform();
  double uniform(double low, double high);

  /// In [0, n); n > 0.
  std::int64_t integer(std::int64_t n);

  /// Standard normal (Box-Muller).
  double normal();
  double normal(double mean, double sd);

  bool chance(double probability);

  /// Index drawn with the given non-negative weights.
  std::size_t choice(std::span<const double> weights);

  /// Fisher-Yates.
  template <class Container>
  void shuffle(Container& items) {
    for (std::int64_t i = static_cast<std::int64_t>(items.size()) - 1; i > 0; --i) {
      std::swap(
          items[static_cast<std::size_t>(i)], items[static_cast<std::size_t>(integer(i + 1))]);
    }
  }

 private:
  std::uint64_t seed_;
  std::uint64_t stream_id_;
  std::uint64_t counter_ = 0;
  std::array<std::uint32_t, 4> block_{};
  unsigned used_ = 4;
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace mmi
