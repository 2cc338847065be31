#include "models/xrir/rooms_plot.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "mmi/base/format.h"

namespace mmi::models::xrir {

using io::Align;
using io::Rgb;

Rgb viridis(double value) {
  constexpr std::array<Rgb, 9> kStops{
      {{68, 1, 84},
       {71, 44, 122},
       {59, 81, 139},
       {44, 113, 142},
       {33, 144, 141},
       {39, 173, 129},
       {92, 200, 99},
       {170, 220, 50},
       {253, 231, 37}}};
  const double at = (value > 0 ? std::min(value, 1.0) : 0.0) * (kStops.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(at), kStops.size() - 2);
  return io::mix(kStops[below], kStops[below + 1], at - static_cast<double>(below));
}

Ticks ticks(Interval interval, int most, double step) {
  const double rough = interval.size() / most;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (step == 0 && factor * power >= rough * 0.999) {
      step = factor * power;
    }
  }
  Ticks made;
  made.decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  for (auto i = std::llround(std::ceil(interval.low / step - 1e-6));
       static_cast<double>(i) * step <= interval.high + 1e-6 * step;
       ++i) {
    made.at.push_back(static_cast<double>(i) * step);
  }
  return made;
}

std::string number(double value, int decimals) {
  const std::array<const char*, 5> patterns{"{:.0f}", "{:.1f}", "{:.2f}", "{:.3f}", "{:.4f}"};
  const std::string text =
      format(patterns[static_cast<std::size_t>(std::clamp(decimals, 0, 4))], value);
  return text.starts_with("-") && text.find_first_not_of("-0.") == text.npos ? text.substr(1)
                                                                             : text;
}

Panel::Panel(io::Canvas& canvas, int left, int top, int width, int height, Interval x, Interval y)
    : canvas_(canvas), left_(left), top_(top), width_(width), height_(height), x_(x), y_(y) {}

double Panel::x_of(double value) const {
  return left_ + (value - x_.low) / x_.size() * width_;
}

double Panel::y_of(double value) const {
  return top_ + height_ - (value - y_.low) / y_.size() * height_;
}

void Panel::axes(
    const std::string& title, const std::string& x_name, const std::string& y_name, double step) {
  canvas_.text(left_, top_ - 12, title, kInk, kTitlePx, Align::kLeft, true);
  canvas_.text(left_ + width_, top_ - 12, y_name, kSoft, kLabelPx, Align::kRight);
  const Ticks horizontal = ticks(x_, std::max(2, width_ / 90), step);
  for (const double at : horizontal.at) {
    const int x = static_cast<int>(std::lround(x_of(at)));
    canvas_.fill(x, top_, 1, height_, kGrid);
    canvas_.fill(x, top_ + height_, 1, 5, kSoft);
    canvas_.text(
        x, top_ + height_ + 21, number(at, horizontal.decimals), kSoft, kLabelPx, Align::kCenter);
  }
  const Ticks vertical = ticks(y_, std::max(2, height_ / 32), step);
  for (const double at : vertical.at) {
    const int y = static_cast<int>(std::lround(y_of(at)));
    canvas_.fill(left_, y, width_, 1, kGrid);
    canvas_.text(left_ - 9, y + 5, number(at, vertical.decimals), kSoft, kLabelPx, Align::kRight);
  }
  canvas_.outline(left_, top_, width_ + 1, height_ + 1, {176, 182, 192});
  canvas_.text(left_ + width_, top_ + height_ + 41, x_name, kSoft, kLabelPx, Align::kRight);
}

void Panel::line(double x1, double y1, double x2, double y2, Rgb colour, double thickness) {
  double from = 0;
  double to = 1;
  // Liang & Barsky 1984.
  const auto clip = [&](double a, double b, Interval range) {
    if (a == b) {
      return a >= range.low && a <= range.high;
    }
    const double one = (range.low - a) / (b - a);
    const double two = (range.high - a) / (b - a);
    from = std::max(from, std::min(one, two));
    to = std::min(to, std::max(one, two));
    return from <= to;
  };
  if (!clip(x1, x2, x_) || !clip(y1, y2, y_)) {
    return;
  }
  canvas_.line(
      x_of(x1 + from * (x2 - x1)),
      y_of(y1 + from * (y2 - y1)),
      x_of(x1 + to * (x2 - x1)),
      y_of(y1 + to * (y2 - y1)),
      colour,
      thickness);
}

void Panel::curve(
    const std::vector<std::pair<double, double>>& points, Rgb colour, double thickness) {
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    line(
        points[i].first,
        points[i].second,
        points[i + 1].first,
        points[i + 1].second,
        colour,
        thickness);
  }
}

void Panel::key(const std::vector<std::pair<std::string, Rgb>>& names) {
  int widest = 0;
  for (const auto& [name, colour] : names) {
    widest = std::max(widest, io::Canvas::text_width(name, kLabelPx));
  }
  const int height = 22 * static_cast<int>(names.size()) + 8;
  const int left = left_ + width_ - widest - 52;
  canvas_.fill(left, top_ + 8, widest + 44, height, kPaper, 0.9);
  canvas_.outline(left, top_ + 8, widest + 44, height, kGrid);
  int y = top_ + 14;
  for (const auto& [name, colour] : names) {
    canvas_.fill(left + 8, y + 8, 20, 3, colour);
    canvas_.text(left + 36, y + 15, name, kInk, kLabelPx);
    y += 22;
  }
}

void colour_bar(
    io::Canvas& canvas, int left, int top, int height, Interval values, const std::string& unit) {
  constexpr int kWidth = 18;
  for (int y = 0; y < height; ++y) {
    canvas.fill(left, top + y, kWidth, 1, viridis(1 - (y + 0.5) / height));
  }
  canvas.outline(left, top, kWidth, height, kSoft);
  const Ticks marks = ticks(values, std::max(2, height / 40));
  for (const double at : marks.at) {
    const int y = top + height - 1 -
                  static_cast<int>(std::lround((at - values.low) / values.size() * (height - 1)));
    canvas.fill(left + kWidth, y, 5, 1, kSoft);
    canvas.text(left + kWidth + 9, y + 5, number(at, marks.decimals), kSoft, kLabelPx);
  }
  canvas.text(left, top - 10, unit, kInk, kLabelPx);
}

}  // namespace mmi::models::xrir
