#include "mmi/dsp/room_measures.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "decay_tail.h"
#include "mmi/base/errors.h"

namespace mmi::dsp {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void check(std::int64_t sample_rate_hz, const RoomMeasureConfig& cfg) {
  MMI_CHECK(
      ConfigError,
      sample_rate_hz > 0,
      "room measures need a positive sample rate, but got {} Hz",
      sample_rate_hz);
  MMI_CHECK(
      ConfigError, cfg.edt_db == 5 || cfg.edt_db == 10, "edt_db is 5 or 10, not {}", cfg.edt_db);
  MMI_CHECK(
      ConfigError, cfg.t60_db == 20 || cfg.t60_db == 30, "t60_db is 20 or 30, not {}", cfg.t60_db);
}

bool is_iso(const RoomMeasureConfig& cfg) {
  return cfg.mode == RoomMode::kIso;
}

T60Fit fit_of(const RoomMeasureConfig& cfg) {
  return cfg.t60_fit.value_or(is_iso(cfg) ? T60Fit::kRegression : T60Fit::kCrossing);
}

double ratio_db(double numerator, double denominator) {
  return 10.0 * std::log10(numerator / denominator);
}

// A response without the zeros behind it, or the reason why it has no measures.
struct Response {
  std::span<const float> samples;
  std::int64_t sample_rate_hz;
  std::size_t arrival = 0;
  MeasureStatus status = MeasureStatus::kOk;

  Response(std::span<const float> rir, std::int64_t rate) : sample_rate_hz(rate) {
    if (!std::all_of(rir.begin(), rir.end(), [](float x) { return std::isfinite(x); })) {
      status = MeasureStatus::kNoDecay;
      return;
    }
    const auto last = std::find_if(rir.rbegin(), rir.rend(), [](float x) { return x != 0; });
    samples = rir.first(static_cast<std::size_t>(rir.rend() - last));
    status = samples.empty() ? MeasureStatus::kSilent : MeasureStatus::kOk;
    arrival = direct_arrival(samples);
  }

  double rate() const {
    return static_cast<double>(sample_rate_hz);
  }

  std::size_t samples_in(double seconds) const {
    return static_cast<std::size_t>(std::lround(seconds * rate()));
  }
};

// Squared samples of the band from `origin` on. What the time-reversed filter moved in front of
// them belongs to the first one.
std::vector<double> squares(const Response& rir, std::size_t origin, const OctaveFilter* band) {
  const auto samples = rir.samples.subspan(origin);
  std::vector<double> energy;
  if (band == nullptr) {
    energy.assign(samples.begin(), samples.end());
  } else {
    energy = band->backward(samples);
  }
  std::transform(energy.begin(), energy.end(), energy.begin(), [](double x) { return x * x; });
  if (band != nullptr) {
    const auto first = energy.begin() + static_cast<std::ptrdiff_t>(band->ring_samples());
    for (auto it = energy.begin(); it != first; ++it) {
      *first += *it;
    }
    energy.erase(energy.begin(), first);
  }
  return energy;
}

double energy_between(
    const Response& rir, std::size_t begin, std::size_t end, const OctaveFilter* band) {
  end = std::min(end, rir.samples.size());
  if (begin >= end) {
    return 0;
  }
  const auto piece = rir.samples.subspan(begin, end - begin);
  double sum = 0;
  if (band == nullptr) {
    for (const double x : piece) {
      sum += x * x;
    }
  } else {
    for (const double x : band->forward(piece)) {
      sum += x * x;
    }
  }
  return sum;
}

// The decay of one response or of one band of it.
struct Decay {
  std::size_t origin = 0;        // of the response, where its time begins
  std::vector<double> curve;     // energy from a sample on, `tail.rest` included
  std::vector<double> level_db;  // of the curve, as far as measures need it
  DecayTail tail;

  // First sample below a level, if there is one.
  std::optional<std::size_t> below(double level_db) const {
    const double wanted = curve.front() * std::pow(10.0, level_db / 10.0);
    const auto found = std::partition_point(
        curve.begin(), curve.end(), [&](double energy) { return energy >= wanted; });
    if (found == curve.end()) {
      return {};
    }
    return static_cast<std::size_t>(found - curve.begin());
  }
};

Decay decay_of(const Response& rir, const RoomMeasureConfig& cfg, const OctaveFilter* band) {
  Decay decay;
  decay.origin = is_iso(cfg) ? rir.arrival : 0;
  decay.curve = squares(rir, decay.origin, band);
  decay.tail = find_tail(decay.curve, rir.rate());
  if (!is_iso(cfg)) {
    decay.tail.knee = decay.curve.size();
    decay.tail.rest = 0;
  }
  decay.curve.resize(decay.tail.knee);
  double sum = decay.tail.rest;
  for (auto it = decay.curve.rbegin(); it != decay.curve.rend(); ++it) {
    sum += *it;
    *it = sum;
  }
  if (!is_iso(cfg)) {
    decay.curve.pop_back();  // the original drops the last sample that is not 0
  }
  if (!decay.curve.empty()) {
    decay.level_db.resize(decay.below(-35).value_or(decay.curve.size()));
  }
  for (std::size_t i = 0; i < decay.level_db.size(); ++i) {
    decay.level_db[i] = ratio_db(decay.curve[i], decay.curve.front());
  }
  return decay;
}

struct Line {
  double time_s = kNan;        // for 60 dB
  double nonlinearity = kNan;  // 1000 (1 - r^2)
};

// Least squares over the levels of samples begin..end-1.
Line fit_line(const Decay& decay, std::size_t begin, std::size_t end, double sample_rate_hz) {
  const double first_db = decay.level_db[begin];
  const auto n = static_cast<double>(end - begin);
  const double middle = 0.5 * (n - 1);
  double sy = 0, syy = 0, sxy = 0;
  for (std::size_t i = begin; i < end; ++i) {
    const double y = decay.level_db[i] - first_db;
    sy += y;
    syy += y * y;
    sxy += (static_cast<double>(i - begin) - middle) * y;
  }
  const double sxx = n * (n * n - 1) / 12;
  const double spread = syy - sy * sy / n;
  if (end - begin < 2 || !(sxy < 0) || !(spread > 0)) {
    return {};
  }
  return {
      -60.0 * sxx / sxy / sample_rate_hz,
      std::max(0.0, 1000.0 * (1.0 - sxy * sxy / (sxx * spread)))};
}

RoomMeasure measure(double value) {
  if (!std::isfinite(value)) {
    return {kNan, MeasureStatus::kNoDecay};
  }
  return {value, MeasureStatus::kOk};
}

// The first doubt stays.
void doubt(RoomMeasure& measure, bool certain, MeasureStatus status) {
  if (measure.status == MeasureStatus::kOk && !certain) {
    measure.status = status;
  }
}

RoomMeasure early_decay(const Decay& decay, const RoomMeasureConfig& cfg, double sample_rate_hz) {
  const auto end = decay.below(-cfg.edt_db);
  double value = kNan;
  if (end && is_iso(cfg)) {
    value = fit_line(decay, 0, *end, sample_rate_hz).time_s;
  } else if (end) {
    value = 60.0 / cfg.edt_db * (static_cast<double>(*end) / sample_rate_hz);
  }
  RoomMeasure result = measure(value);
  doubt(result, decay.tail.inr_db >= cfg.edt_db + 10, MeasureStatus::kLowInr);
  return result;
}

// T20 or T30 and the nonlinearity of its decay.
std::pair<RoomMeasure, double> reverberation(
    const Decay& decay, int range_db, T60Fit fit, double sample_rate_hz) {
  const auto begin = decay.below(-5);
  const auto end = decay.below(-5 - range_db);
  if (!begin || !end || *begin == *end) {
    return {measure(kNan), kNan};
  }
  const Line line = fit_line(decay, *begin, *end, sample_rate_hz);
  RoomMeasure result = measure(line.time_s);
  if (fit == T60Fit::kCrossing) {
    result = measure(60.0 / range_db * (static_cast<double>(*end - *begin) / sample_rate_hz));
  }
  doubt(result, decay.tail.inr_db >= range_db + 15, MeasureStatus::kLowInr);
  doubt(result, line.nonlinearity <= 10, MeasureStatus::kNonlinear);
  return {result, line.nonlinearity};
}

void measure_decays(
    const Decay& decay, const RoomMeasureConfig& cfg, double rate, RoomMeasures& m) {
  m.inr_db = decay.tail.inr_db;
  m.edt_s = m.t20_s = m.t30_s = m.t60_s = measure(kNan);
  if (decay.curve.empty() || (is_iso(cfg) && !decay.tail.decays)) {
    return;
  }
  m.edt_s = early_decay(decay, cfg, rate);
  double nonlinearity_20 = kNan;
  double nonlinearity_30 = kNan;
  std::tie(m.t20_s, nonlinearity_20) = reverberation(decay, 20, fit_of(cfg), rate);
  std::tie(m.t30_s, nonlinearity_30) = reverberation(decay, 30, fit_of(cfg), rate);
  m.curvature_percent = 100.0 * (m.t30_s.value / m.t20_s.value - 1);
  // A T30 that noise bends says nothing about the room.
  if (m.t30_s.has_value() && m.t30_s.status != MeasureStatus::kLowInr) {
    const bool straight = std::abs(m.curvature_percent) <= 10;
    doubt(m.t20_s, straight, MeasureStatus::kNonlinear);
    doubt(m.t30_s, straight, MeasureStatus::kNonlinear);
  }
  m.t60_s = cfg.t60_db == 20 ? m.t20_s : m.t30_s;
  m.t60_nonlinearity = cfg.t60_db == 20 ? nonlinearity_20 : nonlinearity_30;
}

void measure_clarity(
    const Response& rir,
    const Decay& decay,
    const RoomMeasureConfig& cfg,
    const OctaveFilter* band,
    RoomMeasures& m) {
  const std::size_t knee = decay.origin + decay.tail.knee;
  // Behind the knee the modelled decay counts instead of the noise.
  const auto modelled_from = [&](std::size_t begin) {
    const double beyond = begin > knee ? static_cast<double>(begin - knee) : 0.0;
    return decay.tail.rest * std::exp(-decay.tail.rate * beyond);
  };
  const auto from = [&](std::size_t begin) {
    return energy_between(rir, begin, knee, band) + modelled_from(begin);
  };
  const auto until = [&](std::size_t end) {
    return energy_between(rir, decay.origin, std::min(end, knee), band) + decay.tail.rest -
           modelled_from(end);
  };
  const auto split = [&](double seconds) {
    return is_iso(cfg) ? rir.arrival + rir.samples_in(seconds)
                       : static_cast<std::size_t>(seconds * rir.rate() + 1);
  };
  const double early_50 = until(split(0.05));
  const double late_50 = from(split(0.05));
  m.c50_db = measure(ratio_db(early_50, late_50));
  m.d50 = measure(early_50 / (early_50 + late_50));
  m.c80_db = measure(ratio_db(until(split(0.08)), from(split(0.08))));
  const std::size_t width = rir.samples_in(0.0025);
  const std::size_t begin = rir.arrival > width ? rir.arrival - width : 0;
  const std::size_t end = rir.arrival + width + 1;
  m.drr_db = measure(ratio_db(energy_between(rir, begin, end, band), from(end)));
}

RoomMeasures measure_all(
    const Response& rir, const RoomMeasureConfig& cfg, const OctaveFilter* band) {
  RoomMeasures m;
  if (rir.status != MeasureStatus::kOk) {
    for (const auto& [name, member] : kRoomMeasures) {
      m.*member = {kNan, rir.status};
    }
    return m;
  }
  m.arrival_s = static_cast<double>(rir.arrival) / rir.rate();
  const Decay decay = decay_of(rir, cfg, band);
  measure_clarity(rir, decay, cfg, band, m);
  measure_decays(decay, cfg, rir.rate(), m);
  return m;
}

RoomMeasure difference(const RoomMeasure& estimate, const RoomMeasure& truth, double scale) {
  const RoomMeasure& doubtful =
      !estimate.has_value() || truth.status == MeasureStatus::kOk ? estimate : truth;
  RoomMeasure result{kNan, truth.has_value() ? doubtful.status : truth.status};
  if (result.has_value()) {
    result.value = scale * std::abs(estimate.value - truth.value);
  }
  return result;
}

}  // namespace

std::string to_string(MeasureStatus status) {
  constexpr std::array names{"ok", "silent", "no_decay", "low_inr", "nonlinear"};
  return names.at(static_cast<std::size_t>(status));
}

std::string describe(const RoomMeasureConfig& cfg) {
  check(1, cfg);
  const std::string t60 =
      fit_of(cfg) == T60Fit::kRegression
          ? format("T60: line through -5..-{} dB", 5 + cfg.t60_db)
          : format("T60 = {} (t(-{} dB) - t(-5 dB))", 60 / cfg.t60_db, 5 + cfg.t60_db);
  if (is_iso(cfg)) {
    return format(
        "ISO 3382-1 from the direct arrival, noise compensated; EDT: line through 0..-{} dB; {}",
        cfg.edt_db,
        t60);
  }
  return format(
      "paper: from sample 0; EDT = {} t(-{} dB); C50 splits at int(0.05 fs + 1); {}",
      60 / cfg.edt_db,
      cfg.edt_db,
      t60);
}

std::size_t direct_arrival(std::span<const float> rir) {
  float peak = 0;
  for (const float x : rir) {
    peak = std::max(peak, std::abs(x));
  }
  const auto found =
      std::find_if(rir.begin(), rir.end(), [&](float x) { return std::abs(x) >= 0.1F * peak; });
  return found == rir.end() ? 0 : static_cast<std::size_t>(found - rir.begin());
}

std::vector<double> energy_decay_curve(std::span<const float> rir) {
  std::vector<double> curve(rir.begin(), rir.end());
  double sum = 0;
  for (auto it = curve.rbegin(); it != curve.rend(); ++it) {
    sum += *it * *it;
    *it = sum;
  }
  const double total = sum;
  for (double& value : curve) {
    value = ratio_db(value, total);
  }
  return curve;
}

RoomMeasures room_measures(
    std::span<const float> rir, std::int64_t sample_rate_hz, const RoomMeasureConfig& cfg) {
  check(sample_rate_hz, cfg);
  return measure_all(Response(rir, sample_rate_hz), cfg, nullptr);
}

std::vector<RoomMeasures> octave_room_measures(
    std::span<const float> rir,
    std::int64_t sample_rate_hz,
    const RoomMeasureConfig& cfg,
    std::span<const double> centres_hz) {
  check(sample_rate_hz, cfg);
  const Response response(rir, sample_rate_hz);
  std::vector<RoomMeasures> bands;
  for (const double centre_hz : centres_hz) {
    const OctaveFilter band(centre_hz, sample_rate_hz);
    bands.push_back(measure_all(response, cfg, &band));
  }
  return bands;
}

RoomErrors room_errors(const RoomMeasures& estimate, const RoomMeasures& truth) {
  return {
      difference(estimate.edt_s, truth.edt_s, 1.0),
      difference(estimate.c50_db, truth.c50_db, 1.0),
      difference(estimate.t60_s, truth.t60_s, 100.0 / truth.t60_s.value)};
}

}  // namespace mmi::dsp
