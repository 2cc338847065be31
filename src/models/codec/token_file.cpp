#include "models/codec/token_file.h"

#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/io/npy.h"
#include "mmi/tensor/array.h"

namespace mmi::models::codec {

namespace fs = std::filesystem;

namespace {

/// (n) int64.
torch::Tensor integers(const fs::path& path, const std::string& name, const io::Array& array) {
  const auto values = to_tensor(array);
  MMI_CHECK(
      DataError,
      !values.is_floating_point(),
      "{}: \"{}\" must be integers, not {}",
      path.string(),
      name,
      c10::toString(values.scalar_type()));
  return values.to(torch::kInt64).flatten();
}

/// Frames of each chunk: all alike, but the last may be shorter.
std::vector<std::int64_t> chunks_of(
    const fs::path& path, const io::Array& array, std::int64_t frames) {
  const auto values = integers(path, "chunks", array);
  const std::int64_t* begin = values.const_data_ptr<std::int64_t>();
  const std::vector<std::int64_t> chunks(begin, begin + values.numel());
  std::int64_t sum = 0;
  bool good = !chunks.empty();
  for (std::size_t i = 0; i < chunks.size() && good; ++i) {
    const bool last = i + 1 == chunks.size();
    good = chunks[i] > 0 && (last ? chunks[i] <= chunks[0] : chunks[i] == chunks[0]);
    good = good && chunks[i] <= frames - sum;
    sum += chunks[i];
  }
  MMI_CHECK(
      DataError,
      good && sum == frames,
      "{}: \"chunks\" are the frames of each chunk, {} in all, and only the last may be shorter",
      path.string(),
      frames);
  return chunks;
}

/// (T,K). Files that others write may be (K,T), which sizes tell apart, or nothing does.
torch::Tensor frames_first(
    const fs::path& path, const torch::Tensor& codes, std::int64_t codebooks, bool ours) {
  const auto fits = [&](std::int64_t axis) {
    return codes.size(axis) >= 1 && codes.size(axis) <= codebooks;
  };
  MMI_CHECK(
      DataError,
      codes.dim() == 2 && !codes.is_floating_point() && (fits(1) || (fits(0) && !ours)),
      "{}: codes of this codec are (T, 1 to {}) integers, not {} of {}",
      path.string(),
      codebooks,
      codes.sizes().vec(),
      c10::toString(codes.scalar_type()));
  if (ours || !fits(0)) {
    return codes;
  }
  if (!fits(1)) {
    return codes.t();
  }
  const bool turned = codes.size(0) == codebooks;
  MMI_CHECK(
      DataError,
      turned != (codes.size(1) == codebooks),
      "{}: codes of {} could be (T,K) or (K,T) for a codec of {} codebooks: store them in a .npz "
      "as `mmi codec encode` does, codes (T,K) with their length",
      path.string(),
      codes.sizes().vec(),
      codebooks);
  return turned ? codes.t() : codes;
}

}  // namespace

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
  const auto codes = frames_first(
      path, to_tensor(arrays.at("codes")), format.codebooks, arrays.contains("length"));
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
    const auto length = integers(path, "length", found->second);
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
    tokens.chunks = chunks_of(path, found->second, frames);
  }
  if (const auto found = arrays.find("scales"); found != arrays.end()) {
    tokens.scales = to_tensor(found->second).to(torch::kFloat32).reshape({1, -1});
    MMI_CHECK(
        DataError,
        tokens.scales.size(1) == static_cast<std::int64_t>(tokens.chunks.size()),
        "{}: \"scales\" are the loudness of each of {} chunks, but {} are stored",
        path.string(),
        tokens.chunks.size(),
        tokens.scales.size(1));
  }
  if (const auto found = arrays.find("sample_rate_hz"); found != arrays.end()) {
    const auto rate = integers(path, "sample_rate_hz", found->second);
    MMI_CHECK(
        DataError,
        rate.numel() == 0 || rate[0].item<std::int64_t>() == format.sample_rate_hz,
        "{} was encoded at {} Hz, but this codec works at {} Hz",
        path.string(),
        rate[0].item<std::int64_t>(),
        format.sample_rate_hz);
  }
  return tokens;
}

}  // namespace mmi::models::codec
