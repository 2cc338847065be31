#include "models/codec/codec_tools.h"

#include <torch/torch.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/progress.h"
#include "mmi/codecs/codec.h"
#include "mmi/dsp/resample.h"
#include "mmi/io/audio.h"
#include "mmi/task/tool.h"
#include "models/codec/token_file.h"

namespace mmi::models::codec {
namespace {

namespace fs = std::filesystem;
using codecs::CodecFormat;
using codecs::Encoded;
using codecs::TokenCodec;

constexpr double kPiece_s = 10;  // what is in memory at once

struct EncodeConfig {
  std::string weights;
  std::int64_t codebooks = 0;
  double kbps = 0;

  static const config::Schema& schema() {
    using C = EncodeConfig;
    static const config::Schema made =
        config::Table<C>("codec/encode", "sound to tokens")
            .field("weights", &C::weights, "the codec: folder of config.json, model.safetensors")
            .field("codebooks", &C::codebooks, "the first so many; 0: all", config::at_least(0))
            .field("kbps", &C::kbps, "those that fit into it, kbit/s; 0: all", config::at_least(0));
    return made;
  }
};

struct DecodeConfig {
  std::string weights;

  static const config::Schema& schema() {
    using C = DecodeConfig;
    static const config::Schema made =
        config::Table<C>("codec/decode", "tokens to sound")
            .field("weights", &C::weights, "the codec: folder of config.json, model.safetensors");
    return made;
  }
};

std::shared_ptr<TokenCodec> open_codec(const std::string& weights) {
  MMI_CHECK(
      ConfigError,
      !weights.empty(),
      "a codec is needed: weights=FOLDER with its config.json and model.safetensors, as "
      "transformers saves them or `mmi convert` makes them");
  return codecs::load_codec(weights);
}

/// Where each input's result goes: `out` itself for one input, where it names a file of one of
/// these kinds, else <out>/<stem><first kind>.
std::vector<fs::path> places(
    const ToolCall& call, const std::set<std::string>& kinds, const std::string& kind) {
  if (call.inputs.size() == 1 && kinds.contains(call.out.extension().string())) {
    if (call.out.has_parent_path()) {
      mmi::create_directories(call.out.parent_path());
    }
    return {call.out};
  }
  MMI_CHECK(
      ConfigError,
      !kinds.contains(call.out.extension().string()),
      "{} cannot hold {} results: name a folder",
      call.out.string(),
      call.inputs.size());
  mmi::create_directories(call.out);
  std::vector<fs::path> made;
  std::set<fs::path> taken;
  for (const auto& input : call.inputs) {
    made.push_back(call.out / input.stem().concat(kind));
    MMI_CHECK(
        ConfigError,
        taken.insert(made.back()).second,
        "two inputs would be written to {}",
        made.back().string());
  }
  return made;
}

/// (1,C,n) of the codec's channels: their own, or as often the mean of all.
torch::Tensor fitted(io::Audio& piece, std::int64_t channels) {
  const auto samples = torch::from_blob(piece.samples.data(), {piece.length(), piece.channels}).t();
  const bool same = piece.channels == channels;
  return (same ? samples : samples.mean(0, true).expand({channels, -1})).clone().unsqueeze(0);
}

class Encode : public Tool {
 public:
  explicit Encode(const EncodeConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<sound> [sound …] --out FILE.npz|FOLDER weights=FOLDER";
  }

  std::string examples() const override {
    return "mmi codec encode speech.wav --out speech.npz weights=encodec_24khz kbps=6\n"
           "mmi codec encode clips/*.flac --out tokens weights=dac_16khz codebooks=4";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        !call.inputs.empty() && !call.out.empty(),
        "mmi codec encode takes sound files and --out FILE.npz, FILE.npy (codes alone) or FOLDER");
    MMI_CHECK(
        ConfigError,
        config_.codebooks == 0 || config_.kbps == 0,
        "mmi codec encode takes codebooks or kbps, not both");
    const torch::NoGradGuard no_grad;
    codec_ = open_codec(config_.weights);
    const CodecFormat form = codec_->format();
    MMI_CHECK(
        ConfigError,
        config_.codebooks <= form.codebooks,
        "codebooks={}, but this codec has {}",
        config_.codebooks,
        form.codebooks);
    levels_ = config_.kbps > 0 ? form.codebooks_at(config_.kbps) : config_.codebooks;
    const std::vector<fs::path> outs = places(call, {".npz", ".npy"}, ".npz");
    ToolResult result;
    double seconds = 0;
    double frames = 0;
    for (std::size_t i = 0; i < outs.size(); ++i) {
      const Encoded tokens = encode(call.inputs[i], call.stop);
      write_tokens(outs[i], tokens, form.sample_rate_hz);
      seconds += static_cast<double>(tokens.length) / static_cast<double>(form.sample_rate_hz);
      frames += static_cast<double>(tokens.codes.size(2));
      levels_ = tokens.codes.size(1);
      result.files.push_back({outs[i], "tokens"});
    }
    result.values = {
        {"seconds", seconds},
        {"frames", frames},
        {"codebooks", static_cast<double>(levels_)},
        {"kbps", form.kbps(levels_)}};
    return result;
  }

 private:
  Encoded encode(const fs::path& path, const std::function<bool()>& stop) const {
    const CodecFormat form = codec_->format();
    io::AudioReader reader(path);
    dsp::ResampleStream resampled(reader.sample_rate_hz(), form.sample_rate_hz);
    const auto stream = codec_->encode_stream(levels_);
    Progress bar(
        "encoding " + path.filename().string(), static_cast<std::int64_t>(reader.duration_s()));
    std::vector<torch::Tensor> codes;
    std::vector<torch::Tensor> scales;
    Encoded all;
    io::Audio piece;
    for (bool more = reader.next(piece, kPiece_s); more;) {
      MMI_CHECK(Interrupted, !stop(), "interrupted; {} was not encoded", path.string());
      const auto wave = fitted(piece, form.channels);
      more = reader.next(piece, kPiece_s);
      Encoded part = stream->push(resampled.push(wave, !more), !more);
      codes.push_back(part.codes);
      if (part.scales.defined()) {
        scales.push_back(part.scales);
      }
      all.chunks.insert(all.chunks.end(), part.chunks.begin(), part.chunks.end());
      all.length += part.length;
      bar.update(all.length / form.sample_rate_hz);
    }
    MMI_CHECK(DataError, all.length > 0, "{} holds no sound", path.string());
    all.codes = torch::cat(codes, 2);
    if (!scales.empty()) {
      all.scales = torch::cat(scales, 1);
    }
    return all;
  }

  EncodeConfig config_;
  std::shared_ptr<TokenCodec> codec_;
  std::int64_t levels_ = 0;
};

/// Tokens cut into pieces of about kPiece_s, at the borders of chunks where there are any.
std::vector<Encoded> pieces_of(const Encoded& tokens, const CodecFormat& form) {
  const auto frames = static_cast<std::int64_t>(std::ceil(kPiece_s * form.frame_rate_hz()));
  std::vector<Encoded> made;
  std::int64_t begin = 0;
  if (tokens.chunks.empty()) {
    for (; begin < tokens.codes.size(2); begin += frames) {
      made.push_back({tokens.codes.slice(2, begin, begin + frames)});
    }
    return made;
  }
  const auto chunks = static_cast<std::int64_t>(tokens.chunks.size());
  for (std::int64_t first = 0; first < chunks;) {
    Encoded piece;
    std::int64_t count = 0;
    std::int64_t last = first;
    for (; last < chunks && (count == 0 || count < frames); ++last) {
      piece.chunks.push_back(tokens.chunks[static_cast<std::size_t>(last)]);
      count += piece.chunks.back();
    }
    piece.codes = tokens.codes.slice(2, begin, begin + count);
    if (tokens.scales.defined()) {
      piece.scales = tokens.scales.slice(1, first, last);
    }
    made.push_back(std::move(piece));
    begin += count;
    first = last;
  }
  return made;
}

class Decode : public Tool {
 public:
  explicit Decode(const DecodeConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<tokens> [tokens …] --out WAV|FOLDER weights=FOLDER";
  }

  std::string examples() const override {
    return "mmi codec decode speech.npz --out again.wav weights=encodec_24khz\n"
           "mmi codec decode tokens/*.npz --out sounds weights=dac_16khz";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        !call.inputs.empty() && !call.out.empty(),
        "mmi codec decode takes files of tokens (.npz or .npy) and --out FILE.wav or FOLDER");
    const torch::NoGradGuard no_grad;
    const auto codec = open_codec(config_.weights);
    const CodecFormat form = codec->format();
    const std::vector<fs::path> outs = places(call, {".wav"}, ".wav");
    ToolResult result;
    double seconds = 0;
    for (std::size_t i = 0; i < outs.size(); ++i) {
      const Encoded tokens = read_tokens(call.inputs[i], form);
      decode(*codec, tokens, outs[i], call.stop);
      seconds += static_cast<double>(tokens.length) / static_cast<double>(form.sample_rate_hz);
      result.files.push_back({outs[i], "sound"});
    }
    result.values = {{"seconds", seconds}};
    return result;
  }

 private:
  static void decode(
      TokenCodec& codec,
      const Encoded& tokens,
      const fs::path& out,
      const std::function<bool()>& stop) {
    const CodecFormat form = codec.format();
    const auto stream = codec.decode_stream();
    io::WavWriter writer(
        out, tokens.length, static_cast<int>(form.channels), static_cast<int>(form.sample_rate_hz));
    Progress bar("decoding to " + out.filename().string(), tokens.length / form.sample_rate_hz);
    std::int64_t left = tokens.length;
    const auto write = [&](const torch::Tensor& wave) {  // (C,n)
      const auto kept = wave.slice(1, 0, left).t().contiguous();
      writer.write({kept.const_data_ptr<float>(), static_cast<std::size_t>(kept.numel())});
      left -= kept.size(0);
    };
    const std::vector<Encoded> pieces = pieces_of(tokens, form);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      MMI_CHECK(Interrupted, !stop(), "interrupted; {} was not written", out.string());
      write(stream->push(pieces[i], i + 1 == pieces.size())[0]);
      bar.update((tokens.length - left) / form.sample_rate_hz);
    }
    write(torch::zeros({form.channels, left}));  // what strides lose of frames without a length
    writer.finish();
  }

  DecodeConfig config_;
};

}  // namespace

void register_codec_tools() {
  auto& tools = Registry<Tool>::get();
  tools.add<EncodeConfig>(
      "codec/encode",
      "sound files to files of tokens",
      [](const EncodeConfig& config, const Tool::BuildArgs&) {
        return std::make_shared<Encode>(config);
      });
  tools.add<DecodeConfig>(
      "codec/decode",
      "files of tokens to sound files",
      [](const DecodeConfig& config, const Tool::BuildArgs&) {
        return std::make_shared<Decode>(config);
      });
}

}  // namespace mmi::models::codec
