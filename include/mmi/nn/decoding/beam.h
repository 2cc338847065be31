#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

namespace mmi::nn::decoding {

/// When a beam search ends before its length is used up (as transformers' early_stopping).
///   first      as soon as `beams` hypotheses are finished
///   heuristic  when no running beam, scored at its present length, beats the worst finished one
///   never      the same scored at the greatest length when longer is better: exact
enum class BeamStop { kFirst, kHeuristic, kNever };

/// Beam search with length normalisation: a hypothesis of n new tokens scores log p / n^penalty
/// (Wu et al., "Google's Neural Machine Translation System", 2016, section 7, as in transformers).
struct MMI_API BeamConfig {
  std::int64_t beams = 4;
  std::int64_t max_new_tokens = 64;
  double length_penalty = 1;  ///< 0: none
  BeamStop stop = BeamStop::kHeuristic;

  static const config::Schema& schema();
};

/// A language model as beam search sees it; rows are sample times beam, R = B beams.
struct MMI_API BeamNetwork {
  /// New tokens (R,n) int64 -> logits (R,V) float of the token after them. The first call brings
  /// the whole prompt of every row, later ones a token each.
  std::function<torch::Tensor(const torch::Tensor& tokens)> step;
  /// Row r continues what row index[r] was, index (R) int64: KvCache::reorder.
  std::function<void(const torch::Tensor& index)> reorder;
};

struct MMI_API BeamHypothesis {
  std::vector<std::int64_t> tokens;  ///< new ones, the stop id included when there is one
  double score = 0;                  ///< log p / n^length_penalty
};

/// The best hypotheses of every sample of `prompt` (B,T0) int64, T0 >= 1, best first, at most
/// `beams` of each; samples do not influence each other. Throws ShapeError or ConfigError.
MMI_API std::vector<std::vector<BeamHypothesis>> beam_search(
    const BeamNetwork& network,
    const torch::Tensor& prompt,
    const std::vector<std::int64_t>& stop_ids,
    const BeamConfig& config);

}  // namespace mmi::nn::decoding

template <>
struct mmi::config::EnumNames<mmi::nn::decoding::BeamStop> {
  using E = mmi::nn::decoding::BeamStop;
  static constexpr std::array<std::pair<const char*, E>, 3> names{
      {{"first", E::kFirst}, {"heuristic", E::kHeuristic}, {"never", E::kNever}}};
};
