#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/data/formats/acoustic_rooms.h"

namespace mmi::data::formats {

// ---- named splits

/// The 17 rooms of the published unseen test split, exact names. (The published code looks for them
/// as parts of paths, by which "_idx_1" is in "_idx_10" as well.)
MMI_API const std::array<AcousticRoom, 17>& unseen_test_rooms();
MMI_API bool is_unseen_test_room(const AcousticRoom& room);

/// Receivers that the seen test split holds out where no file lists them: the last
/// ceil(`percent` / 100 * N) of N ascending ones; 0 <= percent <= 100.
MMI_API std::vector<std::int64_t> seen_test_receivers(
    const std::vector<std::int64_t>& receivers, int percent = 15);

// ---- check

struct AcousticRoomsCheckOptions {
  std::int64_t limit = 2000;  ///< sounds that are decoded, evenly spread; 0: all
  std::size_t names = 5;      ///< shown of each finding
};

struct AcousticRoomsFinding {
  std::int64_t count = 0;
  std::vector<std::string> names;  ///< the first few, as "Cafe/Cafe_idx_1/S001_R002"
};

/// Smallest and largest; min > max where there was none.
struct ValueRange {
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();

  void add(double value) {
    min = value < min ? value : min;
    max = value > max ? value : max;
  }
};

struct AcousticRoomsReport {
  std::int64_t rooms = 0;
  std::int64_t rirs = 0;
  std::int64_t metadata = 0;
  std::int64_t depths = 0;
  std::int64_t decoded = 0;  ///< sounds, with positions and depth map

  // Of all files.
  AcousticRoomsFinding rir_without_metadata;
  AcousticRoomsFinding metadata_without_rir;
  AcousticRoomsFinding receiver_without_depth;
  AcousticRoomsFinding room_without_mesh;

  // Of those decoded.
  AcousticRoomsFinding unreadable;         ///< names hold the error
  AcousticRoomsFinding silent;             ///< peak below -120 dB of full scale
  AcousticRoomsFinding clipped;            ///< more than one sample at or above 1 - 2^-15
  AcousticRoomsFinding other_sample_rate;  ///< than 22,050 Hz
  AcousticRoomsFinding not_mono;
  AcousticRoomsFinding odd_depth;  ///< not 256 x 512, or with rays that are not finite and positive

  ValueRange length;      ///< samples
  ValueRange peak_db;     ///< of full scale; silent ones not counted
  ValueRange level_db;    ///< 10 log10 of the sum of squares; silent ones not counted
  ValueRange distance_m;  ///< from source to receiver

  /// A line for each finding with a count.
  MMI_API std::vector<std::string> problems() const;
};

/// Goes over the layout and collects what a training would stumble over; throws only when there is
/// no single_channel_ir.
MMI_API AcousticRoomsReport check_acoustic_rooms(
    const AcousticRoomsLayout& layout, const AcousticRoomsCheckOptions& options = {});

}  // namespace mmi::data::formats
