#include "mmi/dsp/room_measures.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/base/rng.h"

namespace mmi::dsp {
namespace {

constexpr std::int64_t kRate = 22050;
constexpr RoomMeasureConfig kIsoConfig{};
constexpr RoomMeasureConfig kPaperConfig{.mode = RoomMode::kPaper};

std::vector<float> decay(double t60_s, std::size_t samples, std::int64_t rate = kRate) {
  std::vector<float> h(samples);
  for (std::size_t n = 0; n < samples; ++n) {
    h[n] = static_cast<float>(
        std::pow(10.0, -3.0 * static_cast<double>(n) / static_cast<double>(rate) / t60_s));
  }
  return h;
}

// Gaussian noise under a decay, above a noise floor relative to its beginning.
std::vector<float> noisy_decay(
    double t60_s, std::size_t samples, double floor_db, std::uint64_t seed) {
  Rng rng(seed);
  auto h = decay(t60_s, samples);
  for (float& x : h) {
    x *= static_cast<float>(rng.normal());
    x += static_cast<float>(std::pow(10.0, floor_db / 20) * rng.normal());
  }
  return h;
}

std::vector<float> delayed(const std::vector<float>& h, std::size_t samples) {
  std::vector<float> out(samples, 0.0F);
  out.insert(out.end(), h.begin(), h.end());
  return out;
}

void expect_near_share(const RoomMeasure& measure, double expected, double share) {
  EXPECT_NEAR(measure.value, expected, share * expected);
  EXPECT_EQ(measure.status, MeasureStatus::kOk);
}

TEST(RoomMeasures, ExponentialDecaysAreMeasuredToOnePercent) {
  for (const RoomMeasureConfig& cfg : {kIsoConfig, kPaperConfig}) {
    for (const double t60_s : {0.2, 0.3, 0.4, 0.5, 0.6, 0.7}) {
      const auto m = room_measures(decay(t60_s, 44100), kRate, cfg);
      const double share = cfg.mode == RoomMode::kIso ? 1e-3 : 5e-3;
      expect_near_share(m.edt_s, t60_s, share);
      expect_near_share(m.t20_s, t60_s, share);
      expect_near_share(m.t30_s, t60_s, share);
      expect_near_share(m.t60_s, t60_s, share);
      const double early = std::exp(6 * std::log(10.0) * 0.05 / t60_s) - 1;
      EXPECT_NEAR(m.c50_db.value, 10 * std::log10(early), 0.02);
      EXPECT_NEAR(m.d50.value, early / (1 + early), 1e-3);
      EXPECT_NEAR(
          m.c80_db.value, 10 * std::log10(std::exp(6 * std::log(10.0) * 0.08 / t60_s) - 1), 0.03);
      EXPECT_LT(m.t60_nonlinearity, 0.1);
      EXPECT_LT(std::abs(m.curvature_percent), 0.5);
    }
  }
}

TEST(RoomMeasures, PaperModeHasTheKnownTruncationBias) {
  struct Row {
    std::size_t samples;
    double t60_s, bias_percent;
  };

  for (const auto& [samples, t60_s, bias_percent] :
       {Row{8000, 0.5, -0.3},
        Row{8000, 0.7, -4.7},
        Row{8000, 1.0, -24},
        Row{8000, 1.5, -53},
        Row{9600, 1.0, -12}}) {
    const auto m = room_measures(decay(t60_s, samples), kRate, kPaperConfig);
    EXPECT_NEAR(100 * (m.t60_s.value / t60_s - 1), bias_percent, 1.0) << t60_s;
    EXPECT_EQ(m.t60_s.status, t60_s < 0.6 ? MeasureStatus::kOk : MeasureStatus::kLowInr) << t60_s;
  }
}

TEST(RoomMeasures, IsoModeCompletesADecayThatIsCutOff) {
  const auto m = room_measures(decay(0.7, 8000), kRate);
  EXPECT_NEAR(m.t20_s.value, 0.7, 0.007);
  EXPECT_EQ(m.t20_s.status, MeasureStatus::kLowInr);
  EXPECT_EQ(m.edt_s.status, MeasureStatus::kOk);
  // -35 dB lie behind the end.
  EXPECT_EQ(m.t30_s.status, MeasureStatus::kNoDecay);
  EXPECT_TRUE(std::isnan(m.t30_s.value));
}

// As the evaluation script of xRIR has it, written down from its description in the worst way.
struct BruteForce {
  std::vector<double> level_db;
  const std::vector<float>& h;

  explicit BruteForce(const std::vector<float>& response) : h(response) {
    std::size_t last = h.size() - 1;
    while (h[last] == 0) {
      --last;
    }
    for (std::size_t t = 0; t < last; ++t) {
      level_db.push_back(10 * std::log10(sum(t, h.size()) / sum(0, h.size())));
    }
  }

  double sum(std::size_t begin, std::size_t end) const {
    double total = 0;
    for (std::size_t n = end; n > begin; --n) {
      total += static_cast<double>(h[n - 1]) * h[n - 1];
    }
    return total;
  }

  double time_below(double db) const {
    for (std::size_t t = 0; t < level_db.size(); ++t) {
      if (level_db[t] < db) {
        return static_cast<double>(t) / kRate;
      }
    }
    return std::nan("");
  }

  double clarity(double seconds) const {
    const auto t = static_cast<std::size_t>(seconds * kRate + 1);
    return 10 * std::log10(sum(0, t) / sum(t, h.size()));
  }
};

TEST(RoomMeasures, PaperModeEqualsBruteForce) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    auto h =
        delayed(noisy_decay(0.1 + 0.1 * static_cast<double>(seed), 2400, -50, seed), 60 * seed);
    h.resize(h.size() + 100);
    const BruteForce truth(h);
    RoomMeasureConfig cfg = kPaperConfig;
    const auto m = room_measures(h, kRate, cfg);
    EXPECT_DOUBLE_EQ(m.edt_s.value, 6 * truth.time_below(-10));
    EXPECT_NEAR(m.t60_s.value, 3 * (truth.time_below(-25) - truth.time_below(-5)), 1e-12);
    EXPECT_NEAR(m.c50_db.value, truth.clarity(0.05), 1e-9);
    EXPECT_NEAR(m.c80_db.value, truth.clarity(0.08), 1e-9);
    cfg.edt_db = 5;
    cfg.t60_db = 30;
    const auto haa = room_measures(h, kRate, cfg);
    EXPECT_DOUBLE_EQ(haa.edt_s.value, 12 * truth.time_below(-5));
    EXPECT_NEAR(haa.t60_s.value, 2 * (truth.time_below(-35) - truth.time_below(-5)), 1e-12);
    EXPECT_EQ(haa.t60_s.value, m.t30_s.value);
  }
}

TEST(RoomMeasures, PaperModeDoesNotSeeTheLastSample) {
  // -7.4 dB at the last but one, -10.4 dB at the last.
  std::vector<float> h(11, 1.0F);
  EXPECT_EQ(room_measures(h, kRate, kPaperConfig).edt_s.status, MeasureStatus::kNoDecay);
  h.insert(h.begin(), 1.0F);
  h.push_back(0.1F);
  EXPECT_NEAR(room_measures(h, kRate, kPaperConfig).edt_s.value, 6.0 * 11 / kRate, 1e-12);
}

TEST(RoomMeasures, PaperSplitsBehindSample1102) {
  std::vector<float> h(3000, 0.0F);
  h[1102] = 1;
  h[1103] = 0.1F;
  EXPECT_NEAR(room_measures(h, kRate, kPaperConfig).c50_db.value, 20, 1e-5);
}

TEST(RoomMeasures, ADelayLengthensPaperEdtAndLeavesIsoAlone) {
  const auto h = noisy_decay(0.4, 20000, -90, 3);
  const double metres = 5;
  const auto late = delayed(h, static_cast<std::size_t>(std::lround(metres / 343 * kRate)));
  const double delay_s = static_cast<double>(late.size() - h.size()) / kRate;
  EXPECT_EQ(direct_arrival(late), direct_arrival(h) + late.size() - h.size());
  const auto paper = room_measures(h, kRate, kPaperConfig);
  const auto paper_late = room_measures(late, kRate, kPaperConfig);
  EXPECT_NEAR(paper_late.edt_s.value - paper.edt_s.value, 6 * delay_s, 1e-9);
  EXPECT_NEAR(6 * delay_s, 6 * metres / 343, 1e-3);
  EXPECT_DOUBLE_EQ(paper_late.t60_s.value, paper.t60_s.value);
  const auto iso = room_measures(h, kRate);
  const auto iso_late = room_measures(late, kRate);
  for (const auto& [name, member] : kRoomMeasures) {
    EXPECT_DOUBLE_EQ((iso.*member).value, (iso_late.*member).value) << name;
  }
  EXPECT_NEAR(iso_late.arrival_s - iso.arrival_s, delay_s, 1e-12);
  const auto bands = octave_room_measures(h, kRate);
  const auto bands_late = octave_room_measures(late, kRate);
  for (std::size_t i = 0; i < bands.size(); ++i) {
    EXPECT_DOUBLE_EQ(bands[i].edt_s.value, bands_late[i].edt_s.value);
    EXPECT_DOUBLE_EQ(bands[i].c50_db.value, bands_late[i].c50_db.value);
  }
}

TEST(RoomMeasures, NoiseIsMeasuredAndMadeUpFor) {
  for (const double floor_db : {-40.0, -50.0, -60.0, -80.0}) {
    const auto m = room_measures(noisy_decay(0.5, 44100, floor_db, 5), kRate);
    EXPECT_NEAR(m.inr_db, -floor_db, 1.0);
    EXPECT_NEAR(m.t20_s.value, 0.5, 0.02) << floor_db;
    EXPECT_EQ(m.t20_s.status, MeasureStatus::kOk) << floor_db;
    EXPECT_EQ(m.t30_s.status, floor_db > -45 ? MeasureStatus::kLowInr : MeasureStatus::kOk);
  }
  const auto low = room_measures(noisy_decay(0.5, 44100, -30, 5), kRate);
  EXPECT_EQ(low.t20_s.status, MeasureStatus::kLowInr);
  EXPECT_EQ(low.edt_s.status, MeasureStatus::kOk);
  EXPECT_EQ(
      room_measures(noisy_decay(0.5, 44100, -15, 5), kRate).edt_s.status, MeasureStatus::kLowInr);
  // Without compensation the same noise triples the time.
  EXPECT_GT(room_measures(noisy_decay(0.5, 44100, -30, 5), kRate, kPaperConfig).t60_s.value, 1.0);
}

TEST(RoomMeasures, ClarityDoesNotCountTheNoise) {
  // The decay is below the noise after 40 ms.
  const auto m = room_measures(noisy_decay(0.06, 44100, -40, 5), kRate);
  EXPECT_NEAR(m.c50_db.value, 50, 6);
  EXPECT_LT(room_measures(noisy_decay(0.06, 44100, -40, 5), kRate, kPaperConfig).c50_db.value, 20);
}

TEST(RoomMeasures, CoupledRoomsAreNonlinear) {
  auto h = noisy_decay(0.15, 44100, -200, 7);
  const auto slow = noisy_decay(0.9, 44100, -200, 8);
  for (std::size_t n = 0; n < h.size(); ++n) {
    h[n] += 0.03F * slow[n];
  }
  const auto m = room_measures(h, kRate);
  EXPECT_EQ(m.t20_s.status, MeasureStatus::kNonlinear);
  EXPECT_EQ(m.t30_s.status, MeasureStatus::kNonlinear);
  EXPECT_GT(m.curvature_percent, 10);
  EXPECT_TRUE(m.t20_s.has_value());
}

TEST(RoomMeasures, BadResponsesHaveAStatus) {
  const auto statuses = [](const std::vector<float>& h, const RoomMeasureConfig& cfg) {
    const auto m = room_measures(h, kRate, cfg);
    for (const auto& [name, member] : kRoomMeasures) {
      EXPECT_EQ(std::isnan((m.*member).value), !(m.*member).has_value()) << name;
    }
    return std::array{m.edt_s.status, m.t60_s.status, m.c50_db.status};
  };
  using enum MeasureStatus;
  using Three = std::array<MeasureStatus, 3>;
  std::vector<float> nan = decay(0.3, 9000);
  nan[4000] = std::nanf("");
  std::vector<float> infinite = decay(0.3, 9000);
  infinite[0] = -std::numeric_limits<float>::infinity();
  std::vector<float> pulse(9000, 0.0F);
  pulse[30] = 0.5F;
  for (const RoomMeasureConfig& cfg : {kIsoConfig, kPaperConfig}) {
    EXPECT_EQ(statuses({}, cfg), (Three{kSilent, kSilent, kSilent}));
    EXPECT_EQ(statuses(std::vector<float>(9000), cfg), (Three{kSilent, kSilent, kSilent}));
    EXPECT_EQ(statuses(nan, cfg), (Three{kNoDecay, kNoDecay, kNoDecay}));
    EXPECT_EQ(statuses(infinite, cfg), (Three{kNoDecay, kNoDecay, kNoDecay}));
    EXPECT_EQ(statuses({0.3F}, cfg), (Three{kNoDecay, kNoDecay, kNoDecay}));
    EXPECT_EQ(statuses({0.3F, 0.2F}, cfg), (Three{kNoDecay, kNoDecay, kNoDecay}));
    EXPECT_EQ(statuses(pulse, cfg), (Three{kNoDecay, kNoDecay, kNoDecay}));
    // The first 10 ms of a decay.
    EXPECT_EQ(statuses(decay(2.0, 220), cfg)[2], kNoDecay);
  }
  const std::vector<float> constant(9000, 0.25F);
  EXPECT_EQ(statuses(constant, kIsoConfig), (Three{kNoDecay, kNoDecay, kOk}));
  EXPECT_EQ(statuses(constant, kPaperConfig), (Three{kLowInr, kLowInr, kOk}));
  auto clipped = noisy_decay(0.5, 22050, -200, 1);
  for (float& x : clipped) {
    x = std::clamp(x, -0.02F, 0.02F);
  }
  EXPECT_EQ(statuses(clipped, kIsoConfig)[1], kNonlinear);
}

TEST(RoomMeasures, BadResponsesHaveAStatusInEachBand) {
  Rng rng(4);
  for (std::size_t samples = 0; samples < 120; ++samples) {
    std::vector<float> h(samples);
    for (float& x : h) {
      x = static_cast<float>(rng.normal());
    }
    for (const RoomMeasureConfig& cfg : {kIsoConfig, kPaperConfig}) {
      EXPECT_EQ(octave_room_measures(h, kRate, cfg).size(), 6U);
    }
  }
  for (const auto& m : octave_room_measures(std::vector<float>(9000), kRate)) {
    EXPECT_EQ(m.t20_s.status, MeasureStatus::kSilent);
  }
}

TEST(RoomMeasures, OctavesHaveTheirOwnDecay) {
  // Each band of noise decays at its own rate.
  std::vector<float> h(44100, 0.0F);
  std::vector<double> truth;
  for (const double centre : kOctaveCentresHz) {
    truth.push_back(0.7 - 0.08 * static_cast<double>(truth.size()));
    const OctaveFilter band(centre, kRate);
    const auto noise = band.forward(noisy_decay(1e9, h.size(), -300, 11 + truth.size()));
    const auto envelope = decay(truth.back(), h.size());
    for (std::size_t n = 0; n < h.size(); ++n) {
      h[n] += envelope[n] * static_cast<float>(noise[n]);
    }
  }
  const auto bands = octave_room_measures(h, kRate);
  for (std::size_t i = 0; i < bands.size(); ++i) {
    EXPECT_NEAR(bands[i].t30_s.value, truth[i], 0.1 * truth[i]) << i;
  }
}

// T20 of the mean energy of many bursts: free of their fluctuation.
double mean_t20(double t60_s, double centre_hz, bool backward) {
  const OctaveFilter band(centre_hz, kRate);
  const std::size_t samples = kRate / 4;
  std::vector<double> energy(samples);
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const auto h = noisy_decay(t60_s, samples, -300, seed);
    const auto out = backward ? band.backward(h) : band.forward(h);
    const std::size_t first = backward ? band.ring_samples() : 0;
    for (std::size_t n = 0; n < samples; ++n) {
      energy[n] += out[first + n] * out[first + n];
    }
  }
  std::vector<float> mean(samples);
  for (std::size_t n = 0; n < samples; ++n) {
    mean[n] = static_cast<float>(std::sqrt(energy[n]));
  }
  return room_measures(mean, kRate).t20_s.value;
}

TEST(RoomMeasures, TheTimeReversedFilterDoesNotLengthenShortDecays) {
  EXPECT_NEAR(mean_t20(0.06, 125, true), 0.06, 0.003);
  EXPECT_GT(mean_t20(0.06, 125, false), 0.067);
}

TEST(RoomMeasures, DirectToReverberantRatio) {
  std::vector<float> h(9000, 0.0F);
  h[400] = 1.0F;
  h[400 + 55] = 0.5F;  // 2.5 ms are 55 samples
  h[400 + 56] = 0.25F;
  h[3000] = 0.25F;
  EXPECT_NEAR(room_measures(h, kRate, kPaperConfig).drr_db.value, 10, 1e-6);
  EXPECT_EQ(direct_arrival(h), 400U);
}

TEST(RoomMeasures, DirectArrivalIgnoresWhatIsTwentyDecibelsBelow) {
  EXPECT_EQ(direct_arrival(std::vector<float>{0.05F, -0.09F, 0.2F, -1.0F}), 2U);
  EXPECT_EQ(direct_arrival({}), 0U);
  EXPECT_EQ(direct_arrival(std::vector<float>(5)), 0U);
}

TEST(RoomMeasures, EnergyDecayCurveIsSchroeders) {
  const auto curve = energy_decay_curve(std::vector<float>{3, 0, 1, 0});
  ASSERT_EQ(curve.size(), 4U);
  EXPECT_EQ(curve[0], 0);
  EXPECT_NEAR(curve[1], -10, 1e-12);
  EXPECT_NEAR(curve[2], -10, 1e-12);
  EXPECT_EQ(curve[3], -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(energy_decay_curve({}).empty());
  EXPECT_TRUE(std::isnan(energy_decay_curve(std::vector<float>(3))[0]));
}

TEST(RoomMeasures, LevelAndPolarityDoNotMatter) {
  const auto h = noisy_decay(0.4, 12000, -60, 9);
  auto scaled = h;
  for (float& x : scaled) {
    x *= -0.0009765625F;
  }
  for (const RoomMeasureConfig& cfg : {kIsoConfig, kPaperConfig}) {
    const auto one = room_measures(h, kRate, cfg);
    const auto two = room_measures(scaled, kRate, cfg);
    for (const auto& [name, member] : kRoomMeasures) {
      EXPECT_NEAR((one.*member).value, (two.*member).value, 1e-9) << name;
    }
  }
}

TEST(RoomMeasures, ErrorsAreThoseOfTheTables) {
  RoomMeasures estimate;
  RoomMeasures truth;
  const auto ok = [](double value) { return RoomMeasure{value, MeasureStatus::kOk}; };
  estimate.edt_s = ok(0.3);
  truth.edt_s = ok(0.35);
  estimate.c50_db = ok(2);
  truth.c50_db = ok(-1);
  estimate.t60_s = ok(0.4);
  truth.t60_s = {0.5, MeasureStatus::kLowInr};
  auto errors = room_errors(estimate, truth);
  EXPECT_NEAR(errors.edt_s.value, 0.05, 1e-12);
  EXPECT_NEAR(errors.c50_db.value, 3, 1e-12);
  EXPECT_NEAR(errors.t60_percent.value, 20, 1e-9);
  EXPECT_EQ(errors.edt_s.status, MeasureStatus::kOk);
  EXPECT_EQ(errors.t60_percent.status, MeasureStatus::kLowInr);
  estimate.t60_s = {};
  errors = room_errors(estimate, truth);
  EXPECT_TRUE(std::isnan(errors.t60_percent.value));
  EXPECT_EQ(errors.t60_percent.status, MeasureStatus::kSilent);
  truth.c50_db = {std::nan(""), MeasureStatus::kNoDecay};
  EXPECT_EQ(room_errors(estimate, truth).c50_db.status, MeasureStatus::kNoDecay);
}

TEST(RoomMeasures, DescriptionsNameWhatWasMeasured) {
  EXPECT_EQ(
      describe(kPaperConfig),
      "paper: from sample 0; EDT = 6 t(-10 dB); C50 splits at int(0.05 fs + 1); "
      "T60 = 3 (t(-25 dB) - t(-5 dB))");
  RoomMeasureConfig haa = kPaperConfig;
  haa.t60_db = 30;
  EXPECT_NE(describe(haa).find("T60 = 2 (t(-35 dB) - t(-5 dB))"), std::string::npos);
  RoomMeasureConfig thesis = kPaperConfig;
  thesis.edt_db = 5;
  thesis.t60_fit = T60Fit::kRegression;
  EXPECT_NE(describe(thesis).find("EDT = 12 t(-5 dB)"), std::string::npos);
  EXPECT_NE(describe(thesis).find("T60: line through -5..-25 dB"), std::string::npos);
  EXPECT_NE(describe(kIsoConfig).find("ISO 3382-1"), std::string::npos);
}

TEST(RoomMeasures, WrongArgumentsAreErrors) {
  const auto h = decay(0.3, 9000);
  EXPECT_THROW(room_measures(h, 0), ConfigError);
  EXPECT_THROW(room_measures(h, kRate, {.edt_db = 15}), ConfigError);
  EXPECT_THROW(room_measures(h, kRate, {.t60_db = 60}), ConfigError);
  EXPECT_THROW(octave_room_measures(h, 8000), ConfigError);
  EXPECT_EQ(octave_room_measures(h, 8000, {}, std::array{1000.0}).size(), 1U);
}

TEST(RoomMeasures, TheFitOfT60CanBeChosenInBothModes) {
  const auto h = noisy_decay(0.4, 20000, -80, 6);
  RoomMeasureConfig crossing{.t60_fit = T60Fit::kCrossing};
  RoomMeasureConfig regression{.mode = RoomMode::kPaper, .t60_fit = T60Fit::kRegression};
  const auto iso = room_measures(h, kRate);
  const auto paper = room_measures(h, kRate, kPaperConfig);
  EXPECT_NEAR(room_measures(h, kRate, crossing).t60_s.value, paper.t60_s.value, 1e-3);
  EXPECT_NEAR(room_measures(h, kRate, regression).t60_s.value, iso.t60_s.value, 1e-3);
  EXPECT_NE(iso.t60_s.value, room_measures(h, kRate, crossing).t60_s.value);
}

TEST(RoomMeasures, TracesOfRoundingBehindASimulatedDecayAreNoNoise) {
  // A simulator gives up at -80 dB; its filters leave about -140 dB behind, slowly falling.
  auto h = noisy_decay(0.18, 12000, -400, 3);
  for (std::size_t n = 0; n < h.size(); ++n) {
    const double quiet = 1e-7 * std::exp(-static_cast<double>(n) / 8000) * (n % 2 == 0 ? 1 : -1);
    h[n] = n > 5300 ? static_cast<float>(quiet) : h[n];
  }
  const RoomMeasures found = room_measures(h, kRate);
  EXPECT_EQ(found.t20_s.status, MeasureStatus::kOk);
  EXPECT_NEAR(found.t20_s.value, 0.18, 0.01);
  EXPECT_TRUE(found.edt_s.has_value());
}

}  // namespace
}  // namespace mmi::dsp
