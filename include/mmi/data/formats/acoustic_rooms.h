#pragma once

#include <torch/types.h>

#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/data/formats/acoustic_materials.h"
#include "mmi/io/audio.h"
#include "mmi/io/obj.h"

/// The on-disk layout of AcousticRooms (Liu et al., "Hearing Anywhere in Any Environment", CVPR
/// 2025; github.com/facebookresearch/AcousticRooms), reader and writer. Metres, z up:
///   single_channel_ir/<category>/<category>_idx_<n>/S<sss>_R<rrr>_hybrid_IR.wav   22,050 Hz, mono
///   metadata/<category>/<room>/S00<s>_R00<r>.json          src_loc, rec_loc; s and r are not
///   padded depth_map/<category>/<room>/<r>.npy                    (256, 512) float32 ray lengths
///   room_mesh_obj_format/<category>/<room>.obj
///   material_library/<kind>.json
///   simulation_info/<category>/<room>/simulation.json      of some rooms
///   seen_test_split.json                                   our twin of a pickle: list of wav paths
/// Files are found by their numbers, however many zeros precede them.
namespace mmi::data::formats {

struct AcousticRoom {
  std::string category;  ///< "Apartments"
  std::string name;      ///< "Apartments_idx_42"

  auto operator<=>(const AcousticRoom&) const = default;
};

struct RirPair {
  std::int64_t source = 0;    ///< from 1 on, as in the names of files
  std::int64_t receiver = 0;  ///< likewise

  auto operator<=>(const RirPair&) const = default;
};

/// One file of the seen test split.
struct SeenRir {
  AcousticRoom room;
  RirPair pair;

  auto operator<=>(const SeenRir&) const = default;
};

struct RirPositions {
  Point3 source{};
  Point3 receiver{};
};

/// Names of the files of one room by their numbers, listed once. What it reads is not kept.
struct MMI_API AcousticRoomFiles {
  std::filesystem::path root;
  AcousticRoom room;
  std::map<RirPair, std::string> rirs;
  std::map<RirPair, std::string> metadata;
  std::map<std::int64_t, std::string> depths;  ///< by receiver

  /// Those with both sound and positions, by source, then receiver.
  std::vector<RirPair> pairs() const;

  /// Receivers of `pairs()`, ascending.
  std::vector<std::int64_t> receivers() const;

  std::filesystem::path rir_path(RirPair pair) const;

  /// Mono, 22,050 Hz, of any length; DataError for another rate or more channels.
  io::Audio rir(RirPair pair) const;

  RirPositions positions(RirPair pair) const;

  /// (H, 2H) float32 ray lengths in metres at the receiver, published with H = 256; numbers as
  /// stored, also those that are not finite.
  torch::Tensor depth(std::int64_t receiver) const;
};

/// One folder in the published layout. Errors are DataError with the path.
class MMI_API AcousticRoomsLayout {
 public:
  static constexpr int kSampleRateHz = 22'050;

  explicit AcousticRoomsLayout(std::filesystem::path root);

  // ---- reading

  /// Rooms that have a folder (or, in room_mesh_obj_format, a mesh) below `folder`, by category,
  /// then number.
  std::vector<AcousticRoom> rooms(const std::string& folder = "single_channel_ir") const;

  /// DataError for two files of one pair.
  AcousticRoomFiles files(const AcousticRoom& room) const;

  std::filesystem::path mesh_path(const AcousticRoom& room) const;  ///< need not exist
  io::ObjMesh mesh(const AcousticRoom& room) const;

  /// Names of the files in the material library, and the entries of one.
  std::vector<std::string> material_kinds() const;
  std::vector<AcousticMaterial> materials(const std::string& kind) const;

  bool has_simulation(const AcousticRoom& room) const;
  AcousticSimulation simulation(const AcousticRoom& room) const;

  /// Whether `root` has a seen_test_split, be it the published pickle.
  bool has_seen_test() const;
  /// `root`/seen_test_split.json, in its order; the files need not exist.
  std::vector<SeenRir> seen_test() const;

  // ---- writing (folders are made, files replaced atomically)

  /// Mono at 22,050 Hz. Float keeps the late decay of distant sources, which 16 bits (-98 dB of
  /// full scale) would bury; kPcm16 halves the size where levels are near full scale.
  void write_rir(
      const AcousticRoom& room,
      RirPair pair,
      const io::Audio& rir,
      io::WavType type = io::WavType::kFloat32) const;
  void write_positions(const AcousticRoom& room, RirPair pair, const RirPositions& positions) const;

  /// depth (H, 2H) float32.
  void write_depth(
      const AcousticRoom& room, std::int64_t receiver, const torch::Tensor& depth) const;
  void write_mesh(const AcousticRoom& room, const io::ObjMesh& mesh) const;
  void write_materials(
      const std::string& kind, const std::vector<AcousticMaterial>& materials) const;
  void write_simulation(const AcousticRoom& room, const AcousticSimulation& simulation) const;
  void write_seen_test(const std::vector<SeenRir>& test) const;

  const std::filesystem::path& root() const {
    return root_;
  }

 private:
  std::filesystem::path root_;
};

}  // namespace mmi::data::formats
