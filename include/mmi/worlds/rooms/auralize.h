#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/dsp/spherical_head.h"
#include "mmi/worlds/rooms/simulate.h"

namespace mmi::worlds::rooms {

/// A way from corner to corner; one corner: a place where one stands.
class MMI_API Walk {
 public:
  /// Throws ConfigError without corners.
  explicit Walk(std::vector<Vec3> corners);

  double length_m() const {
    return until_.back();
  }

  /// Where one is after that many metres; before the start the start, behind the end the end.
  Vec3 at(double metres) const;

  /// Direction of the leg there in degrees (0: +x, 90: +y); empty where one stands or climbs.
  std::optional<double> heading_deg(double metres) const;

 private:
  std::size_t leg(double metres) const;

  std::vector<Vec3> corners_;
  std::vector<double> until_;  // metres at each corner
};

struct AuralizeOptions {
  bool binaural = false;  ///< two ears on a rigid sphere, else one omnidirectional microphone
  /// Where the listener looks (0: +x, 90: +y). Empty: along the walk; when standing, at the source.
  std::optional<double> facing_deg = {};
  double spacing_m = 0.25;  ///< at most, between the places that are simulated
  double step_s = 0.05;     ///< between the responses that are faded into each other
  dsp::SphericalHead head = {};
};

/// A source as it is heard along a walk. Places `spacing_m` apart are simulated; in between, the
/// image sources of both neighbours are heard from where the listener is, with the delay, level and
/// direction that they have there, and fade over from one neighbour's to the other's with the
/// energies of the late part. The late part has the same signs everywhere, so that fading keeps its
/// level; between two ears it is as coherent as a diffuse field.
///   Auralizer ears(simulator, {{1, 1, 1.5}}, Walk({{5, 1, 1.5}, {5, 4, 1.5}}), options, {true});
///   torch::Tensor wet = ears.play(dry);  // (2, N + L - 1): left, right
/// Not thread-safe.
class MMI_API Auralizer {
 public:
  /// Simulates. `done` hears how many of all places are finished. ConfigError as Simulator::run,
  /// and for options out of range.
  Auralizer(
      const Simulator& simulator,
      const Source& source,
      const Walk& walk,
      const SimulateOptions& simulate = {},
      const AuralizeOptions& options = {},
      const std::function<void(std::int64_t, std::int64_t)>& done = {});
  ~Auralizer();
  Auralizer(Auralizer&&) noexcept;
  Auralizer& operator=(Auralizer&&) noexcept;

  /// The places that were simulated.
  const std::vector<Vec3>& places() const;

  /// How many of them the direct sound reaches.
  std::int64_t places_with_direct_sound() const;

  std::int64_t channels() const;

  /// (1, L), or (2, L): left, right. float32.
  torch::Tensor response(double metres, double facing_deg);

  /// The same for where options.facing_deg says that one looks.
  torch::Tensor response(double metres);

  /// A recording (N), float32, at the sample rate of the responses, while the whole walk is walked
  /// at constant speed -> (C, N + L - 1), at the level that it has for the listener when the
  /// recording is what an omnidirectional source gives at 1 m. `done` hears of steps and of all.
  torch::Tensor play(
      const torch::Tensor& dry, const std::function<void(std::int64_t, std::int64_t)>& done = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mmi::worlds::rooms
