#pragma once

#include <string>
#include <vector>

#include "mmi/io/draw.h"
#include "mmi/music/note.h"

namespace mmi::models::audeo {

/// Draws notes that fall onto a keyboard of 88 keys over the whole width. Notes of white keys are
/// blue, those of black keys orange (two colours that everybody tells apart), loud ones brighter; a
/// key lights up in its note's colour while it sounds.
class NoteRain {
 public:
  struct Look {
    int width = 1280;
    int height = 720;
    double seconds_ahead = 3;  ///< from the top of the picture to the keyboard
    std::string title = {};
  };

  NoteRain(music::Notes notes, Look look);

  /// Of the keyboard, in pixels; `look.width` wide, at the bottom.
  int keyboard_height() const {
    return look_.height - strike_;
  }

  /// The picture at a time. `keyboard`: a picture (RGB, width x keyboard_height()) that replaces
  /// the drawn one.
  io::Canvas draw(double time_s, const io::Image* keyboard = nullptr) const;

 private:
  struct Lane {
    double left = 0;
    double right = 0;
    bool black = false;
  };

  Lane lane(int pitch) const;
  io::Rgb colour(const music::Note& note) const;
  void draw_background();
  void draw_keys(io::Canvas& canvas, bool black, const std::vector<const music::Note*>& down) const;
  void draw_legend(io::Canvas& canvas, double time_s) const;

  music::Notes notes_;
  Look look_;
  int strike_;  ///< row at which notes meet the keyboard
  io::Canvas background_;
};

}  // namespace mmi::models::audeo
