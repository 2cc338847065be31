#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>

#include "../support/oracle.h"
#include "mmi/base/files.h"
#include "mmi/codecs/dac.h"
#include "mmi/tensor/safetensors.h"

// Against the package descript-audio-codec: scripts/oracles/descript_codec.py.
namespace mmi::codecs {
namespace {

namespace fs = std::filesystem;
using testing::Json;
using testing::rule_tensor;

constexpr double kGain = 0.7;          // of weight_g
constexpr std::int64_t kWaveStep = 3;  // every third sample is kept
constexpr std::int64_t kRate = 16000;  // Hz

/// The checkpoint as the package saves it: its names, weight norm in two parts.
class Descript : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const bool odd = GetParam() == "odd";
    std::ifstream file(fs::path(MMI_TEST_DATA) / "codec" / "descript.json");
    std::vector<std::pair<std::string, torch::Tensor>> tensors;
    const Json keys = Json::parse(file).at(GetParam());
    for (const Json& entry : keys) {
      const auto name = entry[0].get<std::string>();
      auto tensor = rule_tensor(name, entry[1], testing::branch_of(name));
      tensors.emplace_back(name, name.ends_with(".weight_g") ? tensor * kGain : tensor);
    }
    const fs::path folder = fs::path(::testing::TempDir()) / ("descript_" + GetParam());
    const Json config = {
        {"model_type", "dac"},
        {"sampling_rate", kRate},
        {"encoder_hidden_size", 4},
        {"decoder_hidden_size", 32},
        {"downsampling_ratios", odd ? Json{2, 4, 5} : Json{2, 8}},
        {"codebook_dim", 8}};
    mmi::create_directories(folder);
    save_tensors(folder / "model.safetensors", tensors);
    atomic_write(folder / "config.json", config.dump());
    codec = std::dynamic_pointer_cast<Dac>(load_codec(folder));
    fs::remove_all(folder);
    ASSERT_TRUE(codec);
    hop = codec->config().hop();
  }

  std::string name(std::int64_t length, const std::string& what = "") const {
    return mmi::format("{}.{}{}", GetParam(), length, what);
  }

  torch::Tensor wave(std::int64_t length) const {
    return rule_tensor("input:" + name(length), {2, 1, length}, "sym");
  }

  /// Silence up to a whole frame.
  torch::Tensor whole(std::int64_t length) const {
    return at::constant_pad_nd(wave(length), {0, (hop - length % hop) % hop});
  }

  std::vector<std::int64_t> lengths() const {
    return {1, hop - 1, hop, hop + 1, 60 * hop, 60 * hop + 17};
  }

  std::shared_ptr<Dac> codec;
  std::int64_t hop = 0;
  testing::Outputs stored{"codec/descript.npz"};
  torch::NoGradGuard no_grad;
};

TEST_P(Descript, LatentsCodesAndSoundsAreThoseOfThePackage) {
  for (const std::int64_t length : lengths()) {
    const Encoded encoded = codec->encode(wave(length));
    stored.expect_equal(name(length, ".codes"), encoded.codes);
    // The package's sounds end early where strides are odd; ours are silent there.
    const auto sound = codec->decode(encoded).slice(2, 0, std::nullopt, kWaveStep);
    const std::int64_t known = stored.at(name(length, ".wave")).size(2);
    stored.expect_near(name(length, ".wave"), sound.slice(2, 0, known), 1e-4);
    EXPECT_EQ(sound.slice(2, known).count_nonzero().item<std::int64_t>(), 0);
    if (length <= hop + 1 || length % hop != 0) {
      stored.expect_near(name(length, ".latents"), codec->to_latents(whole(length)), 1e-4);
      stored.expect_near(name(length, ".quantized"), codec->embed(encoded.codes), 1e-4);
    }
  }
}

TEST_P(Descript, LossesOfTheQuantizerAreThoseOfThePackage) {
  for (const std::int64_t length : lengths()) {
    const auto found = codec->quantizer().forward(codec->to_latents(whole(length)));
    stored.expect_near(
        name(length, ".losses"), torch::stack({found.commitment, found.codebook}), 1e-4);
  }
}

// The package's own chunks (compress, win_duration) give codes that depend on their length.
TEST_P(Descript, PiecesGiveTheCodesOfThePackagesWhole) {
  const std::int64_t length = 60 * hop + 17;
  auto stream = codec->encode_stream();
  std::vector<torch::Tensor> codes;
  for (std::int64_t begin = 0; begin < length; begin += 7 * hop + 3) {
    const auto end = std::min(length, begin + 7 * hop + 3);
    codes.push_back(stream->push(wave(length).slice(2, begin, end), end == length).codes);
  }
  EXPECT_GT(codes.size(), 5);
  stored.expect_equal(name(length, ".codes"), torch::cat(codes, 2));
}

INSTANTIATE_TEST_SUITE_P(Strides, Descript, ::testing::Values("odd", "even"), [](const auto& one) {
  return one.param;
});

}  // namespace
}  // namespace mmi::codecs
