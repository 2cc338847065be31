#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/worlds/piano/piece.h"

namespace mmi::worlds::piano {

/// Size and effects of the rendered keyboard crop. Effects can be switched off one by one for
/// ablations and tests; all are on by default.
struct RenderConfig {
  int width = 900;   ///< pixels, 64..4096
  int height = 100;  ///< pixels, 8..1024
  bool hands = true;
  bool shadows = true;
  bool camera = true;  ///< per-video geometry: shift, scale, rotation, keystone, barrel
  bool light = true;   ///< per-video gradient, vignette, gamma
  bool jitter = true;  ///< per-frame jitter and drift
  bool flicker = true;
  bool noise = true;
  bool motion_blur = true;
};

/// Renders the gray keyboard crop of a piece (specs/ch03 §8.2-8.4), without JPEG artefacts. A frame
/// is a pure function of (piece, config, frame index): any order of calls gives the same bytes. Any
/// size shows the same picture: pixels are box averages of one fine grid. One instance serves one
/// thread at a time (it caches the warped background and key pictures); instances are independent.
///   Renderer renderer(piece, {452, 36}); renderer.render(10, pixels);  // pixels: H x W bytes
class MMI_API Renderer {
 public:
  explicit Renderer(const Piece& piece, const RenderConfig& config = {});
  ~Renderer();
  Renderer(Renderer&&) noexcept;
  Renderer& operator=(Renderer&&) noexcept;

  const RenderConfig& config() const;

  /// Number of frames of the piece.
  std::int64_t frames() const;

  /// Writes (H,W) uint8, row-major. A ShapeError when the frame does not exist.
  void render(std::int64_t frame_index, std::uint8_t* out);

  /// Position in pixels at which the camera sees a canvas point, without per-frame jitter.
  Point project(Point canvas) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mmi::worlds::piano
