#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

namespace mmi::lm {

enum class Activation { kSilu, kGeluTanh };
enum class LayerKind { kFull, kSliding };

/// How rotary positions are stretched beyond the context of the first training. `dynamic` changes
/// nothing within the context, which is all that a CausalLm has.
enum class RopeKind { kDefault, kLinear, kDynamic, kLlama3, kYarn };

/// Rotary positions (Su et al., 2021), halves rotated as in transformers' files.
struct MMI_API RopeConfig {
  double theta = 10000;
  RopeKind kind = RopeKind::kDefault;
  double factor = 1;                  ///< by how much the context is stretched
  double low_freq_factor = 1;         ///< llama3
  double high_freq_factor = 4;        ///< llama3
  std::int64_t original_context = 0;  ///< llama3, yarn; 0: the model's
  double beta_fast = 32;              ///< yarn
  double beta_slow = 1;               ///< yarn
  double attention_factor = 0;        ///< yarn; 0: 0.1 log(factor) + 1
  bool truncate = true;               ///< yarn: the corrected range in whole dimensions

  bool operator==(const RopeConfig&) const = default;
  static const config::Schema& schema();
};

/// Sizes and flags of a decoder-only transformer; together they make LLaMA, Mistral, Gemma 1 to 3
/// and Qwen 2 to 3. Defaults are LLaMA's, at a size for two CPU cores ("lm-tiny").
struct MMI_API CausalLmConfig {
  std::string family = "llama";  ///< transformers' model_type, for saving
  std::int64_t vocab = 1000;
  std::int64_t hidden = 128;
  std::int64_t intermediate = 352;
  std::int64_t layers = 4;
  std::int64_t heads = 4;
  std::int64_t kv_heads = 4;  ///< divides heads (grouped-query attention)
  std::int64_t head_dim = 32;
  std::int64_t context = 2048;  ///< most positions
  Activation activation = Activation::kSilu;
  double rms_eps = 1e-6;
  bool norm_plus_one = false;  ///< Gemma: norms count their weight from one
  bool embed_scale = false;    ///< Gemma: embeddings times sqrt(hidden)
  bool tie = false;            ///< the embedding is the output layer, too
  bool qkv_bias = false;
  bool output_bias = false;                 ///< of the attention's output layer
  bool mlp_bias = false;                    ///< of all layers of the feed-forward part
  bool qk_norm = false;                     ///< queries and keys normalised per head
  bool four_norms = false;                  ///< Gemma 2, 3: a norm behind each part, too
  double query_scale = 0;                   ///< scores over sqrt of this; 0: of head_dim
  double attention_soft_cap = 0;            ///< c: scores become c tanh(score / c); 0: none
  double logit_soft_cap = 0;                ///< the same of logits
  std::int64_t sliding_window = 0;          ///< positions a sliding layer sees; 0: none slides
  std::vector<LayerKind> layer_types = {};  ///< one a layer; empty: all slide, if there's a window
  RopeConfig rope;
  double local_rope_theta = 0;              ///< of sliding layers, unstretched; 0: rope's
  std::vector<std::int64_t> eos_ids = {2};  ///< end a text
  std::int64_t bos_id = 1;                  ///< -1: none
  std::int64_t pad_id = -1;                 ///< -1: none

  bool operator==(const CausalLmConfig&) const = default;
  static const config::Schema& schema();

  /// Throws one ConfigError that lists everything that is wrong.
  void check() const;

  bool slides(std::int64_t layer) const;

  /// Without building anything; shared weights counted once.
  std::int64_t parameter_count() const;
};

/// Names of the published sizes, as `published` knows them.
MMI_API const std::vector<std::string>& published_names();

/// "llama-7b", "gemma-2-2b", "qwen3-0.6b" …; ConfigError names the nearest for another.
MMI_API CausalLmConfig published(const std::string& name);

/// Of transformers' config.json, with the fields of its versions 4 and 5. CheckpointError, which
/// begins with `source`, for an unknown model_type, missing sizes and what CausalLm can't do.
MMI_API CausalLmConfig from_json(const nlohmann::json& object, const std::string& source);

/// What transformers 5 reads. ConfigError for flags that the family cannot express.
MMI_API nlohmann::json to_json(const CausalLmConfig& config);

}  // namespace mmi::lm

template <>
struct mmi::config::EnumNames<mmi::lm::Activation> {
  static constexpr std::array<std::pair<const char*, mmi::lm::Activation>, 2> names{{
      {"silu", mmi::lm::Activation::kSilu},
      {"gelu_tanh", mmi::lm::Activation::kGeluTanh},
  }};
};

template <>
struct mmi::config::EnumNames<mmi::lm::LayerKind> {
  static constexpr std::array<std::pair<const char*, mmi::lm::LayerKind>, 2> names{{
      {"full_attention", mmi::lm::LayerKind::kFull},
      {"sliding_attention", mmi::lm::LayerKind::kSliding},
  }};
};

template <>
struct mmi::config::EnumNames<mmi::lm::RopeKind> {
  static constexpr std::array<std::pair<const char*, mmi::lm::RopeKind>, 5> names{{
      {"default", mmi::lm::RopeKind::kDefault},
      {"linear", mmi::lm::RopeKind::kLinear},
      {"dynamic", mmi::lm::RopeKind::kDynamic},
      {"llama3", mmi::lm::RopeKind::kLlama3},
      {"yarn", mmi::lm::RopeKind::kYarn},
  }};
};
