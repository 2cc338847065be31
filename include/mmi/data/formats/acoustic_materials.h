#pragma once

#include <array>
#include <complex>
#include <string>
#include <vector>

/// What rooms are made of, as AcousticRooms (acoustic_rooms.h) stores it.
namespace mmi::data::formats {

using Point3 = std::array<double, 3>;  ///< x, y, z in metres

/// One entry of the material library.
struct AcousticMaterial {
  std::string name;
  std::string category;
  std::string description;
  std::array<double, 8> absorption{};            ///< 63, 125, ..., 8000 Hz; 0..1
  std::vector<std::complex<double>> reflection;  ///< 24 published; empty: not written
  double scattering = 0;                         ///< 0..1
};

/// A layer of the room's model and what it is made of.
struct AcousticLayer {
  std::string layer;
  std::string material;
  std::vector<double> scattering;  ///< one value, or one for each band
};

/// What the published simulator was told. `name` may be that of another room: go by the folder.
struct AcousticSimulation {
  std::string name;
  std::string type = "Hybrid";
  std::vector<Point3> receivers;  ///< by their order number; entry i is probably R<i + 1>
  std::vector<Point3> sources;    ///< likewise
  std::vector<AcousticLayer> layers;
  double crossover_hz = 0;  ///< between wave-based and geometric simulation; 0: none
  double length_s = 0;
  double speed_of_sound = 343;  ///< m/s
};

}  // namespace mmi::data::formats
