#include "mmi/models/xrir/baselines.h"

#include <gtest/gtest.h>

#include "mmi/base/errors.h"
#include "mmi/models/xrir/losses.h"
#include "mmi/models/xrir/spectrum.h"
#include "mmi/worlds/rooms/export.h"

namespace mmi::models::xrir {
namespace {

constexpr dsp::RoomMeasureConfig kPaper{.mode = dsp::RoomMode::kPaper};

// Responses (S,N) of a room at one receiver, positions (S,3) relative to it.
struct Group {
  torch::Tensor responses;
  torch::Tensor sources;
};

Group one_receiver(std::int64_t number) {
  const auto room = worlds::rooms::make_room(1, number, 6, 1);
  worlds::rooms::SimulateOptions options;
  options.rays = 4000;
  const auto made = worlds::rooms::simulate_room(room, options);
  Group group;
  group.responses = torch::tensor(made.waveforms).view({made.sources, made.samples});
  group.sources = torch::empty({made.sources, 3});
  for (std::int64_t s = 0; s < made.sources; ++s) {
    const auto way = room.sources[static_cast<std::size_t>(s)] - room.receivers[0];
    group.sources[s] = torch::tensor({way.x, way.y, way.z});
  }
  return group;
}

TEST(XRirBaselines, WeightsFallWithDistanceAndSumToOne) {
  const auto source = torch::tensor({{0.0, 0.0, 0.0}});
  const auto references = torch::tensor({{{1.0, 0.0, 0.0}, {0.0, 3.0, 0.0}}});
  const auto weights = inverse_distance_weights(source, references)[0];
  EXPECT_NEAR(weights[0].item<float>(), 0.75, 1e-6);
  EXPECT_NEAR(weights[1].item<float>(), 0.25, 1e-6);
  EXPECT_EQ(nearest_reference(source, references)[0].item<std::int64_t>(), 0);
  const auto at = inverse_distance_weights(references.select(1, 1), references)[0];
  EXPECT_NEAR(at[1].item<float>(), 1, 1e-6) << "a reference at the target takes all";
}

TEST(XRirBaselines, AReferenceAtTheTargetIsReturnedByAllOfThem) {
  const Group group = one_receiver(2);
  const auto source = group.sources.narrow(0, 2, 1);
  const auto references = group.sources.unsqueeze(0);
  const auto responses = group.responses.unsqueeze(0);
  const auto truth = group.responses.narrow(0, 2, 1);
  EXPECT_TRUE(torch::equal(nearest_response(responses, source, references, false), truth));
  EXPECT_TRUE(torch::allclose(nearest_response(responses, source, references, true), truth));
  EXPECT_TRUE(torch::allclose(linear_response(responses, source, references), truth, 1e-4, 1e-6));
  EXPECT_LE(
      (interpolated_log_spectrum(responses, source, references) - to_log(magnitudes(truth)))
          .abs()
          .max()
          .item<float>(),
      1e-3);
}

TEST(XRirBaselines, AlignmentBringsTheNearestCloser) {
  double raw = 0;
  double moved = 0;
  for (const std::int64_t number : {0, 4, 8}) {
    const Group group = one_receiver(number);
    for (std::int64_t s = 0; s < 6; ++s) {
      const auto others = torch::tensor([&] {
        std::vector<std::int64_t> rest;
        for (std::int64_t k = 0; k < 6; ++k) {
          if (k != s) {
            rest.push_back(k);
          }
        }
        return rest;
      }());
      const auto source = group.sources.narrow(0, s, 1);
      const auto references = group.sources.index_select(0, others).unsqueeze(0);
      const auto responses = group.responses.index_select(0, others).unsqueeze(0);
      const auto truth = group.responses.narrow(0, s, 1);
      raw +=
          response_errors(nearest_response(responses, source, references, false), truth, kPaper)[0]
              .c50_db.value;
      moved +=
          response_errors(nearest_response(responses, source, references, true), truth, kPaper)[0]
              .c50_db.value;
    }
  }
  EXPECT_LT(moved, raw);
}

// specs/ch08 §4: what Griffin-Lim costs when the magnitudes are the true ones.
TEST(XRirSpectrum, TrueMagnitudesComeBackAsNearlyTheSameRoom) {
  double edt = 0;
  double c50 = 0;
  double t60 = 0;
  int count = 0;
  for (const std::int64_t number : {1, 5}) {
    const Group group = one_receiver(number);
    const auto wave = to_waveform(to_log(magnitudes(group.responses)), 1);
    EXPECT_EQ(wave.size(1), 9579);
    for (const auto& error : response_errors(wave, group.responses, kPaper)) {
      edt += error.edt_s.value;
      c50 += error.c50_db.value;
      t60 += error.t60_percent.value;
      ++count;
    }
  }
  EXPECT_LE(edt / count, 0.02);
  EXPECT_LE(c50 / count, 0.4);
  EXPECT_LE(t60 / count, 2);
}

TEST(XRirLosses, TheDecayLossIsTheDifferenceOfLevels) {
  torch::manual_seed(1);
  const auto truth = torch::rand({2, 63, 40}) + 0.1;
  EXPECT_NEAR(spectrum_loss(to_log(truth), truth).item<float>(), 0, 1e-6);
  EXPECT_NEAR(decay_loss(to_log(truth), truth).item<float>(), 0, 1e-4);
  // A factor changes no decay level, but every magnitude.
  EXPECT_NEAR(decay_loss(to_log(2 * truth), truth).item<float>(), 0, 1e-4);
  EXPECT_NEAR(
      spectrum_loss(to_log(2 * truth), truth).item<float>(), truth.mean().item<float>(), 1e-5);
  // By hand for one frequency and three frames: energies 4, 1, 1 of 6.
  auto three = torch::zeros({1, 63, 3});
  three[0][0] = torch::tensor({2.0, 1.0, 1.0});
  const auto levels = decay_levels(three)[0];
  EXPECT_NEAR(levels[0].item<float>(), 10 * std::log10(2.0 / 6), 1e-4);
  EXPECT_NEAR(levels[1].item<float>(), 10 * std::log10(1.0 / 6), 1e-4);
}

TEST(XRirLosses, FramesWithoutEnergyDoNotCount) {
  auto truth = torch::zeros({1, 63, 4});
  truth[0][0] = torch::tensor({1.0, 0.5, 0.0, 0.0});
  auto guess = to_log(truth + 1e-3).requires_grad_();
  const auto loss = decay_loss(guess, truth);
  loss.backward();
  EXPECT_TRUE(guess.grad().isfinite().all().item<bool>());
  // Only frame 1 counts: its level is 10 log10(0.25 / 1.25).
  const auto expected = (decay_levels(from_log(guess.detach()))[0][0] - 10 * std::log10(0.2)).abs();
  EXPECT_NEAR(loss.item<float>(), expected.item<float>(), 1e-4);
  EXPECT_THROW(decay_loss(guess, truth.narrow(2, 0, 3)), ShapeError);
}

}  // namespace
}  // namespace mmi::models::xrir
