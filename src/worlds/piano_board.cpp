#include "piano_board.h"

#include <algorithm>
#include <cmath>

#include "mmi/worlds/piano/keyboard.h"

namespace mmi::worlds::piano {
namespace {

int steps_per_pixel(double target, int pixels) {
  return std::clamp(static_cast<int>(std::lround(target / pixels)), 2, 11);
}

// Box averages of a fine patch at one phase. `fine` has whole pixels in both directions; the result
// has one pixel less, so that every phase fits.
template <class T>
void average(
    const T* fine,
    int fine_width,
    int rows,
    int columns,
    int fine_x,
    int fine_y,
    int phase_x,
    int phase_y,
    std::int16_t* out) {
  std::vector<std::int32_t> sums(static_cast<std::size_t>(fine_width));
  const float scale =
      static_cast<float>(kValueScale) / (255.0F * static_cast<float>(fine_x * fine_y));
  for (int row = 0; row < rows; ++row) {
    std::fill(sums.begin(), sums.end(), 0);
    for (int j = 0; j < fine_y; ++j) {
      const T* line = fine + static_cast<std::ptrdiff_t>(row * fine_y + phase_y + j) * fine_width;
      for (int i = 0; i < fine_width; ++i) {
        sums[static_cast<std::size_t>(i)] += line[i];
      }
    }
    for (int column = 0; column < columns; ++column) {
      const std::int32_t* begin = &sums[static_cast<std::size_t>(column * fine_x + phase_x)];
      std::int32_t total = 0;
      for (int i = 0; i < fine_x; ++i) {
        total += begin[i];
      }
      out[row * columns + column] =
          static_cast<std::int16_t>(std::lrintf(static_cast<float>(total) * scale));
    }
  }
}

// Splits a shift into whole pixels and a phase: pixel X shows fine steps from X * fine - shift.
void split_shift(int margin, int fine, int shift, int& pixels, int& phase) {
  const int start = margin * fine - shift;
  pixels = start / fine;
  phase = start % fine;
}

}  // namespace

Grid::Grid(int width_pixels, int height_pixels) : width(width_pixels), height(height_pixels) {
  fine_x = steps_per_pixel(3600, width);
  fine_y = steps_per_pixel(400, height);
  step_x = static_cast<float>(kCanvasWidth) / static_cast<float>(width * fine_x);
  step_y = static_cast<float>(kCanvasHeight) / static_cast<float>(height * fine_y);
  margin_x = 1 + static_cast<int>(std::ceil(kLargestShift * width / kCanvasWidth));
  margin_y = 1 + static_cast<int>(std::ceil(kLargestShift * height / kCanvasHeight));
}

Board::Board(const Grid& grid, const Look& look)
    : grid_(grid), look_(look), camera_(look), tone_(look.gamma) {
  fine_width_ = (grid.width + 2 * grid.margin_x) * grid.fine_x;
  fine_height_ = (grid.height + 2 * grid.margin_y) * grid.fine_y;
  backgrounds_.resize(static_cast<std::size_t>(grid.fine_x * grid.fine_y));
  shade_fine();
}

void Board::shade_fine() {
  fine_.resize(static_cast<std::size_t>(fine_width_) * static_cast<std::size_t>(fine_height_));
  std::vector<float> across(static_cast<std::size_t>(fine_width_));
  const auto canvas_x = [&](int i) {
    return (static_cast<float>(i - grid_.margin_x * grid_.fine_x) + 0.5F) * grid_.step_x;
  };
  for (int i = 0; i < fine_width_; ++i) {
    across[static_cast<std::size_t>(i)] = light_x(look_, canvas_x(i));
  }
  for (int j = 0; j < fine_height_; ++j) {
    const float y = (static_cast<float>(j - grid_.margin_y * grid_.fine_y) + 0.5F) * grid_.step_y;
    const float light = light_y(look_, y);
    std::uint8_t* line =
        &fine_[static_cast<std::size_t>(j) * static_cast<std::size_t>(fine_width_)];
    for (int i = 0; i < fine_width_; ++i) {
      float kx = 0, ky = 0;
      camera_.to_keyboard(canvas_x(i), y, kx, ky);
      const float value = shade_up(look_, kx, ky) * light * across[static_cast<std::size_t>(i)];
      line[i] = static_cast<std::uint8_t>(tone_(value) + 0.5F);
    }
  }
}

void Board::make_background_phase(int phase_x, int phase_y, std::vector<std::int16_t>& out) const {
  const int columns = grid_.width + 2 * grid_.margin_x - 1;
  const int rows = grid_.height + 2 * grid_.margin_y - 1;
  out.resize(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows));
  average(
      fine_.data(),
      fine_width_,
      rows,
      columns,
      grid_.fine_x,
      grid_.fine_y,
      phase_x,
      phase_y,
      out.data());
}

void Board::background(int shift_x, int shift_y, std::int16_t* out) {
  int x = 0, y = 0, phase_x = 0, phase_y = 0;
  split_shift(grid_.margin_x, grid_.fine_x, shift_x, x, phase_x);
  split_shift(grid_.margin_y, grid_.fine_y, shift_y, y, phase_y);
  std::vector<std::int16_t>& phase =
      backgrounds_[static_cast<std::size_t>(phase_y * grid_.fine_x + phase_x)];
  if (phase.empty()) {
    make_background_phase(phase_x, phase_y, phase);
  }
  const int columns = grid_.width + 2 * grid_.margin_x - 1;
  for (int row = 0; row < grid_.height; ++row) {
    const std::int16_t* line = &phase[static_cast<std::size_t>((row + y) * columns + x)];
    std::copy(line, line + grid_.width, out + static_cast<std::ptrdiff_t>(row) * grid_.width);
  }
}

Layer Board::make_layer(int pitch, int layer) const {
  const KeyShape& key = key_shape(pitch);
  const double pad = key.black ? 5 : 1;
  float x0 = 1e9F, x1 = -1e9F, y0 = 1e9F, y1 = -1e9F;
  for (double x : {key.left - pad, key.right + pad}) {
    for (double y : {kKeyTop - 1, key.front + 4.5}) {
      const Point p = camera_.to_picture({x, y});
      x0 = std::min(x0, static_cast<float>(p.x));
      x1 = std::max(x1, static_cast<float>(p.x));
      y0 = std::min(y0, static_cast<float>(p.y));
      y1 = std::max(y1, static_cast<float>(p.y));
    }
  }
  const float pixel_x = grid_.step_x * static_cast<float>(grid_.fine_x);
  const float pixel_y = grid_.step_y * static_cast<float>(grid_.fine_y);
  const int wide = grid_.width + 2 * grid_.margin_x, high = grid_.height + 2 * grid_.margin_y;
  const int px0 = std::max(0, static_cast<int>(x0 / pixel_x) + grid_.margin_x - 2);
  const int px1 = std::min(wide, static_cast<int>(x1 / pixel_x) + grid_.margin_x + 3);
  const int py0 = std::max(0, static_cast<int>(y0 / pixel_y) + grid_.margin_y - 2);
  const int py1 = std::min(high, static_cast<int>(y1 / pixel_y) + grid_.margin_y + 3);
  Layer result{px0, py0, std::max(0, px1 - px0 - 1), std::max(0, py1 - py0 - 1), {}};
  if (result.width == 0 || result.height == 0) {
    return {};
  }
  const int fine_w = (px1 - px0) * grid_.fine_x, fine_h = (py1 - py0) * grid_.fine_y;
  std::vector<std::int16_t> change(static_cast<std::size_t>(fine_w * fine_h), 0);
  for (int j = 0; j < fine_h; ++j) {
    const float y =
        (static_cast<float>(j + (py0 - grid_.margin_y) * grid_.fine_y) + 0.5F) * grid_.step_y;
    for (int i = 0; i < fine_w; ++i) {
      const float x =
          (static_cast<float>(i + (px0 - grid_.margin_x) * grid_.fine_x) + 0.5F) * grid_.step_x;
      float kx = 0, ky = 0;
      camera_.to_keyboard(x, y, kx, ky);
      const float delta = shade_change(look_, pitch, layer, kx, ky);
      if (delta != 0) {
        const float light = light_x(look_, x) * light_y(look_, y);
        const float up = shade_up(look_, kx, ky);
        // The surface layer comes first; walls replace what it leaves.
        const float base =
            layer == 1 || layer == 2 ? up + shade_change(look_, pitch, 0, kx, ky) : up;
        change[static_cast<std::size_t>(j * fine_w + i)] = static_cast<std::int16_t>(
            std::lrintf(tone_((base + delta) * light) - tone_(base * light)));
      }
    }
  }
  result.values.resize(
      static_cast<std::size_t>(grid_.fine_x * grid_.fine_y * result.width * result.height));
  std::int16_t* out = result.values.data();
  for (int phase_y = 0; phase_y < grid_.fine_y; ++phase_y) {
    for (int phase_x = 0; phase_x < grid_.fine_x; ++phase_x) {
      average(
          change.data(),
          fine_w,
          result.height,
          result.width,
          grid_.fine_x,
          grid_.fine_y,
          phase_x,
          phase_y,
          out);
      out += result.width * result.height;
    }
  }
  return result;
}

void Board::make_key(int pitch) {
  std::vector<Layer>& layers = keys_[static_cast<std::size_t>(pitch - kLowestPitch)];
  for (int layer = 0; layer < kKeyLayers; ++layer) {
    layers.push_back(make_layer(pitch, layer));
  }
}

void Board::add_key(
    int pitch,
    const std::array<int, kKeyLayers>& weights,
    int shift_x,
    int shift_y,
    std::int16_t* out) {
  std::vector<Layer>& layers = keys_[static_cast<std::size_t>(pitch - kLowestPitch)];
  if (layers.empty()) {
    make_key(pitch);
  }
  int x = 0, y = 0, phase_x = 0, phase_y = 0;
  split_shift(grid_.margin_x, grid_.fine_x, shift_x, x, phase_x);
  split_shift(grid_.margin_y, grid_.fine_y, shift_y, y, phase_y);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const int weight = weights[i];
    if (weight == 0 || layer.values.empty()) {
      continue;
    }
    const std::int16_t* values = &layer.values[static_cast<std::size_t>(
        (phase_y * grid_.fine_x + phase_x) * layer.width * layer.height)];
    const int begin = std::max(0, layer.x - x);
    const int end = std::min(grid_.width, layer.x - x + layer.width);
    for (int row = 0; row < layer.height; ++row) {
      const int out_row = layer.y - y + row;
      if (out_row < 0 || out_row >= grid_.height) {
        continue;
      }
      std::int16_t* line = out + static_cast<std::ptrdiff_t>(out_row) * grid_.width;
      const std::int16_t* source = values + row * layer.width - (layer.x - x);
      for (int column = begin; column < end; ++column) {
        line[column] =
            static_cast<std::int16_t>(line[column] + ((source[column] * weight + 128) >> 8));
      }
    }
  }
}

}  // namespace mmi::worlds::piano
