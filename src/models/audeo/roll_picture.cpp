#include "mmi/models/audeo/roll_picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/base/format.h"

namespace mmi::models::audeo {
namespace {

using io::Align;
using io::Canvas;
using io::Rgb;

constexpr Rgb kPaper{255, 255, 255};
constexpr Rgb kInk{32, 36, 44};
constexpr Rgb kSoft{98, 106, 120};
constexpr Rgb kGrid{255, 255, 255};
constexpr Rgb kHit{74, 158, 226};
constexpr Rgb kMiss{255, 212, 59};
constexpr Rgb kFalse{255, 92, 58};

constexpr int kLabelColumn = 48;
constexpr int kKeyboard = 52;
constexpr int kRight = 26;
constexpr int kTop = 10;
constexpr int kTitle = 44;
constexpr int kBetween = 16;
constexpr int kBottom = 62;
constexpr double kTitlePx = 21;
constexpr double kLabelPx = 17;

bool is_black(int pitch) {
  const int tone = ((pitch % 12) + 12) % 12;
  return tone == 1 || tone == 3 || tone == 6 || tone == 8 || tone == 10;
}

bool is_c(int pitch) {
  return pitch % 12 == 0;
}

/// A panel that is ready to be painted: on the CPU, float, contiguous.
struct Sheet {
  const RollPanel* panel;
  torch::Tensor roll;
  torch::Tensor truth;
  std::int64_t frames;
};

/// Where things are on the picture.
struct Plan {
  int low_pitch;
  int keys;
  double fps;
  double begin_s;
  double end_s;
  int left;
  int width;
  int key_px;

  int height() const {
    return keys * key_px;
  }

  int row(int key) const {
    return (keys - 1 - key) * key_px;
  }

  double x_of(double second) const {
    return left + (second - begin_s) / (end_s - begin_s) * width;
  }

  /// Frames [first, last) of one pixel column: at least one.
  std::pair<std::int64_t, std::int64_t> frames_at(int column) const {
    const double frames = (end_s - begin_s) * fps;
    const double start = begin_s * fps + frames * column / width;
    const double stop = begin_s * fps + frames * (column + 1) / width;
    const auto first = static_cast<std::int64_t>(std::floor(start + 1e-6));
    return {first, std::max(first + 1, static_cast<std::int64_t>(std::floor(stop + 1e-6)))};
  }
};

Sheet sheet_of(const RollPanel& panel, std::int64_t keys) {
  MMI_CHECK(
      ShapeError,
      panel.roll.defined() && panel.roll.dim() == 2 && panel.roll.size(1) == keys && keys > 0,
      "panel \"{}\" needs a roll of shape (F, K) with the same K >= 1 as the first panel",
      panel.title);
  const auto ready = [](const torch::Tensor& t) {
    return t.detach().to(torch::kCPU, torch::kFloat).contiguous();
  };
  Sheet sheet{&panel, ready(panel.roll), {}, panel.roll.size(0)};
  if (panel.truth.defined()) {
    MMI_CHECK(
        ShapeError,
        panel.truth.sizes() == panel.roll.sizes(),
        "panel \"{}\" has a roll of shape {} but a truth of shape {}: cut them to equal length",
        panel.title,
        panel.roll.sizes().vec(),
        panel.truth.sizes().vec());
    sheet.truth = ready(panel.truth);
  }
  return sheet;
}

Rgb background_of(int pitch) {
  return is_black(pitch) ? Rgb{20, 16, 36} : Rgb{34, 29, 58};
}

/// The colour of one cell; `where` are the frames of its pixel column.
Rgb cell_colour(
    const Sheet& sheet,
    int key,
    Rgb empty,
    std::pair<std::int64_t, std::int64_t> where,
    double threshold) {
  const auto [first, last] = where;
  const std::int64_t keys = sheet.roll.size(1);
  const auto most = [&](const torch::Tensor& t) {
    float value = 0;
    for (std::int64_t f = std::max<std::int64_t>(first, 0); f < std::min(last, sheet.frames); ++f) {
      value = std::max(value, t.const_data_ptr<float>()[f * keys + key]);
    }
    return value;
  };
  const float heard = most(sheet.roll);
  if (!sheet.truth.defined()) {
    // The weakest values fade into the lanes, so that black and white keys stay apart.
    return io::mix(empty, probability_colour(heard), std::clamp(heard / 0.12, 0.0, 1.0));
  }
  const bool sounds = heard >= threshold;
  if (most(sheet.truth) >= 0.5) {
    return sounds ? kHit : kMiss;
  }
  return sounds ? kFalse : empty;
}

void paint_cells(Canvas& canvas, const Sheet& sheet, const Plan& plan, int top, double threshold) {
  for (int key = 0; key < plan.keys; ++key) {
    const Rgb empty = background_of(plan.low_pitch + key);
    const int y = top + plan.row(key);
    // A seam between the lanes keeps neighbouring keys apart.
    const int height = plan.key_px >= 4 ? plan.key_px - 1 : plan.key_px;
    canvas.fill(plan.left, y, plan.width, plan.key_px, io::mix(empty, Rgb{0, 0, 0}, 0.25));
    for (int column = 0; column < plan.width; ++column) {
      const auto frames = plan.frames_at(column);
      const Rgb colour = cell_colour(sheet, key, empty, frames, threshold);
      canvas.fill(plan.left + column, y, 1, height, colour);
    }
  }
}

double second_step(const Plan& plan) {
  const double least = 90.0 / plan.width * (plan.end_s - plan.begin_s);
  for (double decade = 0.01; decade < 1e6; decade *= 10) {
    for (const double digit : {1.0, 2.0, 5.0}) {
      if (digit * decade >= least) {
        return digit * decade;
      }
    }
  }
  return plan.end_s - plan.begin_s;
}

std::vector<double> second_ticks(const Plan& plan) {
  const double step = second_step(plan);
  std::vector<double> ticks;
  for (double k = std::ceil(plan.begin_s / step - 1e-9); k * step <= plan.end_s + 1e-9; k += 1) {
    ticks.push_back(k == 0 ? 0.0 : k * step);  // never "-0"
  }
  return ticks;
}

void draw_grid(Canvas& canvas, const Plan& plan, int top) {
  for (int key = 1; key < plan.keys; ++key) {
    if (is_c(plan.low_pitch + key)) {
      canvas.fill(plan.left, top + plan.row(key) + plan.key_px - 1, plan.width, 1, kGrid, 0.28);
    }
  }
  for (const double second : second_ticks(plan)) {
    const int x = static_cast<int>(std::lround(plan.x_of(second)));
    if (x > plan.left && x < plan.left + plan.width - 1) {
      canvas.fill(x, top, 1, plan.height(), kGrid, 0.16);
    }
  }
}

void draw_keyboard(Canvas& canvas, const Plan& plan, int top) {
  const int x = plan.left - kKeyboard;
  const int black = kKeyboard * 3 / 5;
  canvas.fill(x, top, kKeyboard, plan.height(), Rgb{250, 250, 247});
  for (int key = 0; key < plan.keys; ++key) {
    const int pitch = plan.low_pitch + key;
    const int y = top + plan.row(key);
    if (is_black(pitch)) {
      // Two white keys meet behind the middle of a black one.
      canvas.fill(x, y + plan.key_px / 2, kKeyboard, 1, Rgb{178, 180, 186});
      canvas.fill(x, y, black, plan.key_px, Rgb{38, 39, 46});
      canvas.fill(x, y, black - 3, std::max(1, plan.key_px / 3), Rgb{72, 74, 84});
    } else if (!is_black(pitch + 1) && key + 1 < plan.keys) {
      canvas.fill(x, y, kKeyboard, 1, Rgb{178, 180, 186});
    }
    if (is_c(pitch)) {
      canvas.text(
          x - 8,
          y + plan.key_px / 2 + 6,
          "C" + std::to_string(pitch / 12 - 1),
          kSoft,
          kLabelPx,
          Align::kRight);
    }
  }
  canvas.outline(x, top, kKeyboard, plan.height(), Rgb{120, 124, 134});
}

/// Draws from the right edge to the left; returns the new edge.
int swatch(Canvas& canvas, int right, int baseline, Rgb colour, const std::string& name) {
  const int width = Canvas::text_width(name, kLabelPx);
  canvas.text(right, baseline, name, kInk, kLabelPx, Align::kRight);
  const int x = right - width - 8 - 16;
  canvas.fill(x, baseline - 13, 16, 14, colour);
  canvas.outline(x, baseline - 13, 16, 14, io::mix(colour, kInk, 0.35));
  return x - 22;
}

void draw_head(Canvas& canvas, const Sheet& sheet, const Plan& plan, int top) {
  const int baseline = top - 15;
  canvas.text(plan.left, baseline, sheet.panel->title, kInk, kTitlePx, Align::kLeft, true);
  int right = plan.left + plan.width;
  if (sheet.truth.defined()) {
    right = swatch(canvas, right, baseline, kFalse, "false alarm");
    right = swatch(canvas, right, baseline, kMiss, "missed");
    swatch(canvas, right, baseline, kHit, "right");
    return;
  }
  constexpr int kRamp = 150;
  canvas.text(right, baseline, "1", kInk, kLabelPx, Align::kRight);
  const int x = right - 18 - kRamp;
  for (int i = 0; i < kRamp; ++i) {
    canvas.fill(x + i, baseline - 13, 1, 14, probability_colour(i / (kRamp - 1.0)));
  }
  canvas.text(x - 8, baseline, "probability  0", kInk, kLabelPx, Align::kRight);
}

void draw_seconds(Canvas& canvas, const Plan& plan, int top) {
  const double step = second_step(plan);
  const int decimals = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
  for (const double second : second_ticks(plan)) {
    const int x = static_cast<int>(std::lround(plan.x_of(second)));
    canvas.fill(x, top, 1, 6, kSoft);
    const std::string text = format(
        decimals == 0   ? "{:.0f}"
        : decimals == 1 ? "{:.1f}"
                        : "{:.2f}",
        second);
    canvas.text(x, top + 24, text, kSoft, kLabelPx, Align::kCenter);
  }
  canvas.text(plan.left + plan.width, top + 48, "seconds", kSoft, kLabelPx, Align::kRight);
}

Plan plan_of(
    const std::vector<Sheet>& sheets,
    int low_pitch,
    double fps,
    const RollPictureOptions& options) {
  std::int64_t frames = 0;
  for (const Sheet& sheet : sheets) {
    frames = std::max(frames, sheet.frames);
  }
  Plan plan{};
  plan.low_pitch = low_pitch;
  plan.keys = static_cast<int>(sheets.front().roll.size(1));
  plan.fps = fps;
  plan.begin_s = options.begin_s;
  plan.end_s = options.end_s.value_or(static_cast<double>(frames) / fps);
  plan.left = kLabelColumn + kKeyboard;
  plan.width = options.width_px - plan.left - kRight;
  plan.key_px = options.key_px;
  MMI_CHECK(
      ConfigError,
      plan.begin_s >= 0 && plan.end_s > plan.begin_s,
      "the picture would show {} s to {} s: choose begin_s >= 0 and a later end_s",
      plan.begin_s,
      plan.end_s);
  MMI_CHECK(
      ConfigError,
      plan.width >= 100 && plan.key_px >= 2,
      "a picture {} px wide with keys of {} px is too small: use at least {} and 2",
      options.width_px,
      options.key_px,
      100 + plan.left + kRight);
  return plan;
}

}  // namespace

io::Rgb probability_colour(double value) {
  constexpr std::array<Rgb, 6> kStops = {
      Rgb{28, 23, 49},
      Rgb{66, 48, 128},
      Rgb{48, 104, 150},
      Rgb{32, 152, 138},
      Rgb{112, 202, 92},
      Rgb{253, 231, 55}};
  const double at = (value > 0 ? std::min(value, 1.0) : 0.0) * (kStops.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(at), kStops.size() - 2);
  return io::mix(kStops[below], kStops[below + 1], at - static_cast<double>(below));
}

io::Canvas draw_rolls(
    const std::vector<RollPanel>& panels,
    int low_pitch,
    double fps,
    const RollPictureOptions& options) {
  MMI_CHECK(ConfigError, !panels.empty(), "a picture of rolls needs at least one panel");
  MMI_CHECK(ConfigError, fps > 0, "frames per second must be above 0, but are {}", fps);
  const auto& first = panels.front().roll;
  std::vector<Sheet> sheets;
  for (const RollPanel& panel : panels) {
    sheets.push_back(sheet_of(panel, first.defined() && first.dim() == 2 ? first.size(1) : 0));
  }
  const Plan plan = plan_of(sheets, low_pitch, fps, options);
  const int pitch = kTitle + plan.height() + kBetween;
  const int count = static_cast<int>(sheets.size());
  Canvas canvas(options.width_px, kTop + count * pitch - kBetween + kBottom, kPaper);
  for (int i = 0; i < count; ++i) {
    const int top = kTop + i * pitch + kTitle;
    draw_head(canvas, sheets[i], plan, top);
    paint_cells(canvas, sheets[i], plan, top, options.threshold);
    draw_grid(canvas, plan, top);
    draw_keyboard(canvas, plan, top);
  }
  draw_seconds(canvas, plan, kTop + count * pitch - kBetween);
  return canvas;
}

}  // namespace mmi::models::audeo
