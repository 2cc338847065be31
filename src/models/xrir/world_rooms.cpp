#include "models/xrir/world_rooms.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "mmi/base/errors.h"
#include "mmi/base/progress.h"
#include "mmi/worlds/rooms/depth.h"
#include "models/xrir/room_cache.h"
#include "models/xrir/world_simulation.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

// Rooms of a split are numbered from here on: no two splits share one.
const std::map<std::string, std::int64_t>& first_numbers() {
  static const std::map<std::string, std::int64_t> made{
      {"train", 0}, {"seen", 0}, {"valid", 100'000}, {"test", kFirstTestRoom}};
  return made;
}

class WorldRooms : public RirRooms {
 public:
  WorldRooms(const WorldRoomsConfig& config, const BuildArgs& args)
      : config_(config),
        args_(args),
        simulation_{config.seed, config.rays, args.samples, rooms_cache(config.cache)} {}

  const ReceiverSets& split(const std::string& name) override {
    MMI_CHECK(
        DataError,
        first_numbers().contains(name),
        "the room world has no split \"{}\"; it has train, valid, test, seen",
        name);
    ReceiverSets& sets = loaded_[name];
    if (sets.empty()) {
      sets = load(name);
    }
    return sets;
  }

  Place place(const ReceiverSet& set) const override {
    const rooms::WorldRoom room = room_of(set);
    return {room.scene, room.receivers.at(receiver_index(set.name))};
  }

  torch::Tensor simulate_again(const ReceiverSet& set, std::uint64_t seed) const override {
    const rooms::WorldRoom room = room_of(set);
    return simulation_.again(room, room.receivers.at(receiver_index(set.name)), seed);
  }

  std::string fingerprint() const override {
    return format(
        "{} seed {}: {} + {} + {} rooms of {} x {}, {} rays, depth {} x {}, {} samples",
        rooms::world_version(),
        config_.seed,
        config_.train_rooms,
        config_.valid_rooms,
        config_.test_rooms,
        config_.receivers,
        config_.sources,
        config_.rays,
        args_.height,
        args_.width,
        args_.samples);
  }

 private:
  std::int64_t rooms_of(const std::string& split) const {
    return split == "valid"  ? config_.valid_rooms
           : split == "test" ? config_.test_rooms
                             : config_.train_rooms;
  }

  // The last 15 % of the receivers of a training room are "seen".
  std::pair<std::int64_t, std::int64_t> receivers_of(const std::string& split) const {
    const auto held =
        static_cast<std::int64_t>(std::ceil(0.15 * static_cast<double>(config_.receivers)));
    if (split == "train") {
      return {0, config_.receivers - held};
    }
    return {split == "seen" ? config_.receivers - held : 0, config_.receivers};
  }

  rooms::WorldRoom room_of(std::int64_t number) const {
    return rooms::make_room(config_.seed, number, config_.sources, config_.receivers);
  }

  // By the name, "Office_idx_7": the seventh office.
  rooms::WorldRoom room_of(const ReceiverSet& set) const {
    const std::vector<std::string>& categories = rooms::room_categories();
    const std::size_t mark = set.room.rfind("_idx_");
    const auto category =
        std::find(categories.begin(), categories.end(), set.room.substr(0, mark)) -
        categories.begin();
    const auto count = static_cast<std::int64_t>(categories.size());
    return room_of((std::stoll(set.room.substr(mark + 5)) - 1) * count + category);
  }

  void add(
      const rooms::WorldRoom& room,
      const torch::Tensor& responses,
      const std::string& split,
      ReceiverSets& sets) const {
    const rooms::DepthRenderer renderer(room.scene);
    const auto [first, last] = receivers_of(split);
    for (std::int64_t r = first; r < last; ++r) {
      const rooms::Vec3 receiver = room.receivers[static_cast<std::size_t>(r)];
      sets.push_back(
          {room.name(),
           format("{}/R{:03d}", room.name(), r + 1),
           renderer.depth(receiver, args_.height, args_.width),
           relative_sources(room, receiver),
           split == "seen" ? responses[r].clone() : responses[r]});
    }
  }

  ReceiverSets load(const std::string& split) const {
    const std::int64_t count = rooms_of(split);
    const std::int64_t first = first_numbers().at(split);
    std::vector<ReceiverSets> parts(static_cast<std::size_t>(count));
    Progress bar(format("simulating {} rooms", split), count);
    // What another process has in work is left for a second round.
    for (const bool wait : {false, true}) {
      for (std::int64_t i = 0; i < count; ++i) {
        ReceiverSets& part = parts[static_cast<std::size_t>(i)];
        if (!part.empty()) {
          continue;
        }
        const rooms::WorldRoom room = room_of(first + i);
        const torch::Tensor responses = simulation_.responses(room, first + i, wait);
        if (responses.defined()) {
          add(room, responses, split, part);
          bar.advance();
        }
      }
    }
    ReceiverSets sets;
    for (const ReceiverSets& part : parts) {
      sets.insert(sets.end(), part.begin(), part.end());
    }
    return sets;
  }

  WorldRoomsConfig config_;
  BuildArgs args_;
  WorldSimulation simulation_;
  std::map<std::string, ReceiverSets> loaded_;
};

}  // namespace

const config::Schema& WorldRoomsConfig::schema() {
  using C = WorldRoomsConfig;
  static const config::Schema made =
      config::Table<C>("room_world", "simulated rooms (specs/ch08 §8)")
          .field("seed", &C::seed, "of all rooms")
          .field("train_rooms", &C::train_rooms, "", config::between(1, 99'999))
          .field("valid_rooms", &C::valid_rooms, "", config::between(1, 99'999))
          .field(
              "test_rooms",
              &C::test_rooms,
              "rooms that training does not see",
              config::between(1, 99'999))
          .field(
              "receivers",
              &C::receivers,
              "of a room; the last 15 % are held out",
              config::between(2, 200))
          .field("sources", &C::sources, "of a room", config::between(2, 200))
          .field("rays", &C::rays, "of the simulator", config::between(0, 10'000'000))
          .field(
              "cache",
              &C::cache,
              "folder of simulated rooms; auto: the user's cache, none: memory only")
          .cosmetic();
  return made;
}

void register_world_rooms() {
  Registry<RirRooms>::get().add<WorldRoomsConfig>(
      "room_world",
      "furnished rooms of ten categories, simulated",
      [](const WorldRoomsConfig& config, const RirRooms::BuildArgs& args) {
        return std::make_shared<WorldRooms>(config, args);
      });
}

}  // namespace mmi::models::xrir
