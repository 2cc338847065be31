#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/worlds/rooms/scene.h"

namespace mmi::worlds::rooms {

/// Where the rays of an H x W panorama go (xRIR, official code). Row 0 is straight up, the centre
/// column looks along +x.
enum class PixelConvention {
  kCenter,  ///< azimuth (j + 1/2) 2π / W - π, elevation from the top (i + 1/2) π / H: unproject()'s
  kRelease,  ///< azimuth j 2π / W - π, elevation (i + 1) π / H: the depth maps that were released
};

/// What a panorama shows at each pixel.
struct Panorama {
  torch::Tensor depth;     ///< (H, W) float32: metres along the ray; 0 where nothing is met
  torch::Tensor normal;    ///< (3, H, W) float32: unit, towards the viewer
  torch::Tensor material;  ///< (H, W) int32: index in Scene::materials, -1 where nothing is met
};

struct Geometry;

/// Depth panoramas of a scene. Safe to call from several threads.
class MMI_API DepthRenderer {
 public:
  explicit DepthRenderer(const Scene& scene);

  /// Distances along the rays, (H, W) float32. Throws ConfigError unless 1 <= height, width <=
  /// 8192.
  torch::Tensor depth(
      Vec3 position,
      std::int64_t height = 256,
      std::int64_t width = 512,
      PixelConvention convention = PixelConvention::kCenter) const;

  /// Depth with normals and materials, for looking at a scene.
  Panorama panorama(
      Vec3 position,
      std::int64_t height = 256,
      std::int64_t width = 512,
      PixelConvention convention = PixelConvention::kCenter) const;

 private:
  std::shared_ptr<const Geometry> geometry_;
};

/// depth (..., H, W) float32 -> points (..., 3, H, W) relative to the viewer, in the convention
/// kCenter: X = d cos φ cos θ, Y = d cos φ sin θ, Z = -d sin φ with φ = (i + 1/2) π / H - π / 2.
MMI_API torch::Tensor unproject(const torch::Tensor& depth);

}  // namespace mmi::worlds::rooms

template <>
struct mmi::config::EnumNames<mmi::worlds::rooms::PixelConvention> {
  static constexpr std::array<std::pair<const char*, mmi::worlds::rooms::PixelConvention>, 2> names{
      {
          {"center", mmi::worlds::rooms::PixelConvention::kCenter},
          {"release", mmi::worlds::rooms::PixelConvention::kRelease},
      }};
};
