#include "mmi/music/synth.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "mmi/base/errors.h"

namespace mmi::music {
namespace {

std::vector<Voice> built_voices() {
#ifdef MMI_WITH_SYNTH
  if (!find_soundfont().empty()) {
    return {Voice::kBuiltin, Voice::kFluidsynth};
  }
#endif
  return {Voice::kBuiltin};
}

double level(const std::vector<float>& x, double from_s, double to_s, double rate = 16000) {
  double sum = 0;
  const auto begin = static_cast<std::size_t>(std::max(0.0, from_s) * rate);
  const auto end = std::min(x.size(), static_cast<std::size_t>(to_s * rate));
  for (std::size_t i = begin; i < end; ++i) {
    sum += static_cast<double>(x[i]) * x[i];
  }
  return std::sqrt(sum / static_cast<double>(end - begin));
}

// Amplitude of the Fourier component at `hz` of x[from_s, to_s), Hann-weighted.
double component(
    const std::vector<float>& x, double hz, double from_s, double to_s, double rate = 16000) {
  std::complex<double> sum = 0;
  double weights = 0;
  const auto begin = static_cast<std::size_t>(from_s * rate);
  const auto end = static_cast<std::size_t>(to_s * rate);
  for (std::size_t i = begin; i < end; ++i) {
    const double share = static_cast<double>(i - begin) / static_cast<double>(end - begin);
    const double w = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * share);
    sum += w * static_cast<double>(x[i]) *
           std::polar(1.0, -2 * std::numbers::pi * hz * static_cast<double>(i) / rate);
    weights += w;
  }
  return 2 * std::abs(sum) / weights;
}

TEST(Synth, EveryVoiceSoundsWithin40MsOfEachOnset) {
  // Isolated notes over the keyboard: silence before, sound after.
  Notes notes;
  for (int i = 0; i < 12; ++i) {
    notes.push_back({0.5 + 1.5 * i, 0.6 + 1.5 * i, 24 + 7 * i, 40 + 7 * i});
  }
  for (const auto voice : built_voices()) {
    const auto out = render(notes, {.voice = voice});
    for (const auto& note : notes) {
      const double before = level(out, note.onset_s - 0.06, note.onset_s - 0.004);
      const double after = level(out, note.onset_s, note.onset_s + 0.04);
      EXPECT_GT(after, 5 * before) << static_cast<int>(voice) << " pitch " << note.pitch;
    }
  }
}

TEST(Synth, PlaysTheRightPitch) {
  for (const auto voice : built_voices()) {
    for (const int pitch : {48, 60, 69, 81}) {
      const auto out = render({{0.0, 1.5, pitch, 90}}, {.voice = voice});
      const double f0 = 440.0 * std::pow(2.0, (pitch - 69) / 12.0);
      const double right = component(out, f0, 0.1, 1.1);
      EXPECT_GT(right, 5 * component(out, f0 * std::pow(2.0, 1 / 12.0), 0.1, 1.1)) << pitch;
      EXPECT_GT(right, 5 * component(out, f0 * std::pow(2.0, -1 / 12.0), 0.1, 1.1)) << pitch;
      EXPECT_GT(right, 5 * component(out, f0 / 2, 0.1, 1.1)) << pitch;
    }
  }
}

TEST(Synth, NeverClipsAndMeetsItsPeak) {
  Notes cluster;
  for (int pitch = 21; pitch <= 108; ++pitch) {
    cluster.push_back({0.0, 1.0, pitch, 127});
  }
  for (const auto voice : built_voices()) {
    for (const bool normalize : {true, false}) {
      const auto out = render(cluster, {.voice = voice, .normalize = normalize, .gain_db = 20});
      float peak = 0;
      for (const float sample : out) {
        peak = std::max(peak, std::abs(sample));
      }
      EXPECT_NEAR(peak, normalize ? 0.50119 : 0.999, 1e-4);
    }
  }
}

TEST(Synth, IsDeterministicAndKeepsItsLength) {
  const Notes notes{{0.0, 0.4, 60}, {0.2, 0.6, 64}, {0.3, 0.8, 60}};
  for (const auto voice : built_voices()) {
    const auto out = render(notes, {.voice = voice, .tail_s = 0.5});
    EXPECT_EQ(out.size(), 20800U);
    EXPECT_EQ(out, render(notes, {.voice = voice, .tail_s = 0.5}));
    EXPECT_EQ(render(notes, {.voice = voice, .duration_s = 0.25}).size(), 4000U);
    EXPECT_TRUE(render({}, {.voice = voice}).empty());
    const auto silence = render({}, {.voice = voice, .duration_s = 0.1});
    EXPECT_EQ(silence, std::vector<float>(1600));
  }
}

TEST(BuiltinPiano, DampersStopAReleasedKeyButNotTheTopOnes) {
  const SynthConfig cfg{.voice = Voice::kBuiltin, .normalize = false, .tail_s = 1.0};
  const auto held = render({{0.0, 1.5, 60}}, cfg);
  const auto released = render({{0.0, 0.3, 60}}, {.voice = Voice::kBuiltin, .normalize = false});
  EXPECT_LT(level(released, 0.6, 0.8), 0.02 * level(held, 0.6, 0.8));
  const auto top_held = render({{0.0, 1.0, 96}}, cfg);
  const auto top_released = render({{0.0, 0.1, 96}}, cfg);
  EXPECT_NEAR(level(top_released, 0.2, 0.5), level(top_held, 0.2, 0.5), 1e-6);
}

TEST(BuiltinPiano, HarderIsLouderAndBrighter) {
  const SynthConfig cfg{.voice = Voice::kBuiltin, .normalize = false};
  const auto soft = render({{0.0, 1.0, 60, 30}}, cfg);
  const auto hard = render({{0.0, 1.0, 60, 110}}, cfg);
  EXPECT_GT(level(hard, 0, 0.5), 3 * level(soft, 0, 0.5));
  const double f0 = 261.63;
  const auto brightness = [&](const std::vector<float>& x) {
    return component(x, 5 * f0, 0.02, 0.3) / component(x, f0, 0.02, 0.3);
  };
  EXPECT_GT(brightness(hard), 1.5 * brightness(soft));
}

TEST(BuiltinPiano, LowKeysRingLongerAndHighPartialsDieFirst) {
  const SynthConfig cfg{.voice = Voice::kBuiltin, .normalize = false};
  const auto low = render({{0.0, 3.0, 36}}, cfg);
  const auto high = render({{0.0, 3.0, 84}}, cfg);
  EXPECT_GT(
      level(low, 2.0, 2.5) / level(low, 0.1, 0.6),
      4 * level(high, 2.0, 2.5) / level(high, 0.1, 0.6));
  const auto middle = render({{0.0, 3.0, 60}}, cfg);
  const double f0 = 261.63;
  const auto kept = [&](double hz) {
    return component(middle, hz, 1.0, 1.5) / component(middle, hz, 0.05, 0.55);
  };
  // The tenth partial, with the inharmonicity of this key (3.3e-4).
  EXPECT_LT(kept(10 * f0 * std::sqrt((1 + 0.033) / 1.00033)), 0.7 * kept(f0));
}

TEST(BuiltinPiano, OneLongNoteEqualsItsPartsInDoublePrecision) {
  // The recurrence must not drift: a note's spectrum line keeps its frequency for ten seconds.
  const auto out = render({{0.0, 10.0, 45}}, {.voice = Voice::kBuiltin});
  EXPECT_GT(component(out, 110.0, 9.0, 10.0), 3 * component(out, 113.0, 9.0, 10.0));
  for (const float sample : out) {
    ASSERT_TRUE(std::isfinite(sample));
  }
}

#ifdef MMI_WITH_SYNTH
TEST(FluidSynth, PlaysTheNamedInstrument) {
  if (find_soundfont().empty()) {
    GTEST_SKIP() << "no sound font installed";
  }
  const Notes notes{{0.0, 2.0, 67}};
  const auto piano = render(notes, {.voice = Voice::kFluidsynth});
  const auto violin = render(notes, {.instrument = "Violin", .voice = Voice::kFluidsynth});
  // A bowed string keeps sounding, a struck one decays.
  EXPECT_GT(level(violin, 1.5, 1.9) / level(violin, 0.1, 0.5), 0.7);
  EXPECT_LT(level(piano, 1.5, 1.9) / level(piano, 0.1, 0.5), 0.6);
}

TEST(FluidSynth, ABadSoundFontIsADataErrorThatNamesIt) {
  for (const char* font : {"/nowhere/a.sf2", MMI_SOURCE_DIR "/CMakeLists.txt"}) {
    try {
      render({{0.0, 1.0, 60}}, {.voice = Voice::kFluidsynth, .soundfont = font});
      FAIL() << font;
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find(font), std::string::npos) << error.what();
    }
  }
}
#else
TEST(FluidSynth, IsNamedAsMissingInABuildWithoutIt) {
  EXPECT_THROW(render({{0.0, 1.0, 60}}, {.voice = Voice::kFluidsynth}), NotBuiltError);
}
#endif

TEST(Synth, RejectsImpossibleNotesAndSettings) {
  EXPECT_THROW(render({{0.0, 1.0, 128}}, {.voice = Voice::kBuiltin}), DataError);
  EXPECT_THROW(render({{0.0, 1.0, 60, 0}}, {.voice = Voice::kBuiltin}), DataError);
  EXPECT_THROW(render({{1.0, 0.5, 60}}, {.voice = Voice::kBuiltin}), DataError);
  EXPECT_THROW(render({}, {.sample_rate_hz = 100}), ConfigError);
  EXPECT_THROW(render({}, {.instrument = "kazoo"}), ConfigError);
}

TEST(SynthConfig, ReadsItsFieldsByName) {
  auto node = config::Node::map();
  const auto cfg = config::read<SynthConfig>(node);
  EXPECT_EQ(cfg.sample_rate_hz, 16000);
  EXPECT_EQ(cfg.voice, Voice::kAuto);
}

}  // namespace
}  // namespace mmi::music
