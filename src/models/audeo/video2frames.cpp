#include <unistd.h>

#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/progress.h"
#include "mmi/data/formats/audeo.h"
#include "mmi/io/video.h"
#include "mmi/models/audeo/recordings.h"
#include "models/audeo/request.h"
#include "models/audeo/tools.h"

namespace mmi::models::audeo {
namespace {

namespace fs = std::filesystem;

/// A folder that goes when the work on it ends.
class Workplace {
 public:
  explicit Workplace(fs::path path) : path_(std::move(path)) {}

  ~Workplace() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  const fs::path& path() const {
    return path_;
  }

 private:
  fs::path path_;
};

class Video2Frames : public Tool {
 public:
  explicit Video2Frames(const Video2FramesConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<video> --out DIR";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        call.inputs.size() == 1 && !call.out.empty(),
        "mmi audeo video2frames takes one video and --out DIR, the folder of the data set");
    const fs::path& video = call.inputs[0];
    const std::string split = folder_of(config_.split);
    const std::string name = recording_name(config_.video, video);
    const fs::path target = call.out / "input_images" / split / name;
    MMI_CHECK(
        DataError,
        !fs::exists(target),
        "{} exists already: remove it, or give this video another name with video=NAME",
        target.string());
    io::VideoOptions options;
    options.color = io::Color::kGray;
    options.fps = kFps;
    options.width = static_cast<int>(config_.width);
    options.height = static_cast<int>(config_.height);
    options.crop =
        choose_crop(video, config_.crop, io::OnError::kRaise, {config_.start_s, config_.end_s});
    io::VideoReader reader(video, options);
    const std::int64_t frames = write(reader, call, split, name, target);
    ToolResult result;
    result.files.push_back(
        {target, format("{} stills, {} x {}", frames, config_.width, config_.height)});
    result.values.emplace_back("frames", static_cast<double>(frames));
    if (options.crop) {
      result.values.emplace_back("x1", options.crop->x1);
      result.values.emplace_back("y1", options.crop->y1);
      result.values.emplace_back("x2", options.crop->x2);
      result.values.emplace_back("y2", options.crop->y2);
    }
    return result;
  }

 private:
  /// All stills appear at once, when the last one is written.
  std::int64_t write(
      io::VideoReader& reader,
      const ToolCall& call,
      const std::string& split,
      const std::string& name,
      const fs::path& target) const {
    const auto first = static_cast<std::int64_t>(std::llround(config_.start_s * kFps));
    std::int64_t count = reader.frame_count() - first;
    if (config_.end_s > 0) {
      count =
          std::min(count, static_cast<std::int64_t>(std::llround(config_.end_s * kFps)) - first);
    }
    MMI_CHECK(
        DataError,
        count > 0,
        "{}: holds nothing from second {} on; it lasts {:.1f} s",
        call.inputs[0].string(),
        config_.start_s,
        static_cast<double>(reader.frame_count()) / kFps);
    mmi::create_directories(call.out);
    remove_leftovers(call.out);
    const Workplace place(call.out / format(".{}.tmp-{}", name, static_cast<int>(::getpid())));
    const data::formats::AudeoLayout layout(place.path());
    torch::Tensor image = torch::empty({config_.height, config_.width}, torch::kUInt8);
    Progress bar("cutting " + name, count);
    reader.seek_frame(first);
    io::VideoFrame frame;
    std::int64_t n = 0;
    for (; n < count && reader.next(frame); ++n) {
      MMI_CHECK(Interrupted, !call.stop(), "interrupted; nothing of {} was written", name);
      std::copy(frame.data.begin(), frame.data.end(), image.mutable_data_ptr<std::uint8_t>());
      layout.write_frame(split, name, n, image);
      bar.advance();
    }
    mmi::create_directories(target.parent_path());
    fs::rename(place.path() / "input_images" / split / name, target);
    return n;
  }

  Video2FramesConfig config_;
};

}  // namespace

const config::Schema& Video2FramesConfig::schema() {
  using C = Video2FramesConfig;
  static const config::Schema made =
      config::Table<C>("audeo/video2frames", "keyboard stills of a video, gray, 25 a second")
          .field("split", &C::split, "which part of the data set")
          .field("video", &C::video, "name of the recording; empty: the file's")
          .field(
              "crop",
              &C::crop,
              "auto: the keyboard that is found (all of a picture that is 7.5 times as wide as "
              "high); none: the whole picture; or x1,y1,x2,y2 in pixels")
          .field("height", &C::height, "of a still in pixels", config::between(8, 1024))
          .field("width", &C::width, "of a still in pixels", config::between(64, 4096))
          .field("start_s", &C::start_s, "second that becomes frame 0", config::at_least(0))
          .field("end_s", &C::end_s, "second to stop at; 0: the end", config::at_least(0));
  return made;
}

std::shared_ptr<Tool> make_video2frames(const Video2FramesConfig& config) {
  return std::make_shared<Video2Frames>(config);
}

}  // namespace mmi::models::audeo
