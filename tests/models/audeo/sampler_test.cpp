#include <gtest/gtest.h>

#include <vector>

#include "mmi/base/errors.h"
#include "mmi/models/audeo/sampler.h"

namespace mmi::models::audeo {
namespace {

// Key k sounds alone in k + 1 frames, the last 300 frames are silent: very unequal classes.
torch::Tensor unequal_labels() {
  std::vector<torch::Tensor> rows;
  for (std::int64_t key = 0; key < 51; ++key) {
    torch::Tensor row = torch::zeros({key + 1, 51}, torch::kByte);
    row.select(1, key).fill_(1);
    rows.push_back(row);
  }
  rows.push_back(torch::zeros({300, 51}, torch::kByte));
  return torch::cat(rows);
}

std::vector<double> outcome_counts(const torch::Tensor& labels, std::int64_t draws) {
  const BalancedSampler sampler(labels);
  Rng rng(7);
  std::vector<double> counts(52);
  for (std::int64_t i = 0; i < draws; ++i) {
    const torch::Tensor row = labels[sampler.draw(rng)];
    const std::int64_t key = row.argmax().item<std::int64_t>();
    counts[row.any().item<bool>() ? static_cast<std::size_t>(key) : 51] += 1;
  }
  return counts;
}

TEST(BalancedSampler, DrawsFiftyTwoOutcomesEquallyOften) {
  const torch::Tensor labels = unequal_labels();
  EXPECT_EQ(BalancedSampler(labels).outcomes(), 52);
  double chi_square = 0;
  for (const double count : outcome_counts(labels, 20000)) {
    const double expected = 20000 / 52.0;
    EXPECT_NEAR(count / expected, 1, 0.2);  // four standard deviations
    chi_square += (count - expected) * (count - expected) / expected;
  }
  EXPECT_LT(chi_square, 87);  // 51 degrees of freedom, 0.1 %
}

TEST(BalancedSampler, OutcomesAreWithinTenPercentOverManyDraws) {
  for (const double count : outcome_counts(unequal_labels(), 100000)) {
    EXPECT_NEAR(count / (100000 / 52.0), 1, 0.1);
  }
}

TEST(BalancedSampler, SkipsKeysThatNeverSoundAndUnusableFrames) {
  torch::Tensor labels = torch::zeros({10, 51});
  labels[4][20] = 1;
  labels[9][30] = 1;
  torch::Tensor usable = torch::ones({10}, torch::kBool);
  usable[9] = false;
  const BalancedSampler sampler(labels, usable);
  EXPECT_EQ(sampler.outcomes(), 2);
  Rng rng(1);
  int fourth = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t frame = sampler.draw(rng);
    EXPECT_NE(frame, 9);
    fourth += frame == 4;
  }
  EXPECT_NEAR(fourth, 500, 80);
}

TEST(BalancedSampler, RejectsLabelsWithoutAFrame) {
  EXPECT_THROW(BalancedSampler(torch::zeros({0, 51})), DataError);
  EXPECT_THROW(BalancedSampler(torch::zeros({5, 51}), torch::zeros({5})), DataError);
  EXPECT_THROW(BalancedSampler(torch::zeros({5})), ShapeError);
}

}  // namespace
}  // namespace mmi::models::audeo
