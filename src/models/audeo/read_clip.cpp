#include <algorithm>
#include <charconv>

#include "mmi/base/errors.h"
#include "mmi/base/log.h"
#include "mmi/models/audeo/keyboard_finder.h"
#include "mmi/models/audeo/performance.h"
#include "models/audeo/request.h"

namespace mmi::models::audeo {
namespace {

constexpr int kLookedAt = 15;            // frames, where a keyboard is looked for
constexpr double kKeyboardAspect = 7.5;  // from which on a picture is a keyboard crop

/// A decoded clip: frames in memory, no labels.
class ClipRecording : public Recording {
 public:
  ClipRecording(std::string name, std::size_t frame_bytes)
      : name_(std::move(name)), frame_bytes_(frame_bytes) {}

  void append(const std::vector<std::uint8_t>& frame) {
    pixels_.insert(pixels_.end(), frame.begin(), frame.end());
  }

  const std::string& name() const override {
    return name_;
  }

  std::int64_t frames() const override {
    return static_cast<std::int64_t>(pixels_.size() / frame_bytes_);
  }

  void read(std::int64_t t, std::uint8_t* out) const override {
    const std::uint8_t* from = pixels_.data() + static_cast<std::size_t>(t) * frame_bytes_;
    std::copy(from, from + frame_bytes_, out);
  }

  torch::Tensor labels() const override {
    throw DataError(name_ + ": a clip without labels cannot be trained or scored on");
  }

 private:
  std::string name_;
  std::size_t frame_bytes_;
  std::vector<std::uint8_t> pixels_;
};

io::CropBox parse_crop(const std::string& text) {
  int sides[4] = {};
  const char* at = text.data();
  const char* end = text.data() + text.size();
  bool good = true;
  for (int i = 0; i < 4 && good; ++i) {
    const auto [next, error] = std::from_chars(at, end, sides[i]);
    good = error == std::errc() && (i == 3 ? next == end : next < end && *next == ',');
    at = next + 1;
  }
  MMI_CHECK(
      ConfigError,
      good && sides[0] >= 0 && sides[1] >= 0 && sides[0] < sides[2] && sides[1] < sides[3],
      "--crop must be auto, none or x1,y1,x2,y2 in pixels with x1 < x2 and y1 < y2, but is \"{}\"",
      text);
  return {sides[0], sides[1], sides[2], sides[3]};
}

std::vector<io::Image> spread_frames(
    const std::filesystem::path& video, io::OnError on_error, const Stretch& stretch) {
  io::VideoOptions options;
  options.color = io::Color::kGray;
  options.on_error = on_error;
  io::VideoReader reader(video, options);
  const auto at = [&](double time_s) {
    const auto frame = static_cast<std::int64_t>(time_s * reader.fps());
    return std::clamp<std::int64_t>(frame, 0, reader.frame_count());
  };
  const std::int64_t first = at(stretch.start_s);
  const std::int64_t count = (stretch.end_s > 0 ? at(stretch.end_s) : reader.frame_count()) - first;
  std::vector<io::Image> frames;
  io::VideoFrame frame;
  for (int i = 0; i < kLookedAt && count > 0; ++i) {
    reader.seek_frame(first + (2 * i + 1) * count / (2 * kLookedAt));
    if (reader.next(frame) && frame.valid) {
      frames.push_back({frame.height, frame.width, 1, frame.data});
    }
  }
  return frames;
}

}  // namespace

std::string option(const GenerateRequest& request, const std::string& name) {
  const auto at = request.options.find(name);
  return at == request.options.end() ? "" : at->second;
}

std::optional<io::CropBox> choose_crop(
    const std::filesystem::path& video,
    const std::string& crop,
    io::OnError on_error,
    const Stretch& stretch) {
  if (crop == "none") {
    return std::nullopt;
  }
  if (!crop.empty() && crop != "auto") {
    return parse_crop(crop);
  }
  const io::VideoInfo info = io::VideoReader(video).info();
  if (info.width >= kKeyboardAspect * info.height) {
    log::info(
        "{}: the whole picture, {} x {}, is taken as the keyboard",
        video.string(),
        info.width,
        info.height);
    return std::nullopt;
  }
  const KeyboardBox box = find_keyboard(spread_frames(video, on_error, stretch), video.string());
  log::info(
      "{}: keyboard found at {},{},{},{} (confidence {:.2f})",
      video.string(),
      box.x1,
      box.y1,
      box.x2,
      box.y2,
      box.confidence);
  return io::CropBox{box.x1, box.y1, box.x2, box.y2};
}

std::shared_ptr<const Recording> read_clip(
    const GenerateRequest& request, std::int64_t height, std::int64_t width) {
  io::VideoOptions options;
  options.width = static_cast<int>(width);
  options.height = static_cast<int>(height);
  options.color = io::Color::kGray;
  options.fps = kFps;
  const std::string on_error = option(request, "on_error");
  MMI_CHECK(
      ConfigError,
      on_error.empty() || on_error == "raise" || on_error == "pad",
      "--on-error must be raise or pad, but is \"{}\"",
      on_error);
  options.on_error = on_error == "pad" ? io::OnError::kPad : io::OnError::kRaise;
  std::string crop = option(request, "crop");
  if (crop.empty() || crop == "auto") {
    // Pictures of the model's own size are what it was trained on, whatever their aspect.
    const io::VideoInfo info = io::VideoReader(request.input).info();
    crop = info.width == width && info.height == height ? "none" : crop;
  }
  options.crop = choose_crop(request.input, crop, options.on_error);
  io::VideoReader reader(request.input, options);
  auto clip = std::make_shared<ClipRecording>(
      request.input.stem().string(), static_cast<std::size_t>(height * width));
  for (io::VideoFrame frame; reader.next(frame);) {
    clip->append(frame.data);
  }
  if (const io::Damage& damage = reader.damage(); damage.any()) {
    log::warning("{}; a good frame stands in for {} frames", damage.first, damage.padded);
  }
  MMI_CHECK(DataError, clip->frames() > 0, "{} holds no picture", request.input.string());
  return clip;
}

}  // namespace mmi::models::audeo
