// Token heads and decoding: mmi.decoding.
#include <pybind11/functional.h>
#include <pybind11/stl.h>
#include <torch/csrc/utils/pybind.h>

#include "bindings.h"
#include "held.h"
#include "mmi/base/errors.h"
#include "mmi/base/rng.h"
#include "mmi/heads/autoregressive_transformer.h"
#include "mmi/heads/masked_transformer.h"
#include "mmi/heads/token_head.h"
#include "mmi/nn/decoding/beam.h"
#include "mmi/nn/decoding/masked.h"
#include "mmi/nn/decoding/patterns.h"
#include "mmi/nn/decoding/sampling.h"
#include "values.h"

namespace mmi::python {
namespace {

namespace decoding = nn::decoding;
using Tensor = torch::Tensor;
using MaybeTensor = std::optional<Tensor>;
using Seeds = std::vector<std::uint64_t>;

template <class Config>
Config settings(const AnyDict& options) {
  return config::read<Config>(to_node(options, ""));
}

std::shared_ptr<heads::TokenHead> head_of(const Core& core) {
  auto head = std::dynamic_pointer_cast<heads::TokenHead>(core.module);
  MMI_CHECK(ConfigError, head != nullptr, "this network is no token head");
  return head;
}

heads::TokenCondition condition_of(const Tensor& features, const MaybeTensor& mask) {
  return {features, mask.value_or(Tensor())};
}

Core create_token_head(
    const std::string& name,
    const AnyDict& options,
    std::int64_t codebooks,
    std::int64_t entries,
    std::int64_t condition_features,
    const MaybeTensor& codebook_rows) {
  using heads::TokenHead;
  config::Node node = to_node(options, "");
  node.set("name", config::Node::text(name));
  config::Component<TokenHead> component;
  config::Problems problems;
  Registry<TokenHead>::get().read_component(component.name, component.config, node, "", problems);
  problems.throw_if_any();
  const py::gil_scoped_release unlocked;
  return {Registry<TokenHead>::get().create(
      component,
      {.codebooks = codebooks,
       .entries = entries,
       .condition_features = condition_features,
       .codebook_rows = codebook_rows.value_or(Tensor()),
       .device = torch::kCPU})};
}

std::pair<Tensor, std::int64_t> generate(
    const Core& core,
    const Tensor& features,
    const MaybeTensor& mask,
    std::int64_t frames,
    const Seeds& seeds,
    const MaybeTensor& prompt,
    const py::object& on_frame) {
  const auto head = head_of(core);
  const auto stepwise = std::dynamic_pointer_cast<heads::AutoregressiveTransformer>(head);
  MMI_CHECK(
      ConfigError,
      stepwise != nullptr || on_frame.is_none(),
      "on_frame: only an autoregressive_transformer makes one frame after the other");
  const auto condition = condition_of(features, mask);
  const py::gil_scoped_release unlocked;
  const auto made = stepwise == nullptr
                        ? head->generate(condition, frames, seeds, prompt.value_or(Tensor()))
                        : stepwise->generate(
                              condition,
                              frames,
                              seeds,
                              prompt.value_or(Tensor()),
                              // Called in any case, so that Ctrl-C ends a generation.
                              [&](std::int64_t t, const Tensor& codes) {
                                return goes_on("on_frame", on_frame, t, codes);
                              });
  return {made.codes, made.passes};
}

std::pair<Tensor, std::int64_t> complete(
    const Core& core,
    const Tensor& features,
    const MaybeTensor& mask,
    const Tensor& codes,
    const MaybeTensor& masked,
    const Seeds& seeds) {
  const auto head = std::dynamic_pointer_cast<heads::MaskedTransformer>(core.module);
  MMI_CHECK(ConfigError, head != nullptr, "only a masked_transformer completes codes");
  const py::gil_scoped_release unlocked;
  const auto made =
      head->complete(condition_of(features, mask), codes, masked.value_or(Tensor()), seeds);
  return {made.codes, made.passes};
}

std::tuple<Tensor, Tensor, Tensor> loss(
    const Core& core,
    const Tensor& features,
    const MaybeTensor& mask,
    const Tensor& codes,
    std::uint64_t seed,
    double progress) {
  const auto head = head_of(core);
  const py::gil_scoped_release unlocked;
  const auto made = head->loss(condition_of(features, mask), codes, Rng(seed), progress);
  return {made.loss, made.entropy, made.accuracy};
}

Tensor logits(
    const Core& core, const Tensor& features, const MaybeTensor& mask, const Tensor& codes) {
  const auto head = head_of(core);
  const py::gil_scoped_release unlocked;
  return head->logits(condition_of(features, mask), codes);
}

decoding::CodebookPattern pattern_of(const std::string& name, std::int64_t codebooks) {
  for (const auto& [known, kind] : config::EnumNames<decoding::PatternKind>::names) {
    if (name == known) {
      return {kind, codebooks};
    }
  }
  throw ConfigError(format("a pattern is flatten, delay or parallel, not \"{}\"", name));
}

std::pair<Tensor, Tensor> sample(
    const Tensor& logits,
    const Seeds& seeds,
    std::uint64_t step,
    const AnyDict& options,
    const MaybeTensor& seen) {
  const auto config = settings<decoding::SamplingConfig>(options);
  const py::gil_scoped_release unlocked;
  std::vector<double> uniforms;
  for (const std::uint64_t seed : seeds) {
    uniforms.push_back(decoding::uniform_draws(seed, "token", step, 1)[0]);
  }
  const auto draw = decoding::sample_tokens(
      logits, config, uniforms, seen ? decoding::seen_tokens(*seen, logits.size(-1)) : Tensor());
  return {draw.tokens, draw.log_probability};
}

std::vector<std::vector<std::pair<std::vector<std::int64_t>, double>>> beam_search(
    const std::function<Tensor(Tensor)>& step,
    const std::function<void(Tensor)>& reorder,
    const Tensor& prompt,
    const std::vector<std::int64_t>& stop_ids,
    const AnyDict& options) {
  const decoding::BeamNetwork network{
      [&](const Tensor& tokens) { return step(tokens); },
      [&](const Tensor& index) { reorder(index); }};
  std::vector<std::vector<std::pair<std::vector<std::int64_t>, double>>> result;
  for (const auto& hypotheses :
       decoding::beam_search(network, prompt, stop_ids, settings<decoding::BeamConfig>(options))) {
    auto& list = result.emplace_back();
    for (const auto& hypothesis : hypotheses) {
      list.emplace_back(hypothesis.tokens, hypothesis.score);
    }
  }
  return result;
}

std::pair<Tensor, std::int64_t> decode_masked(
    const std::function<Tensor(Tensor, std::int64_t)>& network,
    const Tensor& tokens,
    const MaybeTensor& masked,
    std::int64_t entries,
    const Seeds& seeds,
    const AnyDict& options) {
  const auto made = decoding::decode_masked(
      network,
      tokens,
      masked.value_or(Tensor()),
      entries,
      seeds,
      settings<decoding::MaskedDecodingConfig>(options));
  return {made.tokens, made.passes};
}

}  // namespace

void bind_decoding(py::module_& m) {
  m.def(
      "create_token_head",
      &create_token_head,
      py::arg("name"),
      py::arg("options"),
      py::arg("codebooks"),
      py::arg("entries"),
      py::arg("condition_features"),
      py::arg("codebook_rows"),
      "Builds a registered token head.");
  m.def(
      "token_head_generate",
      &generate,
      py::arg("head"),
      py::arg("features"),
      py::arg("mask"),
      py::arg("frames"),
      py::arg("seeds"),
      py::arg("prompt"),
      py::arg("on_frame"),
      "Codes (B,K,T) and the number of passes.");
  m.def(
      "token_head_complete",
      &complete,
      py::arg("head"),
      py::arg("features"),
      py::arg("mask"),
      py::arg("codes"),
      py::arg("masked"),
      py::arg("seeds"),
      "Codes (B,K,T) and the number of passes.");
  m.def(
      "token_head_loss",
      &loss,
      py::arg("head"),
      py::arg("features"),
      py::arg("mask"),
      py::arg("codes"),
      py::arg("seed"),
      py::arg("progress"),
      "Loss, and cross entropy and accuracy (K) of each codebook.");
  m.def(
      "token_head_logits",
      &logits,
      py::arg("head"),
      py::arg("features"),
      py::arg("mask"),
      py::arg("codes"),
      "(B,K,T,V).");
  m.def(
      "filter_logits",
      [](const Tensor& logits, const AnyDict& options, const MaybeTensor& seen) {
        const auto config = settings<decoding::SamplingConfig>(options);
        const py::gil_scoped_release unlocked;
        return decoding::filter_logits(
            logits, config, seen ? decoding::seen_tokens(*seen, logits.size(-1)) : Tensor());
      },
      py::arg("logits"),
      py::arg("options"),
      py::arg("seen"),
      "Filtered logits (R,V); seen: ids (R,L) or None.");
  m.def(
      "sample_tokens",
      &sample,
      py::arg("logits"),
      py::arg("seeds"),
      py::arg("step"),
      py::arg("options"),
      py::arg("seen"),
      "Tokens (R) and their log-probabilities.");
  m.def(
      "weave_codes",
      [](const Tensor& codes, const std::string& pattern, std::int64_t special) {
        return pattern_of(pattern, codes.size(1)).weave(codes, special);
      },
      py::arg("codes"),
      py::arg("pattern"),
      py::arg("special"),
      "Codes (B,K,T) as the sequence of a pattern.");
  m.def(
      "unweave_codes",
      [](const Tensor& sequence, const std::string& pattern, std::int64_t frames) {
        return pattern_of(pattern, sequence.size(1)).unweave(sequence, frames);
      },
      py::arg("sequence"),
      py::arg("pattern"),
      py::arg("frames"),
      "The sequence of a pattern as codes (B,K,T).");
  m.def(
      "decode_masked",
      &decode_masked,
      py::arg("network"),
      py::arg("tokens"),
      py::arg("masked"),
      py::arg("entries"),
      py::arg("seeds"),
      py::arg("options"),
      "Tokens (B,K,T) and the number of passes.");
  m.def(
      "beam_search",
      &beam_search,
      py::arg("step"),
      py::arg("reorder"),
      py::arg("prompt"),
      py::arg("stop_ids"),
      py::arg("options"),
      "Hypotheses (new tokens, score) of each sample, best first.");
}

}  // namespace mmi::python
