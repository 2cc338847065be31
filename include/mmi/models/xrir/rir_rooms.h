#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"
#include "mmi/base/rng.h"
#include "mmi/worlds/rooms/scene.h"

namespace mmi::models::xrir {

/// A receiver with what it sees and the responses of all sources of its room.
struct ReceiverSet {
  std::string room;         ///< "Office_idx_1"
  std::string name;         ///< "Office_idx_1/R003"
  torch::Tensor depth;      ///< (H,W) float32, metres along the ray, at pixel centres
  torch::Tensor sources;    ///< (S,3) float32, relative to the receiver, metres
  torch::Tensor responses;  ///< (S,N) float32 at 22,050 Hz, cut or padded with silence to N
  /// (S) bool: sources whose responses were measured, which alone serve as references and training
  /// targets, while the others are what is scored. Undefined: each source is reference and target.
  torch::Tensor known = {};
  /// (S) bool: those of the known sources that serve as references in scores. Undefined: each.
  torch::Tensor pool = {};
};

using ReceiverSets = std::vector<ReceiverSet>;

/// Indices of the sources that are known.
MMI_API std::vector<std::int64_t> known_sources(const ReceiverSet& set);

/// For each source of a set `count` other ones that are known and in the pool, without repetition
/// where there are enough; (S,count) int64. DataError for a source that has no other one.
MMI_API torch::Tensor draw_references(const ReceiverSet& set, std::int64_t count, Rng& rng);

/// The `rooms` slot: where responses come from. Splits are "train", "valid", "test" (rooms that no
/// training saw) and "seen" (receivers of training rooms that were held out; none where a world has
/// no such receivers).
class MMI_API RirRooms {
 public:
  static constexpr const char* kRegistryKind = "rooms";

  struct BuildArgs {
    std::int64_t height = 256;
    std::int64_t width = 512;
    std::int64_t samples = 9600;
  };

  virtual ~RirRooms() = default;

  /// By room, then receiver; loaded at the first call of a split. DataError for an unknown or empty
  /// one.
  virtual const ReceiverSets& split(const std::string& name) = 0;

  virtual std::string fingerprint() const = 0;

  /// What of a response is measured, as the published scripts have it.
  struct Measured {
    std::int64_t samples = 8000;
    int t60_db = 20;  ///< range of decay below -5 dB that T60 is read from: 20 or 30
  };

  virtual Measured measured() const {
    return {};
  }

  /// The room of a set, and where in it the receiver is.
  struct Place {
    worlds::rooms::Scene scene;
    worlds::rooms::Vec3 receiver;
  };

  /// ConfigError where the geometry is not known.
  virtual Place place(const ReceiverSet& set) const;

  /// (S,N): the responses of a set simulated once more, with random numbers of `seed`, up to a
  /// factor. ConfigError for rooms that are not simulated.
  virtual torch::Tensor simulate_again(const ReceiverSet& set, std::uint64_t seed) const;
};

}  // namespace mmi::models::xrir

MMI_DECLARE_REGISTRY(mmi::models::xrir::RirRooms);
