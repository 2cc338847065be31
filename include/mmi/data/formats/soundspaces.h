#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/data/formats/acoustic_materials.h"
#include "mmi/io/audio.h"

/// Impulse responses of SoundSpaces 1.0 (Chen et al., ECCV 2020; github.com/facebookresearch/
/// sound-spaces), reader and writer:
///   binaural_rirs/<set>/<scene>/<azimuth>/<receiver>-<source>.wav   2 channels; 44.1 or 16 kHz
///   metadata/<set>/<scene>/points.txt                               id, x, y, z between tabs
/// graph.pkl, a pickle, is not read.
namespace mmi::data::formats {

enum class SoundSpacesSet { kReplica, kMp3d };

struct SoundSpacesPoint {
  std::int64_t id = 0;  ///< as in the names of files
  Point3 position{};    ///< as stored: metres, z up, at the height of ears and sources
};

struct SoundSpacesPair {
  std::int64_t receiver = 0;
  std::int64_t source = 0;

  auto operator<=>(const SoundSpacesPair&) const = default;
};

/// The same point on the ground in Habitat's coordinates (y up, -z ahead), in which the simulator
/// places agents: (x, z - height of the ears, -y).
MMI_API Point3 habitat_position(const SoundSpacesPoint& point, SoundSpacesSet set);

/// One copy of the published folders. Errors are DataError with the path.
class MMI_API SoundSpacesLayout {
 public:
  SoundSpacesLayout(std::filesystem::path root, SoundSpacesSet set);

  /// 44,100 Hz (Replica) or 16,000 Hz (Matterport3D).
  int sample_rate_hz() const;

  // ---- reading

  /// Scenes with sound, sorted.
  std::vector<std::string> scenes() const;

  /// Degrees, ascending: 0, 90, 180, 270.
  std::vector<int> azimuths(const std::string& scene) const;

  /// Pairs with sound, by receiver, then source.
  std::vector<SoundSpacesPair> pairs(const std::string& scene, int azimuth) const;

  /// In the order of points.txt; no id twice.
  std::vector<SoundSpacesPoint> points(const std::string& scene) const;

  /// Left and right ear. DataError for another rate, other than two channels or (known of some
  /// published files) no sample at all.
  io::Audio binaural(const std::string& scene, int azimuth, SoundSpacesPair pair) const;

  /// The mean of both ears.
  io::Audio rir(const std::string& scene, int azimuth, SoundSpacesPair pair) const;

  // ---- writing (folders are made, files replaced atomically)

  void write_points(const std::string& scene, const std::vector<SoundSpacesPoint>& points) const;

  /// Two channels at the rate of the set.
  void write_rir(
      const std::string& scene, int azimuth, SoundSpacesPair pair, const io::Audio& rir) const;

 private:
  std::filesystem::path scene_folder(const std::string& scene) const;
  std::filesystem::path points_path(const std::string& scene) const;
  std::filesystem::path rir_path(const std::string& scene, int azimuth, SoundSpacesPair pair) const;
  void check(const io::Audio& rir, const std::filesystem::path& path) const;

  std::filesystem::path root_;
  SoundSpacesSet set_;
  std::string name_;
};

}  // namespace mmi::data::formats
