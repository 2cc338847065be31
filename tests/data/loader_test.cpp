#include "mmi/data/loader.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "mmi/base/errors.h"

namespace mmi::data {
namespace {

/// Example i: its index, and a random number of its own.
class Numbers : public Dataset {
 public:
  explicit Numbers(std::int64_t size) : size_(size) {}

  std::int64_t size() const override {
    return size_;
  }

  TensorDict get(std::int64_t index, Rng& rng) const override {
    if (index == broken) {
      throw DataError("example 13 is broken");
    }
    TensorDict example;
    example.set("index", index);
    example.set("noise", torch::tensor(rng.uniform()));
    return example;
  }

  std::string fingerprint() const override {
    return "numbers";
  }

  std::int64_t broken = -1;

 private:
  std::int64_t size_;
};

std::vector<TensorDict> take(Loader& loader, int count) {
  std::vector<TensorDict> batches;
  for (int i = 0; i < count; ++i) {
    batches.push_back(loader.next());
  }
  return batches;
}

Loader make(int workers, std::int64_t size = 22, std::uint64_t seed = 5) {
  LoaderConfig config;
  config.batch_size = 4;
  config.workers = workers;
  return Loader(
      std::make_shared<Numbers>(size), std::make_shared<PermutationSampler>(size), config, seed);
}

bool same(const TensorDict& a, const TensorDict& b) {
  return torch::equal(a.tensor("index"), b.tensor("index")) &&
         torch::equal(a.tensor("noise"), b.tensor("noise"));
}

TEST(Loader, GivesTheSameBatchesForAnyNumberOfWorkers) {
  Loader reference = make(0);
  const auto expected = take(reference, 13);
  for (const int workers : {1, 2, 4}) {
    Loader loader = make(workers);
    const auto batches = take(loader, 13);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_TRUE(same(expected[i], batches[i])) << workers << " workers, batch " << i;
    }
  }
}

TEST(Loader, ContinuesAfterASeekAsIfItHadReadUpToThere) {
  Loader straight = make(2);
  const auto expected = take(straight, 12);
  Loader jumped = make(2);
  jumped.seek(7);
  EXPECT_TRUE(same(jumped.next(), expected[7]));
  EXPECT_TRUE(same(jumped.next(), expected[8]));
}

TEST(Loader, VisitsAnExampleAtMostOnceAnEpochAndShufflesAnew) {
  Loader loader = make(1);
  EXPECT_EQ(loader.batches_per_epoch(), 5);  // 22 examples, the incomplete batch is dropped
  std::vector<torch::Tensor> epochs;
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::vector<torch::Tensor> indices;
    for (const TensorDict& batch : take(loader, 5)) {
      indices.push_back(batch.tensor("index"));
    }
    epochs.push_back(torch::cat(indices));
    EXPECT_EQ(std::get<0>(at::_unique(epochs.back())).numel(), 20);
  }
  EXPECT_FALSE(torch::equal(epochs[0], epochs[1]));
  Loader other = make(1, 22, 6);
  EXPECT_FALSE(same(other.next(), make(1).next()));
}

TEST(Loader, RefusesADatasetSmallerThanABatchAndPassesErrorsOn) {
  EXPECT_THROW(make(1, 3), DataError);
  auto numbers = std::make_shared<Numbers>(8);
  numbers->broken = 6;
  LoaderConfig config;
  config.batch_size = 4;
  Loader loader(numbers, std::make_shared<PermutationSampler>(8, false), config, 1);
  EXPECT_NO_THROW(loader.next());
  EXPECT_THROW(loader.next(), DataError);
}

}  // namespace
}  // namespace mmi::data
