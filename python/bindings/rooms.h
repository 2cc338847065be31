#pragma once

#include <array>
#include <string>
#include <variant>

#include "mmi/worlds/rooms/material.h"
#include "mmi/worlds/rooms/vec3.h"

/// Places and materials of rooms as Python gives them.
namespace mmi::python {

using Triple = std::array<double, 3>;
using MaterialLike = std::variant<worlds::rooms::Material, std::string>;

inline worlds::rooms::Material material_of(const MaterialLike& given) {
  return std::holds_alternative<worlds::rooms::Material>(given)
             ? std::get<worlds::rooms::Material>(given)
             : worlds::rooms::find_material(std::get<std::string>(given));
}

inline worlds::rooms::Vec3 vec3(const Triple& t) {
  return {t[0], t[1], t[2]};
}

}  // namespace mmi::python
