#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "mmi/base/rng.h"
#include "mmi/io/image.h"
#include "mmi/models/audeo/keyboard_finder.h"
#include "mmi/worlds/piano/renderer.h"

/// Rooms with a piano in them, to look for its keyboard.
namespace mmi::models::audeo::test {

struct SceneOptions {
  int width = 1280;
  int height = 720;
  double cut = 0;        ///< share of the keyboard beyond the picture; < 0: at the left
  bool keyboard = true;  ///< false: the same room without it
  bool hands = true;
  double bend = 0;      ///< keys at one end are wider by this share than those in the middle
  double tilt_deg = 1;  ///< largest rotation
};

/// Frames of one camera, and the box that is right.
struct Scene {
  std::vector<io::Image> frames;
  KeyboardBox box;
};

/// A shelf: upright stripes of random width and brightness.
inline std::vector<float> shelf(int width, Rng& rng) {
  std::vector<float> line(static_cast<std::size_t>(width));
  for (int x = 0; x < width;) {
    const int end = std::min(width, x + 6 + static_cast<int>(rng.integer(30)));
    const auto value = static_cast<float>(rng.uniform(20, 220));
    for (; x < end; ++x) {
      line[static_cast<std::size_t>(x)] = x + 1 == end ? 15.0F : value;
    }
  }
  return line;
}

/// `frames` pictures, 20 frames of the piece apart.
inline Scene make_scene(std::uint64_t seed, int frames = 1, const SceneOptions& options = {}) {
  namespace piano = worlds::piano;
  Rng rng = Rng(seed).stream("scene");
  const int w = options.width, h = options.height;
  const double key_width = rng.uniform(0.60, 0.975) * w;
  const double key_height = key_width / 9 * rng.uniform(0.92, 1.12);
  const double angle = rng.uniform(-options.tilt_deg, options.tilt_deg) * 3.14159265 / 180;
  const double c = std::cos(angle), s = std::sin(angle);
  const double half_x = 0.5 * (c * key_width + std::abs(s) * key_height);
  const double half_y = 0.5 * (std::abs(s) * key_width + c * key_height);
  double mid_x = rng.uniform(half_x, w - half_x);
  const double mid_y = rng.uniform(half_y + 0.1 * h, h - half_y - 0.02 * h);
  if (options.cut > 0) {
    mid_x = w + options.cut * key_width - 0.5 * key_width;
  } else if (options.cut < 0) {
    mid_x = options.cut * key_width + 0.5 * key_width;
  }

  piano::PieceSpec spec;
  spec.composition_seed = spec.performance_seed = spec.camera_seed = 7000 + seed;
  spec.duration_s = 10 + 0.8 * frames;
  const piano::Piece piece = piano::make_piece(spec);
  piano::RenderConfig size;
  size.width = static_cast<int>(std::lround(key_width));
  size.height = static_cast<int>(std::lround(key_height));
  size.camera = size.jitter = false;
  size.hands = options.hands;
  piano::Renderer renderer(piece, size);

  const std::vector<float> books = shelf(w, rng);
  const double shelf_end = mid_y - half_y - rng.uniform(0.15, 1.2) * key_height;
  const double desk = rng.uniform(40, 190), slope_x = rng.uniform(-0.06, 0.06);
  const double slope_y = rng.uniform(-0.1, 0.1), grain = rng.uniform(4, 22);
  const double waves = rng.uniform(0.05, 0.4), block = rng.uniform(10, 120);
  const double board = rng.uniform(8, 60), noise = rng.uniform(1, 6);
  const double light_x = rng.uniform(-0.3, 0.3), light_y = rng.uniform(-0.2, 0.2);
  const double sleeve[2] = {rng.uniform(0.2, 0.45), rng.uniform(0.55, 0.8)};
  const double cloth = rng.uniform(10, 200);

  Scene scene;
  std::vector<std::uint8_t> keys(
      static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height));
  for (int f = 0; f < frames; ++f) {
    renderer.render(std::min<std::int64_t>(100 + 20 * f, renderer.frames() - 1), keys.data());
    const auto key = [&](int x, int y) {
      x = std::clamp(x, 0, size.width - 1);
      y = std::clamp(y, 0, size.height - 1);
      return static_cast<double>(keys[static_cast<std::size_t>(y * size.width + x)]);
    };
    io::Image image{h, w, 1, {}};
    image.data.resize(static_cast<std::size_t>(w) * static_cast<std::size_t>(h));
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        // Where the piano is, from its keyboard's upper left corner.
        const double dx = x + 0.5 - mid_x, dy = y + 0.5 - mid_y;
        const double straight = c * dx + s * dy + 0.5 * key_width;
        const double kx = straight + options.bend * straight * (1 - straight / key_width);
        const double ky = -s * dx + c * dy + 0.5 * key_height;
        double value = desk + slope_x * dx + slope_y * dy +
                       grain * std::sin(waves * ky + 3 * std::sin(0.01 * kx + seed));
        const bool beside = kx < 0 || kx >= key_width;
        if (y < shelf_end) {
          value = books[static_cast<std::size_t>(x)];
        } else if (options.keyboard && ky < 0) {
          value = board + 0.05 * (kx / key_width) * 255;
        } else if (options.keyboard && ky < key_height) {
          const double px = kx / key_width * size.width - 0.5;
          const double py = ky / key_height * size.height - 0.5;
          const int ix = static_cast<int>(std::floor(px)), iy = static_cast<int>(std::floor(py));
          const double ax = px - ix, ay = py - iy;
          value = beside ? block
                         : (1 - ay) * ((1 - ax) * key(ix, iy) + ax * key(ix + 1, iy)) +
                               ay * ((1 - ax) * key(ix, iy + 1) + ax * key(ix + 1, iy + 1));
        }
        if (ky >= key_height && options.hands) {
          for (const double at : sleeve) {
            const double lean = (at - 0.5) * 0.3 * (ky - key_height);
            if (std::abs(kx - at * key_width - lean) <
                0.05 * key_width + 0.08 * (ky - key_height)) {
              value = cloth + 8 * std::sin(0.3 * ky);
            }
          }
        }
        const double light = (1 + light_x * (x - 0.5 * w) / w) * (1 + light_y * (y - 0.5 * h) / h);
        image.data[static_cast<std::size_t>(y * w + x)] = static_cast<std::uint8_t>(
            std::clamp(value * light + noise * rng.normal() + 0.5, 0.0, 255.0));
      }
    }
    scene.frames.push_back(std::move(image));
  }
  const auto pixel = [](double at) { return static_cast<int>(std::lround(at)); };
  scene.box = {
      pixel(mid_x - half_x), pixel(mid_y - half_y), pixel(mid_x + half_x), pixel(mid_y + half_y)};
  return scene;
}

/// Intersection over union.
inline double iou(const KeyboardBox& a, const KeyboardBox& b) {
  const auto area = [](const KeyboardBox& box) {
    return static_cast<double>(box.x2 - box.x1) * (box.y2 - box.y1);
  };
  const KeyboardBox both{
      std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2), std::min(a.y2, b.y2)};
  if (both.x1 >= both.x2 || both.y1 >= both.y2) {
    return 0;
  }
  return area(both) / (area(a) + area(b) - area(both));
}

}  // namespace mmi::models::audeo::test
