#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/parallel.h"
#include "mmi/worlds/rooms/depth.h"
#include "worlds/room_kernels.h"

namespace mmi::worlds::rooms {
namespace {

constexpr double kPi = std::numbers::pi;

/// Directions of a panorama, by row and by column.
struct Directions {
  std::vector<float> up, flat;      // of each row
  std::vector<float> cosine, sine;  // of each column

  Directions(std::int64_t height, std::int64_t width, PixelConvention convention) {
    const bool center = convention == PixelConvention::kCenter;
    for (std::int64_t i = 0; i < height; ++i) {
      const double phi =
          (static_cast<double>(i) + (center ? 0.5 : 1.0)) * kPi / static_cast<double>(height) -
          kPi / 2;
      up.push_back(static_cast<float>(-std::sin(phi)));
      flat.push_back(static_cast<float>(std::cos(phi)));
    }
    for (std::int64_t j = 0; j < width; ++j) {
      const double theta =
          (static_cast<double>(j) + (center ? 0.5 : 0.0)) * 2 * kPi / static_cast<double>(width) -
          kPi;
      cosine.push_back(static_cast<float>(std::cos(theta)));
      sine.push_back(static_cast<float>(std::sin(theta)));
    }
  }

  kernels::Point at(std::int64_t row, std::int64_t column) const {
    const auto i = static_cast<std::size_t>(row);
    const auto j = static_cast<std::size_t>(column);
    return {flat[i] * cosine[j], flat[i] * sine[j], up[i]};
  }
};

// Calls f(pixel, ray, hit) for every pixel, rows in parallel.
template <class F>
void render(
    const Geometry& geometry,
    Vec3 position,
    std::int64_t height,
    std::int64_t width,
    PixelConvention convention,
    const F& f) {
  MMI_CHECK(
      ConfigError,
      height >= 1 && width >= 1 && height <= 8192 && width <= 8192,
      "a panorama has 1 to 8192 rows and columns, not {} x {}",
      height,
      width);
  const Directions rays(height, width, convention);
  const kernels::Point eye = kernels::point(position);
  constexpr std::int64_t kRows = 8;
  const std::int64_t strips = (height + kRows - 1) / kRows;
  parallel_for(strips, at::get_num_threads(), [&](std::int64_t strip) {
    kernels::widest([&]() MMI_INLINED {
      for (std::int64_t i = strip * kRows; i < std::min(height, (strip + 1) * kRows); ++i) {
        for (std::int64_t j = 0; j < width; ++j) {
          const kernels::Point d = rays.at(i, j);
          f(i * width + j, d, kernels::closest(geometry, eye, d, 1e9F, {}));
        }
      }
    });
  });
}

}  // namespace

DepthRenderer::DepthRenderer(const Scene& scene)
    : geometry_(std::make_shared<const Geometry>(scene)) {}

torch::Tensor DepthRenderer::depth(
    Vec3 position, std::int64_t height, std::int64_t width, PixelConvention convention) const {
  auto depth = torch::empty({height, width}, torch::kFloat32);
  float* out = depth.data_ptr<float>();
  render(
      *geometry_,
      position,
      height,
      width,
      convention,
      [&](std::int64_t pixel, const kernels::Point&, const Hit& hit)
          MMI_INLINED { out[pixel] = hit.polygon < 0 ? 0 : hit.distance; });
  return depth;
}

Panorama DepthRenderer::panorama(
    Vec3 position, std::int64_t height, std::int64_t width, PixelConvention convention) const {
  Panorama made{
      torch::zeros({height, width}, torch::kFloat32),
      torch::zeros({3, height, width}, torch::kFloat32),
      torch::full({height, width}, -1, torch::kInt32)};
  float* depth = made.depth.data_ptr<float>();
  float* normal = made.normal.data_ptr<float>();
  auto* material = made.material.data_ptr<std::int32_t>();
  const std::int64_t pixels = height * width;
  const Geometry& geometry = *geometry_;
  render(
      geometry,
      position,
      height,
      width,
      convention,
      [&](std::int64_t pixel, const kernels::Point& d, const Hit& hit) MMI_INLINED {
        if (hit.polygon < 0) {
          return;
        }
        const auto& face = geometry.faces[static_cast<std::size_t>(hit.polygon)];
        const kernels::Point n = kernels::point(face.normal);
        const float sign = kernels::dot(n, d) > 0 ? -1.0F : 1.0F;
        depth[pixel] = hit.distance;
        normal[pixel] = sign * n.x;
        normal[pixels + pixel] = sign * n.y;
        normal[2 * pixels + pixel] = sign * n.z;
        material[pixel] = face.material;
      });
  return made;
}

torch::Tensor unproject(const torch::Tensor& depth) {
  MMI_CHECK(
      ShapeError,
      depth.dim() >= 2 && depth.is_floating_point(),
      "depth must be floating point of shape (..., H, W), not {} of shape {}",
      c10::toString(depth.scalar_type()),
      depth.sizes().vec());
  const std::int64_t height = depth.size(-2);
  const std::int64_t width = depth.size(-1);
  const auto options = depth.options();
  const auto phi =
      ((torch::arange(height, options) + 0.5) * (kPi / static_cast<double>(height)) - kPi / 2)
          .unsqueeze(1);
  const auto theta =
      (torch::arange(width, options) + 0.5) * (2 * kPi / static_cast<double>(width)) - kPi;
  const auto flat = depth * phi.cos();
  return torch::stack({flat * theta.cos(), flat * theta.sin(), -depth * phi.sin()}, -3);
}

}  // namespace mmi::worlds::rooms
