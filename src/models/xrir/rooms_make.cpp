#include "models/xrir/rooms_make.h"

#include <algorithm>

#include "mmi/base/errors.h"
#include "mmi/base/progress.h"
#include "mmi/data/formats/acoustic_rooms_check.h"
#include "mmi/worlds/rooms/export.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;
using data::formats::AcousticRoom;
using data::formats::AcousticRoomsLayout;

class RoomsMake : public Tool {
 public:
  explicit RoomsMake(const RoomsMakeConfig& config) : config_(config) {}

  std::string usage() const override {
    return "--out DIR";
  }

  std::string examples() const override {
    return "mmi rooms make --out data/rooms rooms=20\n"
           "mmi rooms make --out data/rooms rooms=20 first=20\n"
           "mmi train xrir/xrir.yaml task.rooms.name=acoustic_rooms task.rooms.root=data/rooms";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        call.inputs.empty() && !call.out.empty(),
        "mmi rooms make takes no input, but --out DIR");
    const AcousticRoomsLayout layout(call.out);
    rooms::SimulateOptions options;
    options.samples = config_.samples;
    options.rays = static_cast<int>(config_.rays);
    rooms::write_material_library(layout);
    ToolResult result;
    double made = 0;
    Progress bar("making rooms", config_.rooms);
    for (std::int64_t i = 0; i < config_.rooms && !call.stop(); ++i) {
      const rooms::WorldRoom room =
          rooms::make_room(config_.seed, config_.first + i, config_.sources, config_.receivers);
      rooms::write_room(layout, room, rooms::simulate_room(room, options), options);
      ++made;
      bar.advance();
    }
    write_seen_split(layout);
    result.values = {
        {"rooms", made},
        {"responses",
         made * static_cast<double>(config_.sources) * static_cast<double>(config_.receivers)}};
    result.lines = {
        format("world {} {}, seed {}", rooms::world_version(), rooms::world_hash(), config_.seed),
        "responses are geometric in all bands; AcousticRooms' are wave-based below 710 Hz"};
    result.files.push_back({call.out, "rooms in the layout of AcousticRooms"});
    return result;
  }

 private:
  // Of all rooms that lie there, also from earlier calls.
  static void write_seen_split(const AcousticRoomsLayout& layout) {
    std::vector<data::formats::SeenRir> held;
    for (const AcousticRoom& room : layout.rooms()) {
      if (data::formats::is_unseen_test_room(room)) {
        continue;
      }
      const auto files = layout.files(room);
      const auto last = data::formats::seen_test_receivers(files.receivers());
      for (const auto pair : files.pairs()) {
        if (std::find(last.begin(), last.end(), pair.receiver) != last.end()) {
          held.push_back({room, pair});
        }
      }
    }
    layout.write_seen_test(held);
  }

  RoomsMakeConfig config_;
};

}  // namespace

const config::Schema& RoomsMakeConfig::schema() {
  using C = RoomsMakeConfig;
  static const config::Schema made =
      config::Table<C>("rooms/make", "rooms of the world in the layout of AcousticRooms")
          .field("seed", &C::seed, "of all rooms")
          .field("rooms", &C::rooms, "how many", config::between(1, 100'000))
          .field("first", &C::first, "number of the first one", config::at_least(0))
          .field("sources", &C::sources, "of a room", config::between(1, 200))
          .field("receivers", &C::receivers, "of a room", config::between(1, 200))
          .field(
              "samples", &C::samples, "of a response at 22,050 Hz", config::between(100, 1 << 20))
          .field("rays", &C::rays, "of the stochastic part", config::between(0, 10'000'000));
  return made;
}

std::shared_ptr<Tool> make_rooms_make(const RoomsMakeConfig& config) {
  return std::make_shared<RoomsMake>(config);
}

}  // namespace mmi::models::xrir
