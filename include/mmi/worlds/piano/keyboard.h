#pragma once

#include "mmi/base/api.h"

/// Keyboard geometry in canvas units: the whole 88-key keyboard fills a canvas of 900 x 100, x to
/// the right, y down, independent of the size a frame is rendered at (specs/ch03 §8.2).
namespace mmi::worlds::piano {

inline constexpr int kKeys = 88;
inline constexpr int kLowestPitch = 21;    ///< A0
inline constexpr int kHighestPitch = 108;  ///< C8
inline constexpr double kFps = 25;
inline constexpr double kCanvasWidth = 900;
inline constexpr double kCanvasHeight = 100;
inline constexpr int kWhiteKeys = 52;
inline constexpr double kWhiteWidth = kCanvasWidth / kWhiteKeys;
inline constexpr double kKeyTop = 8;     ///< fallboard above, keys below
inline constexpr double kKeyFront = 93;  ///< front edge of the white keys, key slip below
inline constexpr double kBlackFront = kKeyTop + 0.63 * (kKeyFront - kKeyTop);
inline constexpr double kBlackWidth = 0.58 * kWhiteWidth;

/// Outline of one key. A white key's `left` and `right` are those of its front part.
struct KeyShape {
  bool black = false;
  double left = 0;
  double right = 0;
  double center = 0;
  double front = 0;     ///< y of the front edge
  int white_index = 0;  ///< 0..51; of a black key: the white key to its left
};

/// Of the key with this MIDI number, 21..108; a ShapeError outside.
MMI_API const KeyShape& key_shape(int pitch);

/// Centre of the black key at the boundary left of white key `white_index` (0..52), or a negative
/// number where there is none.
MMI_API double black_center_at_boundary(int white_index);

/// MIDI number of a white key, 0..51.
MMI_API int pitch_of_white(int white_index);

}  // namespace mmi::worlds::piano
