#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/base/rng.h"
#include "mmi/worlds/rooms/simulate.h"

namespace mmi::models::xrir {

struct DiffRirConfig {
  std::int64_t order = 3;              ///< specular reflections, at most 4
  std::int64_t sequence_rays = 50000;  ///< that look for sequences of surfaces
  double jitter_samples = 3.2;         ///< of arrival times in training (7 at 48 kHz)

  static const config::Schema& schema();
};

/// Specular paths from the loudspeaker to B places.
struct SpecularPaths {
  std::int64_t places = 0;   ///< B
  torch::Tensor place;       ///< (P) int64, of each path
  torch::Tensor delay;       ///< (P) float32, samples at 22,050 Hz
  torch::Tensor distance;    ///< (P) float32, metres
  torch::Tensor hits;        ///< (P,surfaces) float32: how often a path meets each surface
  torch::Tensor directions;  ///< (P,3) float32, unit, in which sound leaves the loudspeaker
};

/// Paths between the loudspeaker and places (scene coordinates) that arrive within `samples`.
MMI_API SpecularPaths specular_paths(
    const worlds::rooms::Simulator& simulator,
    worlds::rooms::Vec3 loudspeaker,
    const std::vector<worlds::rooms::Vec3>& places,
    std::int64_t samples,
    const DiffRirConfig& config);

/// The paths to some of the places, in the order of `places` (B) int64.
MMI_API SpecularPaths paths_to(const SpecularPaths& paths, const torch::Tensor& places);

/// L1 of magnitudes plus L1 of ln(magnitudes + 1e-4), the sum over windows of 512, 1024, 2048 and
/// 4096 samples with hops of a quarter. (B,N) each; N at least 2049.
MMI_API torch::Tensor multi_window_loss(const torch::Tensor& predicted, const torch::Tensor& truth);

/// Arrivals (P) int64, samples, each moved at random as training does.
MMI_API torch::Tensor jittered_delays(const SpecularPaths& paths, double jitter_samples, Rng& rng);

/// Diff-RIR (Wang et al., "Hearing Anything Anywhere", CVPR 2024; spec ch08 §7): a differentiable
/// room renderer that is fitted to some responses of one room and one loudspeaker. Each specular
/// path is a minimum-phase filter of what its surfaces reflect and what the loudspeaker radiates in
/// its direction, by octaves; all pass one response of the loudspeaker. What comes later is a
/// residual that all places share.
class MMI_API DiffRir : public torch::nn::Module {
 public:
  static constexpr std::int64_t kOctaves = 9;       ///< 32 Hz to 8 kHz
  static constexpr std::int64_t kDirections = 128;  ///< of the directivity
  static constexpr std::int64_t kTaps = 1023;       ///< of filters and of the source's response
  static constexpr std::int64_t kKnots = 34;        ///< of the blend

  DiffRir(std::int64_t surfaces, std::int64_t samples);

  /// (B,N) responses; `delays` (P) int64 samples replace the paths' own where defined.
  torch::Tensor forward(const SpecularPaths& paths, const torch::Tensor& delays = {});

  /// (B,N): the sum of the paths' filters alone.
  torch::Tensor reflections(const SpecularPaths& paths, const torch::Tensor& delays = {});

  /// ln gains at the octaves (..., 9) -> minimum-phase filters (..., 1023) with that magnitude,
  /// linear in frequency between the octaves; the falling half of a Hamming window ends them.
  torch::Tensor filters(const torch::Tensor& ln_gains) const;

  torch::Tensor surface_logits;   ///< (surfaces,9,2): reflected, absorbed
  torch::Tensor directivity;      ///< (9,128) ln gain
  torch::Tensor source_response;  ///< (1023), its mean is taken away
  torch::Tensor decay;            ///< (), what is left after a second, before the sigmoid
  torch::Tensor residual;         ///< (N)
  torch::Tensor blend;            ///< (34), share of the residual, before the sigmoid

 private:
  std::int64_t samples_;
  torch::Tensor ln_response_;  // (9,513) complex: ln of the minimum-phase response of an octave
  torch::Tensor window_;       // (1023)
  torch::Tensor points_;       // (128,3)
  torch::Tensor time_;         // (N) seconds
  torch::Tensor hats_;         // (34,N) linear interpolation between the knots
};

/// Fits a renderer to responses (B,N) at the places of `paths`, as configs/xrir/diff_rir.yaml does:
/// Adam at 1e-2 (the residual at a tenth) that falls by a cosine, four places a step. The residual
/// begins anew, with noise of `rng`. `done` is called after each step.
MMI_API void fit(
    DiffRir& model,
    const SpecularPaths& paths,
    const torch::Tensor& responses,
    const DiffRirConfig& config,
    std::int64_t steps,
    const Rng& rng,
    const std::function<void()>& done = [] {});

}  // namespace mmi::models::xrir
