#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/encoders/resnet.h"
#include "mmi/encoders/simple_vit.h"

namespace mmi::models::xrir {

/// Which of both uses of the references sees them aligned (spectrum.h).
enum class Align {
  kBoth,         ///< the audio encoder and the weighted sum, as published
  kWeightsOnly,  ///< the weighted sum alone: the encoder runs once a source, not once a pair
  kNone,
};

enum class WeightBias {
  kNone,     ///< as published: weights begin near 0, magnitudes near 1
  kUniform,  ///< 1 / K is added: the model begins as the mean of the log spectrograms
};

struct MMI_API XRirConfig {
  encoders::SimpleVitConfig vit;
  std::int64_t channels = 256;             ///< C: of all features that are fused
  std::int64_t frames = 310;               ///< T
  std::int64_t position_frequencies = 10;  ///< of positions: 2^linspace(0, 7, n)
  std::int64_t time_frequencies = 10;      ///< of frames: 2^linspace(0, 10, n)
  double position_scale_m = 5;             ///< positions and maps are divided by it
  double audio_width = 1;                  ///< channel multiplier of the ResNet18
  Align align = Align::kBoth;
  WeightBias weight_bias = WeightBias::kNone;
  bool depth = true;  ///< off: the depth map is zero (ablation)
  bool audio = true;  ///< off: the audio features are zero (ablation)

  std::int64_t map_height() const {
    return vit.height;
  }

  std::int64_t map_width() const {
    return vit.width;
  }

  static const config::Schema& schema();
};

/// One prediction an item. Positions are relative to the receiver, metres.
struct XRirInputs {
  torch::Tensor map;         ///< (B,3,H,W) points that the receiver sees
  torch::Tensor source;      ///< (B,3) of the response that is predicted
  torch::Tensor references;  ///< (B,K,3)
  torch::Tensor responses;   ///< (B,K,N) of the references
};

/// All sources of a receiver at once; the same outputs for less work, since each map is looked at
/// once a source instead of once a pair.
struct GroupedInputs {
  torch::Tensor map;        ///< (R,3,H,W)
  torch::Tensor sources;    ///< (R,S,3)
  torch::Tensor responses;  ///< (R,S,N)
  torch::Tensor chosen;     ///< (R,S,K) int64: sources that serve as references of each
};

/// What the published network computes on its way, of the first reference where there are K.
struct XRirActivations {
  torch::Tensor patch_embedding;   ///< (B,P,D)
  torch::Tensor block0_attention;  ///< (B,P,D)
  torch::Tensor vit;               ///< (B,P,D)
  torch::Tensor geometry;          ///< (B,C)
  torch::Tensor aligned;           ///< (B,K,63,T) magnitudes
  torch::Tensor audio;             ///< (B,512 w)
  torch::Tensor time;              ///< (T,C)
  torch::Tensor references;        ///< (B,K,C) fused
  torch::Tensor target;            ///< (B,C) fused
  torch::Tensor log_spectrum;      ///< (B,63,T)
};

/// x (..., D) -> (..., D (2 n + 1)): x, then sin of x times each frequency, then cos.
MMI_API torch::Tensor sincos_features(const torch::Tensor& x, const torch::Tensor& frequencies);

/// xRIR (Liu et al., "Hearing Anywhere in Any Environment", CVPR 2025; thesis ch. 8; official key
/// names): predicts the log spectrogram of the response between a new source and a receiver as a
/// weighted sum of K measured ones, the weights a function of time. Active parameters at the
/// published size: 22,096,321 with a ViT of depth 6, 31,551,937 with depth 12.
class MMI_API XRir : public torch::nn::Module {
 public:
  using Config = XRirConfig;
  static constexpr const char* kName = "xrir/xrir";
  static constexpr const char* kTitle =
      "xRIR: responses of any source from a few measured ones (thesis ch. 8)";

  explicit XRir(const XRirConfig& config);

  /// (B,63,T) ln magnitudes.
  torch::Tensor forward(const XRirInputs& inputs);

  /// (R,S,63,T).
  torch::Tensor forward(const GroupedInputs& inputs);

  XRirActivations activations(const XRirInputs& inputs);

  const XRirConfig& config() const {
    return config_;
  }

 private:
  struct Linear;
  struct Frequencies;
  struct AudioEncoder;

  torch::Tensor geometry(const torch::Tensor& map);
  torch::Tensor direct(const torch::Tensor& position);
  torch::Tensor encode_audio(const torch::Tensor& responses);
  torch::Tensor time_features();
  torch::Tensor combine(
      const torch::Tensor& references, const torch::Tensor& target, const torch::Tensor& aligned);
  torch::Tensor seen(const torch::Tensor& map) const;
  torch::Tensor aligned(
      const torch::Tensor& responses,
      const torch::Tensor& source,
      const torch::Tensor& references) const;

  XRirConfig config_;
  std::shared_ptr<encoders::SimpleVit> source_network;
  std::shared_ptr<Linear> src_proj;
  std::shared_ptr<Frequencies> dist_embedder;
  std::shared_ptr<Linear> src_coord_proj;
  std::shared_ptr<Linear> lin_proj_0, lin_proj_1, lin_proj_2;
  std::shared_ptr<AudioEncoder> audio_enc;
  std::shared_ptr<Frequencies> time_embedder;
  std::shared_ptr<Linear> time_proj;
};

}  // namespace mmi::models::xrir

template <>
struct mmi::config::EnumNames<mmi::models::xrir::Align> {
  static constexpr std::array<std::pair<const char*, mmi::models::xrir::Align>, 3> names{{
      {"both", mmi::models::xrir::Align::kBoth},
      {"weights_only", mmi::models::xrir::Align::kWeightsOnly},
      {"none", mmi::models::xrir::Align::kNone},
  }};
};

template <>
struct mmi::config::EnumNames<mmi::models::xrir::WeightBias> {
  static constexpr std::array<std::pair<const char*, mmi::models::xrir::WeightBias>, 2> names{{
      {"none", mmi::models::xrir::WeightBias::kNone},
      {"uniform", mmi::models::xrir::WeightBias::kUniform},
  }};
};
