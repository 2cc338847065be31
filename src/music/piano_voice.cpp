#include "music/piano_voice.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "mmi/base/rng.h"

// An additive piano. Each string group sounds partials at f_k = k f0 sqrt(1 + B k^2), with the
// inharmonicity B(pitch) of Rigaud, David & Daudet (JASA 2013); a partial is two oscillators a
// fraction of a cent apart, one dying fast and one slowly: the double decay and slow beating of
// coupled strings (Weinreich, JASA 1977). The hammer gives the spectrum: strike point at 1/8 of the
// string, and a felt low-pass that opens with velocity. Constants are fitted by ear and eye.
namespace mmi::music {
namespace {

constexpr int kLanes = 8;
constexpr int kBlock = 256;
constexpr int kMaxPartials = 40;
constexpr int kFirstUndampedPitch = 90;  // F#6: real pianos have no dampers above
constexpr double kSilence = 1e-5;        // -100 dBFS
constexpr double kSlowDecayShare = 0.22;
constexpr double kSlowDecayRatio = 0.3;
constexpr std::uint64_t kSeed = 0x6D6D69;

/// A decaying sinusoid as eight interleaved complex recurrences: lane j holds samples j, j + 8, ...
/// The exact state is renewed in double precision at every block, so that errors do not grow.
class Oscillator {
 public:
  Oscillator(double amplitude, double phase, double omega, double sigma)
      : level_(amplitude), phase_(phase), omega_(omega) {
    set_decay(sigma);
  }

  /// sigma: natural-log decay per sample.
  void set_decay(double sigma) {
    sigma_ = sigma;
    block_decay_ = std::exp(-sigma * kBlock);
    for (int j = 0; j < kLanes; ++j) {
      const double r = std::exp(-sigma * j);
      lane_re_[j] = static_cast<float>(r * std::cos(omega_ * j));
      lane_im_[j] = static_cast<float>(r * std::sin(omega_ * j));
    }
    const double r = std::exp(-sigma * kLanes);
    step_re_ = static_cast<float>(r * std::cos(omega_ * kLanes));
    step_im_ = static_cast<float>(r * std::sin(omega_ * kLanes));
  }

  double level() const {
    return level_;
  }

  /// Adds `count` <= kBlock samples to `out`, which has room for a multiple of kLanes.
  void add(float* out, int count) {
    const auto re0 = static_cast<float>(level_ * std::cos(phase_));
    const auto im0 = static_cast<float>(level_ * std::sin(phase_));
    std::array<float, kLanes> re;
    std::array<float, kLanes> im;
    for (int j = 0; j < kLanes; ++j) {
      re[j] = re0 * lane_re_[j] - im0 * lane_im_[j];
      im[j] = re0 * lane_im_[j] + im0 * lane_re_[j];
    }
    for (int i = 0; i < count; i += kLanes) {
      for (int j = 0; j < kLanes; ++j) {
        out[i + j] += re[j];
        const float next = re[j] * step_re_ - im[j] * step_im_;
        im[j] = re[j] * step_im_ + im[j] * step_re_;
        re[j] = next;
      }
    }
    level_ *= count == kBlock ? block_decay_ : std::exp(-sigma_ * count);
    phase_ = std::fmod(phase_ + omega_ * count, 2 * std::numbers::pi);
  }

 private:
  double level_;
  double phase_;
  double omega_;
  double sigma_ = 0;
  double block_decay_ = 1;
  std::array<float, kLanes> lane_re_{};
  std::array<float, kLanes> lane_im_{};
  float step_re_ = 1;
  float step_im_ = 0;
};

struct Strike {
  std::vector<Oscillator> oscillators;
  std::vector<double> sigmas;  // per second
  int attack_samples = 1;
  double damper_sigma = 0;  // per second, added after release
  double knock = 0;         // level of the hammer's noise
};

double inharmonicity(int pitch) {
  return std::exp(-0.0847 * pitch - 5.82) + std::exp(0.0926 * pitch - 13.64);
}

// Relative amplitudes of the partials at their frequencies, with unit energy.
std::vector<double> spectrum(const std::vector<double>& freqs_hz, int pitch, double force) {
  const double felt_hz =
      400.0 * std::pow(2.0, (pitch - 33) / 40.0) * (0.5 + force) / (pitch > 96 ? 0.8 : 1.0);
  std::vector<double> amplitudes;
  double energy = 0;
  for (std::size_t i = 0; i < freqs_hz.size(); ++i) {
    const double k = static_cast<double>(i + 1);
    const double f = freqs_hz[i];
    const double strike_point = 0.06 + std::abs(std::sin(std::numbers::pi * k / 8.0));
    const double board = f * f / (f * f + 80.0 * 80.0);
    amplitudes.push_back(strike_point * board * std::exp(-(f - freqs_hz[0]) / felt_hz));
    energy += amplitudes.back() * amplitudes.back();
  }
  for (auto& a : amplitudes) {
    a /= std::sqrt(energy);
  }
  return amplitudes;
}

Strike make_strike(int pitch, int velocity, double rate) {
  const double force = velocity / 127.0;
  const double f0 = 440.0 * std::pow(2.0, (pitch - 69) / 12.0);
  const double b = inharmonicity(pitch);
  std::vector<double> freqs;
  for (int k = 1; k <= kMaxPartials; ++k) {
    const double f = f0 * k * std::sqrt((1 + b * k * k) / (1 + b));
    if (f > 0.45 * rate || f > 11000.0) {
      break;
    }
    freqs.push_back(f);
  }
  Strike strike;
  Rng rng = Rng(kSeed).stream("strings", static_cast<std::uint64_t>(pitch));
  const double t60_s = 16.0 * std::pow(2.0, -(pitch - 21) / 17.0);
  const double bass_lift = 1.0 - 0.004 * (pitch - 60);
  const double loudness = 0.5 * bass_lift * std::pow(force, 1.6);
  const auto amplitudes = spectrum(freqs, pitch, force);
  for (std::size_t i = 0; i < freqs.size(); ++i) {
    const double f = freqs[i];
    const double sigma = 6.91 / t60_s + 4e-7 * (f * f - freqs[0] * freqs[0]);
    const double phase = -std::numbers::pi / 2 + rng.uniform(-0.8, 0.8);
    const double detune = std::pow(2.0, rng.uniform(0.2, 0.6) / 1200.0);
    const double a = loudness * amplitudes[i];
    const double omega = 2 * std::numbers::pi * f / rate;
    for (const bool slow : {false, true}) {
      const double own_sigma = slow ? kSlowDecayRatio * sigma : sigma;
      strike.oscillators.emplace_back(
          a * (slow ? kSlowDecayShare : 1 - kSlowDecayShare),
          phase,
          slow ? omega * detune : omega,
          own_sigma / rate);
      strike.sigmas.push_back(own_sigma);
    }
  }
  const double attack_ms =
      (6.0 - 4.5 * (std::clamp(pitch, 21, 108) - 21) / 87.0) * (1.4 - 0.6 * force);
  strike.attack_samples = std::max(1, static_cast<int>(attack_ms * rate / 1000.0));
  strike.damper_sigma = pitch >= kFirstUndampedPitch ? 0.0 : 6.91 / (0.32 - 0.0022 * pitch);
  strike.knock = 0.05 * std::pow(force, 1.8);
  return strike;
}

// The hammer's thump: low-passed noise that dies within 60 ms.
std::vector<float> make_knock(int pitch, double level, double rate) {
  Rng rng = Rng(kSeed).stream("knock", static_cast<std::uint64_t>(pitch));
  std::vector<float> noise(static_cast<std::size_t>(0.06 * rate));
  const double smooth = std::exp(-2 * std::numbers::pi * 900.0 / rate);
  double state = 0;
  for (std::size_t n = 0; n < noise.size(); ++n) {
    state = smooth * state + (1 - smooth) * rng.uniform(-1, 1);
    noise[n] = static_cast<float>(
        3.0 * level * state * std::exp(-static_cast<double>(n) / (0.012 * rate)));
  }
  return noise;
}

/// One note into `out`, block by block, until it is inaudible.
class NotePlayer {
 public:
  NotePlayer(const Note& note, double rate)
      : strike_(make_strike(note.pitch, note.velocity, rate)),
        knock_(make_knock(note.pitch, strike_.knock, rate)),
        start_(std::llround(note.onset_s * rate)),
        held_(std::max<std::int64_t>(1, std::llround(note.offset_s * rate) - start_)),
        rate_(rate) {}

  void add_to(std::span<float> out) {
    const std::int64_t room = static_cast<std::int64_t>(out.size()) - start_;
    for (std::int64_t n = 0; n < room;) {
      if (n == held_ && strike_.damper_sigma > 0) {
        damp();
      }
      const std::int64_t limit = n < held_ ? std::min(room, held_) : room;
      const int count = static_cast<int>(std::min<std::int64_t>(kBlock, limit - n));
      if (!fill(count)) {
        return;
      }
      shape(n, count);
      float* to = out.data() + start_ + n;
      for (int i = 0; i < count; ++i) {
        to[i] += block_[static_cast<std::size_t>(i)];
      }
      n += count;
    }
  }

 private:
  void damp() {
    for (std::size_t i = 0; i < strike_.oscillators.size(); ++i) {
      strike_.oscillators[i].set_decay((strike_.sigmas[i] + strike_.damper_sigma) / rate_);
    }
  }

  // False when every partial has died away.
  bool fill(int count) {
    block_.fill(0.0F);
    bool audible = false;
    for (auto& oscillator : strike_.oscillators) {
      if (oscillator.level() > kSilence) {
        oscillator.add(block_.data(), count);
        audible = true;
      }
    }
    return audible;
  }

  void shape(std::int64_t n, int count) {
    for (int i = 0; i < count && n + i < strike_.attack_samples; ++i) {
      const double share = static_cast<double>(n + i + 1) / strike_.attack_samples;
      block_[static_cast<std::size_t>(i)] *=
          static_cast<float>(0.5 - 0.5 * std::cos(std::numbers::pi * share));
    }
    for (int i = 0; i < count && n + i < static_cast<std::int64_t>(knock_.size()); ++i) {
      block_[static_cast<std::size_t>(i)] += knock_[static_cast<std::size_t>(n + i)];
    }
  }

  Strike strike_;
  std::vector<float> knock_;
  std::int64_t start_;
  std::int64_t held_;
  double rate_;
  std::array<float, kBlock> block_{};
};

}  // namespace

void add_piano(const Notes& notes, std::int64_t sample_rate_hz, std::span<float> out) {
  for (const auto& note : notes) {
    NotePlayer(note, static_cast<double>(sample_rate_hz)).add_to(out);
  }
}

}  // namespace mmi::music
