#include "mmi/metrics/multipitch.h"

#include <gtest/gtest.h>

#include <cmath>

#include "mmi/base/errors.h"
#include "vectors.h"

namespace mmi::metrics {
namespace {

constexpr std::int64_t kKeys = 51;

torch::Tensor roll_of(const nlohmann::json& rows) {
  torch::Tensor roll = torch::zeros({static_cast<std::int64_t>(rows.size()), kKeys}, torch::kByte);
  for (std::size_t frame = 0; frame < rows.size(); ++frame) {
    const std::uint64_t bits = std::stoull(rows[frame].get<std::string>(), nullptr, 16);
    for (std::int64_t key = 0; key < kKeys; ++key) {
      roll[static_cast<std::int64_t>(frame)][key] = static_cast<std::int64_t>(bits >> key & 1);
    }
  }
  return roll;
}

void expect_scores(const Scores& ours, const nlohmann::json& theirs, const std::string& name) {
  EXPECT_NEAR(ours.precision, theirs["precision"].get<double>(), 1e-9) << name;
  EXPECT_NEAR(ours.recall, theirs["recall"].get<double>(), 1e-9) << name;
  EXPECT_NEAR(ours.accuracy, theirs["accuracy"].get<double>(), 1e-9) << name;
  EXPECT_NEAR(ours.f1, theirs["f1"].get<double>(), 1e-9) << name;
}

// One frame with the given keys.
torch::Tensor frame_of(const std::vector<std::int64_t>& keys) {
  torch::Tensor roll = torch::zeros({1, kKeys});
  for (const std::int64_t key : keys) {
    roll[0][key] = 1;
  }
  return roll;
}

Scores one_frame(
    const std::vector<std::int64_t>& predicted, const std::vector<std::int64_t>& truth) {
  FrameMeter meter;
  meter.add(frame_of(predicted), frame_of(truth));
  return meter.per_frame();
}

TEST(FrameMeter, EqualsScikitLearnAndMirEval) {
  ASSERT_EQ(vectors()["rolls"].size(), 6U);
  for (const auto& item : vectors()["rolls"]) {
    const auto name = item["name"].get<std::string>();
    FrameMeter meter;
    meter.add(roll_of(item["predicted"]), roll_of(item["truth"]));
    expect_scores(meter.per_frame(), item["per_frame"], name + ", per frame");
    expect_scores(meter.micro(), item["micro"], name + ", micro");
    EXPECT_NEAR(
        meter.macro_f1(), item["macro_f1"].is_null() ? 0 : item["macro_f1"].get<double>(), 1e-9)
        << name;
    EXPECT_NEAR(meter.truth_empty_share(), item["truth_empty_share"].get<double>(), 1e-12);
    EXPECT_NEAR(meter.predicted_empty_share(), item["predicted_empty_share"].get<double>(), 1e-12);
  }
}

TEST(FrameMeter, ScoresOneFrameByHand) {
  const Scores half = one_frame({24, 28}, {24});  // 60 and 64 against 60
  EXPECT_DOUBLE_EQ(half.precision, 0.5);
  EXPECT_DOUBLE_EQ(half.recall, 1);
  EXPECT_DOUBLE_EQ(half.accuracy, 0.5);
  EXPECT_NEAR(half.f1, 2.0 / 3, 1e-12);
  const Scores silent = one_frame({}, {});
  EXPECT_EQ(silent.precision + silent.recall + silent.accuracy + silent.f1, 4);
  const Scores missed = one_frame({}, {24});
  EXPECT_EQ(missed.precision, 1);
  EXPECT_EQ(missed.recall + missed.accuracy + missed.f1, 0);
  const Scores ghost = one_frame({24}, {});
  EXPECT_EQ(ghost.recall, 1);
  EXPECT_EQ(ghost.precision + ghost.accuracy + ghost.f1, 0);
}

TEST(FrameMeter, PiecesAddUp) {
  const auto& item = vectors()["rolls"][0];
  const torch::Tensor predicted = roll_of(item["predicted"]);
  const torch::Tensor truth = roll_of(item["truth"]);
  FrameMeter whole;
  whole.add(predicted, truth);
  FrameMeter first;
  first.add(predicted.slice(0, 0, 70), truth.slice(0, 0, 70));
  FrameMeter second;
  second.add(predicted.slice(0, 70), truth.slice(0, 70));
  FrameMeter merged;
  merged.merge(first);
  merged.merge(second);
  EXPECT_EQ(merged.frames(), 200);
  EXPECT_NEAR(merged.per_frame().f1, whole.per_frame().f1, 1e-12);
  EXPECT_EQ(merged.micro().f1, whole.micro().f1);
  EXPECT_EQ(merged.macro_f1(), whole.macro_f1());
  EXPECT_EQ(merged.truth_empty_share(), whole.truth_empty_share());
}

TEST(FrameMeter, KeysThatNeverSoundHaveNoScore) {
  FrameMeter meter;
  meter.add(frame_of({3, 4}), frame_of({3, 5}));
  const auto scores = meter.key_f1();
  EXPECT_EQ(scores[3], 1);
  EXPECT_EQ(scores[4], 0);
  EXPECT_EQ(scores[5], 0);
  EXPECT_TRUE(std::isnan(scores[6]));
  EXPECT_NEAR(meter.macro_f1(), 1.0 / 3, 1e-12);
}

TEST(FrameMeter, WithoutFramesGivesZeros) {
  const FrameMeter meter;
  EXPECT_EQ(meter.per_frame().f1, 0);
  EXPECT_EQ(meter.micro().accuracy, 0);
  EXPECT_EQ(meter.macro_f1(), 0);
  EXPECT_EQ(meter.truth_empty_share(), 0);
}

TEST(FrameMeter, RejectsRollsThatDoNotFit) {
  FrameMeter meter;
  EXPECT_THROW(meter.add(torch::zeros({2, 51}), torch::zeros({3, 51})), ShapeError);
  EXPECT_THROW(meter.add(torch::zeros({51}), torch::zeros({51})), ShapeError);
  meter.add(torch::zeros({2, 51}), torch::zeros({2, 51}));
  EXPECT_THROW(meter.add(torch::zeros({2, 88}), torch::zeros({2, 88})), ShapeError);
  FrameMeter other;
  other.add(torch::zeros({2, 88}), torch::zeros({2, 88}));
  EXPECT_THROW(meter.merge(other), ShapeError);
}

TEST(Calibration, FindsTheThresholdThatSeparates) {
  const torch::Tensor truth = torch::tensor({{1, 0}, {0, 1}, {1, 1}});
  const torch::Tensor probabilities = torch::tensor({{0.72, 0.33}, {0.31, 0.74}, {0.9, 0.71}});
  const auto found = calibrate_threshold(probabilities, truth);
  EXPECT_DOUBLE_EQ(found.threshold, 0.35);  // the lowest of those with F1 = 1
  EXPECT_DOUBLE_EQ(found.f1, 1);
  ASSERT_EQ(found.curve.size(), 19U);
  EXPECT_DOUBLE_EQ(found.grid.front(), 0.05);
  EXPECT_LT(found.curve.front(), 1);
  EXPECT_LT(found.curve.back(), 1);
}

TEST(Calibration, ConventionsDisagreeWhereFramesAreEmpty) {
  // Staying silent is best per frame (99 empty frames), hitting the one key is best in sums.
  torch::Tensor truth = torch::zeros({100, 2});
  truth[0][0] = 1;
  torch::Tensor probabilities = torch::full({100, 2}, 0.1);
  probabilities[0][0] = 0.4;
  probabilities.slice(0, 1, 3).select(1, 1).fill_(0.4);
  EXPECT_DOUBLE_EQ(calibrate_threshold(probabilities, truth, {0.3, 0.5}).threshold, 0.5);
  EXPECT_DOUBLE_EQ(
      calibrate_threshold(probabilities, truth, {0.3, 0.5}, Averaging::kMicro).threshold, 0.3);
}

}  // namespace
}  // namespace mmi::metrics
