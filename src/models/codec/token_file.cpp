#include "models/codec/token_file.h"

#include <torch/torch.h>

#include <map>

#include "mmi/base/errors.h"
#include "mmi/io/npy.h"
#include "mmi/tensor/array.h"

namespace mmi::models::codec {

namespace fs = std::filesystem;

void write_tokens(
    const fs::path& path, const codecs::Encoded& tokens, std::int64_t sample_rate_hz) {
  const auto codes = tokens.codes[0].t();
  const bool small = codes.numel() == 0 || codes.max().item<std::int64_t>() < (1 << 15);
  const io::Array stored = to_array(codes.to(small ? torch::kInt16 : torch::kInt32));
  if (path.extension() == ".npy") {
    MMI_CHECK(
        ConfigError,
        tokens.chunks.empty(),
        "{}: this codec works in chunks, whose loudness a .npy cannot hold: write a .npz",
        path.string());
    io::write_npy(path, stored);
    return;
  }
  std::map<std::string, io::Array> arrays{{"codes", stored}};
  arrays["length"] = to_array(torch::tensor(tokens.length, torch::kInt64));
  arrays["sample_rate_hz"] = to_array(torch::tensor(sample_rate_hz, torch::kInt64));
  if (!tokens.chunks.empty()) {
    arrays["chunks"] = to_array(torch::tensor(tokens.chunks, torch::kInt64));
  }
  if (tokens.scales.defined()) {
    arrays["scales"] = to_array(tokens.scales[0]);
  }
  io::write_npz(path, arrays);
}

codecs::Encoded read_tokens(const fs::path& path, const codecs::CodecFormat& format) {
  std::map<std::string, io::Array> arrays;
  if (path.extension() == ".npy") {
    arrays["codes"] = io::read_npy(path);
  } else {
    arrays = io::read_npz(path);
  }
  MMI_CHECK(DataError, arrays.contains("codes"), "{} holds no array \"codes\"", path.string());
  auto codes = to_tensor(arrays.at("codes"));
  const auto fits = [&](std::int64_t count) { return count >= 1 && count <= format.codebooks; };
  MMI_CHECK(
      DataError,
      codes.dim() == 2 && !codes.is_floating_point() &&
          (fits(codes.size(1)) || fits(codes.size(0))),
      "{}: codes of this codec are (T, 1 to {}) integers, not {} of {}",
      path.string(),
      format.codebooks,
      codes.sizes().vec(),
      c10::toString(codes.scalar_type()));
  if (!fits(codes.size(1))) {
    codes = codes.t();
  }
  codecs::Encoded tokens;
  tokens.codes = codes.to(torch::kInt64).t().unsqueeze(0).contiguous();
  const std::int64_t frames = tokens.codes.size(2);
  MMI_CHECK(DataError, frames > 0, "{} holds no codes", path.string());
  const auto [low, high] = tokens.codes.aminmax();
  MMI_CHECK(
      DataError,
      low.item<std::int64_t>() >= 0 && high.item<std::int64_t>() < format.codebook_size,
      "{}: codes lie in [{}, {}], but this codec's in [0, {})",
      path.string(),
      low.item<std::int64_t>(),
      high.item<std::int64_t>(),
      format.codebook_size);
  tokens.length = frames * format.hop;
  if (const auto found = arrays.find("length"); found != arrays.end()) {
    const auto length = to_tensor(found->second);
    tokens.length = length.numel() == 1 ? length.item<std::int64_t>() : -1;
    MMI_CHECK(
        DataError,
        tokens.length > 0 && tokens.length <= frames * format.hop,
        "{}: \"length\" is one number from 1 to {}, the samples of {} frames",
        path.string(),
        frames * format.hop,
        frames);
  }
  if (const auto found = arrays.find("chunks"); found != arrays.end()) {
    const auto chunks = to_tensor(found->second).to(torch::kInt64).flatten();
    MMI_CHECK(
        DataError,
        (chunks > 0).all().item<bool>() && chunks.sum().item<std::int64_t>() == frames,
        "{}: \"chunks\" are the frames of each chunk, {} in all",
        path.string(),
        frames);
    tokens.chunks.assign(
        chunks.const_data_ptr<std::int64_t>(),
        chunks.const_data_ptr<std::int64_t>() + chunks.numel());
  }
  if (const auto found = arrays.find("scales"); found != arrays.end()) {
    tokens.scales = to_tensor(found->second).to(torch::kFloat32).view({1, -1});
  }
  if (const auto found = arrays.find("sample_rate_hz"); found != arrays.end()) {
    const auto rate = to_tensor(found->second).to(torch::kInt64);
    MMI_CHECK(
        DataError,
        (rate == format.sample_rate_hz).all().item<bool>(),
        "{} was encoded at {} Hz, but this codec works at {} Hz",
        path.string(),
        rate.numel() > 0 ? rate.flatten()[0].item<std::int64_t>() : 0,
        format.sample_rate_hz);
  }
  return tokens;
}

}  // namespace mmi::models::codec
