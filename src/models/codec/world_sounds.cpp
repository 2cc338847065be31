#include "models/codec/world_sounds.h"

#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <numbers>
#include <utility>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/rng.h"
#include "mmi/models/codec/sounds.h"
#include "mmi/music/synth.h"

namespace mmi::models::codec {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;

using Samples = std::vector<float>;

struct Canvas {
  std::int64_t rate_hz;
  std::int64_t length;

  double seconds() const {
    return static_cast<double>(length) / static_cast<double>(rate_hz);
  }
};

/// A resonance (Rabiner & Gold 1975): two poles.
class Resonator {
 public:
  void tune(double hz, double width_hz, double rate_hz) {
    const double radius = std::exp(-std::numbers::pi * width_hz / rate_hz);
    b_ = 2 * radius * std::cos(kTwoPi * hz / rate_hz);
    c_ = -radius * radius;
    a_ = 1 - b_ - c_;
  }

  double operator()(double x) {
    const double y = a_ * x + b_ * y1_ + c_ * y2_;
    y2_ = std::exchange(y1_, y);
    return y;
  }

 private:
  double a_ = 1, b_ = 0, c_ = 0, y1_ = 0, y2_ = 0;
};

/// Notes of one instrument, drawn from General MIDI (a piano, where there is no sound font).
Samples instrument(const Canvas& canvas, Rng& rng) {
  music::Notes notes;
  const double gap_s = rng.uniform(0.12, 0.5);
  const int low = static_cast<int>(rng.integer(36)) + 36;
  for (double t = 0; t < canvas.seconds(); t += gap_s * rng.uniform(0.6, 1.4)) {
    for (std::int64_t voice = 1 + rng.integer(3); voice > 0; --voice) {
      music::Note note;
      note.pitch = low + static_cast<int>(rng.integer(25));
      note.onset_s = t;
      note.offset_s = t + gap_s * rng.uniform(0.5, 2);
      note.velocity = static_cast<int>(rng.integer(70)) + 50;
      notes.push_back(note);
    }
  }
  music::SynthConfig synth;
  synth.sample_rate_hz = canvas.rate_hz;
  synth.duration_s = canvas.seconds();
  synth.program = static_cast<int>(rng.integer(112));
  return music::render(notes, synth);
}

/// Noise through a moving resonance, with gusts: wind, surf, hiss.
Samples noise(const Canvas& canvas, Rng& rng) {
  Samples out(static_cast<std::size_t>(canvas.length));
  const auto rate = static_cast<double>(canvas.rate_hz);
  const double centre = 200 * std::pow(25.0, rng.uniform());
  const double width = centre * rng.uniform(0.1, 1.5);
  const double gusts_hz = rng.uniform(0.3, 8);
  const double phase = rng.uniform(0, kTwoPi);
  const double air = rng.uniform(0, 0.3);
  Resonator resonator;
  for (std::int64_t i = 0; i < canvas.length; ++i) {
    const double t = static_cast<double>(i) / rate;
    const double swing = std::sin(kTwoPi * gusts_hz * t + phase);
    if (i % 64 == 0) {
      resonator.tune(std::min(centre * (1 + 0.4 * swing), 0.45 * rate), width, rate);
    }
    const double white = rng.normal();
    out[static_cast<std::size_t>(i)] =
        static_cast<float>((resonator(white) + air * white) * (0.6 + 0.4 * swing));
  }
  return out;
}

/// Strokes of falling pitch and of noise that die away: drums, blocks, shakers.
Samples percussion(const Canvas& canvas, Rng& rng) {
  Samples out(static_cast<std::size_t>(canvas.length));
  const auto rate = static_cast<double>(canvas.rate_hz);
  const double beat_s = rng.uniform(0.1, 0.35);
  for (double start = 0; start < canvas.seconds(); start += beat_s) {
    if (rng.chance(0.25)) {
      continue;
    }
    const double decay_s = 0.02 * std::pow(15.0, rng.uniform());
    const double pitch = 50 * std::pow(40.0, rng.uniform());
    const double fall = rng.uniform(0, 1.5);
    const double snare = rng.uniform();
    const double level = rng.uniform(0.3, 1);
    double angle = 0;
    for (auto i = static_cast<std::int64_t>(start * rate); i < canvas.length; ++i) {
      const double t = static_cast<double>(i) / rate - start;
      const double envelope = level * std::exp(-t / decay_s);
      if (envelope < 1e-4) {
        break;
      }
      angle += kTwoPi * pitch * (1 + fall * std::exp(-t / 0.03)) / rate;
      out[static_cast<std::size_t>(i)] += static_cast<float>(
          envelope * ((1 - snare) * std::sin(angle) + 0.5 * snare * rng.normal()));
    }
  }
  return out;
}

/// Syllables: pulses of a voice, or breath, through three formants that glide from vowel to vowel
/// (means of Peterson & Barney, 1952).
Samples voice(const Canvas& canvas, Rng& rng) {
  constexpr std::array<std::array<double, 3>, 6> kVowels = {
      {{730, 1090, 2440},
       {270, 2290, 3010},
       {300, 870, 2240},
       {530, 1840, 2480},
       {570, 840, 2410},
       {660, 1720, 2410}}};
  Samples out(static_cast<std::size_t>(canvas.length));
  const auto rate = static_cast<double>(canvas.rate_hz);
  const double size = rng.uniform(0.85, 1.25);  // of the formants, over a man's
  const double pitch = size < 1 ? rng.uniform(80, 150) : rng.uniform(140, 280);
  std::array<Resonator, 3> formants;
  auto at = kVowels[static_cast<std::size_t>(rng.integer(kVowels.size()))];
  double phase = 0;
  std::int64_t i = 0;
  while (i < canvas.length) {
    const auto syllable = static_cast<std::int64_t>(rng.uniform(0.12, 0.3) * rate);
    const auto next = kVowels[static_cast<std::size_t>(rng.integer(kVowels.size()))];
    const bool breath = rng.chance(0.2);
    const double bend = rng.uniform(-0.15, 0.15);
    for (std::int64_t n = 0; n < syllable && i < canvas.length; ++n, ++i) {
      const double part = static_cast<double>(n) / static_cast<double>(syllable);
      if (n % 32 == 0) {
        for (std::size_t f = 0; f < formants.size(); ++f) {
          const double hz = size * std::lerp(at[f], next[f], part);
          formants[f].tune(std::min(hz, 0.45 * rate), 60 + 0.04 * hz, rate);
        }
      }
      phase += pitch * (1 + bend * part) / rate;
      double source = 0.02 * rng.normal();
      if (breath) {
        source = 0.4 * rng.normal();
      } else if (phase >= 1) {
        phase -= 1;
        source += 5;
      }
      double sum = 0;
      for (Resonator& formant : formants) {
        sum += formant(source);
      }
      out[static_cast<std::size_t>(i)] =
          static_cast<float>(sum * std::sin(std::numbers::pi * std::min(1.0, part * 1.1)));
    }
    at = next;
  }
  return out;
}

/// One carrier and one modulator (Chowning 1973) whose index dies away: bells, brass, chirps.
Samples modulated(const Canvas& canvas, Rng& rng) {
  Samples out(static_cast<std::size_t>(canvas.length));
  const auto rate = static_cast<double>(canvas.rate_hz);
  for (double start = 0; start < canvas.seconds(); start += rng.uniform(0.2, 0.8)) {
    const double carrier = 100 * std::pow(20.0, rng.uniform());
    const double modulator = carrier * (rng.chance(0.5) ? 1 + rng.integer(3) : rng.uniform(0.3, 4));
    const double index = rng.uniform(0.5, 8);
    const double decay_s = rng.uniform(0.1, 0.8);
    const double glide = rng.uniform(-1, 1);
    double angle = 0;
    double inner = 0;
    for (auto i = static_cast<std::int64_t>(start * rate); i < canvas.length; ++i) {
      const double t = static_cast<double>(i) / rate - start;
      const double envelope = std::exp(-t / decay_s);
      const double bend = std::exp2(glide * t);
      angle += kTwoPi * carrier * bend / rate;
      inner += kTwoPi * modulator * bend / rate;
      out[static_cast<std::size_t>(i)] +=
          static_cast<float>(envelope * std::sin(angle + index * envelope * std::sin(inner)));
    }
  }
  return out;
}

constexpr std::array<std::pair<const char*, Samples (*)(const Canvas&, Rng&)>, 5> kKinds = {
    {{"instrument", instrument},
     {"noise", noise},
     {"percussion", percussion},
     {"voice", voice},
     {"modulated", modulated}}};

class WorldSounds : public Sounds {
 public:
  WorldSounds(const WorldSoundsConfig& config, std::int64_t rate_hz)
      : config_(config), rate_hz_(rate_hz) {}

  SoundList split(const std::string& name) const override {
    const std::map<std::string, int> counts = {
        {"train", config_.train_sounds},
        {"valid", config_.valid_sounds},
        {"test", config_.test_sounds}};
    const auto count = counts.find(name);
    MMI_CHECK(
        DataError,
        count != counts.end(),
        "the world of sounds has no split \"{}\"; it has train, valid, test",
        name);
    const std::lock_guard lock(mutex_);
    SoundList& list = made_[name];
    for (int i = static_cast<int>(list.size()); i < count->second; ++i) {
      list.push_back(make(name, i));
    }
    return list;
  }

  /// The voice is part of it: another sound font gives other sounds.
  std::string fingerprint() const override {
    const bool fluid = music::resolved_voice({}) == music::Voice::kFluidsynth;
    return mmi::format(
        "sound world 1, {} Hz, {}",
        rate_hz_,
        fluid ? std::filesystem::path(music::find_soundfont()).filename().string() : "built-in");
  }

 private:
  std::shared_ptr<const Sound> make(const std::string& split, int index) const {
    Rng rng = Rng(static_cast<std::uint64_t>(config_.seed))
                  .stream("sounds " + split, static_cast<std::uint64_t>(index));
    const auto& [kind, play] = kKinds[static_cast<std::size_t>(index) % kKinds.size()];
    const Canvas canvas{rate_hz_, std::llround(config_.duration_s * static_cast<double>(rate_hz_))};
    Samples samples = play(canvas, rng);
    samples.resize(static_cast<std::size_t>(canvas.length));
    auto sound = torch::from_blob(samples.data(), {canvas.length}, torch::kFloat32).clone();
    const double level = std::pow(10.0, rng.uniform(-18, -1) / 20);
    sound.mul_(level / sound.abs().max().clamp_min(1e-6));
    return std::make_shared<MemorySound>(mmi::format("{} {} {}", kind, split, index), sound);
  }

  WorldSoundsConfig config_;
  std::int64_t rate_hz_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, SoundList> made_;
};

}  // namespace

const config::Schema& WorldSoundsConfig::schema() {
  using C = WorldSoundsConfig;
  static const config::Schema made =
      config::Table<C>("sound_world", "sounds that are computed: no files are needed")
          .field("seed", &C::seed, "of all sounds")
          .field("train_sounds", &C::train_sounds, "", config::at_least(1))
          .field("valid_sounds", &C::valid_sounds, "", config::at_least(1))
          .field("test_sounds", &C::test_sounds, "", config::at_least(1))
          .field("duration_s", &C::duration_s, "per sound", config::above(0));
  return made;
}

void register_world_sounds() {
  Registry<Sounds>::get().add<WorldSoundsConfig>(
      "sound_world",
      "computed instruments, noises, drums, voices and bells",
      [](const WorldSoundsConfig& config, const Sounds::BuildArgs& args) {
        return std::make_shared<WorldSounds>(config, args.sample_rate_hz);
      });
}

}  // namespace mmi::models::codec
