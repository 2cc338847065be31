#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/data/formats/acoustic_materials.h"

/// The JSON files of AcousticRooms. `place` begins the texts of errors, which are DataError.
namespace mmi::data::formats {

/// The three numbers of `object`[`key`].
Point3 point_at(const nlohmann::json& object, const char* key, const std::string& place);

std::vector<AcousticMaterial> materials_of(const nlohmann::json& list, const std::string& place);
nlohmann::json json_of(const AcousticMaterial& material);

AcousticSimulation simulation_of(const nlohmann::json& object, const std::string& place);
nlohmann::json json_of(const AcousticSimulation& simulation);

/// A list of objects, each handed over with its place.
template <class Action>
void for_each(const nlohmann::json& list, const std::string& place, const Action& action) {
  MMI_CHECK(DataError, list.is_array(), "{}: must be a list", place);
  for (std::size_t i = 0; i < list.size(); ++i) {
    action(list[i], format("{}: entry {}", place, i));
  }
}

}  // namespace mmi::data::formats
