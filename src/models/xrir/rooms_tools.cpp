#include "models/xrir/rooms_tools.h"

#include "models/xrir/rooms_make.h"

namespace mmi::models::xrir {

void register_rooms_tools() {
  auto& tools = Registry<Tool>::get();
  tools.add<RoomsMakeConfig>(
      "rooms/make",
      "furnished rooms in the layout of AcousticRooms",
      [](const RoomsMakeConfig& config, const Tool::BuildArgs&) {
        return make_rooms_make(config);
      });
  tools.add<RoomsCheckConfig>(
      "rooms/check",
      "is a scene closed? its volume, surface and reverberation times",
      [](const RoomsCheckConfig& config, const Tool::BuildArgs&) {
        return make_rooms_check(config);
      });
  tools.add<RoomsSimulateConfig>(
      "rooms/simulate",
      "impulse responses between points of a scene, as sound files",
      [](const RoomsSimulateConfig& config, const Tool::BuildArgs&) {
        return make_rooms_simulate(config);
      });
  tools.add<RoomsRenderConfig>(
      "rooms/render",
      "the depth panorama at a point of a scene",
      [](const RoomsRenderConfig& config, const Tool::BuildArgs&) {
        return make_rooms_render(config);
      });
  tools.add<RoomsMeasureConfig>(
      "rooms/measure",
      "reverberation times and clarity of impulse responses",
      [](const RoomsMeasureConfig& config, const Tool::BuildArgs&) {
        return make_rooms_measure(config);
      });
  tools.add<RoomsMapConfig>(
      "rooms/map",
      "clarity, reverberation or level over the floor of a scene",
      [](const RoomsMapConfig& config, const Tool::BuildArgs&) { return make_rooms_map(config); });
  tools.add<RoomsAuralizeConfig>(
      "rooms/auralize",
      "a recording as it sounds in a scene, standing or walking, to two ears",
      [](const RoomsAuralizeConfig& config, const Tool::BuildArgs&) {
        return make_rooms_auralize(config);
      });
  tools.add<RoomsMaterialsConfig>(
      "rooms/materials",
      "the materials that ship with the library",
      [](const RoomsMaterialsConfig& config, const Tool::BuildArgs&) {
        return make_rooms_materials(config);
      });
}

}  // namespace mmi::models::xrir
