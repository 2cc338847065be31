#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

/// Decoding loops that know no network: a network is a callback from tokens to logits.
namespace mmi::nn::decoding {

/// How one token is drawn from logits. Applied in this order, as in transformers' generation:
/// repetition penalty, temperature, top-k, top-p, typical.
struct MMI_API SamplingConfig {
  double repetition_penalty = 1;  ///< > 0; 1: none (Keskar et al., CTRL, 2019)
  double temperature = 1;         ///< >= 0; 0: the most probable token, without filters
  std::int64_t top_k = 0;         ///< 0: all
  double top_p = 1;               ///< (0, 1]; 1: all (Holtzman et al., ICLR 2020)
  double typical_mass = 1;        ///< (0, 1]; 1: all (Meister et al., TACL 2023)
  std::int64_t min_tokens = 1;    ///< kept at least by each filter

  static const config::Schema& schema();
};

// ---- filters: logits (R,V) float -> the same with -inf where a token is out ---------------------

/// Logits of the tokens in `seen` (R,V) bool: positive ones divided by the penalty, others times
/// it.
MMI_API torch::Tensor penalise_repetition(
    const torch::Tensor& logits, const torch::Tensor& seen, double penalty);

/// (R,V) bool, true at the ids in `tokens` (R,L) int64; ids outside [0, V) are left out.
MMI_API torch::Tensor seen_tokens(const torch::Tensor& tokens, std::int64_t entries);

/// The k greatest, and what equals the k-th.
MMI_API torch::Tensor keep_top_k(const torch::Tensor& logits, std::int64_t k);

/// The smallest set of greatest probabilities whose sum reaches p: the token that crosses p stays.
MMI_API torch::Tensor keep_top_p(
    const torch::Tensor& logits, double p, std::int64_t min_tokens = 1);

/// The set of mass `mass` whose information is nearest to the entropy.
MMI_API torch::Tensor keep_typical(
    const torch::Tensor& logits, double mass, std::int64_t min_tokens = 1);

/// All of the above as configured, temperature included. `seen`: (R,V) bool, needed for a
/// repetition penalty only. With temperature 0 the penalty alone.
MMI_API torch::Tensor filter_logits(
    const torch::Tensor& logits, const SamplingConfig& config, const torch::Tensor& seen = {});

// ---- draws
// ---------------------------------------------------------------------------------------

/// `count` numbers in [0, 1), a function of (seed, name, step) alone: what a sample draws depends
/// neither on the batch it is in nor on the number of threads.
MMI_API std::vector<double> uniform_draws(
    std::uint64_t seed, std::string_view name, std::uint64_t step, std::int64_t count);

/// The same as standard Gumbel numbers -log(-log u).
MMI_API std::vector<double> gumbel_draws(
    std::uint64_t seed, std::string_view name, std::uint64_t step, std::int64_t count);

struct MMI_API Draw {
  torch::Tensor tokens;           ///< (R) int64
  torch::Tensor log_probability;  ///< (R) float32, of the drawn tokens; finite
};

/// One token a row of filtered logits (R,V), by inversion: the first token whose cumulated
/// probability exceeds its row's number of [0, 1) in `uniforms`. Throws NumericError when a row has
/// no finite logit or a NaN.
MMI_API Draw draw_tokens(const torch::Tensor& logits, std::span<const double> uniforms);

/// The first greatest logit of each row and its log-probability.
MMI_API Draw greedy_tokens(const torch::Tensor& logits);

/// Filters and draws: greedy at temperature 0.
MMI_API Draw sample_tokens(
    const torch::Tensor& logits,
    const SamplingConfig& config,
    std::span<const double> uniforms,
    const torch::Tensor& seen = {});

/// null + w (conditional - null) of classifier-free guidance (Ho & Salimans, 2022), from the two
/// halves of the first axis: (2B, ...) -> (B, ...).
MMI_API torch::Tensor guide(const torch::Tensor& both, double scale);

}  // namespace mmi::nn::decoding
