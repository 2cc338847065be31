#include "mmi/models/audeo/spectrogram_picture.h"

#include <algorithm>

#include "mmi/base/errors.h"
#include "mmi/models/audeo/roll_picture.h"
#include "mmi/models/audeo/sound.h"

namespace mmi::models::audeo {
namespace {

using io::Align;
using io::Canvas;
using io::Rgb;

constexpr Rgb kInk{32, 36, 44};
constexpr Rgb kSoft{98, 106, 120};
constexpr int kWidth = 1200;
constexpr int kHeight = 200;
constexpr int kLeft = 64;
constexpr int kRight = 24;
constexpr int kTitle = 40;
constexpr int kBottom = 48;
constexpr double kFramesPerSecond = static_cast<double>(kSampleRateHz) / kHopSamples;

double round_step(double seconds) {
  for (const double step : {0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0}) {
    if (seconds / step <= 12) {
      return step;
    }
  }
  return 120;
}

void paint(Canvas& canvas, const torch::Tensor& log_power, int top, double bins, double loudest) {
  const torch::Tensor values = log_power.to(torch::kCPU, torch::kFloat32).contiguous();
  const auto at = values.accessor<float, 2>();
  for (int x = 0; x < kWidth; ++x) {
    const auto frame =
        static_cast<std::int64_t>((x + 0.5) / kWidth * static_cast<double>(values.size(1)));
    for (int y = 0; y < kHeight; ++y) {
      const auto bin = static_cast<std::int64_t>((kHeight - 1 - y + 0.5) / kHeight * bins);
      canvas.set(kLeft + x, top + y, probability_colour(at[bin][frame] / loudest));
    }
  }
}

}  // namespace

io::Canvas draw_spectrograms(
    const std::vector<std::pair<std::string, torch::Tensor>>& panels, double top_hz) {
  MMI_CHECK(ConfigError, !panels.empty(), "a picture needs at least one spectrogram");
  double loudest = 1e-6;
  for (const auto& [title, values] : panels) {
    MMI_CHECK(
        ShapeError,
        values.dim() == 2 && values.size(0) == kBins && values.size(1) > 0,
        "spectrogram \"{}\" must be ({}, T), but is {}",
        title,
        kBins,
        values.sizes().vec());
    loudest = std::max(loudest, values.max().item<double>());
  }
  const int count = static_cast<int>(panels.size());
  Canvas canvas(kLeft + kWidth + kRight, count * (kTitle + kHeight) + kBottom);
  const double bins = std::min<double>(kBins, top_hz / kSampleRateHz * kFftSamples);
  for (int i = 0; i < count; ++i) {
    const int top = i * (kHeight + kTitle) + kTitle;
    const auto& [title, values] = panels[static_cast<std::size_t>(i)];
    canvas.text(kLeft, top - 12, title, kInk, 20, Align::kLeft, true);
    paint(canvas, values, top, bins, loudest);
    for (int khz = 0; khz * 1000 <= top_hz; ++khz) {
      const int y = top + kHeight - static_cast<int>(khz * 1000 / top_hz * kHeight);
      canvas.text(kLeft - 8, y + 6, std::to_string(khz) + " kHz", kSoft, 15, Align::kRight);
    }
  }
  const double seconds = static_cast<double>(panels[0].second.size(1)) / kFramesPerSecond;
  const int bottom = count * (kTitle + kHeight);
  for (double second = 0; second <= seconds; second += round_step(seconds)) {
    const int x = kLeft + static_cast<int>(second / seconds * kWidth);
    canvas.fill(x, bottom, 1, 6, kSoft);
    canvas.text(x, bottom + 26, format("{:g} s", second), kSoft, 15, Align::kCenter);
  }
  return canvas;
}

}  // namespace mmi::models::audeo
