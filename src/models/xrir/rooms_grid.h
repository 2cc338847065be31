#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/config.h"
#include "mmi/dsp/room_measures.h"
#include "mmi/worlds/rooms/scene.h"

/// Places over a floor and what is heard there, for maps of scenes and of models.
namespace mmi::models::xrir {

enum class MapMeasure { kC50, kT20, kEdt, kLevel };

std::string title_of(MapMeasure measure);

/// "c50_db"
std::string name_of(MapMeasure measure);

/// "dB" or "s"
std::string unit_of(MapMeasure measure);

struct Heard {
  dsp::RoomMeasures measures;
  double level_db = 0;  ///< of the energy; 0: an impulse of height 1

  /// NaN where there is none.
  double value(MapMeasure measure) const;
};

Heard hear(
    std::span<const float> samples,
    std::int64_t sample_rate_hz,
    const dsp::RoomMeasureConfig& config = {});

/// Points `spacing` metres apart at height z, in the air, `margin` metres from all surfaces and 0.1
/// m from `apart`, row by row, in the middle of the room. ConfigError for none or more than 20,000.
std::vector<worlds::rooms::Vec3> floor_grid(
    const worlds::rooms::Scene& scene,
    double spacing,
    double z,
    double margin,
    worlds::rooms::Vec3 apart);

/// Range of the colours: single outliers, 2 % at each end, do not take them from the others. Sorts
/// `values`, which are finite; 0 to 1 for none.
std::pair<double, double> colour_range(std::vector<double>& values);

}  // namespace mmi::models::xrir

template <>
struct mmi::config::EnumNames<mmi::models::xrir::MapMeasure> {
  static constexpr std::array<std::pair<const char*, mmi::models::xrir::MapMeasure>, 4> names{{
      {"c50_db", mmi::models::xrir::MapMeasure::kC50},
      {"t20_s", mmi::models::xrir::MapMeasure::kT20},
      {"edt_s", mmi::models::xrir::MapMeasure::kEdt},
      {"level_db", mmi::models::xrir::MapMeasure::kLevel},
  }};
};
