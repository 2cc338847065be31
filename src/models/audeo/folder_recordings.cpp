#include "models/audeo/folder_recordings.h"

#include "mmi/base/errors.h"
#include "mmi/data/formats/audeo.h"
#include "mmi/io/audio.h"
#include "mmi/io/image.h"

namespace mmi::models::audeo {
namespace {

/// One video of the published layout; stills are decoded at every read.
class FolderRecording : public Recording {
 public:
  FolderRecording(
      std::string name,
      data::formats::AudeoVideo video,
      std::filesystem::path sound,
      std::int64_t height,
      std::int64_t width)
      : name_(std::move(name)),
        video_(std::move(video)),
        sound_(std::move(sound)),
        labels_(video_.label.gt(0).to(torch::kUInt8)),
        height_(height),
        width_(width) {}

  const std::string& name() const override {
    return name_;
  }

  std::int64_t frames() const override {
    return static_cast<std::int64_t>(video_.frames.size());
  }

  void read(std::int64_t t, std::uint8_t* out) const override {
    const io::Image image =
        io::read_image(video_.frames[static_cast<std::size_t>(t)].path, io::Color::kGray);
    io::resize_area(
        image.data.data(),
        image.height,
        image.width,
        1,
        out,
        static_cast<int>(height_),
        static_cast<int>(width_));
  }

  torch::Tensor labels() const override {
    return labels_;
  }

  torch::Tensor audio() const override {
    const io::Audio mono = io::to_mono(io::read_audio(sound_));
    const io::Audio audio = mono.sample_rate_hz == kSampleRateHz
                                ? mono
                                : io::resample(mono, static_cast<int>(kSampleRateHz));
    // The stills need not begin with the video.
    const std::int64_t start = video_.frames.front().number * kSampleRateHz / 25;
    return torch::tensor(audio.samples).slice(0, std::min(start, audio.length())).clone();
  }

 private:
  std::string name_;
  data::formats::AudeoVideo video_;
  std::filesystem::path sound_;
  torch::Tensor labels_;
  std::int64_t height_;
  std::int64_t width_;
};

/// "train" and "valid" come from the folder training (the last videos are held out), "test" from
/// testing.
class FolderRecordings : public Recordings {
 public:
  FolderRecordings(const FolderRecordingsConfig& config, const BuildArgs& args)
      : config_(config), args_(args), layout_(config.root) {
    MMI_CHECK(
        DataError,
        std::filesystem::is_directory(config.root),
        "task.recordings.root: {} is not a folder; it must hold input_images/ and labels/ of the "
        "published layout, or run `mmi data make`",
        config.root.empty() ? "(empty)" : config.root);
  }

  RecordingList split(const std::string& name) const override {
    MMI_CHECK(
        DataError,
        name == "train" || name == "valid" || name == "test",
        "{} has no split \"{}\"; it has train, valid, test",
        config_.root,
        name);
    const std::string folder = name == "test" ? "testing" : "training";
    std::vector<std::string> videos = layout_.videos(folder);
    const auto held_out = static_cast<std::size_t>(config_.valid_videos);
    MMI_CHECK(
        DataError,
        name == "test" || videos.size() > held_out,
        "{} holds {} training videos; more than valid_videos={} are needed",
        config_.root,
        videos.size(),
        held_out);
    if (name == "train") {
      videos.resize(videos.size() - held_out);
    } else if (name == "valid") {
      videos.erase(videos.begin(), videos.end() - static_cast<std::ptrdiff_t>(held_out));
    }
    RecordingList list;
    for (const std::string& video : videos) {
      list.push_back(std::make_shared<FolderRecording>(
          video,
          layout_.video(folder, video),
          layout_.audio(folder, video),
          args_.height,
          args_.width));
    }
    return list;
  }

  std::string fingerprint() const override {
    std::string text = "audeo folder";
    for (const char* folder : {"training", "testing"}) {
      for (const std::string& video : layout_.videos(folder)) {
        text += format(
            "\n{} {} {}",
            folder,
            video,
            static_cast<std::int64_t>(layout_.frames(folder, video).size()));
      }
    }
    return text;
  }

 private:
  FolderRecordingsConfig config_;
  BuildArgs args_;
  data::formats::AudeoLayout layout_;
};

}  // namespace

const config::Schema& FolderRecordingsConfig::schema() {
  static const config::Schema made =
      config::Table<FolderRecordingsConfig>("audeo_folder", "videos in Audeo's published layout")
          .field("root", &FolderRecordingsConfig::root, "folder with input_images/ and labels/")
          .field(
              "valid_videos",
              &FolderRecordingsConfig::valid_videos,
              "last training videos that are held out",
              config::at_least(1));
  return made;
}

void register_folder_recordings() {
  Registry<Recordings>::get().add<FolderRecordingsConfig>(
      "audeo_folder",
      "the published on-disk layout: input_images/, labels/ (docs/formats.md)",
      [](const FolderRecordingsConfig& config, const Recordings::BuildArgs& args) {
        return std::make_shared<FolderRecordings>(config, args);
      });
}

}  // namespace mmi::models::audeo
