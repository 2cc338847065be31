#include "mmi/models/audeo/performance.h"

#include <charconv>

#include "mmi/base/errors.h"
#include "mmi/io/audio.h"
#include "mmi/io/video.h"
#include "mmi/models/audeo/roll_picture.h"
#include "mmi/music/midi.h"
#include "mmi/music/names.h"
#include "mmi/music/roll.h"
#include "mmi/music/synth.h"
#include "models/audeo/request.h"

namespace mmi::models::audeo {
namespace {

torch::Tensor truth_roll(const std::string& midi, const KeyRange& range, std::int64_t frames) {
  music::RollConfig config;
  config.fps = kFps;
  config.frames = frames;
  config.low_pitch = range.low_pitch();
  config.keys = static_cast<int>(range.count());
  return music::notes_to_roll(music::read_notes(midi), config);
}

}  // namespace

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

Artifact write_sample(
    const torch::Tensor& sound, const std::filesystem::path& stem, const std::string& caption) {
  constexpr double kSeconds = 10;
  constexpr double kPeak = 0.7;
  const torch::Tensor part =
      sound.slice(0, 0, static_cast<std::int64_t>(kSeconds * kSampleRateHz)).to(torch::kFloat32);
  const double loudest = part.abs().max().item<double>();
  const torch::Tensor scaled = (part * (kPeak / std::max(loudest, 1e-6))).contiguous();
  Artifact sample{stem.string() + ".wav", caption};
  io::write_wav(
      sample.path,
      {scaled.const_data_ptr<float>(), static_cast<std::size_t>(scaled.numel())},
      1,
      static_cast<int>(kSampleRateHz));
  return sample;
}

std::vector<Artifact> sample_performance(
    Performer& performer, const Recording& recording, const std::filesystem::path& stem) {
  return {write_sample(
      sound_of(performer.perform(recording), performer.input_format().keys),
      stem,
      recording.name())};
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
