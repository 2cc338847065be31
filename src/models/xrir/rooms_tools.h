#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "mmi/base/config.h"
#include "mmi/dsp/room_measures.h"
#include "mmi/task/tool.h"
#include "mmi/worlds/rooms/auralize.h"
#include "mmi/worlds/rooms/depth.h"
#include "mmi/worlds/rooms/simulate.h"
#include "models/xrir/rooms_grid.h"
#include "models/xrir/rooms_settings.h"

/// `mmi rooms <tool>`: scenes, the simulator, and what one wants to know of impulse responses.
namespace mmi::models::xrir {

struct RoomsCheckConfig : SceneSettings {
  static const config::Schema& schema();
};

std::shared_ptr<Tool> make_rooms_check(const RoomsCheckConfig& config);

struct RoomsSimulateConfig : SceneSettings, worlds::rooms::SimulateOptions {
  Points source;
  Points receiver;
  Points facing;
  double omni = 1;
  bool picture = true;

  static const config::Schema& schema();
};

std::shared_ptr<Tool> make_rooms_simulate(const RoomsSimulateConfig& config);

struct RoomsRenderConfig : SceneSettings {
  Points position;
  std::int64_t height = 256;
  std::int64_t width = 512;
  worlds::rooms::PixelConvention convention = worlds::rooms::PixelConvention::kCenter;
  bool normals = true;

  static const config::Schema& schema();
};

std::shared_ptr<Tool> make_rooms_render(const RoomsRenderConfig& config);

struct RoomsMeasureConfig {
  dsp::RoomMode mode = dsp::RoomMode::kIso;
  std::int64_t edt_db = 10;
  std::int64_t t60_db = 20;
  bool bands = false;
  bool compare = false;

  static const config::Schema& schema();
};

std::shared_ptr<Tool> make_rooms_measure(const RoomsMeasureConfig& config);

struct RoomsMapConfig : SceneSettings, worlds::rooms::SimulateOptions {
  Points source;
  MapMeasure measure = MapMeasure::kC50;
  double spacing = 0.25;
  double z = 1.2;
  double margin = 0.3;

  static const config::Schema& schema();
};

std::shared_ptr<Tool> make_rooms_map(const RoomsMapConfig& config);

struct RoomsAuralizeConfig : SceneSettings,
                             worlds::rooms::SimulateOptions,
                             worlds::rooms::AuralizeOptions {
  RoomsAuralizeConfig() {
    sample_rate_hz = 44100;
    samples = 66150;
  }

  std::string dry;
  std::string dry_out;
  Points source;
  Points receiver;
  bool picture = true;

  static const config::Schema& schema();
};

std::shared_ptr<Tool> make_rooms_auralize(const RoomsAuralizeConfig& config);

struct RoomsMaterialsConfig {
  static const config::Schema& schema();
};

std::shared_ptr<Tool> make_rooms_materials(const RoomsMaterialsConfig& config);

void register_rooms_tools();

}  // namespace mmi::models::xrir

template <>
struct mmi::config::EnumNames<mmi::dsp::RoomMode> {
  static constexpr std::array<std::pair<const char*, mmi::dsp::RoomMode>, 2> names{{
      {"iso", mmi::dsp::RoomMode::kIso},
      {"paper", mmi::dsp::RoomMode::kPaper},
  }};
};
