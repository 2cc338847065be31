// transformers' config.json -> sizes of codecs.
#include "codecs/config_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "mmi/base/errors.h"

namespace mmi::codecs {
namespace {

using nlohmann::json;

constexpr double kWidest = 1 << 16;
constexpr std::size_t kMostRatios = 8;

/// Reads fields of a config.json, and says which one is wrong.
class Fields {
 public:
  Fields(const json& object, std::string source) : object_(object), source_(std::move(source)) {}

  /// Absent or null: stays as it is. Not for integers: a number beyond them must not be cast.
  template <class T>
  void read(const char* name, T& value) const {
    const auto found = object_.find(name);
    if (found == object_.end() || found->is_null()) {
      return;
    }
    try {
      value = found->get<T>();
    } catch (const json::exception& error) {
      throw CheckpointError(format("{}: {}: {}", source_, name, error.what()));
    }
  }

  template <class T>
  void read(const char* name, T& value, double low, double high) const {
    auto given = static_cast<double>(value);
    read(name, given);
    check(name, given, low, high);
    value = static_cast<T>(given);
  }

  void read_ratios(const char* name, std::vector<std::int64_t>& ratios) const {
    std::vector<double> given(ratios.begin(), ratios.end());
    read(name, given);
    check(name, static_cast<double>(given.size()), 1, kMostRatios);
    for (const double ratio : given) {
      check(name, ratio, 1, 1024);
    }
    ratios.assign(given.begin(), given.end());
  }

  void check(const char* name, double value, double low, double high) const {
    MMI_CHECK(
        CheckpointError,
        value >= low && value <= high,
        "{}: {} must be {} to {}, but is {}",
        source_,
        name,
        low,
        high,
        value);
  }

  /// `needed` is what the larger layers have at least.
  void check_numbers(double needed, const Stored& stored) const {
    MMI_CHECK(
        CheckpointError,
        needed <= stored.numbers,
        "{}: such a codec has {:.3g} weights or more, but {:.3g} are stored",
        source_,
        needed,
        stored.numbers);
  }

 private:
  const json& object_;
  std::string source_;
};

/// Of the encoder and the codebooks. Doubles, since they don't overflow.
double least_numbers(const EncodecConfig& c) {
  auto width = static_cast<double>(c.filters);
  double sum = width * static_cast<double>(c.channels * c.kernel);
  for (const std::int64_t ratio : c.ratios) {
    const double hidden = width / static_cast<double>(c.compress);
    sum += width * hidden * static_cast<double>(c.residual_layers * (c.residual_kernel + 1));
    sum += width * 2 * width * static_cast<double>(2 * ratio);
    width *= 2;
  }
  sum += static_cast<double>(8 * c.lstm_layers) * width * width;
  sum += width * static_cast<double>(c.dim * c.last_kernel);
  return sum + static_cast<double>(c.codebooks * c.dim) * static_cast<double>(c.codebook_size);
}

/// Of the decoder and the codebooks; the first layer between holds the width of the encoder.
double least_numbers(const DacConfig& c) {
  auto width = static_cast<double>(c.decoder_filters);
  const auto dim = static_cast<double>(c.dim());
  double sum = dim * width * 7 + dim * dim * 3;
  for (auto ratio = c.ratios.rbegin(); ratio != c.ratios.rend(); ++ratio) {
    sum += width * width / 2 * static_cast<double>(2 * *ratio);
    width /= 2;
  }
  for (std::size_t i = 0; i < c.ratios.size(); ++i) {
    const auto in = static_cast<double>(c.filters << i);
    sum += in * 2 * in * static_cast<double>(2 * c.ratios[i]);
  }
  sum += 2 * static_cast<double>(c.codebooks * c.codebook_dim) * dim;
  return sum +
         static_cast<double>(c.codebooks * c.codebook_dim) * static_cast<double>(c.codebook_size);
}

}  // namespace

std::string codec_type(const json& object, const std::string& source) {
  MMI_CHECK(CheckpointError, object.is_object(), "{}: an object is needed", source);
  std::string kind;
  Fields(object, source).read("model_type", kind);
  MMI_CHECK(
      CheckpointError,
      kind == "encodec" || kind == "dac",
      "{}: model_type is \"{}\"; codecs are encodec and dac",
      source,
      kind);
  return kind;
}

EncodecConfig encodec_from_json(
    const json& object, const Stored& stored, const std::string& source) {
  EncodecConfig made;
  const Fields fields(object, source);
  std::string norm = "weight_norm";
  std::string pad = "reflect";
  fields.read("sampling_rate", made.sample_rate_hz, 1, 1e6);
  fields.read("audio_channels", made.channels, 1, 2);
  fields.read("num_filters", made.filters, 1, kWidest);
  fields.read("hidden_size", made.dim, 1, kWidest);
  fields.read_ratios("upsampling_ratios", made.ratios);
  fields.read("kernel_size", made.kernel, 1, 1024);
  fields.read("last_kernel_size", made.last_kernel, 1, 1024);
  fields.read("residual_kernel_size", made.residual_kernel, 1, 1024);
  fields.read("num_residual_layers", made.residual_layers, 0, 16);
  fields.read("dilation_growth_rate", made.dilation_growth, 1, 8);
  fields.read("compress", made.compress, 1, kWidest);
  fields.read("num_lstm_layers", made.lstm_layers, 0, 64);
  fields.read("use_causal_conv", made.causal);
  fields.read("pad_mode", pad);
  fields.read("norm_type", norm);
  fields.read("normalize", made.normalize);
  fields.read("chunk_length_s", made.chunk_s, 0, 3600);
  fields.read("overlap", made.chunk_overlap, 0, 0.5);
  MMI_CHECK(
      CheckpointError,
      pad == "reflect" || pad == "constant",
      "{}: pad_mode is \"{}\"; known are reflect and constant",
      source,
      pad);
  MMI_CHECK(
      CheckpointError,
      norm == "weight_norm" || norm == "time_group_norm",
      "{}: norm_type is \"{}\"; known are weight_norm and time_group_norm",
      source,
      norm);
  double trim = 1;
  fields.read("trim_right_ratio", trim);
  MMI_CHECK(
      CheckpointError, trim == 1, "{}: trim_right_ratio is {}; only 1 is known", source, trim);
  made.reflect = pad == "reflect";
  made.norm = norm == "time_group_norm" ? ConvNorm::kTimeGroupNorm : ConvNorm::kNone;
  made.shortcut = stored.shortcut;
  made.codebooks = stored.codebooks;
  made.codebook_size = stored.codebook_size;
  fields.check_numbers(least_numbers(made), stored);
  return made;
}

DacConfig dac_from_json(const json& object, const Stored& stored, const std::string& source) {
  DacConfig made;
  const Fields fields(object, source);
  // The hop of published configurations is wrong for 24 kHz: it is the product of the ratios.
  made.ratios = {2, 4, 8, 8};
  fields.read("sampling_rate", made.sample_rate_hz, 1, 1e6);
  fields.read("encoder_hidden_size", made.filters, 1, kWidest);
  fields.read("decoder_hidden_size", made.decoder_filters, 1, kWidest);
  fields.read_ratios("downsampling_ratios", made.ratios);
  fields.read("codebook_dim", made.codebook_dim, 1, kWidest);
  fields.read("quantizer_dropout", made.quantizer_dropout, 0, 1);
  made.codebooks = stored.codebooks;
  made.codebook_size = stored.codebook_size;
  fields.check_numbers(least_numbers(made), stored);
  return made;
}

}  // namespace mmi::codecs
