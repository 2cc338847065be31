#include "models/xrir/rooms_grid.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mmi/base/errors.h"
#include "mmi/worlds/rooms/world.h"
#include "models/xrir/rooms_settings.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

constexpr std::size_t kMostPoints = 20'000;
constexpr double kNear = 0.1;  // m; nearer points would be all direct sound

}  // namespace

std::string title_of(MapMeasure measure) {
  switch (measure) {
    case MapMeasure::kC50:
      return "Clarity C50";
    case MapMeasure::kT20:
      return "Reverberation time T20";
    case MapMeasure::kEdt:
      return "Early decay time";
    case MapMeasure::kLevel:
      return "Level, re direct sound at 1 m";
  }
  return "";
}

std::string name_of(MapMeasure measure) {
  for (const auto& [name, value] : config::EnumNames<MapMeasure>::names) {
    if (value == measure) {
      return name;
    }
  }
  return "";
}

std::string unit_of(MapMeasure measure) {
  return measure == MapMeasure::kT20 || measure == MapMeasure::kEdt ? "s" : "dB";
}

double Heard::value(MapMeasure measure) const {
  if (measure == MapMeasure::kLevel) {
    return level_db;
  }
  const dsp::RoomMeasure& one = measure == MapMeasure::kC50   ? measures.c50_db
                                : measure == MapMeasure::kT20 ? measures.t20_s
                                                              : measures.edt_s;
  return one.has_value() ? one.value : std::numeric_limits<double>::quiet_NaN();
}

Heard hear(
    std::span<const float> samples,
    std::int64_t sample_rate_hz,
    const dsp::RoomMeasureConfig& config) {
  double energy = 0;
  for (const float x : samples) {
    energy += static_cast<double>(x) * x;
  }
  return {
      dsp::room_measures(samples, sample_rate_hz, config),
      10 * std::log10(std::max(energy, 1e-30))};
}

std::vector<Vec3> floor_grid(
    const rooms::Scene& scene, double spacing, double z, double margin, Vec3 apart) {
  const Bounds bounds = bounds_of(scene);
  const Vec3 size = bounds.high - bounds.low;
  const double columns = std::floor(size.x / spacing);
  const double rows = std::floor(size.y / spacing);
  MMI_CHECK(
      ConfigError,
      columns * rows <= kMostPoints,
      "a spacing of {:g} m makes {:.0f} points; at most {} are simulated",
      spacing,
      columns * rows,
      kMostPoints);
  std::vector<Vec3> grid;
  // In the middle of the room, with equal rests at both ends.
  for (int j = 0; j < static_cast<int>(rows); ++j) {
    for (int i = 0; i < static_cast<int>(columns); ++i) {
      const Vec3 place{
          0.5 * (bounds.low.x + bounds.high.x) + (i - 0.5 * (columns - 1)) * spacing,
          0.5 * (bounds.low.y + bounds.high.y) + (j - 0.5 * (rows - 1)) * spacing,
          z};
      if (scene.contains(place) && norm(place - apart) >= kNear &&
          rooms::clearance_m(scene, place) >= margin) {
        grid.push_back(place);
      }
    }
  }
  MMI_CHECK(
      ConfigError,
      !grid.empty(),
      "no point at height {:g} m is {:g} m from all surfaces: choose another height or points "
      "nearer to each other",
      z,
      margin);
  return grid;
}

std::pair<double, double> colour_range(std::vector<double>& values) {
  if (values.empty()) {
    return {0, 1};
  }
  std::sort(values.begin(), values.end());
  const std::size_t outliers = values.size() / 50;
  return {values[outliers], values[values.size() - 1 - outliers]};
}

}  // namespace mmi::models::xrir
