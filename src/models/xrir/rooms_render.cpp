#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/io/npy.h"
#include "mmi/tensor/array.h"
#include "models/xrir/rooms_plot.h"
#include "models/xrir/rooms_tools.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

constexpr int kLeft = 70;
constexpr int kTop = 56;
constexpr int kRight = 110;
constexpr int kBottom = 60;
constexpr int kBetween = 84;
constexpr int kPanel = 1024;  // width

/// Rows of a panorama as a picture of any size, with axes in degrees.
template <class Colour>
void panel(
    io::Canvas& canvas,
    int top,
    int height,
    std::int64_t rows,
    std::int64_t columns,
    const std::string& title,
    const Colour& colour) {
  Panel axes(canvas, kLeft, top, kPanel, height, {-180, 180}, {-90, 90});
  axes.axes(title, "azimuth, degrees (0: +x, 90: +y)", "elevation, degrees", 45);
  for (int y = 0; y < height; ++y) {
    const std::int64_t row = y * rows / height;
    for (int x = 0; x < kPanel; ++x) {
      canvas.set(kLeft + x, top + y, colour(row * columns + x * columns / kPanel));
    }
  }
}

class RoomsRender : public Tool {
 public:
  explicit RoomsRender(const RoomsRenderConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<scene> --out FILE.npy position=[x,y,z]";
  }

  std::string examples() const override {
    return "mmi rooms render configs/xrir/rooms/l_shaped.yaml --out depth.npy position=[1,1,1.2]\n"
           "mmi rooms render room.obj --out depth.npy position=[1,1,1.2] convention=release";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        call.inputs.size() == 1 && call.out.extension() == ".npy",
        "mmi rooms render takes a scene and --out FILE.npy; the picture is FILE.png");
    MMI_CHECK(
        ConfigError,
        config_.position.at.size() == 1,
        "mmi rooms render needs one position=[x,y,z], not {}",
        config_.position.at.size());
    const Vec3 position = config_.position.at[0];
    const rooms::Scene scene = open_scene(call.inputs[0], config_);
    require_air(scene, position, "the position");
    const rooms::Panorama view = rooms::DepthRenderer(scene).panorama(
        position, config_.height, config_.width, config_.convention);
    const float* const depth = view.depth.const_data_ptr<float>();
    const std::int64_t pixels = view.depth.numel();
    const std::int64_t missed = std::count(depth, depth + pixels, 0.0F);
    float nearest = 1e30F;
    for (std::int64_t i = 0; i < pixels; ++i) {
      nearest = depth[i] > 0 ? std::min(nearest, depth[i]) : nearest;
    }
    const float farthest = *std::max_element(depth, depth + pixels);
    ToolResult result;
    result.values = {
        {"nearest_m", missed < pixels ? nearest : 0},
        {"farthest_m", farthest},
        {"missed_pixels", static_cast<double>(missed)}};
    if (missed > 0) {
      result.lines.push_back(format(
          "{} of {} rays meet nothing (depth 0): see mmi rooms check {}",
          missed,
          pixels,
          call.inputs[0].string()));
    }
    Outputs outputs;
    outputs.add(
        call.out,
        io::encode_npy(to_array(view.depth)),
        format("depth in metres, float32 ({}, {})", config_.height, config_.width));
    if (has_pictures()) {
      auto picture = call.out;
      outputs.add(
          picture.replace_extension(".png"),
          io::encode_image(
              draw(view, call.inputs[0].filename().string(), position, farthest).image(), ".png"),
          config_.normals ? "depth and surface normals" : "depth");
    }
    outputs.write(result);
    return result;
  }

 private:
  io::Canvas draw(
      const rooms::Panorama& view, const std::string& name, Vec3 position, double farthest) const {
    const auto rows = config_.height;
    const auto columns = config_.width;
    const int height =
        static_cast<int>(std::clamp<std::int64_t>(kPanel * rows / columns, 128, 512));
    const int panels = config_.normals ? 2 : 1;
    io::Canvas canvas(
        kLeft + kPanel + kRight,
        kTop + panels * height + (panels - 1) * kBetween + kBottom,
        kPaper);
    const float* const depth = view.depth.const_data_ptr<float>();
    const Interval range{0, farthest > 0 ? farthest : 1};
    panel(
        canvas,
        kTop,
        height,
        rows,
        columns,
        format("Depth at {}, {}", text_of(position), name),
        [&](std::int64_t i) {
          return depth[i] > 0 ? viridis(depth[i] / range.high) : io::Rgb{255, 0, 255};
        });
    colour_bar(canvas, kLeft + kPanel + 26, kTop, height, range, "m");
    if (config_.normals) {
      const float* const normal = view.normal.const_data_ptr<float>();
      const std::int64_t pixels = rows * columns;
      const auto channel = [&](float n) { return static_cast<std::uint8_t>(127.5F * (n + 1)); };
      panel(
          canvas,
          kTop + height + kBetween,
          height,
          rows,
          columns,
          "Normals (red: x, green: y, blue: z, from -1 to 1)",
          [&](std::int64_t i) {
            return io::Rgb{
                channel(normal[i]), channel(normal[pixels + i]), channel(normal[2 * pixels + i])};
          });
    }
    return canvas;
  }

  RoomsRenderConfig config_;
};

}  // namespace

const config::Schema& RoomsRenderConfig::schema() {
  using C = RoomsRenderConfig;
  static const config::Schema made =
      scene_table<C>("rooms/render", "a depth panorama")
          .field("position", &C::position, "where one stands, in metres")
          .field(
              "height",
              &C::height,
              "rows, from straight up to straight down",
              config::between(1, 8192))
          .field("width", &C::width, "columns", config::between(1, 8192))
          .field(
              "convention", &C::convention, "where rays go: pixel centres, or AcousticRooms' maps")
          .field("normals", &C::normals, "show the surface normals below the depth");
  return made;
}

std::shared_ptr<Tool> make_rooms_render(const RoomsRenderConfig& config) {
  return std::make_shared<RoomsRender>(config);
}

}  // namespace mmi::models::xrir
