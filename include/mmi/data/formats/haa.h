#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/data/formats/acoustic_materials.h"
#include "mmi/io/audio.h"

/// Hearing Anything Anywhere (Wang et al., CVPR 2024; Zenodo 11195833): four measured rooms, each
/// one loudspeaker and N microphones. One folder a setup ("classroomBase", ...), reader and writer:
///   RIRs.npy                      (N, T) float, 48 kHz; the first 96,000 samples are used
///   xyzs.npy                      (N, 3) microphones in metres, z up
///   mic_numbers.npy               (N)
///   music.npy, music_dls.npy, bin_{xyzs,RIRs,music,music_dls}.npy
/// xRIR swaps the roles: its receiver is the loudspeaker, its sources are the microphones.
namespace mmi::data::formats {

/// What is known of a room besides its files. A copy with another `count` and `train` describes a
/// room of the same kind.
struct HaaRoom {
  std::string name;  ///< "classroom", "dampened", "hallway", "complex"
  Point3 size{};     ///< of the box in metres; that around the planes for "complex"
  Point3 speaker{};  ///< of the base setup
  std::int64_t count = 0;
  std::array<std::int64_t, 12> train{};
  int order = 0;        ///< of reflections that HAA traces
  int axial_order = 0;  ///< likewise, between parallel walls

  /// HAA takes its validation from the odd indices in all rooms but "complex".
  bool valid_is_odd = true;
};

/// The table of the paper and the published code.
MMI_API const std::array<HaaRoom, 4>& haa_rooms();

/// ConfigError that lists the rooms when there is none of that name.
MMI_API const HaaRoom& haa_room(const std::string& name);

enum class HaaSplit {
  kTrain,     ///< the 12
  kXrirTest,  ///< xRIR: odd indices that are not in training
  kHaaValid,  ///< HAA: every second index outside training (and odd, see HaaRoom)
  kHaaTest,   ///< HAA: all the others
};

/// Ascending, except for training (in the order of the table). ConfigError for a training index
/// outside the room.
MMI_API std::vector<std::int64_t> haa_split(const HaaRoom& room, HaaSplit split);

/// A flat polygon, corners in order around it, in metres. Either side reflects.
struct HaaPlane {
  std::string name;
  std::vector<Point3> corners;  ///< 3 or 4
};

/// The surfaces that HAA traces, in the room's coordinates (a corner of the floor is the origin).
/// `parity` keeps what the published "complex" room gets wrong: a middle pillar that leans from
/// y = 5.137 m to 7.178 m, and a slit above the lintel through which rays leave the room.
MMI_API std::vector<HaaPlane> haa_planes(const std::string& room, bool parity = false);

/// Below `root`: <name>Base, <Name>/<name>Base or <name>, or `root` itself; the first that has
/// RIRs.npy. DataError when none has.
MMI_API std::filesystem::path haa_folder(
    const std::filesystem::path& root, const std::string& room);

/// One setup. RIRs are read from the disk one at a time. Safe to use from several threads. Errors
/// are DataError with the path.
class MMI_API HaaFolder {
 public:
  static constexpr int kSampleRateHz = 48'000;
  static constexpr std::int64_t kSamples = 96'000;

  explicit HaaFolder(std::filesystem::path folder);

  std::int64_t count() const {
    return count_;
  }

  /// Samples of a RIR on disk.
  std::int64_t length() const {
    return length_;
  }

  /// The first `samples` of RIR `index` (all when there are fewer), mono, 48 kHz, as stored.
  io::Audio rir(std::int64_t index, std::int64_t samples = kSamples) const;

  /// The largest |sample| among the first `samples` of these RIRs: what xRIR divides a room by,
  /// taken over its 12 training RIRs. DataError when they are silent.
  double peak(const std::vector<std::int64_t>& indices, std::int64_t samples = kSamples) const;

  /// (N, 3) float64, metres.
  torch::Tensor positions() const;

  /// Any array of the folder: array("mic_numbers"), array("music_dls"), ... at most 4 GiB.
  torch::Tensor array(const std::string& name) const;
  bool has(const std::string& name) const;

 private:
  std::filesystem::path folder_;
  std::string type_;         ///< of RIRs.npy: "<f4"
  std::uint64_t begin_ = 0;  ///< of its numbers
  std::int64_t count_ = 0;
  std::int64_t length_ = 0;
  std::int64_t item_bytes_ = 0;
};

/// Writes `folder` as HaaFolder reads it: rirs (N, T) float at 48 kHz, positions (N, 3) in metres,
/// microphones numbered 0..N-1. Files are replaced atomically; RIRs.npy is float32 and never copied
/// as a whole.
MMI_API void write_haa_folder(
    const std::filesystem::path& folder, const torch::Tensor& rirs, const torch::Tensor& positions);

/// One more array, such as "music_dls".
MMI_API void write_haa_array(
    const std::filesystem::path& folder, const std::string& name, const torch::Tensor& values);

}  // namespace mmi::data::formats
