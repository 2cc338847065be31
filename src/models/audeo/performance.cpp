#include "mmi/models/audeo/performance.h"

#include <charconv>

#include "mmi/base/errors.h"
#include "mmi/base/log.h"
#include "mmi/io/audio.h"
#include "mmi/io/video.h"
#include "mmi/metrics/multipitch.h"
#include "mmi/models/audeo/roll_picture.h"
#include "mmi/music/midi.h"
#include "mmi/music/names.h"
#include "mmi/music/roll.h"
#include "mmi/music/synth.h"

namespace mmi::models::audeo {
namespace {

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

std::string option(const GenerateRequest& request, const std::string& name) {
  const auto at = request.options.find(name);
  return at == request.options.end() ? "" : at->second;
}

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
      "--crop must be x1,y1,x2,y2 in pixels with x1 < x2 and y1 < y2, but is \"{}\"",
      text);
  return {sides[0], sides[1], sides[2], sides[3]};
}

int parse_program(const std::string& text) {
  if (text.empty()) {
    return 0;
  }
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) {
    MMI_CHECK(
        ConfigError,
        number >= 0 && number < 128,
        "--program must be 0..127 or a name, but is {}",
        text);
    return number;
  }
  return music::gm_program(text);
}

torch::Tensor truth_roll(const std::string& midi, const KeyRange& range, std::int64_t frames) {
  music::RollConfig config;
  config.fps = kFps;
  config.frames = frames;
  config.low_pitch = range.low_pitch();
  config.keys = static_cast<int>(range.count());
  return music::notes_to_roll(music::read_notes(midi), config);
}

}  // namespace

std::shared_ptr<const Recording> read_clip(
    const GenerateRequest& request, std::int64_t height, std::int64_t width) {
  io::VideoOptions options;
  options.width = static_cast<int>(width);
  options.height = static_cast<int>(height);
  options.color = io::Color::kGray;
  options.fps = kFps;
  if (const std::string crop = option(request, "crop"); !crop.empty()) {
    options.crop = parse_crop(crop);
  }
  const std::string on_error = option(request, "on_error");
  MMI_CHECK(
      ConfigError,
      on_error.empty() || on_error == "raise" || on_error == "pad",
      "--on-error must be raise or pad, but is \"{}\"",
      on_error);
  options.on_error = on_error == "pad" ? io::OnError::kPad : io::OnError::kRaise;
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

torch::Tensor sound_of(const PerformanceOutput& output, const KeyRange& keys, int program) {
  if (output.sound.defined()) {
    return output.sound;
  }
  music::SynthConfig synth;
  synth.sample_rate_hz = kSampleRateHz;
  synth.program = program;
  synth.duration_s = static_cast<double>(output.roll.size(0)) / kFps;
  return torch::tensor(
      music::render(music::roll_to_notes(output.roll, keys.low_pitch(), kFps), synth));
}

std::vector<Artifact> perform_clip(Performer& performer, const GenerateRequest& request) {
  const Performer::Format input = performer.input_format();
  const std::string program_text = option(request, "program");
  const int program = parse_program(program_text);
  const auto clip = read_clip(request, input.height, input.width);
  const PerformanceOutput output = performer.perform(*clip);
  MMI_CHECK(
      ConfigError,
      program_text.empty() || !output.sound.defined(),
      "this model makes its own sound, so --program has no meaning; leave it out, or generate from "
      "its roll2midi run");
  std::vector<Artifact> artifacts;
  const auto add = [&](const char* suffix, const std::string& caption) {
    artifacts.push_back({request.out.string() + suffix, caption});
    return artifacts.back().path;
  };
  const music::Notes notes = music::roll_to_notes(output.roll, input.keys.low_pitch(), kFps);
  music::write_notes(add(".mid", format("{} notes at velocity 100", notes.size())), notes, program);
  const torch::Tensor sound = sound_of(output, input.keys, program).contiguous();
  io::Audio audio;
  audio.sample_rate_hz = static_cast<int>(kSampleRateHz);
  audio.samples.assign(
      sound.const_data_ptr<float>(), sound.const_data_ptr<float>() + sound.numel());
  const char* voice = "rendered by the built-in piano voice";
  if (output.sound.defined()) {
    voice = "PerfNet's spectrogram, refined, by Griffin-Lim";
  } else if (music::resolved_voice({}) == music::Voice::kFluidsynth) {
    voice = "rendered by FluidSynth";
  }
  io::write_wav(add(".wav", voice), audio);

  std::vector<RollPanel> panels;
  panels.push_back({"What the video shows (Video2Roll, probabilities)", output.probabilities});
  if (output.refined.defined()) {
    panels.push_back({"What sounds (Roll2Midi, probabilities)", output.refined});
  }
  const torch::Tensor decided = output.roll.to(torch::kFloat32);
  if (const std::string truth = option(request, "truth"); !truth.empty()) {
    panels.push_back(
        {"Notes against the truth", decided, truth_roll(truth, input.keys, output.roll.size(0))});
  } else {
    panels.push_back({"Notes", decided});
  }
  draw_rolls(panels, input.keys.low_pitch(), kFps).save_png(add(".png", "piano rolls"));

  io::mux_audio(request.input, audio, add(".mp4", "the video with its new sound"));
  return artifacts;
}

}  // namespace mmi::models::audeo
