#pragma once

#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/rnn.h>
#include <torch/types.h>

#include <cstdint>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/nn/unary_module.h"

namespace mmi::models::audeo {

/// Sound as the transcriber sees it: 16 kHz, one frame every 32 ms.
inline constexpr std::int64_t kSoundRateHz = 16000;
inline constexpr std::int64_t kSoundHop = 512;
inline constexpr std::int64_t kSoundMels = 229;
inline constexpr double kSoundFps = static_cast<double>(kSoundRateHz) / kSoundHop;

/// Published front end: (B,N) samples in [-1, 1] -> (B, ceil(N / 512), 229) log mel magnitudes:
/// 2048-point Hann frames mirrored at the edges, 30..8000 Hz, HTK scale, log(max(mel, 1e-5)).
/// ShapeError for N <= 1024.
MMI_API torch::Tensor log_mel(const torch::Tensor& samples);

struct MMI_API OnsetsFramesConfig {
  std::int64_t complexity = 48;  ///< features are 16, LSTM units 8 times this
  double dropout = 1;            ///< times the published rates: 0.25 in the cnn, 0.5 after it
  std::int64_t mels = kSoundMels;
  std::int64_t keys = 88;

  static const config::Schema& schema();
};

/// Acoustic model of one output (cnn, fc): three 3x3 convolutions with batch norm, the mel axis
/// halved twice, a linear layer. (B,T,mels) -> (B,T,features).
class MMI_API ConvStack : public nn::UnaryModule {
 public:
  ConvStack(std::int64_t mels, std::int64_t features, double dropout);

  torch::Tensor forward(const torch::Tensor& mel) override;

 private:
  torch::nn::Sequential cnn{nullptr}, fc{nullptr};
};

/// One layer in both directions from zero states (rnn). (B,T,in) -> (B,T,2 units).
class MMI_API BiLstm : public nn::UnaryModule {
 public:
  BiLstm(std::int64_t in, std::int64_t units);

  torch::Tensor forward(const torch::Tensor& input) override;

 private:
  torch::nn::LSTM rnn{nullptr};
};

/// What the network says of each frame and key; (B,T,keys) each.
struct Transcription {
  torch::Tensor onset, offset;  ///< probabilities
  torch::Tensor activation;     ///< frames before the combined LSTM, probabilities
  torch::Tensor frame;          ///< probabilities
  torch::Tensor velocity;       ///< times 128: MIDI velocity, valid where a note begins
};

/// Onsets and Frames (Hawthorne et al., ISMIR 2018) in the layout and with the state keys of
/// github.com/jongwook/onsets-and-frames. 26,491,256 parameters at complexity 48. The frame
/// branch sees onsets and offsets, but sends no gradient to them.
///   OnsetsAndFrames net({}); net.eval(); auto heard = net.transcribe(log_mel(samples));
class MMI_API OnsetsAndFrames : public nn::UnaryModule {
 public:
  explicit OnsetsAndFrames(const OnsetsFramesConfig& config);

  /// (B,T,mels) log mel magnitudes. Throws ShapeError.
  Transcription transcribe(const torch::Tensor& mel);

  /// The five outputs as one tensor (B,5,T,keys) in the order of Transcription.
  torch::Tensor forward(const torch::Tensor& mel) override;

 private:
  void start_at_label_density();

  OnsetsFramesConfig config_;
  torch::nn::Sequential onset_stack{nullptr}, offset_stack{nullptr}, frame_stack{nullptr},
      combined_stack{nullptr}, velocity_stack{nullptr};
};

}  // namespace mmi::models::audeo
