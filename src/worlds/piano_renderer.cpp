#include "mmi/worlds/piano/renderer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/base/rng.h"
#include "mmi/worlds/piano/keyboard.h"
#include "piano_paint.h"

namespace mmi::worlds::piano {
namespace {

constexpr double kExposure = 0.5 / kFps;  // s, for motion blur
constexpr int kNoiseLength = 1 << 16;

// Standard normal numbers x 1024, shared by all renderers.
const std::vector<std::int16_t>& normal_table() {
  static const std::vector<std::int16_t> table = [] {
    std::vector<std::int16_t> values;
    Rng rng = Rng(0).stream("piano.noise");
    for (int i = 0; i < kNoiseLength; ++i) {
      values.push_back(
          static_cast<std::int16_t>(std::lround(std::clamp(rng.normal(), -4.0, 4.0) * 1024)));
    }
    return values;
  }();
  return table;
}

// Jitter comes in steps that every size can show, so that all sizes show the same.
double quantised(double canvas_units) {
  return 0.25 * std::round(canvas_units / 0.25);
}

double smooth(double s) {
  s = std::clamp(s, 0.0, 1.0);
  return s * s * (3 - 2 * s);
}

struct Press {
  double onset_s = 0, offset_s = 0;
};

struct FrameState {
  int shift_x = 0, shift_y = 0;  // grid steps
  int gain = 4096;
  std::uint64_t noise = 0;
};

}  // namespace

struct Renderer::Impl {
  RenderConfig config;
  Look look;
  Camera camera;
  Grid grid;
  Board board;
  HandPainter painter;
  std::shared_ptr<const HandsPlan> hands;
  std::int64_t frames = 0;
  std::uint64_t camera_seed = 0;
  std::array<std::vector<Press>, kKeys> presses;
  std::array<double, 4> drift_phase{};
  std::vector<std::int16_t> noise;
  std::vector<std::int16_t> canvas;

  Impl(const Piece& piece, const RenderConfig& render_config)
      : config(render_config),
        look(make_look(piece.spec.camera_seed, piece.spec.shift, render_config)),
        camera(look),
        grid(render_config.width, render_config.height),
        board(grid, look),
        painter(grid, look),
        hands(piece.hands),
        frames(piece.frames),
        camera_seed(piece.spec.camera_seed),
        canvas(static_cast<std::size_t>(grid.width) * static_cast<std::size_t>(grid.height)) {
    for (const music::Note& note : piece.notes) {
      presses[static_cast<std::size_t>(note.pitch - kLowestPitch)].push_back(
          {note.onset_s, note.offset_s});
    }
    Rng rng = Rng(camera_seed).stream("piano.drift");
    for (double& phase : drift_phase) {
      phase = rng.uniform();
    }
    // Sensor noise averages out when pixels are larger.
    const double pixel_area = kCanvasWidth * kCanvasHeight / (double(grid.width) * grid.height);
    const double sd = look.noise / std::sqrt(std::max(1.0, pixel_area));
    const double unit = sd * (kValueScale / 255.0) / 1024;
    const std::vector<std::int16_t>& normals = normal_table();
    noise.resize(normals.size() + static_cast<std::size_t>(grid.width));
    for (std::size_t i = 0; i < noise.size(); ++i) {
      noise[i] = static_cast<std::int16_t>(std::lround(normals[i % normals.size()] * unit));
    }
  }

  FrameState frame_state(std::int64_t frame) const {
    Rng rng = Rng(camera_seed).stream("piano.frame", static_cast<std::uint64_t>(frame));
    FrameState state;
    constexpr double kTau = 2 * std::numbers::pi;
    const double t = double(frame) / kFps;
    const double drift_x = std::sin(kTau * (0.043 * t + drift_phase[0])) +
                           0.5 * std::sin(kTau * (0.11 * t + drift_phase[1]));
    const double drift_y = std::sin(kTau * (0.037 * t + drift_phase[2])) +
                           0.5 * std::sin(kTau * (0.13 * t + drift_phase[3]));
    const double limit = double(kLargestShift) - 0.5;
    const double x = std::clamp(rng.normal() * look.jitter + look.drift * drift_x, -limit, limit);
    const double y = std::clamp(rng.normal() * look.jitter + look.drift * drift_y, -limit, limit);
    state.shift_x = static_cast<int>(std::lround(quantised(x) / grid.step_x));
    state.shift_y = static_cast<int>(std::lround(quantised(y) / grid.step_y));
    const double gain = std::clamp(1 + rng.normal() * look.flicker, 0.9, 1.1);
    state.gain = static_cast<int>(std::lround(4096 * gain));
    state.noise = rng.next_u64();
    return state;
  }

  // How far a key is down, 0..1: it starts moving before the note's onset and returns after it.
  double depth(int key, double time_s) const {
    const std::vector<Press>& list = presses[static_cast<std::size_t>(key)];
    const double attack = look.attack_s;
    auto next = std::upper_bound(list.begin(), list.end(), time_s, [&](double t, const Press& p) {
      return t < p.onset_s - attack;
    });
    double down = 0;
    for (int i = 0; i < 2 && next != list.begin(); ++i) {
      --next;
      const double fall =
          time_s <= next->offset_s ? 1.0 : 1 - smooth((time_s - next->offset_s) / look.release_s);
      down = std::max(down, std::min(smooth(1 - (next->onset_s - time_s) / attack), fall));
    }
    return down;
  }

  void draw_keys(double time_s, const FrameState& state) {
    std::array<double, kKeys + 2> down{};
    for (int key = 0; key < kKeys; ++key) {
      down[static_cast<std::size_t>(key + 1)] = depth(key, time_s);
    }
    const auto white_down = [&](int white) {
      return white < 0 || white >= kWhiteKeys
                 ? 0.0
                 : down[static_cast<std::size_t>(pitch_of_white(white) - kLowestPitch + 1)];
    };
    for (int key = 0; key < kKeys; ++key) {
      const double d = down[static_cast<std::size_t>(key + 1)];
      if (d < 0.004) {
        continue;
      }
      const KeyShape& shape = key_shape(key + kLowestPitch);
      const double left = white_down(shape.black ? shape.white_index : shape.white_index - 1);
      const double right = white_down(shape.white_index + 1);
      const auto weight = [](double w) {
        return static_cast<int>(std::lround(256 * std::clamp(w, 0.0, 1.0)));
      };
      board.add_key(
          key + kLowestPitch,
          {weight(d),
           weight(d - left),
           weight(d - right),
           weight(3 * d),
           weight(3 * d - 1),
           weight(3 * d - 2)},
          state.shift_x,
          state.shift_y,
          canvas.data());
    }
  }

  SeenLimb see(const Limb& limb, const Limb& later, const FrameState& state) const {
    SeenLimb seen{limb, 0, 0};
    const double jitter_x = state.shift_x * double(grid.step_x);
    const double jitter_y = state.shift_y * double(grid.step_y);
    const Point a = camera.to_picture({limb.ax, limb.ay});
    const Point b = camera.to_picture({limb.bx, limb.by});
    seen.limb.ax = static_cast<float>(a.x + jitter_x);
    seen.limb.ay = static_cast<float>(a.y + jitter_y);
    seen.limb.bx = static_cast<float>(b.x + jitter_x);
    seen.limb.by = static_cast<float>(b.y + jitter_y);
    seen.limb.ra *= look.scale;
    seen.limb.rb *= look.scale;
    if (config.motion_blur) {
      seen.blur_x = 0.5F * (std::fabs(later.ax - limb.ax) + std::fabs(later.bx - limb.bx));
      seen.blur_y = 0.5F * (std::fabs(later.ay - limb.ay) + std::fabs(later.by - limb.by));
    }
    return seen;
  }

  void draw_hands(double time_s, const FrameState& state) {
    painter.begin();
    std::array<std::array<SeenLimb, 20>, 2> seen;
    std::array<std::size_t, 2> count{};
    for (Hand hand : {kLeft, kRight}) {
      const Limbs now = hand_limbs(hands->pose(hand, time_s), hand, look.has_sleeve);
      const Limbs later = hand_limbs(hands->pose(hand, time_s + kExposure), hand, look.has_sleeve);
      const auto h = static_cast<std::size_t>(hand);
      count[h] = now.count;
      for (std::size_t i = 0; i < now.count; ++i) {
        seen[h][i] = see(now.limb[i], later.limb[i], state);
        if (config.shadows) {
          const bool tip = now.limb[i].fingertip;
          painter.add_shadow(seen[h][i], tip ? 0.9F : 1.0F, tip ? 0.35F : 1.0F);
        }
      }
    }
    for (std::size_t h = 0; h < 2; ++h) {
      for (std::size_t i = 0; i < count[h]; ++i) {
        painter.add_limb(seen[h][i]);
      }
    }
    painter.compose(canvas.data());
  }

  void develop(const FrameState& state, std::uint8_t* out) const {
    for (int row = 0; row < grid.height; ++row) {
      const std::uint64_t random = mix64(state.noise + static_cast<std::uint64_t>(row));
      const std::int16_t* __restrict grain = &noise[random % kNoiseLength];
      const std::int16_t* __restrict line =
          &canvas[static_cast<std::size_t>(row) * static_cast<std::size_t>(grid.width)];
      std::uint8_t* __restrict target = out + static_cast<std::ptrdiff_t>(row) * grid.width;
      const int gain = state.gain;
      for (int i = 0; i < grid.width; ++i) {
        int value = ((line[i] * gain) >> 12) + grain[i] + 8;
        value = value < 0 ? 0 : value;
        value = value > 4095 ? 4095 : value;
        target[i] = static_cast<std::uint8_t>(value >> 4);
      }
    }
  }
};

namespace {

RenderConfig checked(const RenderConfig& config) {
  MMI_CHECK(
      ConfigError,
      config.width >= 64 && config.width <= 4096 && config.height >= 8 && config.height <= 1024,
      "pictures of the piano world are 64..4096 by 8..1024 pixels, but {} x {} was asked for",
      config.width,
      config.height);
  return config;
}

}  // namespace

Renderer::Renderer(const Piece& piece, const RenderConfig& config)
    : impl_(std::make_unique<Impl>(piece, checked(config))) {}

Renderer::~Renderer() = default;
Renderer::Renderer(Renderer&&) noexcept = default;
Renderer& Renderer::operator=(Renderer&&) noexcept = default;

const RenderConfig& Renderer::config() const {
  return impl_->config;
}

std::int64_t Renderer::frames() const {
  return impl_->frames;
}

void Renderer::render(std::int64_t frame_index, std::uint8_t* out) {
  MMI_CHECK(
      ShapeError,
      frame_index >= 0 && frame_index < impl_->frames,
      "frame {} does not exist: the piece has {} frames",
      frame_index,
      impl_->frames);
  const double time_s = (double(frame_index) + 0.5) / kFps;
  const FrameState state = impl_->frame_state(frame_index);
  impl_->board.background(state.shift_x, state.shift_y, impl_->canvas.data());
  impl_->draw_keys(time_s, state);
  if (impl_->config.hands) {
    impl_->draw_hands(time_s, state);
  }
  impl_->develop(state, out);
}

Point Renderer::project(Point canvas) const {
  const Point p = impl_->camera.to_picture(canvas);
  return {p.x * impl_->config.width / kCanvasWidth, p.y * impl_->config.height / kCanvasHeight};
}

}  // namespace mmi::worlds::piano
