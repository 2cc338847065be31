#include "mmi/models/xrir/diff_rir.h"

#include <torch/fft.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "mmi/base/errors.h"
#include "mmi/dsp/stft.h"
#include "mmi/models/xrir/spectrum.h"
#include "mmi/nn/optimizer.h"
#include "mmi/nn/schedule.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

constexpr std::int64_t kFft = DiffRir::kTaps + 1;

// (K,N): weight of each knot at each place, linear between knots and constant beyond them.
torch::Tensor hat_functions(const torch::Tensor& knots, const torch::Tensor& places) {
  const std::int64_t count = knots.size(0);
  const auto above = torch::searchsorted(knots, places).clamp(1, count - 1);
  const auto low = knots.index_select(0, above - 1);
  const auto share = ((places - low) / (knots.index_select(0, above) - low)).clamp(0, 1);
  auto hats = torch::zeros({count, places.size(0)}, knots.options());
  hats.scatter_(0, (above - 1).unsqueeze(0), (1 - share).unsqueeze(0));
  hats.scatter_(0, above.unsqueeze(0), share.unsqueeze(0));
  return hats;
}

// ln magnitudes (..., F) at the frequencies of a DFT -> ln of the minimum-phase response, complex:
// the cepstrum without its half of negative times (Oppenheim & Schafer, ch. 13).
torch::Tensor minimum_phase(const torch::Tensor& ln_magnitude) {
  auto folded = torch::zeros({kFft}, ln_magnitude.options());
  folded.narrow(0, 1, kFft / 2 - 1).fill_(2);
  folded[0] = 1;
  folded[kFft / 2] = 1;
  return torch::fft::rfft(torch::fft::irfft(ln_magnitude, kFft) * folded);
}

torch::Tensor spiral(std::int64_t count) {
  const auto i = torch::arange(count, torch::kFloat64);
  const auto z = 1 - (2 * i + 1) / static_cast<double>(count);
  const auto flat = (1 - z * z).sqrt();
  const auto angle = std::numbers::pi * (3 - std::sqrt(5.0)) * i;
  return torch::stack({flat * angle.cos(), flat * angle.sin(), z}, 1).to(torch::kFloat32);
}

}  // namespace

const config::Schema& DiffRirConfig::schema() {
  using C = DiffRirConfig;
  static const config::Schema made =
      config::Table<C>("diff_rir", "a differentiable room renderer")
          .field("order", &C::order, "specular reflections", config::between(0, 4))
          .field(
              "sequence_rays",
              &C::sequence_rays,
              "rays that look for sequences of surfaces",
              config::between(1, 10'000'000))
          .field(
              "jitter_samples",
              &C::jitter_samples,
              "standard deviation of arrival times in training",
              config::at_least(0));
  return made;
}

SpecularPaths specular_paths(
    const rooms::Simulator& simulator,
    rooms::Vec3 loudspeaker,
    const std::vector<rooms::Vec3>& places,
    std::int64_t samples,
    const DiffRirConfig& config) {
  rooms::SimulateOptions options;
  options.samples = samples;
  options.image_order = static_cast<int>(config.order);
  options.sequence_rays = static_cast<int>(config.sequence_rays);
  options.sample_rate_hz = kSampleRateHz;
  options.speed_of_sound = kSpeedOfSound;
  std::vector<rooms::Source> sources;
  for (const rooms::Vec3& place : places) {
    sources.push_back({.position = place});
  }
  const auto found = simulator.paths(sources, loudspeaker, options);
  std::vector<std::int64_t> place;
  std::vector<float> distance;
  std::vector<float> directions;
  std::vector<float> hits;
  const auto surfaces = static_cast<std::size_t>(simulator.surfaces());
  for (std::size_t p = 0; p < found.size(); ++p) {
    for (const rooms::Path& path : found[p]) {
      place.push_back(static_cast<std::int64_t>(p));
      distance.push_back(static_cast<float>(path.distance_m));
      for (const double part : {path.arrival.x, path.arrival.y, path.arrival.z}) {
        directions.push_back(static_cast<float>(part));
      }
      hits.resize(hits.size() + surfaces, 0);
      for (const int surface : path.surfaces) {
        hits[hits.size() - surfaces + static_cast<std::size_t>(surface)] += 1;
      }
    }
  }
  SpecularPaths made;
  made.places = static_cast<std::int64_t>(places.size());
  made.place = torch::tensor(place, torch::kLong);
  made.distance = torch::tensor(distance);
  made.delay = made.distance * (kSampleRateHz / kSpeedOfSound);
  made.hits = torch::tensor(hits).view({-1, simulator.surfaces()});
  made.directions = torch::tensor(directions).view({-1, 3});
  return made;
}

SpecularPaths paths_to(const SpecularPaths& paths, const torch::Tensor& places) {
  std::vector<torch::Tensor> rows;
  std::vector<torch::Tensor> place;
  for (std::int64_t b = 0; b < places.size(0); ++b) {
    rows.push_back(paths.place.eq(places[b]).nonzero().squeeze(1));
    place.push_back(torch::full_like(rows.back(), b));
  }
  const auto taken = torch::cat(rows);
  return {
      places.size(0),
      torch::cat(place),
      paths.delay.index_select(0, taken),
      paths.distance.index_select(0, taken),
      paths.hits.index_select(0, taken),
      paths.directions.index_select(0, taken)};
}

torch::Tensor multi_window_loss(const torch::Tensor& predicted, const torch::Tensor& truth) {
  MMI_CHECK(
      ShapeError,
      predicted.sizes() == truth.sizes() && predicted.dim() == 2,
      "predicted and true responses must be of one shape (B, N), but are {} and {}",
      predicted.sizes().vec(),
      truth.sizes().vec());
  auto total = torch::zeros({}, predicted.options());
  for (const std::int64_t n : {512, 1024, 2048, 4096}) {
    dsp::StftConfig cfg;
    cfg.n_fft = n;
    cfg.hop_samples = n / 4;
    // The gradient of a magnitude has no value at 0.
    const auto magnitude = [&](const torch::Tensor& wave) {
      return dsp::power(dsp::stft(wave, cfg)).clamp_min(1e-12).sqrt();
    };
    const auto a = magnitude(predicted);
    const auto b = magnitude(truth);
    total =
        total + (a - b).abs().mean() + (torch::log(a + 1e-4) - torch::log(b + 1e-4)).abs().mean();
  }
  return total;
}

torch::Tensor jittered_delays(const SpecularPaths& paths, double jitter_samples, Rng& rng) {
  auto moves = torch::empty_like(paths.delay);
  auto* move = moves.data_ptr<float>();
  for (std::int64_t p = 0; p < moves.size(0); ++p) {
    move[p] = static_cast<float>(rng.normal(0, jitter_samples));
  }
  return (paths.delay + moves).round().to(torch::kLong);
}

void fit(
    DiffRir& model,
    const SpecularPaths& paths,
    const torch::Tensor& responses,
    const DiffRirConfig& config,
    std::int64_t steps,
    const Rng& rng,
    const std::function<void()>& done) {
  constexpr std::size_t kPlaces = 4;  // a step
  Rng noise = rng.stream("residual");
  std::vector<float> residual(static_cast<std::size_t>(model.residual.numel()));
  for (float& sample : residual) {
    sample = static_cast<float>(noise.normal(0, 1e-3));
  }
  model.residual.data().copy_(torch::tensor(residual));
  nn::NamedTensors parameters;
  for (const auto& entry : model.named_parameters()) {
    parameters.emplace_back(entry.key(), entry.value());
  }
  nn::Optimizer optimizer(parameters, {.lr = 1e-2}, {{{"residual"}, 0.1, {}}});
  const nn::Schedule schedule({.name = nn::ScheduleKind::kCosine}, steps);
  Rng order = rng.stream("order");
  std::vector<std::int64_t> left;
  for (std::int64_t step = 0; step < steps; ++step) {
    std::vector<std::int64_t> taken;
    while (taken.size() < std::min(kPlaces, static_cast<std::size_t>(paths.places))) {
      if (left.empty()) {
        left.resize(static_cast<std::size_t>(paths.places));
        std::iota(left.begin(), left.end(), std::int64_t{0});
        order.shuffle(left);
      }
      taken.push_back(left.back());
      left.pop_back();
    }
    const auto places = torch::tensor(taken);
    const SpecularPaths some = paths_to(paths, places);
    Rng jitter = rng.stream("jitter", static_cast<std::uint64_t>(step));
    const auto arrival = jittered_delays(some, config.jitter_samples, jitter);
    optimizer.zero_grad();
    multi_window_loss(model.forward(some, arrival), responses.index_select(0, places)).backward();
    optimizer.step(schedule.factor(step));
    done();
  }
}

DiffRir::DiffRir(std::int64_t surfaces, std::int64_t samples) : samples_(samples) {
  MMI_CHECK(
      ConfigError,
      surfaces >= 1 && samples >= 1,
      "Diff-RIR needs surfaces and samples, but got {} and {}",
      surfaces,
      samples);
  surface_logits = register_parameter("surface_logits", torch::zeros({surfaces, kOctaves, 2}));
  directivity = register_parameter("directivity", torch::zeros({kOctaves, kDirections}));
  auto pulse = torch::zeros({kTaps});
  pulse[0] = 1;
  source_response = register_parameter("source_response", pulse);
  decay = register_parameter("decay", torch::tensor(5.0F));
  // At 0 nothing would be known about the direction in which to change magnitudes.
  residual = register_parameter("residual", 1e-3 * torch::randn({samples}));
  blend = register_parameter("blend", torch::linspace(-5, 5, kKnots));

  const auto octaves = 31.25 * torch::pow(2.0, torch::arange(kOctaves, torch::kFloat64));
  const auto frequencies = torch::arange(kFft / 2 + 1, torch::kFloat64) * (kSampleRateHz / kFft);
  ln_response_ = minimum_phase(hat_functions(octaves, frequencies)).to(torch::kComplexFloat);
  window_ = torch::hamming_window(2 * kTaps - 1, false).narrow(0, kTaps - 1, kTaps);
  points_ = spiral(kDirections);
  const auto n = torch::arange(samples, torch::kFloat64);
  time_ = (n / kSampleRateHz).to(torch::kFloat32);
  // Dense at the beginning: where the residual begins to lead is an eighth of the response.
  const auto knots =
      torch::linspace(0, 1, kKnots, torch::kFloat64).pow(3) * static_cast<double>(samples - 1);
  hats_ = hat_functions(knots, n).to(torch::kFloat32);
}

torch::Tensor DiffRir::filters(const torch::Tensor& ln_gains) const {
  const auto response = torch::exp(torch::matmul(ln_gains.to(torch::kComplexFloat), ln_response_));
  return torch::fft::irfft(response, kFft).narrow(-1, 0, kTaps) * window_;
}

torch::Tensor DiffRir::reflections(const SpecularPaths& paths, const torch::Tensor& delays) {
  MMI_CHECK(
      ShapeError,
      paths.hits.size(1) == surface_logits.size(0),
      "the paths know {} surfaces, but the model has {}",
      paths.hits.size(1),
      surface_logits.size(0));
  // ln of an amplitude is half that of the energy.
  const auto reflected = 0.5 * torch::log_softmax(surface_logits, -1).select(-1, 0);
  auto weights = torch::exp(-8 * (1 - torch::matmul(paths.directions, points_.t())));
  weights = weights / weights.sum(1, true);
  const auto gains = torch::matmul(paths.hits, reflected) + torch::matmul(weights, directivity.t());
  const auto pulses = filters(gains) / paths.distance.unsqueeze(1);
  const auto start =
      (delays.defined() ? delays : paths.delay.round().to(torch::kLong)).clamp(0, samples_);
  // Each response has room for a filter that begins at its end.
  const std::int64_t row = samples_ + kTaps;
  const auto at = (paths.place * row + start).unsqueeze(1) + torch::arange(kTaps);
  return torch::zeros({paths.places * row})
      .index_add(0, at.flatten(), pulses.flatten())
      .view({paths.places, row})
      .narrow(1, 0, samples_);
}

torch::Tensor DiffRir::forward(const SpecularPaths& paths, const torch::Tensor& delays) {
  // What wraps around falls behind the response.
  const std::int64_t size = (samples_ + kTaps - 1 + 1023) / 1024 * 1024;
  const auto source = source_response - source_response.mean();
  const auto early =
      torch::fft::irfft(
          torch::fft::rfft(reflections(paths, delays), size) * torch::fft::rfft(source, size), size)
          .narrow(1, 0, samples_) *
      torch::pow(torch::sigmoid(decay), time_);
  const auto late = torch::matmul(torch::sigmoid(blend), hats_);
  return early * (1 - late) + residual * late;
}

}  // namespace mmi::models::xrir
