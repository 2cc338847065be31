#include "mmi/models/audeo/recordings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace mmi::models::audeo {
namespace {

using Indices = std::vector<std::int64_t>;

/// Frame t is filled with t; key 3 sounds in frame 4.
class Counting : public Recording {
 public:
  const std::string& name() const override {
    static const std::string name = "counting";
    return name;
  }

  std::int64_t frames() const override {
    return 8;
  }

  void read(std::int64_t index, std::uint8_t* out) const override {
    std::fill_n(out, 2 * 3, static_cast<std::uint8_t>(index));
  }

  torch::Tensor labels() const override {
    torch::Tensor labels = torch::zeros({8, 88}, torch::kUInt8);
    labels[4][3] = 1;
    return labels;
  }
};

TEST(FrameStacks, EdgesAreThoseOfThePublishedInference) {
  EXPECT_EQ(stack_indices(0, 8), (Indices{0, 0, 0, 1, 2}));
  EXPECT_EQ(stack_indices(1, 8), (Indices{1, 1, 1, 2, 3}));
  EXPECT_EQ(stack_indices(2, 8), (Indices{0, 1, 2, 3, 4}));
  EXPECT_EQ(stack_indices(5, 8), (Indices{3, 4, 5, 6, 7}));
  EXPECT_EQ(stack_indices(6, 8), (Indices{4, 5, 6, 6, 6}));
  EXPECT_EQ(stack_indices(7, 8), (Indices{5, 6, 7, 7, 7}));
  EXPECT_EQ(stack_indices(1, 2), (Indices{1, 1, 1, 1, 1}));
}

TEST(FrameStacks, HaveAsManyFramesAsAsked) {
  EXPECT_EQ(stack_indices(0, 8, 1), (Indices{0}));
  EXPECT_EQ(stack_indices(7, 8, 1), (Indices{7}));
  EXPECT_EQ(stack_indices(0, 8, 3), (Indices{0, 0, 1}));
  EXPECT_EQ(stack_indices(7, 8, 3), (Indices{6, 7, 7}));
  Rng rng(1);
  for (const std::int64_t count : {1, 3, 5}) {
    const FrameStacks stacks({std::make_shared<Counting>()}, {0, 50}, {2, 3, count});
    ASSERT_EQ(stacks.size(), 8 - 2 * (count / 2));
    const TensorDict example = stacks.get(4 - count / 2, rng);
    const torch::Tensor frames = example.tensor("frames");
    EXPECT_EQ(frames.sizes(), (Indices{count, 2, 3}));
    EXPECT_EQ(frames[count / 2][1][2].item<int>(), 4);
    EXPECT_EQ(frames[0][0][0].item<int>(), 4 - count / 2);
    EXPECT_EQ(example.tensor("keys")[3].item<int>(), 1);
  }
}

}  // namespace
}  // namespace mmi::models::audeo
