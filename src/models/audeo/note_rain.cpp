#include "models/audeo/note_rain.h"

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/music/names.h"
#include "mmi/worlds/piano/keyboard.h"

namespace mmi::models::audeo {
namespace {

using io::Align;
using io::Canvas;
using io::mix;
using io::Rgb;

constexpr Rgb kTop{11, 14, 26};
constexpr Rgb kBottom{27, 32, 52};
constexpr Rgb kOctave{62, 70, 100};
constexpr Rgb kFifth{38, 44, 66};
constexpr Rgb kText{206, 212, 228};
constexpr Rgb kFelt{120, 30, 40};
constexpr Rgb kIvory{246, 245, 240};
constexpr Rgb kEbony{24, 25, 30};
// Of the Okabe-Ito palette.
constexpr Rgb kBlue{86, 180, 233};
constexpr Rgb kOrange{230, 159, 0};

/// A rectangle with round corners and smooth edges; brighter towards its bottom by `shine`.
void soft_box(
    Canvas& canvas,
    double left,
    double top,
    double right,
    double bottom,
    double radius,
    Rgb colour,
    double opacity = 1,
    double shine = 0) {
  const double middle_x = 0.5 * (left + right), middle_y = 0.5 * (top + bottom);
  const double half_x = 0.5 * (right - left), half_y = 0.5 * (bottom - top);
  radius = std::min({radius, half_x, half_y});
  const int first_y = std::max(0, static_cast<int>(top));
  const int last_y = std::min(canvas.height(), static_cast<int>(std::ceil(bottom)));
  const int first_x = std::max(0, static_cast<int>(left));
  const int last_x = std::min(canvas.width(), static_cast<int>(std::ceil(right)));
  for (int y = first_y; y < last_y; ++y) {
    const double down = std::clamp((y - top) / std::max(1.0, bottom - top), 0.0, 1.0);
    const Rgb here = mix(colour, {255, 255, 255}, shine * down * down);
    for (int x = first_x; x < last_x; ++x) {
      const double dx = std::max(0.0, std::abs(x + 0.5 - middle_x) - half_x + radius);
      const double dy = std::max(0.0, std::abs(y + 0.5 - middle_y) - half_y + radius);
      const double cover = std::clamp(0.5 + radius - std::hypot(dx, dy), 0.0, 1.0);
      if (cover > 0) {
        canvas.set(x, y, mix(canvas.pixel(x, y), here, cover * opacity));
      }
    }
  }
}

/// Light above a key that sounds.
void glow(Canvas& canvas, double left, double right, int bottom, double reach, Rgb colour) {
  const double middle = 0.5 * (left + right), spread = right - left;
  for (int y = std::max(0, bottom - static_cast<int>(reach)); y < bottom; ++y) {
    const double up = (bottom - y) / reach;
    const int first = std::max(0, static_cast<int>(middle - 2 * spread));
    const int last = std::min(canvas.width(), static_cast<int>(middle + 2 * spread));
    for (int x = first; x < last; ++x) {
      const double aside = (x + 0.5 - middle) / spread;
      const double part = 0.75 * (1 - up) * (1 - up) * std::exp(-1.6 * aside * aside);
      canvas.set(x, y, mix(canvas.pixel(x, y), mix(colour, {255, 255, 255}, 0.35), part));
    }
  }
}

int strike_row(int width, int height) {
  return height - static_cast<int>(std::lround(width / 9.0 * 1.1));
}

}  // namespace

NoteRain::NoteRain(music::Notes notes, Look look)
    : notes_(std::move(notes)),
      look_(std::move(look)),
      strike_(strike_row(look_.width, look_.height)),
      background_(look_.width, look_.height) {
  MMI_CHECK(
      ConfigError,
      strike_ >= look_.height / 4,
      "a picture of {} x {} has no room for notes above its keyboard: make it higher or less wide",
      look_.width,
      look_.height);
  std::erase_if(notes_, [](const music::Note& note) {
    return note.pitch < kLowestPitch || note.pitch >= kLowestPitch + kPianoKeys;
  });
  draw_background();
}

NoteRain::Lane NoteRain::lane(int pitch) const {
  const auto& key = worlds::piano::key_shape(pitch);
  const double scale = look_.width / worlds::piano::kCanvasWidth;
  return {key.left * scale, key.right * scale, key.black};
}

Rgb NoteRain::colour(const music::Note& note) const {
  const Rgb full = music::is_black_key(note.pitch) ? kOrange : kBlue;
  return mix(kBottom, full, 0.45 + 0.55 * std::min(1.0, note.velocity / 110.0));
}

void NoteRain::draw_background() {
  for (int y = 0; y < look_.height; ++y) {
    background_.fill(
        0, y, look_.width, 1, mix(kTop, kBottom, static_cast<double>(y) / look_.height));
  }
  for (int pitch = kLowestPitch; pitch < kLowestPitch + kPianoKeys; ++pitch) {
    const bool octave = pitch % 12 == 0;
    if (octave || pitch % 12 == 5) {
      const int x = static_cast<int>(std::lround(lane(pitch).left));
      background_.fill(x, 0, 1, strike_, octave ? kOctave : kFifth);
    }
  }
}

void NoteRain::draw_keys(
    Canvas& canvas, bool black, const std::vector<const music::Note*>& down) const {
  const double height = keyboard_height();
  for (int pitch = kLowestPitch; pitch < kLowestPitch + kPianoKeys; ++pitch) {
    const Lane key = lane(pitch);
    if (key.black != black) {
      continue;
    }
    const music::Note* note = down[static_cast<std::size_t>(pitch - kLowestPitch)];
    if (black) {
      const double front = strike_ + 0.63 * height;
      soft_box(canvas, key.left, strike_ + 3, key.right, front, 2, {8, 8, 10});
      const Rgb top = note ? colour(*note) : kEbony;
      soft_box(
          canvas,
          key.left + 1.5,
          strike_ + 3,
          key.right - 1.5,
          front - (note ? 3 : 6),
          2,
          top,
          1,
          note ? 0.25 : 0.12);
    } else {
      const double front = look_.height - (note ? 2.0 : 5.0);
      soft_box(canvas, key.left + 0.6, strike_ + 3, key.right - 0.6, front, 3, kIvory);
      if (note) {
        soft_box(
            canvas,
            key.left + 0.6,
            strike_ + 3,
            key.right - 0.6,
            front,
            3,
            colour(*note),
            0.95,
            0.2);
      }
      if (pitch % 12 == 0) {
        canvas.text(
            static_cast<int>(0.5 * (key.left + key.right)),
            look_.height - std::max(8, static_cast<int>(0.07 * height)),
            music::key_name(pitch),
            {90, 94, 104},
            std::max(7.0, 0.52 * (key.right - key.left)),
            Align::kCenter);
      }
    }
  }
}

void NoteRain::draw_legend(Canvas& canvas, double time_s) const {
  const double size = std::max(9.0, look_.width / 70.0);
  const int line = static_cast<int>(1.7 * size), gap = static_cast<int>(size);
  canvas.fill(0, 0, look_.width, line + gap / 2, kTop, 0.7);
  canvas.text(gap, line, look_.title, kText, size, Align::kLeft, true);
  const auto seconds = static_cast<int>(std::max(0.0, time_s));
  int x = look_.width - gap;
  const std::string clock =
      format("{}:{}{}", seconds / 60, seconds % 60 < 10 ? "0" : "", seconds % 60);
  canvas.text(x, line, clock, kText, size, Align::kRight);
  x -= 4 * gap;
  for (const auto& [words, shade] :
       {std::pair{"black keys", kOrange}, std::pair{"white keys", kBlue}}) {
    canvas.text(x, line, words, kText, size, Align::kRight);
    x -= Canvas::text_width(words, size) + gap / 2;
    soft_box(canvas, x - size, line - 0.8 * size, x, line + 0.2 * size, 3, shade);
    x -= 2 * gap + static_cast<int>(size);
  }
}

Canvas NoteRain::draw(double time_s, const io::Image* keyboard) const {
  Canvas canvas = background_;
  const double per_second = strike_ / look_.seconds_ahead;
  std::vector<const music::Note*> down(static_cast<std::size_t>(kPianoKeys));
  // White notes first, so that black ones lie above them as their keys do.
  for (const bool black : {false, true}) {
    for (const music::Note& note : notes_) {
      if (note.offset_s <= time_s || note.onset_s >= time_s + look_.seconds_ahead ||
          music::is_black_key(note.pitch) != black) {
        continue;
      }
      const Lane key = lane(note.pitch);
      const bool sounds = note.onset_s <= time_s;
      if (sounds) {
        down[static_cast<std::size_t>(note.pitch - kLowestPitch)] = &note;
      }
      const double margin = black ? 0.5 : 0.12 * (key.right - key.left);
      const double bottom = strike_ - (note.onset_s - time_s) * per_second;
      const double top = strike_ - (note.offset_s - time_s) * per_second;
      soft_box(
          canvas,
          key.left + margin,
          std::min(top + 2, bottom - 3),
          key.right - margin,
          bottom,
          5,
          colour(note),
          0.97,
          sounds ? 0.5 : 0.12);
    }
  }
  for (const music::Note* note : down) {
    if (note) {
      const Lane key = lane(note->pitch);
      glow(canvas, key.left, key.right, strike_, 0.12 * look_.height, colour(*note));
    }
  }
  canvas.fill(0, strike_, look_.width, keyboard_height(), {10, 10, 12});
  if (keyboard) {
    for (int y = 0; y < keyboard->height; ++y) {
      for (int x = 0; x < keyboard->width; ++x) {
        const std::uint8_t* at =
            keyboard->data.data() + 3 * (static_cast<std::size_t>(y) * keyboard->width + x);
        canvas.set(x, strike_ + y, {at[0], at[1], at[2]});
      }
    }
    for (const music::Note* note : down) {
      if (note) {
        const Lane key = lane(note->pitch);
        const double front = strike_ + (key.black ? 0.58 : 0.9) * keyboard_height();
        soft_box(canvas, key.left, strike_, key.right, front, 3, colour(*note), 0.4);
      }
    }
  } else {
    draw_keys(canvas, false, down);
    draw_keys(canvas, true, down);
  }
  canvas.fill(0, strike_ - 1, look_.width, 4, kFelt);
  draw_legend(canvas, time_s);
  return canvas;
}

}  // namespace mmi::models::audeo
