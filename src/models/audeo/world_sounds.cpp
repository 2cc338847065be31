#include "models/audeo/world_sounds.h"

#include <ATen/Parallel.h>
#include <torch/fft.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include "mmi/base/errors.h"
#include "mmi/base/progress.h"
#include "mmi/base/rng.h"
#include "mmi/models/audeo/onsets_frames.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/music/synth.h"
#include "mmi/worlds/piano/composition.h"
#include "mmi/worlds/piano/performance.h"
#include "mmi/worlds/piano/piece.h"

namespace mmi::models::audeo {
namespace {

namespace piano = worlds::piano;

constexpr std::array kStyles = {
    piano::Style::kCounterpoint,
    piano::Style::kArpeggio,
    piano::Style::kStride,
    piano::Style::kHymn};

/// A foot that comes up every 0.6 to 1.6 s: until then what was played sounds on.
music::Notes with_pedal(music::Notes notes, double duration_s, Rng& rng) {
  std::vector<double> changes;
  for (double t = 0; t < duration_s; t += rng.uniform(0.6, 1.6)) {
    changes.push_back(t);
  }
  for (music::Note& note : notes) {
    const auto next = std::upper_bound(changes.begin(), changes.end(), note.offset_s);
    note.offset_s = next == changes.end() ? duration_s : *next;
  }
  return piano::tidy(std::move(notes), 0.03, 0.03);
}

/// Procedural pieces lie in C2..D6; transposed they reach every key.
music::Notes played(const WorldSoundsConfig& config, Rng& rng) {
  const piano::Style style = kStyles[static_cast<std::size_t>(rng.integer(kStyles.size()))];
  piano::PerformOptions options;
  options.tempo_scale = rng.uniform(0.75, 1.25);
  options.velocity_low = static_cast<int>(rng.uniform(25, 60));
  options.velocity_high = static_cast<int>(rng.uniform(85, 120));
  const music::Notes score = piano::compose(style, rng.next_u64(), config.duration_s * 1.3);
  music::Notes notes = piano::perform(score, rng.next_u64(), options);
  const auto shift = static_cast<int>(rng.chance(0.5) ? rng.integer(7) - 3 : rng.integer(38) - 15);
  const double last_onset_s = config.duration_s - 0.1;
  std::erase_if(notes, [&](music::Note& note) {
    note.pitch += shift;
    note.offset_s = std::min(note.offset_s, config.duration_s);
    return note.onset_s > last_onset_s || note.pitch < kLowestPitch ||
           note.pitch >= kLowestPitch + kPianoKeys;
  });
  return rng.chance(config.pedal_share) ? with_pedal(std::move(notes), config.duration_s, rng)
                                        : notes;
}

/// Exponentially decaying noise as the room's answer, -20 to -6 dB beside the direct sound.
torch::Tensor in_a_room(const torch::Tensor& dry, Rng& rng) {
  const double t60_s = rng.uniform(0.2, 1.2);
  const auto length = static_cast<std::int64_t>(t60_s * kSoundRateHz);
  torch::Tensor tail = torch::empty({length});
  auto value = tail.accessor<float, 1>();
  for (std::int64_t i = 0; i < length; ++i) {
    const double decay = std::exp(-6.9 * static_cast<double>(i) / static_cast<double>(length));
    value[i] = static_cast<float>(rng.normal() * decay);
  }
  tail.div_(tail.norm()).mul_(std::pow(10.0, rng.uniform(-20, -6) / 20));
  value[0] = 1;
  const std::int64_t size = dry.size(0) + length;
  const torch::Tensor product = torch::fft::rfft(dry, size) * torch::fft::rfft(tail, size);
  const torch::Tensor wet = torch::fft::irfft(product, size).slice(0, 0, dry.size(0));
  return wet * (0.5 / wet.abs().max().clamp_min(1e-6));
}

std::shared_ptr<const ScoredSound> make_sound(
    const WorldSoundsConfig& config, const std::string& split, int index) {
  Rng rng = Rng(config.seed).stream("sounds " + split, static_cast<std::uint64_t>(index));
  const music::Notes notes = played(config, rng);
  music::SynthConfig synth;
  synth.sample_rate_hz = kSoundRateHz;
  synth.duration_s = config.duration_s;
  synth.program = config.programs[static_cast<std::size_t>(
      rng.integer(static_cast<std::int64_t>(config.programs.size())))];
  if (rng.chance(config.builtin_share)) {
    synth.voice = music::Voice::kBuiltin;
  }
  std::vector<float> samples = music::render(notes, synth);
  torch::Tensor sound =
      torch::from_blob(samples.data(), {static_cast<std::int64_t>(samples.size())}).clone();
  if (rng.chance(config.room_share)) {
    sound = in_a_room(sound, rng);
  }
  return std::make_shared<MemorySound>(format("{} {}", split, index), sound, notes);
}

class WorldSounds : public ScoredSounds {
 public:
  explicit WorldSounds(const WorldSoundsConfig& config) : config_(config) {}

  ScoredSoundList split(const std::string& name) const override {
    const std::map<std::string, int> counts = {
        {"train", config_.train_pieces},
        {"valid", config_.valid_pieces},
        {"test", config_.test_pieces}};
    const auto count = counts.find(name);
    MMI_CHECK(
        DataError,
        count != counts.end(),
        "the piano world has no sounds for \"{}\"; it has train, valid, test",
        name);
    const std::lock_guard lock(mutex_);
    ScoredSoundList& list = loaded_[name];
    if (list.empty()) {
      list = render(name, count->second);
    }
    return list;
  }

  /// The voice is part of it: another sound font gives other sounds.
  std::string fingerprint() const override {
    const bool fluid = music::resolved_voice({}) == music::Voice::kFluidsynth;
    return format(
        "piano sounds 1, world {}, {}",
        piano::world_version(),
        fluid ? std::filesystem::path(music::find_soundfont()).filename().string() : "built-in");
  }

 private:
  ScoredSoundList render(const std::string& name, int count) const {
    ScoredSoundList list(static_cast<std::size_t>(count));
    Progress bar(format("playing {} pieces", name), count);
    std::atomic<int> next{0};
    std::mutex bar_mutex;
    std::exception_ptr failed;
    const auto work = [&] {
      for (int i = next++; i < count; i = next++) {
        try {
          list[static_cast<std::size_t>(i)] = make_sound(config_, name, i);
        } catch (...) {
          const std::lock_guard lock(bar_mutex);
          failed = std::current_exception();
          next = count;
          return;
        }
        const std::lock_guard lock(bar_mutex);
        bar.advance();
      }
    };
    std::vector<std::thread> threads;
    for (int i = 1; i < at::get_num_threads(); ++i) {
      threads.emplace_back(work);
    }
    work();
    for (std::thread& thread : threads) {
      thread.join();
    }
    if (failed) {
      std::rethrow_exception(failed);
    }
    return list;
  }

  WorldSoundsConfig config_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, ScoredSoundList> loaded_;
};

}  // namespace

const config::Schema& WorldSoundsConfig::schema() {
  using C = WorldSoundsConfig;
  static const config::Schema made =
      config::Table<C>("piano_sounds", "procedural pieces, played by the synthesiser")
          .field("seed", &C::seed, "of all compositions, performances, instruments and rooms")
          .field("train_pieces", &C::train_pieces, "", config::at_least(1))
          .field("valid_pieces", &C::valid_pieces, "", config::at_least(1))
          .field("test_pieces", &C::test_pieces, "", config::at_least(1))
          .field("duration_s", &C::duration_s, "per piece", config::above(1))
          .field("programs", &C::programs, "General MIDI instruments, one drawn per piece")
          .field(
              "builtin_share",
              &C::builtin_share,
              "pieces played by the built-in piano voice (all, where there is no sound font)",
              config::between(0, 1))
          .field(
              "pedal_share", &C::pedal_share, "pieces with a sustain pedal", config::between(0, 1))
          .field("room_share", &C::room_share, "pieces in a room", config::between(0, 1))
          .check([](const C& c, config::Problems& problems) {
            if (c.programs.empty()) {
              problems.add("programs must name at least one instrument");
            }
          });
  return made;
}

void register_world_sounds() {
  Registry<ScoredSounds>::get().add<WorldSoundsConfig>(
      "piano_sounds",
      "pieces of the procedural piano world, played by the synthesiser in rooms",
      [](const WorldSoundsConfig& config, const ScoredSounds::BuildArgs&) {
        return std::make_shared<WorldSounds>(config);
      });
}

}  // namespace mmi::models::audeo
