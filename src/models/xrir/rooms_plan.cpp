#include "models/xrir/rooms_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "models/xrir/rooms_plot.h"
#include "models/xrir/rooms_settings.h"

namespace mmi::models::xrir {
namespace {

using worlds::rooms::Polygon;
using worlds::rooms::Scene;

constexpr int kLeft = 76;
constexpr int kTop = 92;
constexpr int kRight = 132;
constexpr int kBottom = 66;
constexpr double kNamePx = 13;
constexpr int kRadius = 8;      // of the source or receiver
constexpr int kPartGap = 36;    // between the maps of a row
constexpr int kErrorGap = 120;  // with a colour bar in it

using Segment = std::pair<Vec3, Vec3>;

// Where a convex polygon meets the plane at height z.
std::optional<Segment> section(const Polygon& polygon, double z) {
  std::vector<Vec3> met;
  const std::size_t count = polygon.corners.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Vec3 a = polygon.corners[i];
    const Vec3 b = polygon.corners[(i + 1) % count];
    if ((a.z > z) != (b.z > z)) {
      met.push_back(a + ((z - a.z) / (b.z - a.z)) * (b - a));
    }
  }
  if (met.size() < 2) {
    return {};
  }
  return Segment{met[0], met[1]};
}

/// Metres to pixels.
struct Place {
  double x0;
  double y1;
  double pixels;
  int left;
  int top;

  double x(double metres) const {
    return left + (metres - x0) * pixels;
  }

  double y(double metres) const {
    return top + (y1 - metres) * pixels;
  }
};

// A convex polygon seen from above, row by row.
void fill(
    io::Canvas& canvas, const Place& at, const Polygon& polygon, io::Rgb colour, double opacity) {
  double top = 1e300;
  double bottom = -1e300;
  for (const Vec3 c : polygon.corners) {
    top = std::min(top, at.y(c.y));
    bottom = std::max(bottom, at.y(c.y));
  }
  const std::size_t count = polygon.corners.size();
  for (int y = static_cast<int>(std::ceil(top - 0.5)); y + 0.5 < bottom; ++y) {
    double left = 1e300;
    double right = -1e300;
    for (std::size_t i = 0; i < count; ++i) {
      const Vec3 a = polygon.corners[i];
      const Vec3 b = polygon.corners[(i + 1) % count];
      const double ya = at.y(a.y);
      const double yb = at.y(b.y);
      if ((ya > y + 0.5) != (yb > y + 0.5)) {
        const double x = at.x(a.x) + (y + 0.5 - ya) / (yb - ya) * (at.x(b.x) - at.x(a.x));
        left = std::min(left, x);
        right = std::max(right, x);
      }
    }
    const int from = static_cast<int>(std::lround(left));
    canvas.fill(from, y, static_cast<int>(std::lround(right)) - from, 1, colour, opacity);
  }
}

void draw_cells(
    io::Canvas& canvas,
    const Place& at,
    const std::vector<FloorCell>& cells,
    double spacing,
    Interval colours) {
  for (const FloorCell& cell : cells) {
    const int x1 = static_cast<int>(std::lround(at.x(cell.place.x - spacing / 2)));
    const int x2 = static_cast<int>(std::lround(at.x(cell.place.x + spacing / 2)));
    const int y1 = static_cast<int>(std::lround(at.y(cell.place.y + spacing / 2)));
    const int y2 = static_cast<int>(std::lround(at.y(cell.place.y - spacing / 2)));
    const io::Rgb colour = std::isfinite(cell.value)
                               ? viridis((cell.value - colours.low) / colours.size())
                               : io::Rgb{190, 190, 190};
    canvas.fill(x1, y1, x2 - x1, y2 - y1, colour);
  }
}

void draw_furniture(io::Canvas& canvas, const Place& at, const Scene& scene, double z) {
  const std::size_t count = scene.objects.size();
  std::vector<double> low(count, 1e300);
  std::vector<double> high(count, -1e300);
  for (const Polygon& polygon : scene.polygons) {
    for (const Vec3 c : polygon.corners) {
      auto& bottom = low[static_cast<std::size_t>(polygon.object)];
      auto& top = high[static_cast<std::size_t>(polygon.object)];
      bottom = std::min(bottom, c.z);
      top = std::max(top, c.z);
    }
  }
  std::vector<Segment> edges;
  for (const Polygon& polygon : scene.polygons) {
    const auto object = static_cast<std::size_t>(polygon.object);
    if (object == 0) {
      continue;
    }
    const bool reaches = low[object] <= z && z <= high[object];
    if (reaches && unit(area_vector(polygon)).z > 0.05) {
      fill(canvas, at, polygon, {112, 116, 124}, 1);
    }
    const std::size_t corners = polygon.corners.size();
    for (std::size_t i = 0; i < corners; ++i) {
      const Vec3 a = polygon.corners[i];
      const Vec3 b = polygon.corners[(i + 1) % corners];
      if (std::hypot(a.x - b.x, a.y - b.y) > 1e-3) {
        canvas.line(at.x(a.x), at.y(a.y), at.x(b.x), at.y(b.y), {70, 74, 82}, 3);
        edges.emplace_back(a, b);
      }
    }
  }
  // A light line in a dark one is seen on every colour.
  for (const auto& [a, b] : edges) {
    canvas.line(at.x(a.x), at.y(a.y), at.x(b.x), at.y(b.y), {236, 238, 242}, 1);
  }
}

// Where they fit; of two that would lie on each other, the smaller piece keeps its name.
void draw_names(io::Canvas& canvas, const Place& at, const Scene& scene) {
  struct Label {
    double x1 = 1e300, x2 = -1e300, y1 = 1e300, y2 = -1e300;

    double area() const {
      return (x2 - x1) * (y2 - y1);
    }
  };

  std::vector<Label> boxes(scene.objects.size());
  for (const Polygon& polygon : scene.polygons) {
    Label& box = boxes[static_cast<std::size_t>(polygon.object)];
    for (const Vec3 c : polygon.corners) {
      box.x1 = std::min(box.x1, at.x(c.x));
      box.x2 = std::max(box.x2, at.x(c.x));
      box.y1 = std::min(box.y1, at.y(c.y));
      box.y2 = std::max(box.y2, at.y(c.y));
    }
  }
  std::vector<std::size_t> order;
  for (std::size_t object = 1; object < scene.objects.size(); ++object) {
    order.push_back(object);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return boxes[a].area() < boxes[b].area();
  });
  std::vector<std::array<int, 4>> taken;
  for (const std::size_t object : order) {
    const Label& box = boxes[object];
    const int width = io::Canvas::text_width(scene.objects[object], kNamePx) + 8;
    const int x = static_cast<int>((box.x1 + box.x2) / 2) - width / 2;
    const int y = static_cast<int>((box.y1 + box.y2) / 2) - 9;
    const bool free = std::all_of(taken.begin(), taken.end(), [&](const auto& other) {
      return x + width < other[0] || other[0] + other[2] < x || y + 18 < other[1] ||
             other[1] + other[3] < y;
    });
    if (width + 4 > box.x2 - box.x1 || box.y2 - box.y1 < 22 || !free) {
      continue;
    }
    taken.push_back({x, y, width, 18});
    canvas.fill(x, y, width, 18, kPaper, 0.75);
    canvas.text(x + 4, y + 14, scene.objects[object], kInk, kNamePx);
  }
}

void draw_outline(io::Canvas& canvas, const Place& at, const Scene& scene, double z) {
  for (const Polygon& polygon : scene.polygons) {
    if (polygon.object != 0) {
      continue;
    }
    if (const auto cut = section(polygon, z)) {
      canvas.line(
          at.x(cut->first.x),
          at.y(cut->first.y),
          at.x(cut->second.x),
          at.y(cut->second.y),
          kInk,
          3);
    }
  }
}

// A disc with a light ring around it.
void draw_disc(io::Canvas& canvas, double x, double y, int radius, io::Rgb colour) {
  for (int dy = -radius; dy <= radius; ++dy) {
    for (int dx = -radius; dx <= radius; ++dx) {
      const double r = std::hypot(dx, dy);
      if (r <= radius) {
        canvas.set(
            static_cast<int>(x) + dx, static_cast<int>(y) + dy, r > radius - 2.2 ? kPaper : colour);
      }
    }
  }
}

void draw_spot(
    io::Canvas& canvas,
    const Place& at,
    Vec3 spot,
    const std::string& name,
    io::Rgb colour,
    int right_border) {
  const double x = at.x(spot.x);
  const double y = at.y(spot.y);
  draw_disc(canvas, x, y, kRadius, colour);
  const int width = io::Canvas::text_width(name, kLabelPx, true) + 8;
  const bool left = x + 12 + width > right_border;
  const int from = static_cast<int>(left ? x - 12 - width : x + 12);
  canvas.fill(from, static_cast<int>(y) - 10, width, 20, kPaper, 0.85);
  canvas.text(from + 4, static_cast<int>(y) + 5, name, colour, kLabelPx, io::Align::kLeft, true);
}

void draw_walk(
    io::Canvas& canvas, const Place& at, const std::vector<Vec3>& walk, int right_border) {
  for (std::size_t i = 1; i < walk.size(); ++i) {
    canvas.line(
        at.x(walk[i - 1].x), at.y(walk[i - 1].y), at.x(walk[i].x), at.y(walk[i].y), kBlue, 3);
  }
  if (walk.size() > 1) {
    draw_spot(canvas, at, walk.back(), "end", kBlue, right_border);
  }
  if (!walk.empty()) {
    const char* const name = walk.size() > 1 ? "start" : "listener";
    draw_spot(canvas, at, walk.front(), name, kBlue, right_border);
  }
}

void draw_metres_across(
    io::Canvas& canvas, const Place& at, const Bounds& bounds, int width, int height) {
  const Ticks across = ticks({bounds.low.x, bounds.high.x}, std::max(2, width / 80));
  for (const double metres : across.at) {
    const int x = static_cast<int>(std::lround(at.x(metres)));
    canvas.fill(x, at.top + height + 6, 1, 6, kSoft);
    canvas.text(
        x,
        at.top + height + 28,
        number(metres, across.decimals),
        kSoft,
        kLabelPx,
        io::Align::kCenter);
  }
  canvas.text(at.left + width, at.top + height + 50, "x, m", kSoft, kLabelPx, io::Align::kRight);
}

void draw_metres_up(io::Canvas& canvas, const Place& at, const Bounds& bounds, int height) {
  const Ticks up = ticks({bounds.low.y, bounds.high.y}, std::max(2, height / 80));
  for (const double metres : up.at) {
    const int y = static_cast<int>(std::lround(at.y(metres)));
    canvas.fill(at.left - 12, y, 6, 1, kSoft);
    canvas.text(
        at.left - 18, y + 5, number(metres, up.decimals), kSoft, kLabelPx, io::Align::kRight);
  }
  canvas.text(at.left - 18, at.top - 14, "y, m", kSoft, kLabelPx, io::Align::kRight);
}

// Colours need a range.
Interval colours_of(double low, double high) {
  if (high - low < 1e-9) {
    return {low - 0.5, low + 0.5};
  }
  return {low, high};
}

}  // namespace

io::Canvas draw_floor_map(const Scene& scene, const FloorMap& map) {
  const Bounds bounds = bounds_of(scene);
  const Vec3 size = bounds.high - bounds.low;
  const double pixels = std::min(900 / size.x, 720 / size.y);
  const int width = static_cast<int>(std::lround(size.x * pixels));
  const int height = static_cast<int>(std::lround(size.y * pixels));
  const int title = std::max(
      io::Canvas::text_width(map.title, 21, true), io::Canvas::text_width(map.subtitle, kLabelPx));
  const int across = kLeft + std::max(width + kRight, title + 24);
  io::Canvas canvas(across, kTop + height + kBottom, kPaper);
  canvas.text(kLeft, 32, map.title, kInk, 21, io::Align::kLeft, true);
  canvas.text(kLeft, 56, map.subtitle, kSoft, kLabelPx);
  const Place at{bounds.low.x, bounds.high.y, pixels, kLeft, kTop};
  const Interval colours = colours_of(map.low, map.high);
  draw_cells(canvas, at, map.cells, map.spacing, colours);
  draw_furniture(canvas, at, scene, map.z);
  draw_names(canvas, at, scene);
  draw_outline(canvas, at, scene, map.z);
  draw_walk(canvas, at, map.walk, kLeft + width);
  draw_spot(canvas, at, map.source, "source", kRed, kLeft + width);
  draw_metres_across(canvas, at, bounds, width, height);
  draw_metres_up(canvas, at, bounds, height);
  if (!map.cells.empty()) {
    colour_bar(canvas, kLeft + width + 40, kTop, height, colours, map.unit);
  }
  return canvas;
}

io::Canvas draw_floor_row(const Scene& scene, const FloorRow& row) {
  constexpr int kRowTop = 136;
  const Bounds bounds = bounds_of(scene);
  const Vec3 size = bounds.high - bounds.low;
  const double pixels = std::min(400 / size.x, 480 / size.y);
  const int width = static_cast<int>(std::lround(size.x * pixels));
  const int height = static_cast<int>(std::lround(size.y * pixels));
  const int values = static_cast<int>(row.parts.size()) * (width + kPartGap) - kPartGap;
  const int across = kLeft + values + kErrorGap + width + kRight;
  const int title = std::max(
      io::Canvas::text_width(row.title, 21, true), io::Canvas::text_width(row.subtitle, kLabelPx));
  io::Canvas canvas(std::max(across, kLeft + title + 24), kRowTop + height + kBottom, kPaper);
  canvas.text(kLeft, 32, row.title, kInk, 21, io::Align::kLeft, true);
  canvas.text(kLeft, 56, row.subtitle, kSoft, kLabelPx);
  draw_disc(canvas, kLeft + kRadius, 78, kRadius, kRed);
  canvas.text(kLeft + 22, 83, "receiver", kSoft, kLabelPx);
  draw_disc(canvas, kLeft + 110, 78, kRadius - 1, kInk);
  canvas.text(kLeft + 124, 83, "measured sources", kSoft, kLabelPx);

  const auto draw = [&](const FloorRow::Part& part, int left, Interval colours) {
    const Place at{bounds.low.x, bounds.high.y, pixels, left, kRowTop};
    canvas.text(left, kRowTop - 14, part.title, kInk, kLabelPx, io::Align::kLeft, true);
    draw_cells(canvas, at, part.cells, row.spacing, colours);
    draw_furniture(canvas, at, scene, row.z);
    draw_outline(canvas, at, scene, row.z);
    for (const Vec3 place : row.references) {
      draw_disc(canvas, at.x(place.x), at.y(place.y), kRadius - 1, kInk);
    }
    draw_disc(canvas, at.x(row.receiver.x), at.y(row.receiver.y), kRadius, kRed);
    draw_metres_across(canvas, at, bounds, width, height);
    if (left == kLeft) {
      draw_metres_up(canvas, at, bounds, height);
    }
    return left + width;
  };
  const Interval colours = colours_of(row.low, row.high);
  int right = kLeft - kPartGap;
  for (const FloorRow::Part& part : row.parts) {
    right = draw(part, right + kPartGap, colours);
  }
  colour_bar(canvas, right + 24, kRowTop, height, colours, row.unit);
  right = draw(row.error, right + kErrorGap, {0, colours.size()});
  colour_bar(canvas, right + 24, kRowTop, height, {0, colours.size()}, row.unit);
  return canvas;
}

}  // namespace mmi::models::xrir
