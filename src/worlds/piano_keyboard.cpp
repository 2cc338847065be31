#include "mmi/worlds/piano/keyboard.h"

#include <array>

#include "mmi/base/errors.h"

namespace mmi::worlds::piano {
namespace {

constexpr bool kIsBlack[12] = {
    false, true, false, true, false, false, true, false, true, false, true, false};
// Offset of a black key's centre from the white boundary, in white widths.
constexpr double kBlackOffset[12] = {0, -0.10, 0, 0.10, 0, 0, -0.143, 0, 0, 0, 0.143, 0};

struct Layout {
  std::array<KeyShape, kKeys> keys;
  std::array<double, kWhiteKeys + 1> black;
  std::array<int, kWhiteKeys> white_pitch;
};

Layout make_layout() {
  Layout layout{};
  layout.black.fill(-1);
  int white = 0;
  for (int i = 0; i < kKeys; ++i) {
    const int pitch_class = (i + kLowestPitch) % 12;
    KeyShape& key = layout.keys[static_cast<std::size_t>(i)];
    key.black = kIsBlack[pitch_class];
    if (key.black) {
      key.center = (white + kBlackOffset[pitch_class]) * kWhiteWidth;
      key.left = key.center - kBlackWidth / 2;
      key.right = key.center + kBlackWidth / 2;
      key.front = kBlackFront;
      key.white_index = white - 1;
      layout.black[static_cast<std::size_t>(white)] = key.center;
    } else {
      key.left = white * kWhiteWidth;
      key.right = key.left + kWhiteWidth;
      key.center = key.left + kWhiteWidth / 2;
      key.front = kKeyFront;
      key.white_index = white;
      layout.white_pitch[static_cast<std::size_t>(white)] = i + kLowestPitch;
      ++white;
    }
  }
  return layout;
}

const Layout& layout() {
  static const Layout instance = make_layout();
  return instance;
}

}  // namespace

const KeyShape& key_shape(int pitch) {
  MMI_CHECK(
      ShapeError,
      pitch >= kLowestPitch && pitch <= kHighestPitch,
      "pitch {} is not on a piano: use MIDI numbers 21 to 108",
      pitch);
  return layout().keys[static_cast<std::size_t>(pitch - kLowestPitch)];
}

double black_center_at_boundary(int white_index) {
  if (white_index < 0 || white_index > kWhiteKeys) {
    return -1;
  }
  return layout().black[static_cast<std::size_t>(white_index)];
}

int pitch_of_white(int white_index) {
  MMI_CHECK(
      ShapeError,
      white_index >= 0 && white_index < kWhiteKeys,
      "white key {} does not exist: use 0 to 51",
      white_index);
  return layout().white_pitch[static_cast<std::size_t>(white_index)];
}

}  // namespace mmi::worlds::piano
