#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::worlds::rooms {

/// Octave bands with centres 63, 125, 250, 500, 1k, 2k, 4k and 8k Hz.
inline constexpr std::size_t kBands = 8;
inline constexpr std::array<double, kBands> kBandCentres_hz{
    63, 125, 250, 500, 1000, 2000, 4000, 8000};

/// One value an octave band.
using Bands = std::array<float, kBands>;

struct Material {
  std::string name;
  std::string category;     ///< "wall", "floor", "ceiling", "window", "furniture"
  Bands absorption{};       ///< energy absorption coefficients in [0, 1]
  double scattering = 0.1;  ///< share of the reflected energy that leaves diffusely, [0, 1]

  bool operator==(const Material&) const = default;

  /// The same absorption in all bands.
  static Material flat(double absorption, double scattering = 0.1) {
    Material made{"flat", "wall", {}, scattering};
    made.absorption.fill(static_cast<float>(absorption));
    return made;
  }
};

/// The materials that ship with the library, 24 rows. Twelve are anchor rows of common absorption
/// tables (Vorländer, Auralization, 2008; Kuttruff, Room Acoustics, 2009); the others are blends of
/// them, such as a bookshelf or a desk with papers.
MMI_API const std::vector<Material>& material_library();

/// Throws ConfigError with the nearest names for a name the library lacks.
MMI_API const Material& find_material(const std::string& name);

/// Energy attenuation of air in 1/m for each band, 20 °C and 50-70 % humidity: the energy after d
/// metres is exp(-m d) of what it was (ISO 9613-1 as tabulated by Kuttruff).
MMI_API const Bands& air_attenuation();

}  // namespace mmi::worlds::rooms
