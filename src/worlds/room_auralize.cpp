#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "mmi/base/errors.h"
#include "mmi/dsp/convolve.h"
#include "mmi/worlds/rooms/auralize.h"
#include "worlds/room_kernels.h"
#include "worlds/room_synthesis.h"

namespace mmi::worlds::rooms {
namespace {

constexpr double kDegree = std::numbers::pi / 180;
constexpr double kNearest_m = 0.05;  // an image is not heard from nearer than this

Vec3 towards(double degrees) {
  return {std::cos(degrees * kDegree), std::sin(degrees * kDegree), 0};
}

std::optional<double> degrees_of(Vec3 direction) {
  if (std::hypot(direction.x, direction.y) < 1e-6) {
    return {};
  }
  return std::atan2(direction.y, direction.x) / kDegree;
}

/// What is kept of the simulation of a place.
struct Place {
  Vec3 at;
  std::vector<Path> paths;
  std::vector<F8> late;  // energy a bin
};

std::vector<F8> histogram_of(const Responses& responses) {
  std::vector<F8> made(static_cast<std::size_t>(responses.bins));
  for (std::size_t bin = 0; bin < made.size(); ++bin) {
    for (std::size_t b = 0; b < kBands; ++b) {
      made[bin][b] = responses.histograms[bin * kBands + b];
    }
  }
  return made;
}

}  // namespace

Walk::Walk(std::vector<Vec3> corners) : corners_(std::move(corners)) {
  MMI_CHECK(ConfigError, !corners_.empty(), "a walk needs a place at least");
  until_.push_back(0);
  for (std::size_t i = 1; i < corners_.size(); ++i) {
    until_.push_back(until_.back() + norm(corners_[i] - corners_[i - 1]));
  }
}

// The leg from corner i to i + 1.
std::size_t Walk::leg(double metres) const {
  std::size_t i = 0;
  while (i + 2 < corners_.size() && (until_[i + 1] <= metres || until_[i + 1] == until_[i])) {
    ++i;
  }
  return i;
}

Vec3 Walk::at(double metres) const {
  if (metres <= 0 || corners_.size() == 1) {
    return corners_.front();
  }
  if (metres >= length_m()) {
    return corners_.back();
  }
  const std::size_t i = leg(metres);
  const double share = (metres - until_[i]) / (until_[i + 1] - until_[i]);
  return corners_[i] + share * (corners_[i + 1] - corners_[i]);
}

std::optional<double> Walk::heading_deg(double metres) const {
  if (corners_.size() == 1) {
    return {};
  }
  const std::size_t i = leg(metres);
  return degrees_of(corners_[i + 1] - corners_[i]);
}

struct Auralizer::State {
  Walk walk;
  Vec3 source;
  SimulateOptions simulate;
  AuralizeOptions options;
  BandMixer mixer;
  BandMixer::Space space;
  PulseTrain straight;  // what the shadow weighs
  PulseTrain bent;      // what goes through the head's low-pass
  PulseTrain late;
  std::vector<Place> keys;
  std::vector<Vec3> places;
  std::int64_t direct = 0;

  State(const Walk& w, Vec3 s, const SimulateOptions& sim, const AuralizeOptions& o)
      : walk(w),
        source(s),
        simulate(sim),
        options(o),
        mixer(sim.samples, sim.sample_rate_hz, sim.high_pass_hz),
        space(mixer.make_space()),
        straight(sim.samples, sim.sample_rate_hz / sim.speed_of_sound),
        bent(sim.samples, sim.sample_rate_hz / sim.speed_of_sound),
        late(sim.samples, sim.sample_rate_hz / sim.speed_of_sound) {
    options.head.speed_of_sound = sim.speed_of_sound;
  }

  double key_spacing() const {
    return keys.size() < 2 ? 1 : walk.length_m() / static_cast<double>(keys.size() - 1);
  }

  // Images of a neighbour, with `weight`, from where the listener is. `ear`: null for a microphone.
  void add_images(const Place& key, float weight, Vec3 place, const Vec3* ear) {
    if (weight <= 0) {
      return;
    }
    for (const Path& path : key.paths) {
      const Vec3 image = key.at + path.distance_m * path.arrival;
      const double distance = std::max(kNearest_m, norm(image - place));
      const float level = weight * static_cast<float>(path.distance_m / distance);
      F8 amplitude;
      for (int b = 0; b < 8; ++b) {
        amplitude[b] = level * path.amplitude[static_cast<std::size_t>(b)];
      }
      if (ear == nullptr) {
        straight.add(distance, amplitude);
        continue;
      }
      const double angle = std::acos(std::clamp(dot(unit(image - place), *ear), -1.0, 1.0));
      const auto shadow = static_cast<float>(dsp::SphericalHead::shadow(angle));
      const double heard =
          std::max(0.0, distance + options.head.delay_s(angle) * simulate.speed_of_sound);
      straight.add(heard, shadow * amplitude);
      bent.add(heard, (1 - shadow) * amplitude);
    }
  }

  // A share of the late energy a band, with the signs of `stream`.
  void add_late(const Place& a, const Place& b, float part, const F8& share, int stream) {
    std::vector<F8> energy(a.late.size());
    for (std::size_t bin = 0; bin < energy.size(); ++bin) {
      energy[bin] = share * ((1 - part) * a.late[bin] + part * b.late[bin]);
    }
    Rng signs = Rng(simulate.seed).stream("auralize", static_cast<std::uint64_t>(stream));
    late.add_late(
        energy.data(),
        static_cast<std::int64_t>(energy.size()),
        simulate.bin_s * simulate.sample_rate_hz,
        signs);
  }

  // straight += shadow * late + low-pass(bent + (1 - shadow) * late)
  void put_together() {
    const auto low = options.head.low_pass(simulate.sample_rate_hz);
    const auto b = static_cast<float>(low.b);
    const auto a = static_cast<float>(low.a);
    const auto shadow = static_cast<float>(dsp::SphericalHead::diffuse_shadow());
    kernels::widest([&]() MMI_INLINED {
      F8 before{};
      F8 state{};
      for (std::size_t n = 0; n < straight.bands().size(); ++n) {
        const F8 x = bent.bands()[n] + (1 - shadow) * late.bands()[n];
        state = b * (x + before) - a * state;
        before = x;
        straight.bands()[n] += shadow * late.bands()[n] + state;
      }
    });
  }

  void render(
      const Place& a, const Place& b, float part, Vec3 place, double facing_deg, float* out) {
    const int channels = options.binaural ? 2 : 1;
    for (int channel = 0; channel < channels; ++channel) {
      straight.clear();
      bent.clear();
      late.clear();
      const double side = (channel == 0 ? 1 : -1) * options.head.ear_rad / kDegree;
      const Vec3 ear = towards(facing_deg + side);
      add_images(a, 1 - part, place, options.binaural ? &ear : nullptr);
      add_images(b, part, place, options.binaural ? &ear : nullptr);
      F8 common = F8{} + 1;
      if (options.binaural) {
        for (int band = 0; band < 8; ++band) {
          common[band] = static_cast<float>(
              options.head.diffuse_coherence(kBandCentres_hz[static_cast<std::size_t>(band)]));
        }
      }
      add_late(a, b, part, common, 0);
      if (options.binaural) {
        add_late(a, b, part, 1 - common, 1 + channel);
        put_together();
      } else {
        for (std::size_t n = 0; n < late.bands().size(); ++n) {
          straight.bands()[n] += late.bands()[n];
        }
      }
      mixer.mix(straight, space, out + channel * simulate.samples);
    }
  }

  double facing(double metres) const {
    if (options.facing_deg) {
      return *options.facing_deg;
    }
    const auto ahead =
        walk.length_m() > 0 ? walk.heading_deg(metres) : degrees_of(source - walk.at(metres));
    return ahead.value_or(0);
  }
};

Auralizer::Auralizer(
    const Simulator& simulator,
    const Source& source,
    const Walk& walk,
    const SimulateOptions& simulate,
    const AuralizeOptions& options,
    const std::function<void(std::int64_t, std::int64_t)>& done) {
  MMI_CHECK(
      ConfigError,
      options.spacing_m > 0 && options.step_s > 0 && options.head.radius_m > 0,
      "spacing_m, step_s and the head's radius_m must be above 0, but they are {}, {} and {}",
      options.spacing_m,
      options.step_s,
      options.head.radius_m);
  SimulateOptions own = simulate;
  own.keep_paths = true;
  own.keep_histograms = true;
  const double legs = std::ceil(walk.length_m() / options.spacing_m - 1e-9);
  const std::int64_t count = walk.length_m() > 0 ? static_cast<std::int64_t>(legs) + 1 : 1;
  std::vector<Vec3> places;
  for (std::int64_t i = 0; i < count; ++i) {
    const double share = count > 1 ? static_cast<double>(i) / static_cast<double>(count - 1) : 0;
    places.push_back(walk.at(share * walk.length_m()));
  }
  const auto responses = simulator.run({source}, places, own, [&](std::int64_t finished) {
    if (done) {
      done(finished, count);
    }
  });
  state_ = std::make_unique<State>(walk, source.position, own, options);
  state_->places = places;
  for (std::size_t i = 0; i < places.size(); ++i) {
    state_->keys.push_back({places[i], responses[i].paths[0], histogram_of(responses[i])});
    state_->direct += responses[i].visible[0] ? 1 : 0;
  }
}

Auralizer::~Auralizer() = default;
Auralizer::Auralizer(Auralizer&&) noexcept = default;
Auralizer& Auralizer::operator=(Auralizer&&) noexcept = default;

const std::vector<Vec3>& Auralizer::places() const {
  return state_->places;
}

std::int64_t Auralizer::places_with_direct_sound() const {
  return state_->direct;
}

std::int64_t Auralizer::channels() const {
  return state_->options.binaural ? 2 : 1;
}

torch::Tensor Auralizer::response(double metres, double facing_deg) {
  const double last = static_cast<double>(state_->keys.size() - 1);
  const double key = std::clamp(metres / state_->key_spacing(), 0.0, last);
  const auto low = static_cast<std::size_t>(key);
  const std::size_t high = std::min(low + 1, state_->keys.size() - 1);
  auto made = at::empty({channels(), state_->simulate.samples}, torch::kFloat32);
  state_->render(
      state_->keys[low],
      state_->keys[high],
      static_cast<float>(key - static_cast<double>(low)),
      state_->walk.at(metres),
      facing_deg,
      made.data_ptr<float>());
  return made;
}

torch::Tensor Auralizer::response(double metres) {
  return response(metres, state_->facing(metres));
}

torch::Tensor Auralizer::play(
    const torch::Tensor& dry, const std::function<void(std::int64_t, std::int64_t)>& done) {
  MMI_CHECK(
      ShapeError,
      dry.dim() == 1 && dry.numel() > 0 && dry.scalar_type() == torch::kFloat32,
      "a recording must be float32 (N), not {}",
      dry.sizes().vec());
  const double length = state_->walk.length_m();
  const std::int64_t samples = dry.size(0);
  const std::int64_t hop = std::max<std::int64_t>(
      1, std::llround(state_->options.step_s * state_->simulate.sample_rate_hz));
  const std::int64_t steps = length > 0 ? (samples + hop - 1) / hop + 1 : 1;
  return dsp::convolve_moving(dry, steps, hop, [&](std::int64_t step) {
    if (done) {
      done(step + 1, steps);
    }
    const double share = static_cast<double>(step * hop) / static_cast<double>(samples);
    return response(length * std::min(1.0, share));
  });
}

}  // namespace mmi::worlds::rooms
