#include "mmi/codecs/codec.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/rng.h"
#include "mmi/codecs/dac.h"
#include "mmi/codecs/encodec.h"
#include "mmi/io/json.h"
#include "mmi/nn/state.h"

namespace mmi::codecs {
namespace {

using nlohmann::json;

EncodecConfig tiny(const std::string& like) {
  EncodecConfig config = EncodecConfig::published(like);
  config.filters = 4;
  config.dim = 16;
  config.lstm_layers = 1;
  config.codebook_size = 32;
  config.codebooks = 3;
  return config;
}

std::shared_ptr<Encodec> tiny_encodec(const EncodecConfig& config) {
  torch::manual_seed(1);
  auto codec = std::make_shared<Encodec>(config);
  for (auto& item : codec->named_buffers()) {
    if (item.key().ends_with(".embed")) {
      item.value().normal_(0, 0.1);
    }
  }
  codec->eval();
  return codec;
}

std::shared_ptr<Encodec> tiny_encodec(const std::string& like) {
  return tiny_encodec(tiny(like));
}

std::shared_ptr<Dac> tiny_dac(const std::string& like) {
  torch::manual_seed(1);
  DacConfig config = DacConfig::published(like);
  config.filters = 4;
  config.decoder_filters = 32;
  config.codebooks = 3;
  config.codebook_size = 32;
  auto codec = std::make_shared<Dac>(config);
  codec->eval();
  return codec;
}

std::vector<std::shared_ptr<TokenCodec>> all_tiny() {
  return {
      tiny_encodec("encodec_24khz"),
      tiny_encodec("encodec_48khz"),
      tiny_encodec("encodec_32khz"),
      tiny_encodec("encodec_16khz"),
      tiny_dac("dac_16khz"),
      tiny_dac("dac_44khz")};
}

torch::Tensor noise(const TokenCodec& codec, std::int64_t batch, std::int64_t length) {
  torch::manual_seed(7);
  return 0.3 * torch::randn({batch, codec.format().channels, length});
}

std::int64_t with_norm(EncodecConfig config) {
  config.norm = ConvNorm::kWeightNorm;
  return nn::parameter_count(Encodec(config));
}

TEST(Codec, PublishedParameterCounts) {
  const torch::NoGradGuard no_grad;
  EXPECT_EQ(nn::parameter_count(Encodec(EncodecConfig::published("encodec_24khz"))), 14846817);
  EXPECT_EQ(with_norm(EncodecConfig::published("encodec_24khz")), 14851810);
  EXPECT_EQ(nn::parameter_count(Encodec(EncodecConfig::published("encodec_16khz"))), 56811201);
  EXPECT_EQ(with_norm(EncodecConfig::published("encodec_16khz")), 56819138);
  EXPECT_EQ(nn::parameter_count(Encodec(EncodecConfig::published("encodec_32khz"))), 56876737);
  EXPECT_EQ(with_norm(EncodecConfig::published("encodec_32khz")), 56884674);
  for (const auto& [name, count] : std::vector<std::pair<std::string, std::int64_t>>{
           {"dac_16khz", 74175906}, {"dac_24khz", 74708706}, {"dac_44khz", 76651890}}) {
    DacConfig config = DacConfig::published(name);
    config.weight_norm = true;
    EXPECT_EQ(nn::parameter_count(Dac(config)), count) << name;
  }
}

TEST(Codec, CodebooksOfBandwidths) {
  const CodecFormat form = Encodec(tiny("encodec_24khz")).format();
  const CodecFormat published{24000, 1, 320, 32, 1024};
  EXPECT_EQ(form.hop, 320);
  for (const auto& [kbps, count] :
       std::vector<std::pair<double, std::int64_t>>{{1.5, 2}, {3, 4}, {6, 8}, {12, 16}, {24, 32}}) {
    EXPECT_EQ(published.codebooks_at(kbps), count);
    EXPECT_DOUBLE_EQ(published.kbps(count), kbps);
  }
  EXPECT_EQ(published.codebooks_at(0.1), 1);
  EXPECT_EQ(published.codebooks_at(100), 32);
  EXPECT_NEAR((CodecFormat{16000, 1, 320, 4, 2048}.kbps()), 2.2, 1e-12);
}

TEST(Codec, DecodingGivesTheLengthThatWasEncoded) {
  const torch::NoGradGuard no_grad;
  for (const auto& codec : all_tiny()) {
    const std::int64_t hop = codec->format().hop;
    for (const std::int64_t length : {1L, 7L, hop - 1, hop, hop + 1, 4 * hop + 3, 16001L}) {
      const auto wave = noise(*codec, 2, length);
      const Encoded encoded = codec->encode(wave);
      EXPECT_EQ(encoded.codes.size(0), 2);
      EXPECT_EQ(encoded.codes.size(1), 3);
      EXPECT_EQ(encoded.codes.size(2), (length + hop - 1) / hop) << codec->name();
      EXPECT_EQ(codec->decode(encoded).sizes(), wave.sizes()) << codec->name() << length;
    }
  }
}

TEST(Codec, DecodingGivesAnyLengthThatWasEncoded) {
  const torch::NoGradGuard no_grad;
  EncodecConfig chunked = tiny("encodec_48khz");
  chunked.chunk_s = 0.02;  // 960 samples: most of the lengths take several
  auto all = all_tiny();
  all.push_back(tiny_encodec(chunked));
  Rng rng(5);
  for (std::size_t i = 0; i < 200; ++i) {
    TokenCodec& codec = *all[i % all.size()];
    const auto length = static_cast<std::int64_t>(rng.uniform(1, 5000));
    const auto wave = noise(codec, 1, length);
    EXPECT_EQ(codec.decode(codec.encode(wave)).sizes(), wave.sizes()) << codec.name() << length;
  }
}

TEST(Codec, PiecesGiveWhatTheWholeGives) {
  const torch::NoGradGuard no_grad;
  for (const auto& codec : all_tiny()) {
    const std::int64_t length = codec->format().channels == 2 ? 150001 : 20011;
    const auto wave = noise(*codec, 1, length);
    const Encoded whole = codec->encode(wave);
    const auto sound = codec->decode(whole);
    for (const std::int64_t piece : {333L, 1600L, 50000L}) {
      auto encoding = codec->encode_stream();
      auto decoding = codec->decode_stream();
      std::vector<torch::Tensor> codes;
      std::vector<torch::Tensor> waves;
      std::int64_t frames = 0;
      for (std::int64_t begin = 0; begin < length; begin += piece) {
        const bool last = begin + piece >= length;
        Encoded part = encoding->push(wave.slice(2, begin, begin + piece), last);
        codes.push_back(part.codes);
        // The whole's codes are decoded: a near tie that fell the other way is another sound.
        const std::int64_t end = frames + part.codes.size(2);
        part.codes = whole.codes.slice(2, std::exchange(frames, end), end);
        waves.push_back(decoding->push(part, last));
      }
      const auto all = torch::cat(codes, 2);
      ASSERT_EQ(all.sizes(), whole.codes.sizes());
      EXPECT_GT((all == whole.codes).to(torch::kDouble).mean().item<double>(), 0.9995);
      const auto heard = torch::cat(waves, 2).slice(2, 0, length);
      ASSERT_EQ(heard.sizes(), sound.sizes()) << codec->name() << piece;
      EXPECT_LT((heard - sound).abs().max().item<double>(), 1e-5) << codec->name() << piece;
    }
  }
}

TEST(Codec, ABatchIsItsSingles) {
  const torch::NoGradGuard no_grad;
  for (const auto& codec : all_tiny()) {
    const auto wave = noise(*codec, 3, 5000);
    const auto together = codec->decode(codec->encode(wave));
    for (std::int64_t i = 0; i < 3; ++i) {
      const auto alone = codec->decode(codec->encode(wave.slice(0, i, i + 1)));
      EXPECT_LT((alone[0] - together[i]).abs().max().item<double>(), 1e-5) << codec->name();
    }
  }
}

TEST(Codec, ACausalCodecDoesNotLookAhead) {
  const torch::NoGradGuard no_grad;
  EncodecConfig config = tiny("encodec_24khz");
  config.reflect = false;  // a mirrored beginning is made of what follows
  Encodec codec(config);
  codec.eval();
  const auto wave = noise(codec, 1, 3200);
  auto other = wave.clone();
  other.slice(2, 1600).zero_();
  const auto difference = codec.to_latents(wave) - codec.to_latents(other);
  EXPECT_LT(difference.slice(2, 0, 5).abs().max().item<double>(), 1e-6);
  EXPECT_GT(difference.slice(2, 5, 6).abs().max().item<double>(), 1e-4);
}

TEST(Codec, EmbeddingIsTheSumOfTokenVectors) {
  const torch::NoGradGuard no_grad;
  for (const auto& codec : all_tiny()) {
    const auto codes = torch::randint(32, {2, 3, 5}, torch::kInt64);
    const auto vectors = codec->token_vectors();
    auto sum = torch::zeros({2, vectors.size(2), 5});
    for (std::int64_t k = 0; k < 3; ++k) {
      sum += at::embedding(vectors[k], codes.select(1, k)).transpose(1, 2);
    }
    EXPECT_LT((codec->embed(codes) - sum).abs().max().item<double>(), 1e-5) << codec->name();
  }
}

TEST(Codec, BadInputIsNamed) {
  const auto codec = tiny_encodec("encodec_24khz");
  EXPECT_THROW(codec->encode(torch::zeros({1, 2, 400})), ShapeError);
  EXPECT_THROW(codec->encode(torch::zeros({1, 1, 0})), ShapeError);
  EXPECT_THROW(codec->encode(torch::zeros({1, 1, 400}), 4), ConfigError);
  const auto codes = torch::zeros({1, 3, 4}, torch::kInt64);
  EXPECT_THROW(codec->decode({.codes = codes + 32}), DataError);
  EXPECT_THROW(codec->decode({.codes = codes - 1}), DataError);
  EXPECT_THROW(codec->decode({.codes = codes.to(torch::kFloat)}), ShapeError);
  EXPECT_THROW(codec->decode({.codes = codes, .length = 4 * 320 + 1}), DataError);
  EXPECT_THROW(codec->quantizer().forward(torch::zeros({1, 16, 4}), 4), ConfigError);
  const auto chunked = tiny_encodec("encodec_48khz");
  EXPECT_THROW(chunked->decode({.codes = codes}), DataError);
  EXPECT_THROW(EncodecConfig::published("encodec_8khz"), ConfigError);
  EXPECT_THROW(load_codec("/nowhere"), CheckpointError);
}

TEST(Codec, BadCodesAreNamedWhereverTheyEnter) {
  const torch::NoGradGuard no_grad;
  const auto codes = torch::zeros({1, 3, 4}, torch::kInt64);
  for (const auto& codec : all_tiny()) {
    const auto push = [&](const torch::Tensor& wrong) {
      codec->decode_stream()->push(
          {.codes = wrong, .scales = torch::ones({1, 1}), .chunks = {4}}, true);
    };
    for (const auto& wrong :
         {torch::zeros({1, 4, 4}, torch::kInt64),
          codes.slice(1, 0, 0),
          codes[0],
          codes.to(torch::kFloat)}) {
      EXPECT_THROW(codec->embed(wrong), ShapeError) << codec->name() << wrong.sizes();
      EXPECT_THROW(push(wrong), ShapeError) << codec->name() << wrong.sizes();
    }
    for (const auto& wrong : {codes + 32, codes - 1}) {
      EXPECT_THROW(codec->embed(wrong), DataError) << codec->name();
      EXPECT_THROW(push(wrong), DataError) << codec->name();
    }
    EXPECT_NO_THROW(push(codes));
  }
}

TEST(Codec, BadWavesAreNamedWhereverTheyEnter) {
  const torch::NoGradGuard no_grad;
  for (const auto& codec : all_tiny()) {
    const auto wave = torch::zeros({1, codec->format().channels, 640});
    for (const auto& wrong : {wave[0], torch::cat({wave, wave, wave}, 1), wave.to(torch::kInt)}) {
      EXPECT_THROW(codec->encode(wrong), ShapeError) << codec->name() << wrong.sizes();
      EXPECT_THROW(codec->encode_stream(1)->push(wrong, true), ShapeError) << codec->name();
    }
    EXPECT_THROW(codec->encode(wave.narrow(2, 0, 0)), ShapeError) << codec->name();
    auto encoded = codec->encode(wave);
    encoded.length = -1;
    EXPECT_THROW(codec->decode(encoded), DataError) << codec->name();
  }
}

/// Before memory is asked for: a file of a few kilobytes could ask for terabytes.
TEST(Codec, SizesBeyondTheStoredWeightsAreRefused) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "mmi_codec_sizes";
  const auto complaint = [&](const TokenCodec& codec, const char* field, const json& value) {
    save_codec(codec, folder);
    json object = io::read_json(folder / "config.json");
    object[field] = value;
    std::ofstream(folder / "config.json") << object;
    try {
      load_codec(folder);
    } catch (const CheckpointError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const auto encodec = tiny_encodec("encodec_24khz");
  const auto dac = tiny_dac("dac_16khz");
  for (const auto& [field, value, text] : std::vector<std::tuple<const char*, json, const char*>>{
           {"num_filters", 4, "no error"},
           {"num_filters", 65536, "are stored"},
           {"num_lstm_layers", 64, "are stored"},
           {"num_filters", 1LL << 60, "must be 1 to 65536"},
           {"compress", 0, "compress must be"},
           {"upsampling_ratios", std::vector<int>(70, 2), "upsampling_ratios must be"},
           {"model_type", 3, "model_type"}}) {
    EXPECT_NE(complaint(*encodec, field, value).find(text), std::string::npos) << field << value;
  }
  EXPECT_EQ(complaint(*dac, "quantizer_dropout", 0.5), "no error");
  EXPECT_NE(complaint(*dac, "decoder_hidden_size", 65536).find("are stored"), std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST(Codec, GradientsReachAllOfTheNetwork) {
  for (const bool weight_norm : {false, true}) {
    EncodecConfig config = tiny("encodec_16khz");
    config.norm = weight_norm ? ConvNorm::kWeightNorm : ConvNorm::kNone;
    Encodec codec(config);
    const auto wave = torch::randn({2, 1, 3200});
    const auto latents = codec.to_latents(wave);
    const auto quantized = codec.quantizer().forward(latents);
    const auto loss =
        (codec.from_latents(quantized.values) - wave).pow(2).mean() + quantized.commitment;
    loss.backward();
    for (const auto& item : codec.named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
      EXPECT_GT(item.value().grad().abs().sum().item<double>(), 0) << item.key();
    }
  }
}

TEST(Codec, FilesAreReadBack) {
  const torch::NoGradGuard no_grad;
  const auto folder = std::filesystem::path(testing::TempDir()) / "codec_files";
  for (const auto& codec : all_tiny()) {
    std::filesystem::remove_all(folder);
    save_codec(*codec, folder);
    const auto read = load_codec(folder);
    const auto wave = noise(*codec, 1, 2000);
    const Encoded encoded = codec->encode(wave);
    EXPECT_TRUE(torch::equal(read->encode(wave).codes, encoded.codes)) << codec->name();
    EXPECT_LT((read->decode(encoded) - codec->decode(encoded)).abs().max().item<double>(), 1e-5);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace mmi::codecs
