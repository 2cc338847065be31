#include <algorithm>
#include <cmath>
#include <optional>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/progress.h"
#include "mmi/io/video.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/music/midi.h"
#include "mmi/music/score.h"
#include "mmi/music/synth.h"
#include "models/audeo/note_rain.h"
#include "models/audeo/request.h"
#include "models/audeo/tools.h"

namespace mmi::models::audeo {
namespace {

constexpr double kLeadIn = 1.5;  // seconds before the first second of the MIDI file, without a clip
constexpr double kAfter = 1.5;   // seconds after the last note

/// The keyboard of a clip, frame after frame; the last one stays.
class FilmedKeyboard {
 public:
  FilmedKeyboard(const std::filesystem::path& clip, const std::string& crop, int width, int height)
      : reader_(clip, options(clip, crop, width, height)) {}

  const io::Image& next() {
    if (reader_.next(frame_)) {
      image_ = {frame_.height, frame_.width, 3, frame_.data};
    }
    return image_;
  }

  void seek(double time_s) {
    reader_.seek_frame(std::min(
        static_cast<std::int64_t>(time_s * kFps),
        std::max<std::int64_t>(0, reader_.frame_count() - 1)));
  }

 private:
  static io::VideoOptions options(
      const std::filesystem::path& clip, const std::string& crop, int width, int height) {
    io::VideoOptions options;
    options.crop = choose_crop(clip, crop);
    options.width = width;
    options.height = height;
    options.fps = kFps;
    return options;
  }

  io::VideoReader reader_;
  io::VideoFrame frame_;
  io::Image image_;
};

class FallingNotes : public Tool {
 public:
  explicit FallingNotes(const FallingNotesConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<notes.mid|score.yaml> [keyboard clip] --out FILE.mp4|FILE.png";
  }

  ToolResult run(const ToolCall& call) override {
    const std::string suffix = call.out.extension().string();
    MMI_CHECK(
        ConfigError,
        (call.inputs.size() == 1 || call.inputs.size() == 2) &&
            (suffix == ".mp4" || suffix == ".png"),
        "mmi audeo falling-notes takes a MIDI file (or a score.yaml), a clip of the keyboard if "
        "you like, and --out "
        "FILE.mp4 (or FILE.png for one picture)");
    const int program = parse_program(config_.program);
    const bool written = call.inputs[0].extension() == ".yaml";
    music::Notes notes =
        written ? music::read_score(call.inputs[0]) : music::read_notes(call.inputs[0]);
    const bool filmed = call.inputs.size() == 2;
    if (!filmed && suffix == ".mp4") {
      for (music::Note& note : notes) {
        note.onset_s += kLeadIn;
        note.offset_s += kLeadIn;
      }
    }
    const NoteRain rain(
        notes,
        {static_cast<int>(config_.width),
         static_cast<int>(config_.height),
         config_.seconds_ahead,
         call.inputs[0].stem().string()});
    std::optional<FilmedKeyboard> keyboard;
    if (filmed) {
      keyboard.emplace(
          call.inputs[1], config_.crop, static_cast<int>(config_.width), rain.keyboard_height());
    }
    if (call.out.has_parent_path()) {
      mmi::create_directories(call.out.parent_path());
    }
    ToolResult result;
    result.values.emplace_back("notes", static_cast<double>(notes.size()));
    if (suffix == ".png") {
      if (keyboard) {
        keyboard->seek(config_.still_s);
      }
      rain.draw(config_.still_s, keyboard ? &keyboard->next() : nullptr).save_png(call.out);
      result.files.push_back({call.out, "falling notes"});
      return result;
    }
    write(call, rain, notes, program, keyboard);
    result.files.push_back({call.out, "falling notes with their sound"});
    return result;
  }

 private:
  void write(
      const ToolCall& call,
      const NoteRain& rain,
      const music::Notes& notes,
      int program,
      std::optional<FilmedKeyboard>& keyboard) const {
    double end_s = 0;
    for (const music::Note& note : notes) {
      end_s = std::max(end_s, note.offset_s);
    }
    const auto frames = static_cast<std::int64_t>(std::ceil((end_s + kAfter) * kFps - 1e-6));
    music::SynthConfig synth;
    synth.program = program;
    synth.duration_s = static_cast<double>(frames) / kFps;
    io::Audio audio;
    audio.sample_rate_hz = static_cast<int>(synth.sample_rate_hz);
    audio.channels = 1;
    audio.samples = music::render(notes, synth);
    io::VideoWriterOptions options;
    options.audio = std::move(audio);
    io::VideoWriter writer(
        call.out, static_cast<int>(config_.width), static_cast<int>(config_.height), kFps, options);
    Progress bar("drawing " + call.out.filename().string(), frames);
    for (std::int64_t t = 0; t < frames; ++t) {
      MMI_CHECK(Interrupted, !call.stop(), "interrupted; {} was not written", call.out.string());
      const double time_s = static_cast<double>(t) / kFps;
      writer.write(rain.draw(time_s, keyboard ? &keyboard->next() : nullptr).image().data);
      bar.advance();
    }
    writer.finish();
  }

  FallingNotesConfig config_;
};

}  // namespace

const config::Schema& FallingNotesConfig::schema() {
  using C = FallingNotesConfig;
  static const config::Schema made =
      config::Table<C>("audeo/falling-notes", "notes fall onto the keys that play them")
          .field("width", &C::width, "in pixels", config::between(160, 4096))
          .field("height", &C::height, "in pixels", config::between(90, 4096))
          .field(
              "seconds_ahead", &C::seconds_ahead, "how long a note falls", config::between(0.2, 60))
          .field("program", &C::program, "General MIDI number or name of the instrument")
          .field("crop", &C::crop, "keyboard in the clip: auto, none or x1,y1,x2,y2 in pixels")
          .field("still_s", &C::still_s, "second that a .png shows", config::at_least(0));
  return made;
}

std::shared_ptr<Tool> make_falling_notes(const FallingNotesConfig& config) {
  return std::make_shared<FallingNotes>(config);
}

}  // namespace mmi::models::audeo
