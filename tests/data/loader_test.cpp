#include "mmi/data/loader.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"

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
      throw DataError("it is broken");
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

TEST(Loader, RefusesADatasetSmallerThanABatch) {
  EXPECT_THROW(make(1, 3), DataError);
}

/// What next() throws, "" when it does not.
std::string error_of(Loader& loader) {
  try {
    loader.next();
    return "";
  } catch (const DataError& error) {
    return error.what();
  }
}

TEST(Loader, AnErrorSurfacesAtItsBatchNamesTheExampleAndTheNextBatchesStillCome) {
  for (const int workers : {0, 1, 2, 4}) {
    auto numbers = std::make_shared<Numbers>(16);
    numbers->broken = 6;
    LoaderConfig config;
    config.batch_size = 4;
    config.workers = workers;
    Loader loader(numbers, std::make_shared<PermutationSampler>(16, false), config, 1);
    EXPECT_EQ(error_of(loader), "");
    EXPECT_EQ(error_of(loader), "example 6 of the dataset: it is broken");
    EXPECT_EQ(loader.next().tensor("index")[0].item<int>(), 8);
    EXPECT_EQ(loader.next().tensor("index")[3].item<int>(), 15);
  }
}

/// Random pictures, sounds of random length, words and numbers; some examples take longer.
class Augmented : public Dataset {
 public:
  std::int64_t size() const override {
    return 100;
  }

  TensorDict get(std::int64_t index, Rng& rng) const override {
    if (bad && bad(index)) {
      throw DataError(format("page {} is torn", index));
    }
    if (rng.chance(0.05)) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    TensorDict example;
    torch::Tensor picture = torch::empty({3, 5});
    for (std::int64_t i = 0; i < picture.numel(); ++i) {
      picture.data_ptr<float>()[i] = static_cast<float>(rng.normal());
    }
    example.set("picture", rng.chance(0.5) ? picture : picture.flip(1));
    example.set("column", picture.t().select(1, 0));  // not contiguous
    example.set("sound", torch::full({1 + rng.integer(4)}, rng.uniform()));
    example.set("words", std::vector<std::string>{"w" + std::to_string(index)});
    example.set("marks", std::vector<torch::Tensor>(1 + index % 2, torch::tensor(index)));
    example.set("index", index);
    return example;
  }

  std::string fingerprint() const override {
    return "augmented";
  }

  std::function<bool(std::int64_t)> bad;
};

std::uint64_t hash_of(const torch::Tensor& tensor, std::uint64_t seed) {
  const torch::Tensor whole = tensor.contiguous();
  const std::string text = format("{} {}", whole.sizes().vec(), std::string(whole.dtype().name()));
  return fnv1a64(
      {static_cast<const char*>(whole.const_data_ptr()), whole.nbytes()}, fnv1a64(text, seed));
}

std::uint64_t hash_of(const TensorDict& batch, std::uint64_t hash) {
  for (const auto& [name, value] : batch) {
    hash = fnv1a64(name, hash);
    if (const auto* tensor = std::get_if<torch::Tensor>(&value)) {
      hash = hash_of(*tensor, hash);
    } else if (const auto* list = std::get_if<std::vector<torch::Tensor>>(&value)) {
      for (const torch::Tensor& one : *list) {
        hash = hash_of(one, hash);
      }
    } else {
      for (const std::string& word : batch.strings(name)) {
        hash = fnv1a64(word, hash);
      }
    }
  }
  return hash;
}

std::uint64_t hash_of_batches(
    const std::shared_ptr<Augmented>& examples, LoaderConfig config, int workers, int count) {
  config.workers = workers;
  Loader loader(examples, std::make_shared<PermutationSampler>(100), config, 3);
  std::uint64_t hash = 0;
  for (int i = 0; i < count; ++i) {
    hash = hash_of(loader.next(), hash);
  }
  return hash;
}

TEST(Loader, TwoHundredAugmentedRaggedBatchesAreTheSameForAnyNumberOfWorkers) {
  auto examples = std::make_shared<Augmented>();
  LoaderConfig config;
  config.batch_size = 7;
  const std::uint64_t expected = hash_of_batches(examples, config, 0, 200);
  for (const int workers : {1, 2, 4}) {
    EXPECT_EQ(hash_of_batches(examples, config, workers, 200), expected) << workers;
  }
  EXPECT_NE(hash_of_batches(examples, config, 0, 199), expected);
  // The same when unreadable examples are replaced.
  examples->bad = [](std::int64_t index) { return index == 17 || index == 18 || index == 99; };
  config.on_error = OnError::kSkip;
  config.max_bad_fraction = 0.1;
  const std::uint64_t replaced = hash_of_batches(examples, config, 0, 200);
  EXPECT_NE(replaced, expected);
  for (const int workers : {1, 2, 4}) {
    EXPECT_EQ(hash_of_batches(examples, config, workers, 200), replaced) << workers;
  }
}

TEST(Loader, TheNextReadableExampleTakesTheBadOnesPlaceAndIsReportedOnce) {
  auto examples = std::make_shared<Augmented>();
  examples->bad = [](std::int64_t index) { return index == 17 || index == 18 || index == 99; };
  LoaderConfig config;
  config.batch_size = 10;
  config.on_error = OnError::kSkip;
  config.max_bad_fraction = 0.1;
  Loader loader(examples, std::make_shared<PermutationSampler>(100, false), config, 1);
  testing::internal::CaptureStderr();
  std::vector<torch::Tensor> indices;
  for (const TensorDict& batch : take(loader, 20)) {
    indices.push_back(batch.tensor("index"));
  }
  const std::string log = testing::internal::GetCapturedStderr();
  torch::Tensor expected = torch::arange(100);
  expected[17] = 19;
  expected[18] = 19;
  expected[99] = 0;
  EXPECT_TRUE(torch::equal(torch::cat(indices), expected.repeat({2})));
  EXPECT_EQ(loader.bad_examples(), 8);  // 17, 18 for it, 18, 99, in each epoch
  for (const char* page : {"page 17 is torn", "page 18 is torn", "page 99 is torn"}) {
    const std::size_t first = log.find(page);
    ASSERT_NE(first, std::string::npos) << log;
    EXPECT_EQ(log.find(page, first + 1), std::string::npos) << log;
  }
}

TEST(Loader, TooManyBadExamplesEndTheRun) {
  for (const int workers : {0, 2}) {
    auto examples = std::make_shared<Augmented>();
    examples->bad = [](std::int64_t index) { return index == 3 || index == 13; };
    LoaderConfig config;
    config.batch_size = 10;
    config.workers = workers;
    config.on_error = OnError::kSkip;
    Loader loader(examples, std::make_shared<PermutationSampler>(100, false), config, 1);
    for (int i = 0; i < 9; ++i) {
      EXPECT_EQ(error_of(loader), "") << i;  // 92 seen: too few to judge
    }
    EXPECT_EQ(
        error_of(loader),
        "2 of 102 examples cannot be read, more than loader.max_bad_fraction = 0.01; the last one: "
        "example 13 of the dataset: page 13 is torn");
    auto unreadable = std::make_shared<Augmented>();
    unreadable->bad = [](std::int64_t) { return true; };
    Loader hopeless(unreadable, std::make_shared<PermutationSampler>(100, false), config, 1);
    EXPECT_NE(error_of(hopeless).find("100 examples in a row cannot be read"), std::string::npos);
  }
}

/// Ones, with one value that is none in example 5.
class Spoilt : public Dataset {
 public:
  explicit Spoilt(torch::Tensor value, bool list) : value_(std::move(value)), list_(list) {}

  std::int64_t size() const override {
    return 8;
  }

  TensorDict get(std::int64_t index, Rng&) const override {
    torch::Tensor ones = torch::ones({4, 9}, value_.options());
    if (index == 5) {
      ones[3][8] = value_;
    }
    TensorDict example;
    example.set("fine", torch::ones({2}, torch::kInt64));
    if (list_) {
      example.set("sound", std::vector<torch::Tensor>{torch::ones({1}), ones.t()});
    } else {
      example.set("sound", ones);
    }
    return example;
  }

  std::string fingerprint() const override {
    return "spoilt";
  }

  std::string name() const override {
    return "dataset spoilt";
  }

 private:
  torch::Tensor value_;
  bool list_;
};

TEST(Loader, NonFiniteNumbersNameExampleTensorAndDataset) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto type : {torch::kFloat32, torch::kFloat64, torch::kFloat16, torch::kBFloat16}) {
    for (const double value : {std::nan(""), infinity, -infinity}) {
      for (const bool list : {false, true}) {
        auto examples = std::make_shared<Spoilt>(torch::tensor(value, type), list);
        const auto order = std::make_shared<PermutationSampler>(8, false);
        LoaderConfig config;
        config.batch_size = 4;
        Loader loader(examples, order, config, 1);
        EXPECT_EQ(error_of(loader), "");
        EXPECT_EQ(
            error_of(loader),
            "example 5 of dataset spoilt: tensor \"sound\" holds NaN or infinity; correct the "
            "data, or set loader.check_finite=false where that is meant");
        config.check_finite = false;
        Loader trusting(examples, order, config, 1);
        EXPECT_EQ(error_of(trusting) + error_of(trusting), "");
      }
    }
    auto largest = std::make_shared<Spoilt>(torch::tensor(6e4, type), false);
    LoaderConfig config;
    config.batch_size = 8;
    Loader loader(largest, std::make_shared<PermutationSampler>(8, false), config, 1);
    EXPECT_EQ(error_of(loader), "");
  }
}

TensorDict columns(std::int64_t rows, std::int64_t width) {
  TensorDict made;
  made.set("x", torch::randn({rows, width}));
  made.set("half", torch::randn({rows, 3}).to(torch::kFloat16));
  made.set("index", torch::arange(rows));
  return made;
}

/// The same examples, one by one.
class OneByOne : public TensorDataset {
 public:
  using TensorDataset::TensorDataset;

  const TensorDict* columns() const override {
    return nullptr;
  }
};

TEST(Loader, ADatasetInMemoryGivesTheBatchesOfItsExamples) {
  for (const std::int64_t width : {1, 257, 100'003}) {
    const TensorDict data = columns(22, width);
    LoaderConfig config;
    config.batch_size = 5;
    config.workers = 0;
    const auto order = std::make_shared<PermutationSampler>(22);
    Loader reference(std::make_shared<OneByOne>(data, "rows"), order, config, 3);
    const auto expected = take(reference, 9);
    for (const int workers : {0, 1, 3}) {
      config.workers = workers;
      Loader loader(std::make_shared<TensorDataset>(data, "rows"), order, config, 3);
      for (const TensorDict& batch : expected) {
        const TensorDict got = loader.next();
        for (const char* name : {"x", "half", "index"}) {
          ASSERT_TRUE(torch::equal(got.tensor(name), batch.tensor(name))) << name << " " << width;
        }
      }
    }
  }
}

TEST(Loader, ABadRowInMemoryIsNamedOrReplaced) {
  TensorDict data = columns(12, 40'000);
  data.tensor("x")[6][39'999] = std::nan("");
  const auto examples = std::make_shared<TensorDataset>(data, "rows");
  const auto order = std::make_shared<PermutationSampler>(12, false);
  LoaderConfig config;
  config.batch_size = 4;
  Loader loader(examples, order, config, 1);
  EXPECT_EQ(error_of(loader), "");
  EXPECT_NE(
      error_of(loader).find("example 6 of the dataset: tensor \"x\" holds"), std::string::npos);
  EXPECT_EQ(error_of(loader), "");
  config.on_error = OnError::kSkip;
  config.max_bad_fraction = 1;
  Loader skipping(examples, order, config, 1);
  skipping.next();
  const TensorDict batch = skipping.next();
  EXPECT_TRUE(torch::equal(batch.tensor("index"), torch::tensor({4, 5, 7, 7})));
  EXPECT_TRUE(torch::equal(batch.tensor("x")[2], data.tensor("x")[7]));
}

TEST(TensorDataset, RefusesTensorsOfDifferentLength) {
  TensorDict data = columns(12, 4);
  data.set("y", torch::zeros({11}));
  EXPECT_THROW(TensorDataset(data, "rows"), ShapeError);
  EXPECT_THROW(TensorDataset(TensorDict(), "rows"), ShapeError);
}

/// 1 MB each; counts what was asked for.
class Heavy : public Dataset {
 public:
  std::int64_t size() const override {
    return 1000;
  }

  TensorDict get(std::int64_t, Rng&) const override {
    ++made;
    TensorDict example;
    example.set("x", torch::ones({250'000}));
    return example;
  }

  std::string fingerprint() const override {
    return "heavy";
  }

  mutable std::atomic<int> made = 0;
};

TEST(Loader, LooksAheadNoFurtherThanItsMegabytes) {
  auto heavy = std::make_shared<Heavy>();
  LoaderConfig config;
  config.batch_size = 4;
  config.workers = 2;
  config.prefetch_batches = 16;
  config.prefetch_mb = 12;
  Loader loader(heavy, std::make_shared<PermutationSampler>(1000), config, 1);
  for (int i = 0; i < 5; ++i) {
    loader.next();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_GT(heavy->made, 20);       // ahead of the 20 taken
  EXPECT_LE(heavy->made, 20 + 14);  // of 64 that the batches alone would allow
}

}  // namespace
}  // namespace mmi::data
