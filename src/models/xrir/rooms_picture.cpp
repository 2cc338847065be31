#include "models/xrir/rooms_picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "mmi/base/format.h"
#include "models/xrir/rooms_plot.h"

namespace mmi::models::xrir {
namespace {

constexpr int kLeft = 78;
constexpr int kWidth = 1090;
constexpr int kRight = 32;
constexpr int kHead = 48;
constexpr int kPitch = 96;  // between panels: title, ticks, name of the axis
constexpr std::array<int, 3> kHeights{170, 260, 200};
constexpr double kDecayDb = 70;
constexpr double kEchoDb = 60;
constexpr double kEcho_s = 0.1;
constexpr std::array<io::Rgb, 5> kOrders{
    {{206, 66, 48}, {222, 142, 32}, {38, 140, 96}, {32, 96, 170}, {126, 87, 166}}};

void draw_waveform(Panel& panel, const ResponsePicture& p) {
  panel.axes("Waveform", "time, s", "pressure, direct sound at 1 m = 1");
  const double per_column = std::max(1.0, static_cast<double>(p.samples.size()) / kWidth);
  for (int x = 0; x < kWidth; ++x) {
    const auto first = static_cast<std::size_t>(x * per_column);
    const auto last =
        std::min(p.samples.size(), static_cast<std::size_t>((x + 1) * per_column) + 1);
    if (first >= last) {
      break;
    }
    const auto [low, high] = std::minmax_element(
        p.samples.begin() + static_cast<std::ptrdiff_t>(first),
        p.samples.begin() + static_cast<std::ptrdiff_t>(last));
    const double at = (static_cast<double>(first) + 0.5) / p.sample_rate_hz;
    panel.line(at, *low, at, *high, kBlue);
  }
}

// A decay of `t60_s` through -5 dB of a curve.
void draw_slope(
    Panel& panel, const std::vector<double>& decay, double rate, double t60_s, io::Rgb colour) {
  const auto at = std::find_if(decay.begin(), decay.end(), [](double db) { return db <= -5; });
  if (at == decay.end() || t60_s <= 0) {
    return;
  }
  const double start = static_cast<double>(at - decay.begin()) / rate;
  panel.line(start - t60_s * 5 / 60, 0, start + t60_s * 65 / 60, -70, colour, 1.2);
}

void draw_decay(Panel& panel, const ResponsePicture& p) {
  panel.axes("Energy decay (Schroeder)", "time, s", "level, dB");
  const std::vector<double> decay = dsp::energy_decay_curve(p.samples);
  std::vector<std::pair<double, double>> curve;
  const auto step =
      static_cast<std::size_t>(std::max(1.0, static_cast<double>(decay.size()) / (2 * kWidth)));
  for (std::size_t i = 0; i < decay.size(); i += step) {
    const double level = std::isfinite(decay[i]) ? std::max(decay[i], -100.0) : -100.0;
    curve.emplace_back(static_cast<double>(i) / p.sample_rate_hz, level);
  }
  std::vector<std::pair<std::string, io::Rgb>> names{{"decay", kInk}};
  const auto slope = [&](const char* name, double t60_s, io::Rgb colour) {
    draw_slope(panel, decay, p.sample_rate_hz, t60_s, colour);
    names.emplace_back(format("{} {:.2f} s", name, t60_s), colour);
  };
  if (p.measures.edt_s.has_value()) {
    slope("EDT", p.measures.edt_s.value, kRed);
  }
  if (p.measures.t20_s.has_value()) {
    slope("T20", p.measures.t20_s.value, kBlue);
  }
  if (p.eyring_s > 0 && std::isfinite(p.eyring_s)) {
    slope("Eyring", p.eyring_s, kGreen);
  }
  panel.curve(curve, kInk, 1.8);
  panel.key(names);
}

void draw_echogram(Panel& panel, const ResponsePicture& p) {
  panel.axes("Direct sound and reflections that were placed", "time, s", "level at 1 kHz, dB");
  std::vector<std::pair<std::string, io::Rgb>> names;
  // High orders first, so that strong ones lie on top.
  for (int order = static_cast<int>(kOrders.size()) - 1; order >= 0; --order) {
    const io::Rgb colour = kOrders[static_cast<std::size_t>(order)];
    bool any = false;
    for (const worlds::rooms::Path& path : p.paths) {
      const bool last = order + 1 == static_cast<int>(kOrders.size());
      if (path.order == order || (last && path.order > order)) {
        any = true;
        const double at = path.distance_m / p.speed_of_sound;
        const double level = 20 * std::log10(std::max(1e-9F, std::abs(path.amplitude[4])));
        panel.line(at, -1000, at, level, colour, order < 2 ? 2.2 : 1.2);
      }
    }
    if (any) {
      names.emplace_back(
          order == 0                                     ? "direct"
          : order + 1 < static_cast<int>(kOrders.size()) ? format("order {}", order)
                                                         : format("order {} and more", order),
          colour);
    }
  }
  std::reverse(names.begin(), names.end());
  panel.key(names);
}

Interval echo_levels(const std::vector<worlds::rooms::Path>& paths) {
  double loudest = -60;
  for (const worlds::rooms::Path& path : paths) {
    loudest = std::max<double>(loudest, 20 * std::log10(std::max(1e-9F, path.amplitude[4])));
  }
  const double top = 10 * std::ceil((loudest + 1) / 10);
  return {top - kEchoDb, top};
}

}  // namespace

io::Canvas draw_response(const ResponsePicture& p) {
  int height = kHead;
  for (const int panel : kHeights) {
    height += panel + kPitch;
  }
  io::Canvas canvas(kLeft + kWidth + kRight, height - 12, kPaper);
  canvas.text(kLeft, 32, p.title, kInk, 21, io::Align::kLeft, true);
  const double seconds = static_cast<double>(p.samples.size()) / p.sample_rate_hz;
  double peak = 1e-9;
  for (const float x : p.samples) {
    peak = std::max<double>(peak, std::abs(x));
  }
  int top = kHead + 34;
  Panel wave(canvas, kLeft, top, kWidth, kHeights[0], {0, seconds}, {-1.1 * peak, 1.1 * peak});
  draw_waveform(wave, p);
  top += kHeights[0] + kPitch;
  Panel decay(canvas, kLeft, top, kWidth, kHeights[1], {0, seconds}, {-kDecayDb, 3});
  draw_decay(decay, p);
  top += kHeights[1] + kPitch;
  Panel echoes(
      canvas,
      kLeft,
      top,
      kWidth,
      kHeights[2],
      {0, std::min(seconds, kEcho_s)},
      echo_levels(p.paths));
  draw_echogram(echoes, p);
  return canvas;
}

}  // namespace mmi::models::xrir
