#include "mmi/tensor/tensor_dict.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "mmi/base/errors.h"
#include "mmi/tensor/buffer_pool.h"
#include "mmi/tensor/collator.h"
#include "mmi/tensor/safetensors.h"

namespace mmi {
namespace {

TensorDict example(double value, std::int64_t length) {
  TensorDict dict;
  dict.set("image", torch::full({2, 3}, value));
  dict.set("sound", torch::full({length}, value));
  dict.set("name", std::vector<std::string>{"n" + std::to_string(length)});
  dict.set("count", length);
  return dict;
}

TEST(TensorDict, CollatesByKind) {
  const TensorDict batch = TensorDict::collate({example(1, 4), example(2, 5)});
  EXPECT_EQ(batch.tensor("image").sizes(), (std::vector<std::int64_t>{2, 2, 3}));
  EXPECT_EQ(batch.list("sound").size(), 2U);
  EXPECT_EQ(batch.list("sound")[1].size(0), 5);
  EXPECT_EQ(batch.strings("name"), (std::vector<std::string>{"n4", "n5"}));
  EXPECT_TRUE(torch::equal(batch.tensor("count"), torch::tensor({4, 5}, torch::kInt64)));
  EXPECT_EQ(batch.begin()->first, "image");  // order is kept
}

TEST(Collator, TheOrderInWhichRowsComeDoesNotMatter) {
  const TensorDict a = example(1, 4);
  const TensorDict b = example(2, 5);
  const TensorDict c = example(3, 4);
  Collator batch(3);
  batch.add(2, c);
  batch.add(0, a);
  batch.add(1, b);
  const TensorDict made = batch.finish();
  const TensorDict expected = TensorDict::collate({a, b, c});
  EXPECT_TRUE(torch::equal(made.tensor("image"), expected.tensor("image")));
  EXPECT_TRUE(torch::equal(made.tensor("count"), expected.tensor("count")));
  EXPECT_EQ(made.strings("name"), expected.strings("name"));
  for (std::size_t row = 0; row < 3; ++row) {
    EXPECT_TRUE(torch::equal(made.list("sound")[row], expected.list("sound")[row]));
  }
}

TEST(Collator, StacksLikeTorch) {
  const torch::Tensor wide = torch::arange(12.0).view({3, 4});
  const auto one = [](torch::Tensor tensor) {
    TensorDict dict;
    dict.set("x", std::move(tensor));
    return dict;
  };
  const auto stacked = [&](const torch::Tensor& a, const torch::Tensor& b) {
    const torch::Tensor batch = TensorDict::collate({one(a), one(b)}).tensor("x");
    EXPECT_TRUE(torch::equal(batch, torch::stack({a, b})));
    EXPECT_EQ(batch.dtype(), torch::stack({a, b}).dtype());
    return batch;
  };
  stacked(wide, wide.flip(0));
  stacked(wide.t(), (wide + 1).t());         // not contiguous
  stacked(wide, wide.t().contiguous().t());  // rows of different strides
  stacked(wide.to(torch::kInt32), wide);     // promoted, whichever came first
  stacked(wide, wide.to(torch::kInt32));
  stacked(torch::tensor(1.5), torch::tensor(2.5));  // scalars
  stacked(torch::empty({0, 3}), torch::empty({0, 3}));
  stacked(
      torch::view_as_complex(torch::ones({3, 2})).conj(),
      torch::view_as_complex(torch::ones({3, 2})));
  EXPECT_TRUE(stacked(wide, wide.clone().set_requires_grad(true)).requires_grad());
  EXPECT_THROW(TensorDict::collate({one(wide), one({})}), DataError);
  EXPECT_THROW(TensorDict::collate({}), DataError);
}

TEST(BufferPool, MemoryIsUsedAgainWhenItsTensorIsGone) {
  auto pool = std::make_shared<BufferPool>();
  torch::Tensor a = pool->empty({1000, 1000}, torch::kFloat32).fill_(1);
  const torch::Tensor b = pool->empty({1000, 1000}, torch::kFloat32).fill_(2);
  EXPECT_EQ(a.sum().item<double>(), 1e6);
  const void* const place = a.const_data_ptr();
  EXPECT_NE(place, b.const_data_ptr());
  a = torch::Tensor();
  const torch::Tensor again = pool->empty({2000, 1000}, torch::kInt16);
  EXPECT_EQ(again.const_data_ptr(), place);
  torch::Tensor small = pool->empty({600, 1000}, torch::kFloat32).fill_(3);
  small = torch::Tensor();
  // Neither far too large nor too small, so it goes to make room.
  pool->empty({280, 1000}, torch::kFloat32);
  pool->empty({1000, 1000}, torch::kFloat32).fill_(4);
  EXPECT_EQ(pool->blocks(), 3U);
  pool.reset();
  EXPECT_EQ(b.sum().item<double>(), 2e6);
}

TEST(TensorDict, MissingAndMistypedNamesSayWhatIsThere) {
  const TensorDict dict = example(1, 4);
  try {
    dict.tensor("picture");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("image, sound, name, count"), std::string::npos);
  }
  EXPECT_THROW(dict.tensor("count"), DataError);
  TensorDict other = example(1, 4);
  other.set("extra", std::int64_t{1});
  EXPECT_THROW(TensorDict::collate({dict, other}), DataError);
}

TEST(Safetensors, TensorsOfEveryTypeComeBackEqual) {
  const auto path = std::filesystem::path(testing::TempDir()) / "types.safetensors";
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto type :
       {torch::kFloat64,
        torch::kFloat32,
        torch::kFloat16,
        torch::kBFloat16,
        torch::kInt64,
        torch::kInt32,
        torch::kInt16,
        torch::kInt8,
        torch::kUInt8,
        torch::kBool}) {
    tensors.emplace_back(
        "t" + std::to_string(static_cast<int>(type)), torch::arange(6).view({2, 3}).to(type));
  }
  tensors.emplace_back("transposed", torch::arange(6).view({2, 3}).t());
  tensors.emplace_back("scalar", torch::tensor(3.5));
  tensors.emplace_back("empty", torch::empty({0, 4}));
  save_tensors(path, tensors, {{"step", "7"}});
  const auto loaded = load_tensors(path);
  ASSERT_EQ(loaded.size(), tensors.size());
  const std::map<std::string, torch::Tensor> by_name(loaded.begin(), loaded.end());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(by_name.at(name).dtype(), tensor.dtype()) << name;
    EXPECT_TRUE(torch::equal(by_name.at(name), tensor)) << name;
  }
  EXPECT_THROW(
      save_tensors(path, {{"c", torch::zeros({1}, torch::kComplexFloat)}}), CheckpointError);
}

}  // namespace
}  // namespace mmi
