#include "models/xrir/measured_rooms.h"

#include "mmi/worlds/rooms/depth.h"
#include "mmi/worlds/rooms/measured.h"
#include "models/xrir/room_cache.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

/// Four simulated rooms like those of Hearing Anything Anywhere.
class MeasuredRooms : public KnownRooms {
 public:
  MeasuredRooms(const MeasuredRoomsConfig& config, const BuildArgs& args)
      : KnownRooms(config.room, config.train_on, args, "simulating measured rooms"),
        config_(config),
        cache_(rooms_cache(config.cache)) {}

  Place place(const ReceiverSet& set) const override {
    const rooms::MeasuredRoom room =
        rooms::make_measured_room(set.room, config_.seed, config_.microphones);
    return {room.scene, room.speaker.position};
  }

  std::string fingerprint() const override {
    return format(
        "{} seed {}: {} trained on {}, 12 + {} microphones, {} rays, depth {} x {}, {} samples",
        rooms::measured_version(),
        config_.seed,
        config_.room,
        trained_on(),
        config_.microphones,
        config_.rays,
        args_.height,
        args_.width,
        args_.samples);
  }

 protected:
  ReceiverSet load(const std::string& name) const override {
    const rooms::MeasuredRoom room =
        rooms::make_measured_room(name, config_.seed, config_.microphones);
    const auto count = static_cast<std::int64_t>(room.microphones.size());
    const auto simulate = [&] {
      rooms::SimulateOptions options;
      options.rays = static_cast<int>(config_.rays);
      options.samples = args_.samples;
      options.seed = config_.seed;
      const std::vector<float> made = rooms::measured_responses(room, options);
      return torch::tensor(made).reshape({count, args_.samples});
    };
    ReceiverSet set{
        name,
        name + "/speaker",
        rooms::DepthRenderer(room.scene).depth(room.speaker.position, args_.height, args_.width),
        torch::empty({count, 3}),
        cached_responses(cache_.empty() ? cache_ : file_of(name), true, simulate)};
    for (std::int64_t m = 0; m < count; ++m) {
      const rooms::Vec3 way = room.microphones[static_cast<std::size_t>(m)] - room.speaker.position;
      set.sources[m] = torch::tensor({way.x, way.y, way.z}).to(torch::kFloat32);
    }
    set.known = torch::zeros({count}, torch::kBool).index_fill_(0, torch::tensor(room.known), true);
    return set;
  }

 private:
  std::filesystem::path file_of(const std::string& room) const {
    return cache_ / "rooms" /
           format(
               "{}-{}-{}-{}-{}",
               rooms::measured_version(),
               config_.seed,
               config_.microphones,
               config_.rays,
               args_.samples) /
           (room + ".safetensors");
  }

  MeasuredRoomsConfig config_;
  std::filesystem::path cache_;
};

}  // namespace

const config::Schema& MeasuredRoomsConfig::schema() {
  using C = MeasuredRoomsConfig;
  static const config::Schema made =
      config::Table<C>(
          "measured_rooms", "stand-ins for the rooms of Hearing Anything Anywhere (specs/ch08 §9)")
          .field("room", &C::room, "that is scored: classroom, dampened, hallway or complex")
          .field(
              "train_on",
              &C::train_on,
              "known responses of the room, or of three: all but the dampened one")
          .field("seed", &C::seed, "of materials, places and noise")
          .field(
              "microphones",
              &C::microphones,
              "that are scored, besides the 12 known ones",
              config::between(1, 500))
          .field("rays", &C::rays, "of the simulator", config::between(0, 10'000'000))
          .field(
              "cache",
              &C::cache,
              "folder of simulated rooms; auto: the user's cache, none: memory only")
          .cosmetic();
  return made;
}

void register_measured_rooms() {
  Registry<RirRooms>::get().add<MeasuredRoomsConfig>(
      "measured_rooms",
      "four rooms shaped like those of Hearing Anything Anywhere, twelve known responses each",
      [](const MeasuredRoomsConfig& config, const RirRooms::BuildArgs& args) {
        return std::make_shared<MeasuredRooms>(config, args);
      });
}

}  // namespace mmi::models::xrir
