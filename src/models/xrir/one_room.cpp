#include "models/xrir/one_room.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "mmi/base/errors.h"
#include "mmi/base/progress.h"
#include "mmi/models/xrir/rir_rooms.h"
#include "mmi/worlds/rooms/depth.h"
#include "models/xrir/room_cache.h"
#include "models/xrir/world_rooms.h"
#include "models/xrir/world_simulation.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

/// One room of the world of which most pairs of source and receiver are known. "test": all pairs,
/// with the known ones marked; "train" and "valid": known ones alone.
class OneRoom : public RirRooms {
 public:
  OneRoom(const OneRoomConfig& config, const BuildArgs& args)
      : config_(config),
        args_(args),
        simulation_{config.seed, config.rays, args.samples, rooms_cache(config.cache)} {}

  const ReceiverSets& split(const std::string& name) override {
    static const ReceiverSets kNone;
    if (name == "seen") {
      return kNone;
    }
    const bool test = name == "test";
    MMI_CHECK(
        DataError,
        test || name == "train" || name == "valid",
        "one_room has no split \"{}\"; it has train, valid, test",
        name);
    if (test_.empty()) {
      load();
    }
    return test ? test_ : train_;
  }

  Place place(const ReceiverSet& set) const override {
    return {room().scene, room().receivers.at(receiver_index(set.name))};
  }

  torch::Tensor simulate_again(const ReceiverSet& set, std::uint64_t seed) const override {
    return simulation_.again(room(), place(set).receiver, seed)
        .index_select(0, torch::tensor(columns_of(set)));
  }

  std::string fingerprint() const override {
    return format(
        "{} seed {}: unseen room {} of {} x {}, {} known, {} rays, depth {} x {}, {} samples",
        rooms::world_version(),
        config_.seed,
        config_.room,
        config_.receivers,
        config_.sources,
        config_.known,
        config_.rays,
        args_.height,
        args_.width,
        args_.samples);
  }

 private:
  std::int64_t number() const {
    return kFirstTestRoom + config_.room;
  }

  const rooms::WorldRoom& room() const {
    if (!room_) {
      room_ = rooms::make_room(config_.seed, number(), config_.sources, config_.receivers);
    }
    return *room_;
  }

  // As many of each receiver, so that each has references; a target needs another one.
  std::vector<std::int64_t> known_of(std::size_t receiver) const {
    std::vector<std::int64_t> order(static_cast<std::size_t>(config_.sources));
    std::iota(order.begin(), order.end(), 0);
    Rng rng = Rng(config_.seed).stream("known", receiver);
    rng.shuffle(order);
    const auto count = std::lround(config_.known * static_cast<double>(config_.sources));
    order.resize(static_cast<std::size_t>(std::clamp<std::int64_t>(count, 2, config_.sources - 1)));
    std::sort(order.begin(), order.end());
    return order;
  }

  // The room's sources that a set has.
  std::vector<std::int64_t> columns_of(const ReceiverSet& set) const {
    if (!set.known.defined()) {
      return known_of(receiver_index(set.name));
    }
    std::vector<std::int64_t> all(static_cast<std::size_t>(config_.sources));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  void load() {
    Progress bar("simulating one room", 1);
    const torch::Tensor responses = simulation_.responses(room(), number(), true);
    const rooms::DepthRenderer renderer(room().scene);
    for (std::size_t r = 0; r < room().receivers.size(); ++r) {
      const rooms::Vec3 receiver = room().receivers[r];
      ReceiverSet set{
          room().name(),
          format("{}/R{:03d}", room().name(), r + 1),
          renderer.depth(receiver, args_.height, args_.width),
          relative_sources(room(), receiver),
          responses[static_cast<std::int64_t>(r)]};
      const auto known = torch::tensor(known_of(r));
      train_.push_back(set);
      train_.back().sources = set.sources.index_select(0, known);
      train_.back().responses = set.responses.index_select(0, known);
      set.known = torch::zeros({config_.sources}, torch::kBool).index_fill_(0, known, true);
      test_.push_back(set);
    }
    bar.advance();
  }

  OneRoomConfig config_;
  BuildArgs args_;
  WorldSimulation simulation_;
  mutable std::optional<rooms::WorldRoom> room_;
  ReceiverSets train_;
  ReceiverSets test_;
};

}  // namespace

const config::Schema& OneRoomConfig::schema() {
  using C = OneRoomConfig;
  static const config::Schema made =
      config::Table<C>("one_room", "one simulated room of which most pairs are known (ch08 §9)")
          .field(
              "room",
              &C::room,
              "which of the rooms that room_world's training does not see, from 0 on",
              config::between(0, 99'999))
          .field("seed", &C::seed, "of the room, and of which pairs are known")
          .field("receivers", &C::receivers, "of the room", config::between(2, 200))
          .field("sources", &C::sources, "of the room", config::between(3, 200))
          .field(
              "known",
              &C::known,
              "share of each receiver's sources; the others are scored",
              config::between(0, 1))
          .field("rays", &C::rays, "of the simulator", config::between(0, 10'000'000))
          .field(
              "cache",
              &C::cache,
              "folder of simulated rooms; auto: the user's cache, none: memory only")
          .cosmetic();
  return made;
}

void register_one_room() {
  Registry<RirRooms>::get().add<OneRoomConfig>(
      "one_room",
      "one room of which most pairs of source and receiver are known",
      [](const OneRoomConfig& config, const RirRooms::BuildArgs& args) {
        return std::make_shared<OneRoom>(config, args);
      });
}

}  // namespace mmi::models::xrir
