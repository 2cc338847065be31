#include "data/formats/acoustic_json.h"

#include <algorithm>
#include <utility>

namespace mmi::data::formats {
namespace {

using nlohmann::json;

const json& member(const json& object, const char* key, const std::string& place) {
  MMI_CHECK(DataError, object.is_object(), "{}: must be a JSON object", place);
  const auto found = object.find(key);
  MMI_CHECK(DataError, found != object.end(), "{}: has no \"{}\"", place, key);
  return *found;
}

double number_of(const json& value, const std::string& place) {
  MMI_CHECK(
      DataError, value.is_number(), "{}: must be a number, but is {}", place, value.type_name());
  return value.get<double>();
}

double number_at(const json& object, const char* key, const std::string& place) {
  return number_of(member(object, key, place), place + ": " + key);
}

std::string text_at(const json& object, const char* key, const std::string& place) {
  const json& value = member(object, key, place);
  MMI_CHECK(DataError, value.is_string(), "{}: \"{}\" must be text", place, key);
  return value.get<std::string>();
}

/// `otherwise` where there is no text of that key.
std::string text_or(const json& object, const char* key, const std::string& otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

std::vector<double> numbers_of(const json& list, const std::string& place) {
  MMI_CHECK(DataError, list.is_array(), "{}: must be a list of numbers", place);
  std::vector<double> numbers;
  for (const json& value : list) {
    numbers.push_back(number_of(value, place));
  }
  return numbers;
}

std::vector<double> numbers_at(
    const json& object, const char* key, std::size_t count, const std::string& place) {
  std::vector<double> numbers = numbers_of(member(object, key, place), place + ": " + key);
  MMI_CHECK(
      DataError,
      numbers.size() == count,
      "{}: \"{}\" must have {} numbers, but has {}",
      place,
      key,
      count,
      numbers.size());
  return numbers;
}

AcousticMaterial material_of(const json& entry, const std::string& place) {
  AcousticMaterial material;
  material.name = text_at(entry, "name", place);
  material.category = text_at(entry, "category", place);
  material.description = text_or(entry, "description", "");
  const auto absorption = numbers_at(entry, "absorption_coef", 8, place);
  std::copy(absorption.begin(), absorption.end(), material.absorption.begin());
  material.scattering = number_at(entry, "scatter_coef", place);
  for (const double share : absorption) {
    MMI_CHECK(
        DataError,
        share >= 0 && share <= 1,
        "{}: \"{}\" absorbs {} of the energy, which must be 0..1",
        place,
        material.name,
        share);
  }
  if (const auto found = entry.find("reflection_coef"); found != entry.end()) {
    const auto real = numbers_of(member(*found, "real", place), place);
    const auto imag = numbers_at(*found, "imag", real.size(), place);
    for (std::size_t i = 0; i < real.size(); ++i) {
      material.reflection.emplace_back(real[i], imag[i]);
    }
  }
  return material;
}

/// Receivers or sources, by their order number.
std::vector<Point3> points_of(const json& list, const std::string& place) {
  std::vector<std::pair<double, Point3>> found;
  for_each(list, place, [&](const json& entry, const std::string& at) {
    const Point3 point{
        number_at(entry, "x", at), number_at(entry, "y", at), number_at(entry, "z", at)};
    const bool numbered = entry.contains("orderNumber");
    const auto position = static_cast<double>(found.size());
    found.emplace_back(numbered ? number_at(entry, "orderNumber", at) : position, point);
  });
  std::stable_sort(
      found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Point3> points;
  for (const auto& [number, point] : found) {
    points.push_back(point);
  }
  return points;
}

json json_of(
    const std::vector<Point3>& points, const char* type_key, const char* type, const char* label) {
  json list = json::array();
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& [x, y, z] = points[i];
    list.push_back(
        {{type_key, type},
         {"label", label + std::to_string(i)},
         {"x", x},
         {"y", y},
         {"z", z},
         {"orderNumber", i}});
  }
  return list;
}

AcousticLayer layer_of(const json& entry, const std::string& place) {
  AcousticLayer layer;
  layer.layer = text_at(entry, "layerName", place);
  layer.material = text_at(entry, "materialName", place);
  const auto scattering = entry.find("scatteringCoefficient");
  if (scattering != entry.end() && !scattering->is_null()) {
    layer.scattering = scattering->is_array() ? numbers_of(*scattering, place)
                                              : std::vector{number_of(*scattering, place)};
  }
  return layer;
}

}  // namespace

Point3 point_at(const json& object, const char* key, const std::string& place) {
  const auto numbers = numbers_at(object, key, 3, place);
  return {numbers[0], numbers[1], numbers[2]};
}

std::vector<AcousticMaterial> materials_of(const json& list, const std::string& place) {
  std::vector<AcousticMaterial> found;
  for_each(list, place, [&](const json& entry, const std::string& at) {
    found.push_back(material_of(entry, at));
  });
  return found;
}

json json_of(const AcousticMaterial& material) {
  json entry = {
      {"name", material.name},
      {"category", material.category},
      {"description", material.description},
      {"absorption_coef", material.absorption},
      {"scatter_coef", material.scattering}};
  if (!material.reflection.empty()) {
    json real = json::array();
    json imag = json::array();
    for (const std::complex<double>& value : material.reflection) {
      real.push_back(value.real());
      imag.push_back(value.imag());
    }
    entry["reflection_coef"] = {{"real", std::move(real)}, {"imag", std::move(imag)}};
  }
  return entry;
}

AcousticSimulation simulation_of(const json& found, const std::string& place) {
  AcousticSimulation simulation;
  simulation.name = text_at(found, "name", place);
  simulation.type = text_or(found, "simulationType", simulation.type);
  simulation.receivers = points_of(member(found, "receivers", place), place + ": receivers");
  simulation.sources = points_of(member(found, "sources", place), place + ": sources");
  for_each(
      member(found, "layerMaterialAssignments", place),
      place + ": layerMaterialAssignments",
      [&](const json& entry, const std::string& at) {
        simulation.layers.push_back(layer_of(entry, at));
      });
  simulation.crossover_hz = number_at(found, "crossoverFrequency", place);
  simulation.length_s = number_at(found, "impulseLengthSec", place);
  if (const auto settings = found.find("simulationSettings");
      settings != found.end() && settings->is_object() && settings->contains("speedOfSound")) {
    simulation.speed_of_sound = number_at(*settings, "speedOfSound", place);
  }
  return simulation;
}

json json_of(const AcousticSimulation& simulation) {
  json layers = json::array();
  for (const AcousticLayer& layer : simulation.layers) {
    layers.push_back(
        {{"layerName", layer.layer},
         {"materialName", layer.material},
         {"scatteringCoefficient", layer.scattering}});
  }
  return {
      {"name", simulation.name},
      {"simulationType", simulation.type},
      {"impulseLengthSec", simulation.length_s},
      {"crossoverFrequency", simulation.crossover_hz},
      {"receivers", json_of(simulation.receivers, "receiverType", "Mono", "rec_")},
      {"sources", json_of(simulation.sources, "sourceType", "Omni", "Source_")},
      {"layerMaterialAssignments", std::move(layers)},
      {"simulationSettings", {{"speedOfSound", simulation.speed_of_sound}}}};
}

}  // namespace mmi::data::formats
