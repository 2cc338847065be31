#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "codecs/config_json.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/codecs/codec.h"
#include "mmi/codecs/dac.h"
#include "mmi/codecs/encodec.h"
#include "mmi/io/json.h"
#include "mmi/nn/key_map.h"
#include "mmi/nn/state.h"
#include "mmi/tensor/safetensors.h"

namespace mmi::codecs {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool any_key(const nn::NamedTensors& tensors, const std::string& expression) {
  const std::regex match(expression);
  return std::ranges::any_of(
      tensors, [&](const auto& one) { return std::regex_search(one.first, match); });
}

Stored stored_in(const nn::NamedTensors& tensors) {
  static const std::regex kCodebook("^quantizer\\.\\w+\\.\\d+\\.codebook\\.(embed|weight)$");
  Stored made{.codebooks = 0, .shortcut = any_key(tensors, "\\.shortcut\\.")};
  for (const auto& [name, tensor] : tensors) {
    made.numbers += static_cast<double>(tensor.numel());
    if (std::regex_search(name, kCodebook) && tensor.dim() == 2) {
      ++made.codebooks;
      made.codebook_size = std::max<std::int64_t>(2, tensor.size(0));
    }
  }
  made.codebooks = std::max<std::int64_t>(1, made.codebooks);
  return made;
}

/// Other layouts' names → transformers', weight norm folded.
nn::NamedTensors to_our_keys(nn::NamedTensors tensors, const std::string& source) {
  using Op = nn::KeyOp;
  std::vector<nn::KeyRule> rules;
  const auto rename = [&](const std::string& match, const std::string& to) {
    if (any_key(tensors, match)) {
      rules.push_back({Op::kRename, match, {to}});
    }
  };
  if (any_key(tensors, "_codebook\\.embed$")) {  // encodec, audiocraft
    rename("^(en|de)coder\\.model\\.", "$1coder.layers.");
    rename("\\.(conv|convtr)\\.(conv|convtr)\\.", ".conv.");
    rename("\\.(conv|convtr)\\.norm\\.", ".norm.");
    rename("^quantizer\\.vq\\.layers\\.(\\d+)\\._codebook\\.", "quantizer.layers.$1.codebook.");
  } else if (any_key(tensors, "^decoder\\.model\\.0\\.")) {  // descript-audio-codec
    std::int64_t blocks = 0;
    while (any_key(tensors, format("^encoder\\.block\\.{}\\.block\\.", blocks + 1))) {
      ++blocks;
    }
    const auto unit = [&](const std::string& from, const std::string& to, int first) {
      for (int i = 0; i < 3; ++i) {
        const std::string in = format("{}\\.block\\.{}\\.block\\.", from, first + i);
        const std::string out = format("{}.res_unit{}.", to, i + 1);
        rename(in + "0\\.", out + "snake1.");
        rename(in + "1\\.", out + "conv1.");
        rename(in + "2\\.", out + "snake2.");
        rename(in + "3\\.", out + "conv2.");
      }
    };
    for (std::int64_t i = 0; i < blocks; ++i) {
      // Our names hold no "block.<i>.block", so no rule meets what an earlier one made.
      const std::string in = format("^encoder\\.block\\.{}", i + 1);
      const std::string out = format("encoder.block.{}", i);
      unit(in, out, 0);
      rename(in + "\\.block\\.3\\.", out + ".snake1.");
      rename(in + "\\.block\\.4\\.", out + ".conv1.");
      const std::string in2 = format("^decoder\\.model\\.{}", i + 1);
      const std::string out2 = format("decoder.block.{}", i);
      rename(in2 + "\\.block\\.0\\.", out2 + ".snake1.");
      rename(in2 + "\\.block\\.1\\.", out2 + ".conv_t1.");
      unit(in2, out2, 2);
    }
    rename("^encoder\\.block\\.0\\.(weight|bias|parametrizations)", "encoder.conv1.$1");
    rename(format("^encoder\\.block\\.{}\\.alpha", blocks + 1), "encoder.snake1.alpha");
    rename(format("^encoder\\.block\\.{}\\.(weight|bias|param)", blocks + 2), "encoder.conv2.$1");
    rename("^decoder\\.model\\.0\\.", "decoder.conv1.");
    rename(format("^decoder\\.model\\.{}\\.alpha", blocks + 1), "decoder.snake1.alpha");
    rename(format("^decoder\\.model\\.{}\\.", blocks + 2), "decoder.conv2.");
  }
  tensors = nn::KeyMap(std::move(rules)).apply(std::move(tensors), source);
  rules.clear();
  rename("\\.parametrizations\\.weight\\.original0$", ".weight_g");
  rename("\\.parametrizations\\.weight\\.original1$", ".weight_v");
  tensors = nn::KeyMap(std::move(rules)).apply(std::move(tensors), source);
  rules.clear();
  if (any_key(tensors, "\\.weight_v$")) {
    rules.push_back({Op::kFold, "\\.weight_v$", {".weight_g", ".weight"}});
  }
  return nn::KeyMap(std::move(rules)).apply(std::move(tensors), source);
}

json config_of(const Encodec& codec) {
  const EncodecConfig& c = codec.config();
  // transformers derives the number of codebooks from the highest bandwidth.
  const CodecFormat form = codec.format();
  const double rate = std::ceil(form.frame_rate_hz());
  json bandwidths = json::array();
  for (std::int64_t k = 1; k <= form.codebooks; k *= 2) {
    bandwidths.push_back(
        rate * std::ceil(std::log2(static_cast<double>(c.codebook_size))) * static_cast<double>(k) /
        1000);
  }
  const double highest = rate * std::ceil(std::log2(static_cast<double>(c.codebook_size))) *
                         static_cast<double>(form.codebooks) / 1000;
  if (bandwidths.back() != highest) {
    bandwidths.push_back(highest);
  }
  json made{
      {"model_type", "encodec"},
      {"architectures", {"EncodecModel"}},
      {"sampling_rate", c.sample_rate_hz},
      {"audio_channels", c.channels},
      {"num_filters", c.filters},
      {"hidden_size", c.dim},
      {"codebook_dim", c.dim},
      {"upsampling_ratios", c.ratios},
      {"kernel_size", c.kernel},
      {"last_kernel_size", c.last_kernel},
      {"residual_kernel_size", c.residual_kernel},
      {"num_residual_layers", c.residual_layers},
      {"dilation_growth_rate", c.dilation_growth},
      {"compress", c.compress},
      {"num_lstm_layers", c.lstm_layers},
      {"use_causal_conv", c.causal},
      {"pad_mode", c.reflect ? "reflect" : "constant"},
      {"norm_type", c.norm == ConvNorm::kTimeGroupNorm ? "time_group_norm" : "weight_norm"},
      {"use_conv_shortcut", c.shortcut},
      {"normalize", c.normalize},
      {"codebook_size", c.codebook_size},
      {"target_bandwidths", bandwidths},
      {"trim_right_ratio", 1.0}};
  if (c.chunk_s > 0) {
    made["chunk_length_s"] = c.chunk_s;
    made["overlap"] = c.chunk_overlap;
  }
  return made;
}

json config_of(const Dac& codec) {
  const DacConfig& c = codec.config();
  return {
      {"model_type", "dac"},
      {"architectures", {"DacModel"}},
      {"sampling_rate", c.sample_rate_hz},
      {"encoder_hidden_size", c.filters},
      {"decoder_hidden_size", c.decoder_filters},
      {"downsampling_ratios", c.ratios},
      {"n_codebooks", c.codebooks},
      {"codebook_size", c.codebook_size},
      {"codebook_dim", c.codebook_dim},
      {"quantizer_dropout", c.quantizer_dropout}};
}

/// transformers wants EnCodec's weight norm unfolded: g = |w|, v = w.
nn::NamedTensors unfolded(const nn::NamedTensors& tensors) {
  nn::NamedTensors made;
  for (const auto& [name, tensor] : tensors) {
    if (name.ends_with(".conv.weight")) {
      const std::string stem = name.substr(0, name.size() - 6);
      made.emplace_back(stem + "parametrizations.weight.original0", tensor.norm(2, {1, 2}, true));
      made.emplace_back(stem + "parametrizations.weight.original1", tensor);
    } else if (name.ends_with(".weight_g") || name.ends_with(".weight_v")) {
      const std::string stem = name.substr(0, name.size() - 8);
      made.emplace_back(
          stem + "parametrizations.weight.original" + (name.back() == 'g' ? "0" : "1"), tensor);
    } else {
      made.emplace_back(name, tensor);
    }
  }
  return made;
}

}  // namespace

std::shared_ptr<TokenCodec> load_codec(const fs::path& path) {
  const fs::path weights = fs::is_directory(path) ? path / "model.safetensors" : path;
  const fs::path described = weights.parent_path() / "config.json";
  MMI_CHECK(
      CheckpointError,
      fs::is_regular_file(weights) && fs::is_regular_file(described),
      "{}: a codec is a folder with config.json and model.safetensors, as transformers saves it; "
      "\"mmi convert\" makes one of the checkpoints of encodec and descript-audio-codec",
      path.string());
  const json object = io::read_json(described);
  const std::string kind = codec_type(object, described.string());
  const std::string source = weights.string();
  const nn::NamedTensors tensors = to_our_keys(load_tensors(weights), source);
  const Stored stored = stored_in(tensors);
  std::shared_ptr<TokenCodec> codec;
  try {
    if (kind == "dac") {
      codec = std::make_shared<Dac>(dac_from_json(object, stored, described.string()));
    } else {
      codec = std::make_shared<Encodec>(encodec_from_json(object, stored, described.string()));
    }
  } catch (const ConfigError& error) {
    throw CheckpointError(format("{}: {}", described.string(), error.what()));
  }
  nn::load_state(*codec, tensors, source);
  codec->eval();
  return codec;
}

void save_codec(const TokenCodec& codec, const fs::path& folder) {
  nn::NamedTensors tensors;
  for (const nn::StateEntry& entry : nn::state_of(codec)) {
    tensors.emplace_back(entry.name, entry.tensor.detach());
  }
  json described;
  if (const auto* encodec = dynamic_cast<const Encodec*>(&codec)) {
    described = config_of(*encodec);
    if (encodec->config().norm != ConvNorm::kTimeGroupNorm) {
      tensors = unfolded(tensors);
    }
  } else if (const auto* dac = dynamic_cast<const Dac*>(&codec)) {
    described = config_of(*dac);
    if (dac->config().weight_norm) {
      tensors = to_our_keys(tensors, folder.string());
    }
  } else {
    throw ConfigError("only EnCodec and DAC have a published layout to be saved in");
  }
  mmi::create_directories(folder);
  save_tensors(folder / "model.safetensors", tensors);
  atomic_write(folder / "config.json", described.dump(2) + "\n");
}

}  // namespace mmi::codecs
