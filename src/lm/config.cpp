#include "mmi/lm/config.h"

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"

namespace mmi::lm {
namespace {

// Far beyond any model, and small enough that no product of a file's sizes overflows.
constexpr double kMostTokens = 1 << 24;
constexpr double kWidest = 1 << 20;
constexpr double kMostLayers = 1 << 10;
constexpr double kMostHeads = 1 << 14;
constexpr double kLongest = 1LL << 31;

void find_problems(const CausalLmConfig& c, config::Problems& problems) {
  if (c.heads % std::max<std::int64_t>(1, c.kv_heads) != 0) {
    problems.add(
        format("heads must be a multiple of the {} kv_heads, but is {}", c.kv_heads, c.heads));
  }
  if (c.head_dim % 2 != 0) {
    problems.add(format("head_dim must be even, but is {}", c.head_dim));
  }
  if (!c.layer_types.empty() && static_cast<std::int64_t>(c.layer_types.size()) != c.layers) {
    problems.add(format(
        "layer_types must be one for each of {} layers, but are {}",
        c.layers,
        c.layer_types.size()));
  }
  if (c.sliding_window == 0 &&
      std::ranges::find(c.layer_types, LayerKind::kSliding) != c.layer_types.end()) {
    problems.add("sliding layers need a sliding_window");
  }
}

}  // namespace

const config::Schema& RopeConfig::schema() {
  using C = RopeConfig;
  static const config::Schema made =
      config::Table<C>("rope", "rotary positions")
          .field("theta", &C::theta, "base of the wavelengths", config::above(0))
          .field("kind", &C::kind, "how they are stretched")
          .field("factor", &C::factor, "by how much", config::above(0))
          .field("low_freq_factor", &C::low_freq_factor, "of llama3", config::above(0))
          .field("high_freq_factor", &C::high_freq_factor, "of llama3", config::above(0))
          .field(
              "original_context",
              &C::original_context,
              "before stretching; 0: the model's",
              config::at_least(0))
          .field("beta_fast", &C::beta_fast, "of yarn", config::above(0))
          .field("beta_slow", &C::beta_slow, "of yarn", config::above(0))
          .field(
              "attention_factor",
              &C::attention_factor,
              "of yarn; 0: from the factor",
              config::at_least(0))
          .field("truncate", &C::truncate, "of yarn: range in whole dimensions");
  return made;
}

const config::Schema& CausalLmConfig::schema() {
  using C = CausalLmConfig;
  static const config::Schema made =
      config::Table<C>("causal_lm", "a decoder-only language model")
          .field("family", &C::family, "transformers' model_type, for saving")
          .field("vocab", &C::vocab, "tokens", config::between(1, kMostTokens))
          .field("hidden", &C::hidden, "width", config::between(1, kWidest))
          .field(
              "intermediate", &C::intermediate, "feed-forward width", config::between(1, kWidest))
          .field("layers", &C::layers, "blocks", config::between(1, kMostLayers))
          .field("heads", &C::heads, "of queries", config::between(1, kMostHeads))
          .field(
              "kv_heads",
              &C::kv_heads,
              "of keys and values; divides heads",
              config::between(1, kMostHeads))
          .field("head_dim", &C::head_dim, "of a head", config::between(2, kMostHeads))
          .field("context", &C::context, "most positions", config::between(1, kLongest))
          .field("activation", &C::activation, "of the feed-forward part")
          .field("rms_eps", &C::rms_eps, "of the norms", config::above(0))
          .field("norm_plus_one", &C::norm_plus_one, "norms count their weight from one")
          .field("embed_scale", &C::embed_scale, "embeddings times sqrt(hidden)")
          .field("tie", &C::tie, "the embedding is the output layer, too")
          .field("qkv_bias", &C::qkv_bias, "of queries, keys and values")
          .field("output_bias", &C::output_bias, "of the attention's output layer")
          .field("mlp_bias", &C::mlp_bias, "of the feed-forward part")
          .field("qk_norm", &C::qk_norm, "queries and keys normalised per head")
          .field("four_norms", &C::four_norms, "a norm behind each part, too")
          .field(
              "query_scale",
              &C::query_scale,
              "scores over sqrt of this; 0: of head_dim",
              config::at_least(0))
          .field("attention_soft_cap", &C::attention_soft_cap, "0: none", config::at_least(0))
          .field("logit_soft_cap", &C::logit_soft_cap, "0: none", config::at_least(0))
          .field(
              "sliding_window",
              &C::sliding_window,
              "positions a sliding layer sees; 0: none slides",
              config::at_least(0))
          .field("layer_types", &C::layer_types, "one a layer; empty: all slide, given a window")
          .field("rope", &C::rope, "rotary positions")
          .field(
              "local_rope_theta",
              &C::local_rope_theta,
              "of sliding layers; 0: rope's",
              config::at_least(0))
          .field("eos_ids", &C::eos_ids, "end a text")
          .field("bos_id", &C::bos_id, "begins a text; -1: none")
          .field("pad_id", &C::pad_id, "fills up; -1: none")
          .check(find_problems);
  return made;
}

void CausalLmConfig::check() const {
  config::read<CausalLmConfig>(config::write(*this));
}

bool CausalLmConfig::slides(std::int64_t layer) const {
  return sliding_window > 0 &&
         (layer_types.empty() ||
          layer_types[static_cast<std::size_t>(layer)] == LayerKind::kSliding);
}

std::int64_t CausalLmConfig::parameter_count() const {
  const std::int64_t queries = heads * head_dim;
  const std::int64_t keys = kv_heads * head_dim;
  std::int64_t block = 2 * hidden * queries + 2 * hidden * keys + 3 * hidden * intermediate;
  block += (four_norms ? 4 : 2) * hidden;
  block += qkv_bias ? queries + 2 * keys : 0;
  block += output_bias ? hidden : 0;
  block += mlp_bias ? 2 * intermediate + hidden : 0;
  block += qk_norm ? 2 * head_dim : 0;
  return (tie ? 1 : 2) * vocab * hidden + layers * block + hidden;
}

}  // namespace mmi::lm
