#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mmi/models/xrir/response_task.h"
#include "mmi/worlds/rooms/simulate.h"
#include "mmi/worlds/rooms/world.h"
#include "models/xrir/rooms_grid.h"

/// What is heard of a room's sources wherever they stand: simulated, and said from few references.
namespace mmi::models::xrir {

/// A room of the split "test" as the scores of a run see it: responses at the level that the whole
/// room has.
struct MapRoom {
  worlds::rooms::WorldRoom world;
  worlds::rooms::SimulateOptions options;
  double scale = 1;
  std::string name;  ///< of room and receiver: "Cafe_idx_1/R001"
  worlds::rooms::Vec3 receiver;
  torch::Tensor depth;                ///< (H,W)
  std::vector<std::int64_t> numbers;  ///< of the references, from 0
  std::vector<worlds::rooms::Vec3> references;
  torch::Tensor responses;  ///< (K,N) of the references
};

/// Room `number` of the world of a run whose rooms are a room_world, heard at a receiver (from 1
/// on), of whose sources `references` are known. ConfigError where there are not so many.
MapRoom make_map_room(
    const XRirTask& task, std::int64_t number, std::int64_t receiver, std::int64_t references);

/// What is known of a source at a place.
struct MapPoint {
  worlds::rooms::Vec3 place;
  std::int64_t nearest = 0;  ///< which of the references
  Heard truth;
  Heard predicted;
  Heard guessed;                ///< the nearest reference
  std::optional<Heard> fitted;  ///< Diff-RIR
};

/// Sources at every place of the grid. `diff_rir_steps` above 0 first fit Diff-RIR to the
/// references, as configs/xrir/diff_rir.yaml does. Interrupted when `stop` says so.
std::vector<MapPoint> listen(
    XRirTask& task,
    const MapRoom& room,
    const std::vector<worlds::rooms::Vec3>& grid,
    std::int64_t diff_rir_steps,
    const std::function<bool()>& stop);

}  // namespace mmi::models::xrir
