#include "piano_board.h"

#include <algorithm>
#include <cmath>

#include "mmi/worlds/piano/keyboard.h"

namespace mmi::worlds::piano {
namespace {

// Two samples a grid step, on a diagonal: edges in either direction are seen twice as finely.
constexpr std::array<std::array<float, 2>, 2> kSamples = {{{0.25F, 0.75F}, {0.75F, 0.25F}}};

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
  const int first_x = -grid_.margin_x * grid_.fine_x, first_y = -grid_.margin_y * grid_.fine_y;
  std::vector<float> light(static_cast<std::size_t>(fine_width_));
  for (int i = 0; i < fine_width_; ++i) {
    light[static_cast<std::size_t>(i)] = light_x(look_, canvas_x(first_x + i, 0.5F));
  }
  for (int j = 0; j < fine_height_; ++j) {
    const float row_light = light_y(look_, canvas_y(first_y + j, 0.5F));
    std::uint8_t* line =
        &fine_[static_cast<std::size_t>(j) * static_cast<std::size_t>(fine_width_)];
    for (int i = 0; i < fine_width_; ++i) {
      float sum = 0;
      for (const auto& [u, v] : kSamples) {
        float kx = 0, ky = 0;
        camera_.to_keyboard(canvas_x(first_x + i, u), canvas_y(first_y + j, v), kx, ky);
        sum += tone_(shade_up(look_, kx, ky) * row_light * light[static_cast<std::size_t>(i)]);
      }
      line[i] = static_cast<std::uint8_t>(0.5F * sum + 0.5F);
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

// Part of the picture (with margins, in pixels) that a layer can change.
Board::Area Board::layer_area(int pitch, int layer) const {
  const KeyShape& key = key_shape(pitch);
  double left = key.left - 1, right = key.right + 1, top = kKeyTop - 1, bottom = key.front + 4.5;
  if (key.black && layer == 0) {  // its shadow
    left -= 4;
    right += 4;
  }
  if (layer == 1) {
    right = std::min(right, key.left + 10);
  } else if (layer == 2) {
    left = std::max(left, key.right - 10);
  } else if (layer >= 3) {
    top = key.front - 3.5;
  }
  float x0 = 1e9F, x1 = -1e9F, y0 = 1e9F, y1 = -1e9F;
  for (double x : {left, right}) {
    for (double y : {top, bottom}) {
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
  return {
      std::max(0, static_cast<int>(std::floor(x0 / pixel_x)) + grid_.margin_x - 1),
      std::min(wide, static_cast<int>(std::floor(x1 / pixel_x)) + grid_.margin_x + 3),
      std::max(0, static_cast<int>(std::floor(y0 / pixel_y)) + grid_.margin_y - 1),
      std::min(high, static_cast<int>(std::floor(y1 / pixel_y)) + grid_.margin_y + 3)};
}

float Board::change_at(int pitch, int layer, float x, float y) const {
  float kx = 0, ky = 0;
  camera_.to_keyboard(x, y, kx, ky);
  const float delta = shade_change(look_, pitch, layer, kx, ky);
  if (delta == 0) {
    return 0;
  }
  // The surface layer comes first; walls replace what it leaves.
  const bool wall = layer == 1 || layer == 2;
  const float base =
      shade_up(look_, kx, ky) + (wall ? shade_change(look_, pitch, 0, kx, ky) : 0.0F);
  const float light = light_x(look_, x) * light_y(look_, y);
  return tone_((base + delta) * light) - tone_(base * light);
}

Layer Board::make_layer(int pitch, int layer) const {
  const Area area = layer_area(pitch, layer);
  Layer result{
      area.x0, area.y0, std::max(0, area.x1 - area.x0 - 1), std::max(0, area.y1 - area.y0 - 1), {}};
  if (result.width == 0 || result.height == 0) {
    return {};
  }
  const int fine_w = (area.x1 - area.x0) * grid_.fine_x;
  const int fine_h = (area.y1 - area.y0) * grid_.fine_y;
  const int first_x = (area.x0 - grid_.margin_x) * grid_.fine_x;
  const int first_y = (area.y0 - grid_.margin_y) * grid_.fine_y;
  std::vector<std::int16_t> change(static_cast<std::size_t>(fine_w * fine_h), 0);
  for (int j = 0; j < fine_h; ++j) {
    for (int i = 0; i < fine_w; ++i) {
      float sum = 0;
      for (const auto& [u, v] : kSamples) {
        sum += change_at(pitch, layer, canvas_x(first_x + i, u), canvas_y(first_y + j, v));
      }
      change[static_cast<std::size_t>(j * fine_w + i)] =
          static_cast<std::int16_t>(std::lrintf(0.5F * sum));
    }
  }
  const int phases = grid_.fine_x * grid_.fine_y;
  result.values.resize(static_cast<std::size_t>(phases * result.width * result.height));
  for (int phase = 0; phase < phases; ++phase) {
    average(
        change.data(),
        fine_w,
        result.height,
        result.width,
        grid_.fine_x,
        grid_.fine_y,
        phase % grid_.fine_x,
        phase / grid_.fine_x,
        &result.values[static_cast<std::size_t>(phase * result.width * result.height)]);
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
