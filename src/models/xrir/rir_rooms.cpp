#include "mmi/models/xrir/rir_rooms.h"

#include "mmi/base/errors.h"

namespace mmi::models::xrir {

std::vector<std::int64_t> known_sources(const ReceiverSet& set) {
  std::vector<std::int64_t> known;
  for (std::int64_t s = 0; s < set.sources.size(0); ++s) {
    if (!set.known.defined() || set.known[s].item<bool>()) {
      known.push_back(s);
    }
  }
  return known;
}

torch::Tensor draw_references(const ReceiverSet& set, std::int64_t count, Rng& rng) {
  const std::int64_t sources = set.sources.size(0);
  const std::vector<std::int64_t> known = known_sources(set);
  auto chosen = torch::empty({sources, count}, torch::kLong);
  auto* out = chosen.data_ptr<std::int64_t>();
  std::vector<std::int64_t> others;
  for (std::int64_t s = 0; s < sources; ++s) {
    for (std::int64_t k = 0; k < count; ++k) {
      if (others.empty()) {  // also where there are fewer than `count`
        for (const std::int64_t other : known) {
          if (other != s && (!set.pool.defined() || set.pool[other].item<bool>())) {
            others.push_back(other);
          }
        }
        MMI_CHECK(DataError, !others.empty(), "{} has no reference for source {}", set.name, s + 1);
        rng.shuffle(others);
      }
      *out++ = others.back();
      others.pop_back();
    }
    others.clear();
  }
  return chosen;
}

RirRooms::Place RirRooms::place(const ReceiverSet& set) const {
  throw ConfigError(format(
      "{}: these rooms do not know their geometry, which a renderer needs; room_world does",
      set.name));
}

torch::Tensor RirRooms::simulate_again(const ReceiverSet& set, std::uint64_t) const {
  throw ConfigError(format(
      "{}: these responses cannot be simulated again; those of room_world and one_room can",
      set.name));
}

}  // namespace mmi::models::xrir
