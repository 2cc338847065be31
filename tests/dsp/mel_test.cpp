#include "mmi/dsp/mel.h"

#include <gtest/gtest.h>

#include "mmi/base/errors.h"
#include "vectors.h"

namespace mmi::dsp {
namespace {

using testing::load;
using testing::max_error;

TEST(MelFilterBank, EqualsLibrosaOnTheSlaneyScale) {
  const auto bank = mel_filter_bank({.n_fft = 512, .n_mels = 40});
  EXPECT_LT(max_error(bank, load("mel_slaney")), 1e-8);
}

TEST(MelFilterBank, EqualsLibrosaOnTheHtkScaleWithUnitPeaks) {
  const auto bank = mel_filter_bank(
      {.sample_rate_hz = 22050,
       .n_fft = 512,
       .n_mels = 40,
       .f_min_hz = 30,
       .f_max_hz = 8000,
       .scale = MelScale::kHtk,
       .area_norm = false});
  EXPECT_LT(max_error(bank, load("mel_htk")), 1e-6);
}

TEST(MelScale, IsInvertedExactly) {
  for (const auto scale : {MelScale::kSlaney, MelScale::kHtk}) {
    for (const double hz : {0.0, 440.0, 1000.0, 7999.0}) {
      EXPECT_NEAR(mel_to_hz(hz_to_mel(hz, scale), scale), hz, 1e-8);
    }
  }
  EXPECT_NEAR(hz_to_mel(1000.0, MelScale::kSlaney), 15.0, 1e-12);
  EXPECT_NEAR(hz_to_mel(1000.0, MelScale::kHtk), 999.9855, 1e-3);
}

TEST(MelSpectrogram, EqualsLibrosa) {
  const auto bank = mel_filter_bank({.n_fft = 512, .n_mels = 40});
  const StftConfig cfg{512, 128, {}, true, PadMode::kZeros};
  const auto got = mel_spectrogram(load("signal"), bank, cfg);
  EXPECT_LT(max_error(got, load("melspectrogram")), 1e-4);
  EXPECT_LT(max_error(power_to_db(got), load("melspectrogram_db")), 1e-3);
}

TEST(MelSpectrogram, KeepsLeadingDimensions) {
  const auto bank = mel_filter_bank({.n_fft = 256, .n_mels = 20});
  const auto got = mel_spectrogram(torch::randn({2, 3, 2560}), bank, {256, 64}, 1.0);
  EXPECT_EQ(got.sizes().vec(), (std::vector<std::int64_t>{2, 3, 20, 41}));
}

TEST(Mel, RejectsFrequenciesAndBanksThatDoNotFit) {
  EXPECT_THROW(mel_filter_bank({.f_min_hz = 9000}), ConfigError);
  EXPECT_THROW(mel_filter_bank({.f_max_hz = 9000}), ConfigError);
  const auto bank = mel_filter_bank({.n_fft = 512});
  EXPECT_THROW(mel_spectrogram(torch::randn({2560}), bank, {256, 64}), ShapeError);
}

}  // namespace
}  // namespace mmi::dsp
