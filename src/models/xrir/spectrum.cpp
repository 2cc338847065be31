#include "mmi/models/xrir/spectrum.h"

#include "mmi/base/errors.h"
#include "mmi/dsp/griffin_lim.h"
#include "mmi/tensor/parallel.h"

namespace mmi::models::xrir {

dsp::StftConfig stft_config() {
  dsp::StftConfig cfg;
  cfg.n_fft = 124;
  cfg.hop_samples = 31;
  cfg.window = torch::hann_window(62, torch::kFloat64);  // periodic; rounded to the waveform's type
  cfg.pad_mode = dsp::PadMode::kZeros;
  return cfg;
}

std::int64_t frames_of(std::int64_t samples) {
  return dsp::stft_frames(samples, stft_config());
}

torch::Tensor magnitudes(const torch::Tensor& waveform) {
  return dsp::power(dsp::stft(waveform, stft_config())).clamp_min(1e-7).sqrt();
}

torch::Tensor to_log(const torch::Tensor& magnitude) {
  return torch::log(magnitude + 1e-8);
}

torch::Tensor from_log(const torch::Tensor& log_spectrum) {
  return torch::exp(log_spectrum) - 1e-8;
}

torch::Tensor alignment_delays(const torch::Tensor& source, const torch::Tensor& references) {
  MMI_CHECK(
      ShapeError,
      source.dim() == 2 && references.dim() == 3 && source.size(0) == references.size(0) &&
          source.size(1) == 3 && references.size(2) == 3,
      "source must be (B, 3) and references (B, K, 3), not {} and {}",
      source.sizes().vec(),
      references.sizes().vec());
  const auto farther = source.norm(2, -1).unsqueeze(1) - references.norm(2, -1);
  return torch::round(farther / kSpeedOfSound * kSampleRateHz).to(torch::kLong);
}

torch::Tensor align(
    const torch::Tensor& responses, const torch::Tensor& source, const torch::Tensor& references) {
  const auto delays = alignment_delays(source, references);
  MMI_CHECK(
      ShapeError,
      responses.dim() == 3 && responses.size(0) == references.size(0) &&
          responses.size(1) == references.size(1),
      "responses must be (B, K, N) for references (B, K, 3), not {} and {}",
      responses.sizes().vec(),
      references.sizes().vec());
  const std::int64_t samples = responses.size(2);
  const auto from = torch::arange(samples, delays.options()).view({1, 1, -1}) - delays.unsqueeze(2);
  const auto inside = from.ge(0) & from.lt(samples);
  const auto moved = responses.gather(2, from.clamp(0, samples - 1)) * inside;
  const auto level = references.norm(2, -1) / (source.norm(2, -1).unsqueeze(1) + 1e-7);
  return moved * level.unsqueeze(2);
}

torch::Tensor to_waveform(const torch::Tensor& log_spectrum, std::uint64_t seed) {
  MMI_CHECK(
      ShapeError,
      log_spectrum.dim() == 3 && log_spectrum.size(1) == kBins,
      "log spectrograms must be (B, {}, T), not {}",
      kBins,
      log_spectrum.sizes().vec());
  dsp::GriffinLimConfig cfg;
  cfg.n_iter = 32;
  cfg.initial_phase = dsp::InitialPhase::kFirstQuadrant;
  cfg.stft = stft_config();
  cfg.stft.pad_mode = dsp::PadMode::kReflect;  // as torchaudio's
  const auto magnitude = from_log(log_spectrum).clamp_min(0).to(torch::kCPU, torch::kFloat32);
  const std::int64_t count = magnitude.size(0);
  const std::int64_t samples = cfg.stft.hop_samples * (magnitude.size(2) - 1);
  auto waves = torch::empty({count, samples});
  const Rng all(seed);
  parallel_items(count, [&](std::int64_t i) {
    const torch::NoGradGuard of_this_thread;
    Rng rng = all.stream("phase", static_cast<std::uint64_t>(i));
    waves[i].copy_(dsp::griffin_lim(magnitude[i], cfg, rng));
  });
  return waves;
}

}  // namespace mmi::models::xrir
