#include "mmi/nn/decoding/patterns.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "mmi/base/errors.h"

namespace mmi::nn::decoding {
namespace {

constexpr std::int64_t kSpecial = 99;

TEST(Patterns, DelayPutsEachCodebookOneStepLater) {
  const CodebookPattern delay(PatternKind::kDelay, 3);
  const auto codes = torch::tensor({{{1, 2}, {11, 12}, {21, 22}}});
  const auto expected =
      torch::tensor({{{99, 1, 2, 99, 99}, {99, 99, 11, 12, 99}, {99, 99, 99, 21, 22}}});
  EXPECT_TRUE(torch::equal(delay.weave(codes, kSpecial), expected));
  EXPECT_EQ(delay.steps(500), 502);
}

TEST(Patterns, FlattenHasTimeOutsideAndCodebooksInside) {
  const CodebookPattern flatten(PatternKind::kFlatten, 2);
  const auto codes = torch::tensor({{{1, 2}, {11, 12}}});
  const auto expected = torch::tensor({{{99, 1, 99, 2, 99}, {99, 99, 11, 99, 12}}});
  EXPECT_TRUE(torch::equal(flatten.weave(codes, kSpecial), expected));
  EXPECT_EQ(flatten.steps(500), 1000);
}

TEST(Patterns, ParallelOnlyAddsTheStart) {
  const CodebookPattern parallel(PatternKind::kParallel, 2);
  const auto codes = torch::tensor({{{1, 2}, {11, 12}}});
  const auto expected = torch::tensor({{{99, 1, 2}, {99, 11, 12}}});
  EXPECT_TRUE(torch::equal(parallel.weave(codes, kSpecial), expected));
}

TEST(Patterns, RoundTripsAreExactAndQueriesAgree) {
  torch::manual_seed(1);
  for (const auto kind : {PatternKind::kFlatten, PatternKind::kDelay, PatternKind::kParallel}) {
    for (const std::int64_t codebooks : {1, 4, 9}) {
      for (const std::int64_t frames : {0, 1, 3, 37}) {
        const CodebookPattern pattern(kind, codebooks);
        const auto codes = torch::randint(0, 50, {2, codebooks, frames}, torch::kLong);
        const auto sequence = pattern.weave(codes, kSpecial);
        ASSERT_TRUE(torch::equal(pattern.unweave(sequence, frames), codes));
        const auto occupied = pattern.occupied(frames);
        ASSERT_TRUE(torch::equal(sequence[0].ne(kSpecial), occupied));
        for (std::int64_t k = 0; k < codebooks; ++k) {
          for (std::int64_t s = 0; s < sequence.size(2); ++s) {
            const auto t = pattern.frame_at(s, k, frames);
            ASSERT_EQ(t >= 0, occupied[k][s].item<bool>());
            ASSERT_TRUE(t < 0 || pattern.column_of(t, k) == s);
          }
        }
        for (std::int64_t s = 0; s <= sequence.size(2); ++s) {
          const auto done = pattern.complete_frames(s);
          for (std::int64_t t = 0; t < frames; ++t) {
            ASSERT_EQ(t < done, pattern.column_of(t, codebooks - 1) < s);
          }
        }
      }
    }
  }
}

TEST(Patterns, WrongShapesAreErrors) {
  const CodebookPattern delay(PatternKind::kDelay, 3);
  EXPECT_THROW(delay.weave(torch::zeros({1, 2, 4}, torch::kLong), kSpecial), ShapeError);
  EXPECT_THROW(delay.unweave(torch::zeros({1, 3, 4}, torch::kLong), 4), ShapeError);
  EXPECT_THROW(CodebookPattern(PatternKind::kDelay, 0), ConfigError);
}

}  // namespace
}  // namespace mmi::nn::decoding
