#include "models/codec/spectrogram_picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "mmi/base/format.h"
#include "mmi/dsp/mel.h"

namespace mmi::models::codec {
namespace {

using io::Canvas;
using io::Rgb;

constexpr Rgb kInk{32, 36, 44};
constexpr Rgb kSoft{98, 106, 120};
constexpr int kWidth = 1000;
constexpr int kHeight = 192;
constexpr int kLeft = 72;
constexpr int kRight = 24;
constexpr int kTitle = 40;
constexpr int kBottom = 48;
constexpr std::int64_t kMels = 96;
constexpr double kRangeDb = 80;

Rgb brightness(double value) {
  constexpr std::array<Rgb, 5> kStops = {
      Rgb{12, 10, 32}, Rgb{78, 22, 104}, Rgb{176, 48, 88}, Rgb{242, 126, 44}, Rgb{252, 240, 172}};
  const double place = std::clamp(value, 0.0, 1.0) * (kStops.size() - 1);
  const auto stop = std::min(static_cast<std::size_t>(place), kStops.size() - 2);
  return io::mix(kStops[stop], kStops[stop + 1], place - static_cast<double>(stop));
}

dsp::MelConfig mels_of(std::int64_t sample_rate_hz) {
  dsp::MelConfig mel;
  mel.sample_rate_hz = sample_rate_hz;
  mel.n_fft = 1024;
  mel.n_mels = kMels;
  return mel;
}

double second_step(double seconds) {
  for (const double step : {0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0}) {
    if (seconds / step <= 12) {
      return step;
    }
  }
  return 120;
}

}  // namespace

io::Canvas draw_sounds(
    const std::vector<std::pair<std::string, torch::Tensor>>& sounds, std::int64_t sample_rate_hz) {
  const dsp::MelConfig mel = mels_of(sample_rate_hz);
  const auto bank = dsp::mel_filter_bank(mel);
  dsp::StftConfig stft;
  stft.n_fft = mel.n_fft;
  stft.hop_samples = 256;
  stft.pad_mode = dsp::PadMode::kZeros;
  std::vector<torch::Tensor> panels;
  double loudest = 1e-8;
  for (const auto& [title, wave] : sounds) {
    panels.push_back(dsp::mel_spectrogram(wave.to(torch::kCPU).unsqueeze(0), bank, stft)[0]);
    loudest = std::max(loudest, panels.back().max().item<double>());
  }
  const int count = static_cast<int>(panels.size());
  Canvas canvas(kLeft + kWidth + kRight, count * (kTitle + kHeight) + kBottom);
  for (int i = 0; i < count; ++i) {
    const int top = i * (kTitle + kHeight) + kTitle;
    canvas.text(
        kLeft,
        top - 12,
        sounds[static_cast<std::size_t>(i)].first,
        kInk,
        20,
        io::Align::kLeft,
        true);
    const auto& panel = panels[static_cast<std::size_t>(i)];
    const auto db = (10 * (panel / loudest).clamp_min(1e-12).log10() / kRangeDb + 1).contiguous();
    const auto at = db.accessor<float, 2>();
    for (int x = 0; x < kWidth; ++x) {
      const std::int64_t frame = x * db.size(1) / kWidth;
      for (int y = 0; y < kHeight; ++y) {
        const std::int64_t row = (kHeight - 1 - y) * kMels / kHeight;
        canvas.set(kLeft + x, top + y, brightness(at[row][frame]));
      }
    }
    const double last = dsp::hz_to_mel(static_cast<double>(sample_rate_hz) / 2, mel.scale);
    for (const double hz : {500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0}) {
      const double part = dsp::hz_to_mel(hz, mel.scale) / last;
      if (part <= 1) {
        const int y = top + kHeight - static_cast<int>(part * kHeight);
        canvas.text(
            kLeft - 8, y + 6, mmi::format("{:g} kHz", hz / 1000), kSoft, 15, io::Align::kRight);
      }
    }
  }
  const double seconds =
      static_cast<double>(sounds.front().second.numel()) / static_cast<double>(sample_rate_hz);
  const int bottom = count * (kTitle + kHeight);
  const double step = second_step(seconds);
  for (int i = 0; i * step <= seconds; ++i) {
    const int x = kLeft + static_cast<int>(i * step / seconds * kWidth);
    canvas.fill(x, bottom, 1, 6, kSoft);
    canvas.text(x, bottom + 26, mmi::format("{:g} s", i * step), kSoft, 15, io::Align::kCenter);
  }
  return canvas;
}

}  // namespace mmi::models::codec
