#include "models/codec/token_file.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>
#include <string>

#include "mmi/base/errors.h"
#include "mmi/base/rng.h"
#include "mmi/io/npy.h"
#include "mmi/tensor/array.h"

namespace mmi::models::codec {
namespace {

namespace fs = std::filesystem;

const codecs::CodecFormat kFormat{.hop = 10, .codebooks = 4, .codebook_size = 32};

class TokenFile : public testing::Test {
 protected:
  codecs::Encoded read(const std::map<std::string, torch::Tensor>& tensors) const {
    std::map<std::string, io::Array> arrays;
    for (const auto& [name, tensor] : tensors) {
      arrays[name] = to_array(tensor);
    }
    io::write_npz(path_, arrays);
    return read_tokens(path_, kFormat);
  }

  void TearDown() override {
    fs::remove(path_);
  }

  fs::path path_ = fs::path(testing::TempDir()) / "mmi_token_file.npz";
};

std::map<std::string, torch::Tensor> good() {
  return {
      {"codes", torch::arange(20, torch::kInt16).view({5, 4})},
      {"length", torch::tensor(47)},
      {"chunks", torch::tensor({2, 2, 1})},
      {"scales", torch::tensor({0.5F, 1.0F, 2.0F})},
      {"sample_rate_hz", torch::tensor(24000)}};
}

TEST_F(TokenFile, WhatIsWrittenIsRead) {
  const auto tokens = read(good());
  write_tokens(path_, tokens, 24000);
  const auto again = read_tokens(path_, kFormat);
  EXPECT_TRUE(torch::equal(again.codes, tokens.codes));
  EXPECT_TRUE(torch::equal(again.scales, tokens.scales));
  EXPECT_EQ(again.chunks, (std::vector<std::int64_t>{2, 2, 1}));
  EXPECT_EQ(again.length, 47);
}

TEST_F(TokenFile, WhatDoesNotFitTogetherIsSaid) {
  const auto big = std::int64_t{1} << 62;
  const std::vector<std::pair<std::string, torch::Tensor>> wrong{
      {"codes", torch::zeros({5, 4})},
      {"codes", torch::zeros({5, 5}, torch::kInt64)},
      {"codes", torch::zeros({0, 4}, torch::kInt64)},
      {"codes", torch::full({5, 4}, 32)},
      {"codes", torch::full({5, 4}, -1)},
      {"length", torch::tensor(51)},
      {"length", torch::tensor(-big)},
      {"length", torch::tensor(NAN)},
      {"length", torch::tensor({1, 2})},
      {"chunks", torch::tensor({2, 3})},
      {"chunks", torch::tensor({1, 2, 2})},
      {"chunks", torch::tensor({6, -1})},
      {"chunks", torch::tensor({big, big, big, big, std::int64_t{5}})},
      {"chunks", torch::tensor({2.5, 2.5})},
      {"scales", torch::ones({2})},
      {"sample_rate_hz", torch::tensor(16000)}};
  for (const auto& [name, tensor] : wrong) {
    auto tensors = good();
    tensors[name] = tensor;
    EXPECT_THROW(read(tensors), DataError) << name << " " << tensor;
  }
}

/// Sizes tell (T,K) from (K,T) in files without a length, or nothing does.
TEST_F(TokenFile, CodesOfOthersMayBeTurned) {
  const auto shape_of = [&](std::int64_t rows, std::int64_t columns) {
    return read({{"codes", torch::zeros({rows, columns}, torch::kInt16)}}).codes.sizes().vec();
  };
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ(shape_of(9, 4), (Shape{1, 4, 9}));
  EXPECT_EQ(shape_of(4, 9), (Shape{1, 4, 9}));
  EXPECT_EQ(shape_of(3, 4), (Shape{1, 4, 3}));
  EXPECT_EQ(shape_of(4, 3), (Shape{1, 4, 3}));
  EXPECT_EQ(shape_of(9, 2), (Shape{1, 2, 9}));
  EXPECT_EQ(shape_of(2, 9), (Shape{1, 2, 9}));
  for (const auto& [rows, columns] : std::vector<std::pair<int, int>>{{4, 4}, {3, 2}, {1, 1}}) {
    try {
      shape_of(rows, columns);
      FAIL() << rows << " " << columns;
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find("mmi codec encode"), std::string::npos);
    }
  }
  // What was written with its length is (T,K).
  for (const std::int64_t codebooks : {2, 3, 4}) {
    const auto codes = torch::arange(4 * codebooks, torch::kInt64).view({4, codebooks});
    write_tokens(path_, {.codes = codes.t().unsqueeze(0), .length = 40}, 24000);
    EXPECT_TRUE(torch::equal(read_tokens(path_, kFormat).codes[0], codes.t()));
  }
  EXPECT_THROW(
      read({{"codes", torch::zeros({2, 9}, torch::kInt16)}, {"length", torch::tensor(20)}}),
      DataError);
}

/// Arrays of any type, shape and values give tokens that fit together, or an error of ours.
TEST_F(TokenFile, AnyArraysGiveTokensOrAnError) {
  constexpr torch::ScalarType kTypes[] = {
      torch::kFloat64, torch::kFloat16, torch::kInt64, torch::kInt8, torch::kUInt8, torch::kBool};
  const std::int64_t sizes[] = {0, 1, 2, 4, 5};
  Rng rng(1);
  const auto any = [&](std::int64_t below) {
    return static_cast<std::int64_t>(rng.uniform() * static_cast<double>(below));
  };
  for (int i = 0; i < 400; ++i) {
    auto tensors = good();
    for (auto& [name, tensor] : tensors) {
      if (any(3) > 0) {
        continue;
      }
      std::vector<std::int64_t> shape(static_cast<std::size_t>(any(4)));
      for (auto& size : shape) {
        size = sizes[any(5)];
      }
      tensor = torch::full(shape, any(8) - 2, torch::kInt64).to(kTypes[any(6)]);
    }
    try {
      const auto tokens = read(tensors);
      std::int64_t frames = 0;
      for (const std::int64_t chunk : tokens.chunks) {
        frames += chunk;
      }
      EXPECT_EQ(frames, tokens.codes.size(2)) << i;
    } catch (const InternalError&) {
      throw;
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace mmi::models::codec
