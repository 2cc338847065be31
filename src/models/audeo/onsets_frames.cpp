#include "mmi/models/audeo/onsets_frames.h"

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "mmi/base/errors.h"
#include "mmi/dsp/mel.h"

namespace mmi::models::audeo {
namespace {

constexpr double kOnsetLogOdds = -6;  // 0.2 % of the frames and keys
constexpr double kFrameLogOdds = -3;  // 5 %

dsp::MelConfig mel_config() {
  dsp::MelConfig config;
  config.sample_rate_hz = kSoundRateHz;
  config.n_fft = 2048;
  config.n_mels = kSoundMels;
  config.f_min_hz = 30;
  config.f_max_hz = 8000;
  config.scale = dsp::MelScale::kHtk;
  return config;
}

}  // namespace

torch::Tensor log_mel(const torch::Tensor& samples) {
  MMI_CHECK(
      ShapeError,
      samples.dim() == 2 && samples.size(1) > 1024,
      "sound must be (B, N) with more than 1024 samples, but is {}",
      samples.sizes().vec());
  static const torch::Tensor bank = dsp::mel_filter_bank(mel_config());
  dsp::StftConfig stft;
  stft.n_fft = 2048;
  stft.hop_samples = kSoundHop;
  // As published: without the last sample, N samples have ceil(N / hop) frames.
  const torch::Tensor mel = dsp::mel_spectrogram(
      samples.slice(1, 0, samples.size(1) - 1), bank.to(samples.options()), stft, 1.0);
  return mel.clamp_min(1e-5).log_().transpose(1, 2).contiguous();
}

const config::Schema& OnsetsFramesConfig::schema() {
  static const config::Schema made =
      config::Table<OnsetsFramesConfig>("onsets_frames", "Onsets and Frames: sound to notes")
          .field(
              "complexity",
              &OnsetsFramesConfig::complexity,
              "size: features are 16, LSTM units 8 times this (published 48)",
              config::between(1, 256))
          .field(
              "dropout",
              &OnsetsFramesConfig::dropout,
              "times the published dropout rates",
              config::between(0, 1));
  return made;
}

ConvStack::ConvStack(std::int64_t mels, std::int64_t features, double dropout) {
  const std::int64_t narrow = features / 16;
  const std::int64_t wide = features / 8;
  const auto conv = [](std::int64_t in, std::int64_t out) {
    return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 3).padding(1));
  };
  const auto relu = [] { return torch::nn::ReLU(torch::nn::ReLUOptions(true)); };
  const auto halve = [] {
    return torch::nn::MaxPool2d(torch::nn::MaxPool2dOptions({1, 2}).stride({1, 2}));
  };
  cnn = register_module(
      "cnn",
      torch::nn::Sequential(
          conv(1, narrow),
          torch::nn::BatchNorm2d(narrow),
          relu(),
          conv(narrow, narrow),
          torch::nn::BatchNorm2d(narrow),
          relu(),
          halve(),
          torch::nn::Dropout(0.25 * dropout),
          conv(narrow, wide),
          torch::nn::BatchNorm2d(wide),
          relu(),
          halve(),
          torch::nn::Dropout(0.25 * dropout)));
  fc = register_module(
      "fc",
      torch::nn::Sequential(
          torch::nn::Linear(wide * (mels / 4), features), torch::nn::Dropout(0.5 * dropout)));
}

torch::Tensor ConvStack::forward(const torch::Tensor& mel) {
  const torch::Tensor maps = cnn->forward(mel.unsqueeze(1));
  return fc->forward(maps.transpose(1, 2).flatten(2));
}

BiLstm::BiLstm(std::int64_t in, std::int64_t units) {
  rnn = register_module(
      "rnn",
      torch::nn::LSTM(torch::nn::LSTMOptions(in, units).batch_first(true).bidirectional(true)));
}

torch::Tensor BiLstm::forward(const torch::Tensor& input) {
  return std::get<0>(rnn->forward(input));
}

OnsetsAndFrames::OnsetsAndFrames(const OnsetsFramesConfig& config) : config_(config) {
  MMI_CHECK(
      ConfigError,
      config.complexity > 0 && config.mels >= 4 && config.keys > 0,
      "complexity and keys must be > 0 and mels at least 4, but are {}, {} and {} instead",
      config.complexity,
      config.keys,
      config.mels);
  const std::int64_t features = config.complexity * 16;
  const std::int64_t units = config.complexity * 8;
  const auto acoustic = [&] {
    return std::make_shared<ConvStack>(config.mels, features, config.dropout);
  };
  const auto edges = [&] {
    return torch::nn::Sequential(
        acoustic(),
        std::make_shared<BiLstm>(features, units),
        torch::nn::Linear(units * 2, config.keys),
        torch::nn::Sigmoid());
  };
  onset_stack = register_module("onset_stack", edges());
  offset_stack = register_module("offset_stack", edges());
  frame_stack = register_module(
      "frame_stack",
      torch::nn::Sequential(
          acoustic(), torch::nn::Linear(features, config.keys), torch::nn::Sigmoid()));
  combined_stack = register_module(
      "combined_stack",
      torch::nn::Sequential(
          std::make_shared<BiLstm>(config.keys * 3, units),
          torch::nn::Linear(units * 2, config.keys),
          torch::nn::Sigmoid()));
  velocity_stack = register_module(
      "velocity_stack",
      torch::nn::Sequential(acoustic(), torch::nn::Linear(features, config.keys)));
  start_at_label_density();
}

// The published start, probability 0.5 everywhere, makes the LSTMs saturate in order to say "no": a
// bias moves by the learning rate a step at most.
void OnsetsAndFrames::start_at_label_density() {
  const torch::NoGradGuard no_grad;
  for (const auto& [stack, log_odds] :
       {std::pair{&onset_stack, kOnsetLogOdds},
        std::pair{&offset_stack, kOnsetLogOdds},
        std::pair{&frame_stack, kFrameLogOdds},
        std::pair{&combined_stack, kFrameLogOdds}}) {
    // The last layer is a sigmoid.
    (*stack)->at<torch::nn::LinearImpl>((*stack)->size() - 2).bias.fill_(log_odds);
  }
}

Transcription OnsetsAndFrames::transcribe(const torch::Tensor& mel) {
  MMI_CHECK(
      ShapeError,
      mel.dim() == 3 && mel.size(1) > 0 && mel.size(2) == config_.mels,
      "log mel magnitudes must be (B, T, {}), but are {}",
      config_.mels,
      mel.sizes().vec());
  Transcription heard;
  heard.onset = onset_stack->forward(mel);
  heard.offset = offset_stack->forward(mel);
  heard.activation = frame_stack->forward(mel);
  heard.frame = combined_stack->forward(
      torch::cat({heard.onset.detach(), heard.offset.detach(), heard.activation}, 2));
  heard.velocity = velocity_stack->forward(mel);
  return heard;
}

torch::Tensor OnsetsAndFrames::forward(const torch::Tensor& mel) {
  const Transcription heard = transcribe(mel);
  return torch::stack(
      {heard.onset, heard.offset, heard.activation, heard.frame, heard.velocity}, 1);
}

}  // namespace mmi::models::audeo
