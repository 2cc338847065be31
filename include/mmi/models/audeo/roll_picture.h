#pragma once

#include <torch/types.h>

#include <optional>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/io/draw.h"

namespace mmi::models::audeo {

/// One piano roll of a picture: probabilities as colours from dark to light or, with `truth`, what
/// was hit, missed and falsely heard.
struct RollPanel {
  std::string title = {};
  torch::Tensor roll = {};   ///< (F,K) float in [0, 1], lowest key first
  torch::Tensor truth = {};  ///< undefined, or (F,K) with values 0 and 1
};

struct RollPictureOptions {
  double begin_s = 0;
  std::optional<double> end_s = {};  ///< default: the end of the longest roll
  double threshold = 0.5;            ///< a key sounds at or above it; used beside a truth
  int width_px = 1440;
  int key_px = 7;  ///< height of a key
};

/// Draws the panels below each other on one time axis: a keyboard on the left (`low_pitch` is the
/// MIDI pitch of column 0; C4 = 60), lines at every C and at round seconds, a legend for each kind
/// of panel. Several frames in one pixel show their maximum, so that a short note stays visible.
/// Throws ShapeError for rolls of other shapes, ConfigError for an empty time range, NotBuiltError
/// in a build without media.
MMI_API io::Canvas draw_rolls(
    const std::vector<RollPanel>& panels,
    int low_pitch,
    double fps,
    const RollPictureOptions& options = {});

/// Colour of a probability: dark violet, blue, green, yellow; its lightness grows with the value.
MMI_API io::Rgb probability_colour(double value);

}  // namespace mmi::models::audeo
