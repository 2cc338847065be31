#include "mmi/models/xrir/inras.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/rng.h"
#include "mmi/models/xrir/spectrum.h"
#include "mmi/models/xrir/xrir.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

constexpr std::int64_t kCandidates = 100;  // of each bounce point

struct Triangle {
  rooms::Vec3 corner;
  rooms::Vec3 a;
  rooms::Vec3 b;
};

torch::nn::Sequential mlp(std::int64_t in, std::int64_t width) {
  namespace tn = torch::nn;
  return tn::Sequential(
      tn::Linear(in, width),
      tn::GELU(),
      tn::Linear(width, width),
      tn::GELU(),
      tn::Linear(width, width));
}

torch::Tensor octaves_from_one(std::int64_t count) {
  return torch::pow(2.0, torch::arange(count).to(torch::kFloat32));
}

}  // namespace

const config::Schema& InrasConfig::schema() {
  using C = InrasConfig;
  static const config::Schema made =
      config::Table<C>("inras", "one room as a network (INRAS, Su et al., NeurIPS 2022)")
          .field("points", &C::points, "of the boundary that sound meets", config::at_least(1))
          .field("width", &C::width, "of all features", config::at_least(1))
          .field(
              "position_frequencies",
              &C::position_frequencies,
              "of the position features: 1, 2, 4, …",
              config::between(1, 16))
          .field(
              "time_frequencies",
              &C::time_frequencies,
              "of the time features: 1, 2, 4, …",
              config::between(1, 16))
          .field(
              "position_scale_m",
              &C::position_scale_m,
              "by which positions are divided",
              config::above(0))
          .field("frames", &C::frames, "of a spectrogram", config::at_least(1))
          .field("log_bias", &C::log_bias, "where the ln magnitudes begin");
  return made;
}

torch::Tensor bounce_points(const rooms::Scene& scene, std::int64_t count) {
  std::vector<Triangle> triangles;
  std::vector<double> areas;
  for (const rooms::Polygon& polygon : scene.polygons) {
    for (std::size_t i = 2; polygon.object == 0 && i < polygon.corners.size(); ++i) {
      const rooms::Vec3 corner = polygon.corners[0];
      triangles.push_back({corner, polygon.corners[i - 1] - corner, polygon.corners[i] - corner});
      areas.push_back(norm(cross(triangles.back().a, triangles.back().b)));
    }
  }
  MMI_CHECK(ConfigError, !triangles.empty(), "a scene without walls has no points that reflect");
  Rng rng(1);
  std::vector<rooms::Vec3> candidates;
  for (std::int64_t i = 0; i < count * kCandidates; ++i) {
    const Triangle& in = triangles[rng.choice(areas)];
    double u = rng.uniform();
    double v = rng.uniform();
    if (u + v > 1) {
      u = 1 - u;
      v = 1 - v;
    }
    candidates.push_back(in.corner + u * in.a + v * in.b);
  }
  auto points = torch::empty({count, 3});
  std::vector<double> distance(candidates.size(), std::numeric_limits<double>::infinity());
  std::size_t next = 0;
  for (std::int64_t p = 0; p < count; ++p) {
    const rooms::Vec3 taken = candidates[next];
    points[p] = torch::tensor({taken.x, taken.y, taken.z}).to(torch::kFloat32);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      distance[i] = std::min(distance[i], norm(candidates[i] - taken));
    }
    next = static_cast<std::size_t>(
        std::max_element(distance.begin(), distance.end()) - distance.begin());
  }
  return points;
}

Inras::Inras(const InrasConfig& config, const torch::Tensor& at) : config_(config) {
  MMI_CHECK(
      ShapeError,
      at.dim() == 2 && at.size(0) == config.points && at.size(1) == 3,
      "bounce points must be ({}, 3), not {}",
      config.points,
      at.sizes().vec());
  const std::int64_t width = config.width;
  const std::int64_t place = 3 * (2 * config.position_frequencies + 1);
  points = register_buffer("points", at.clone());
  emit = register_module("emit", mlp(place, width));
  bounce = register_module("bounce", mlp(place, width));
  gather = register_module("gather", mlp(place, width));
  time = register_module("time", mlp(2 * config.time_frequencies + 1, width));
  mix = register_module("mix", torch::nn::Linear(width, width));
  const torch::nn::Linear last(width, kBins);
  torch::nn::init::constant_(last->bias, config.log_bias);
  decode = register_module(
      "decode", torch::nn::Sequential(torch::nn::Linear(width, width), torch::nn::GELU(), last));
  const auto moment =
      2.0 * torch::arange(config.frames).to(torch::kFloat32) / static_cast<double>(config.frames) -
      1.0;
  time_ = sincos_features(moment.unsqueeze(1), octaves_from_one(config.time_frequencies));
}

// (..., 3) metres -> (..., functions)
torch::Tensor Inras::features(const torch::Tensor& way) const {
  return sincos_features(
      way / config_.position_scale_m, octaves_from_one(config_.position_frequencies));
}

torch::Tensor Inras::forward(const torch::Tensor& source, const torch::Tensor& receiver) {
  MMI_CHECK(
      ShapeError,
      source.dim() == 2 && source.size(1) == 3 && source.sizes() == receiver.sizes(),
      "places of sources and receivers must be (B, 3) each, not {} and {}",
      source.sizes().vec(),
      receiver.sizes().vec());
  const auto ways = emit->forward(features(points - source.unsqueeze(1))) *
                    bounce->forward(features(points)) *
                    gather->forward(features(points - receiver.unsqueeze(1)));  // (B,J,width)
  const auto pair = mix->forward(ways.mean(1)).unsqueeze(1);
  return decode->forward(pair * time->forward(time_.to(points.device()))).transpose(1, 2);
}

}  // namespace mmi::models::xrir
