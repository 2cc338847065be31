#include "mmi/dsp/octave_filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "mmi/base/errors.h"
#include "mmi/base/rng.h"

namespace mmi::dsp {
namespace {

double gain_db(const OctaveFilter& band, double frequency_hz) {
  return 20.0 * std::log10(band.gain(frequency_hz));
}

double energy(const std::vector<double>& samples) {
  double sum = 0;
  for (const double x : samples) {
    sum += x * x;
  }
  return sum;
}

TEST(OctaveFilter, MeetsClass1OfIec61260BelowAQuarterOfTheRate) {
  // Attenuation at centre * 10^(0.3 x): from and up to (IEC 61260-1:2014, table 1).
  struct Limit {
    double octaves, least_db, most_db;
  };

  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<Limit> limits{
      {0, -0.4, 0.4},
      {0.125, -0.4, 0.5},
      {0.25, -0.4, 0.7},
      {0.375, -0.4, 1.4},
      {0.499, -0.4, 5.3},
      {0.501, 1.6, 5.3},
      {1, 16.6, inf},
      {2, 40.5, inf},
      {3, 60, inf},
      {4, 70, inf}};
  for (const std::int64_t rate : {16000, 22050, 48000}) {
    for (const double centre : kOctaveCentresHz) {
      const OctaveFilter band(centre, rate);
      if (band.upper_hz() > 0.2551 * static_cast<double>(rate)) {
        continue;
      }
      for (const Limit& limit : limits) {
        for (const double sign : {-1.0, 1.0}) {
          const double f = band.centre_hz() * std::pow(10.0, 0.3 * sign * limit.octaves);
          // 0.1 dB for 4000 Hz at 22.05 kHz, whose edge is a hair above the quarter.
          if (f < 0.45 * static_cast<double>(rate)) {
            EXPECT_GE(-gain_db(band, f), limit.least_db - 0.1) << rate << " " << centre << " " << f;
            EXPECT_LE(-gain_db(band, f), limit.most_db) << rate << " " << centre << " " << f;
          }
        }
      }
    }
  }
}

TEST(OctaveFilter, NearHalfTheRateTheLowerSkirtIsFlatter) {
  const OctaveFilter band(4000, 16000);
  EXPECT_NEAR(gain_db(band, band.centre_hz() * std::pow(10.0, -0.6)), -38.4, 0.1);
}

TEST(OctaveFilter, CentreAndEdges) {
  EXPECT_NEAR(OctaveFilter(125, 22050).centre_hz(), 125.8925, 1e-4);
  EXPECT_NEAR(OctaveFilter(4000, 22050).upper_hz(), 5623.413, 1e-3);
  for (const double centre : kOctaveCentresHz) {
    const OctaveFilter band(centre, 22050);
    EXPECT_NEAR(gain_db(band, band.centre_hz()), 0, 0.01) << centre;
    EXPECT_NEAR(gain_db(band, band.lower_hz()), -3.0103, 1e-3) << centre;
    EXPECT_NEAR(gain_db(band, band.upper_hz()), -3.0103, 1e-3) << centre;
  }
}

TEST(OctaveFilter, PassesASineWithItsGain) {
  const OctaveFilter band(500, 16000);
  for (const double f : {355.0, 500.0, 700.0, 1000.0}) {
    std::vector<float> sine(16000);
    for (std::size_t n = 0; n < sine.size(); ++n) {
      sine[n] =
          static_cast<float>(std::sin(2 * std::numbers::pi * f * static_cast<double>(n) / 16000.0));
    }
    const auto out = band.forward(sine);
    double sum = 0;
    for (std::size_t n = 8000; n < 16000; ++n) {
      sum += out[n] * out[n];
    }
    EXPECT_NEAR(std::sqrt(sum / 4000), band.gain(f), 1e-3) << f;
  }
}

TEST(OctaveFilter, BackwardIsTheMirrorOfForward) {
  const OctaveFilter band(250, 8000);
  Rng rng(1);
  std::vector<float> x(700);
  for (float& sample : x) {
    sample = static_cast<float>(rng.normal());
  }
  auto backward = band.backward(x);
  std::reverse(x.begin(), x.end());
  const auto forward = band.forward(x);
  std::reverse(backward.begin(), backward.end());
  EXPECT_EQ(backward, forward);
  EXPECT_EQ(forward.size(), x.size() + band.ring_samples());
}

TEST(OctaveFilter, ThePulseHasDiedAwayAfterTheRing) {
  const std::vector<float> pulse{1.0F};
  for (const double centre : kOctaveCentresHz) {
    const OctaveFilter band(centre, 22050);
    const auto response = band.forward(pulse);
    double peak = 0;
    for (const double x : response) {
      peak = std::max(peak, std::abs(x));
    }
    for (std::size_t n = response.size() - 1 - band.ring_samples() / 20; n < response.size(); ++n) {
      EXPECT_LT(std::abs(response[n]), 1e-4 * peak) << centre;
    }
  }
}

TEST(OctaveFilter, BandsOfWhiteNoiseAddUpToTheNoiseBetweenTheirEdges) {
  // The Butterworth skirts hold pi/6 / sin(pi/6) = 1.047 of the nominal bandwidth.
  Rng rng(2);
  std::vector<float> noise(1 << 17);
  for (float& sample : noise) {
    sample = static_cast<float>(rng.normal());
  }
  double sum = 0;
  for (const double centre : kOctaveCentresHz) {
    sum += energy(OctaveFilter(centre, 22050).forward(noise));
  }
  const double share =
      (OctaveFilter(4000, 22050).upper_hz() - OctaveFilter(125, 22050).lower_hz()) / 11025;
  EXPECT_NEAR(sum / (share * static_cast<double>(noise.size())), 1.047, 0.02);
}

TEST(OctaveFilter, WrongArgumentsAreNamed) {
  EXPECT_THROW(OctaveFilter(300, 16000), ConfigError);
  EXPECT_THROW(OctaveFilter(-125, 16000), ConfigError);
  EXPECT_THROW(OctaveFilter(std::nan(""), 16000), ConfigError);
  EXPECT_THROW(OctaveFilter(125, 0), ConfigError);
  EXPECT_THROW(OctaveFilter(4000, 11000), ConfigError);
  EXPECT_NO_THROW(OctaveFilter(4000, 11300));
}

}  // namespace
}  // namespace mmi::dsp
