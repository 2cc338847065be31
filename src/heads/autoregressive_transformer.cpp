#include "mmi/heads/autoregressive_transformer.h"

#include <torch/torch.h>

#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/nn/kernels/decode_step.h"
#include "mmi/nn/kernels/weight_only.h"
#include "mmi/tensor/huge_pages.h"
#include "transformer_parts.h"

namespace mmi::heads {

using nn::decoding::CodebookPattern;
using nn::decoding::KvCache;

/// Keys norm1, self_attn.{in_proj_weight,out_proj.weight}, norm2, linear1, linear2.
struct AutoregressiveTransformer::Layer : torch::nn::Module {
  std::int64_t heads;
  double dropout;
  std::shared_ptr<LayerNorm> norm1, norm2;
  torch::Tensor in_proj;  // (3 D,D): queries, keys, values
  std::shared_ptr<Linear> out_proj, linear1, linear2;

  Layer(const AutoregressiveTransformerConfig& c, std::int64_t index)
      : heads(c.heads), dropout(c.dropout) {
    auto attention = std::make_shared<torch::nn::Module>("Attention");
    in_proj = attention->register_parameter(
        "in_proj_weight",
        in_huge_pages(torch::empty({3 * c.dim, c.dim}, nn::InitContext::tensors())));
    out_proj =
        attention->register_module("out_proj", std::make_shared<Linear>(c.dim, c.dim, false));
    register_module("self_attn", attention);
    const std::int64_t hidden = c.mlp_ratio * c.dim;
    linear1 = register_module("linear1", std::make_shared<Linear>(c.dim, hidden, false));
    linear2 = register_module("linear2", std::make_shared<Linear>(hidden, c.dim, false));
    norm1 = register_module("norm1", std::make_shared<LayerNorm>(c.dim));
    norm2 = register_module("norm2", std::make_shared<LayerNorm>(c.dim));
    const double depth = std::sqrt(2.0 * static_cast<double>(index + 1));
    init_truncated_normal(in_proj, 1 / std::sqrt(static_cast<double>(c.dim)) / depth);
    init_linear(*out_proj, depth);
    init_linear(*linear1, depth);
    init_linear(*linear2, depth);
  }

  torch::Tensor forward(
      torch::Tensor x,
      const std::optional<torch::Tensor>& mask,
      bool causal,
      KvCache* cache,
      std::int64_t index) {
    const auto parts = nn::linear_float(norm1->forward(x), in_proj).chunk(3, -1);
    const auto split = [&](const torch::Tensor& t) {
      return t.view({t.size(0), t.size(1), heads, -1});
    };
    auto keys = split(parts[1]).transpose(1, 2);
    auto values = split(parts[2]).transpose(1, 2);
    if (cache != nullptr) {
      std::tie(keys, values) = cache->append(index, keys, values);
    }
    x = x + out_proj->forward(attend(split(parts[0]), keys, values, mask, causal, cache));
    const auto hidden = linear1->forward(norm2->forward(x));
    const auto active = is_step(hidden, cache) ? nn::gelu(hidden) : at::gelu(hidden);
    return x + linear2->forward(at::dropout(active, dropout, is_training()));
  }

  /// Whether (B,n,..) is one position of a generation on a processor.
  static bool is_step(const torch::Tensor& x, const KvCache* cache) {
    return cache != nullptr && x.size(1) == 1 && x.is_cpu() && x.scalar_type() == torch::kFloat &&
           !at::GradMode::is_enabled();
  }

  /// Queries (B,n,H,D), keys and values (B,H,S,D) -> (B,n,H D).
  torch::Tensor attend(
      const torch::Tensor& queries,
      const torch::Tensor& keys,
      const torch::Tensor& values,
      const std::optional<torch::Tensor>& mask,
      bool causal,
      const KvCache* cache) const {
    if (is_step(queries, cache)) {
      const double scale = 1 / std::sqrt(static_cast<double>(queries.size(3)));
      return nn::attend_one(queries.contiguous(), keys, values, cache->real(), {.scale = scale});
    }
    const double p = is_training() ? dropout : 0;
    return at::scaled_dot_product_attention(queries.transpose(1, 2), keys, values, mask, p, causal)
        .transpose(1, 2)
        .flatten(2);
  }
};

nn::decoding::AutoregressiveConfig AutoregressiveTransformerConfig::musicgen_decoding() {
  nn::decoding::AutoregressiveConfig made;
  made.guidance = 3;
  made.sampling.top_k = 250;
  return made;
}

const config::Schema& AutoregressiveTransformerConfig::schema() {
  using C = AutoregressiveTransformerConfig;
  static const config::Schema made =
      config::Table<C>("autoregressive_transformer", "transformer that predicts the next column")
          .field("dim", &C::dim, "of a position; a multiple of 2 heads", config::at_least(2))
          .field("heads", &C::heads, "of the attention", config::at_least(1))
          .field("layers", &C::layers, "of the transformer", config::at_least(1))
          .field("mlp_ratio", &C::mlp_ratio, "hidden units over dim", config::at_least(1))
          .field("dropout", &C::dropout, "in training", config::between(0, 1))
          .field(
              "condition_dropout",
              &C::condition_dropout,
              "samples trained without condition",
              config::between(0, 1))
          .field("label_smoothing", &C::label_smoothing, "of the loss", config::between(0, 1))
          .field("decoding", &C::decoding, "of generation")
          .check([](const C& c, config::Problems& problems) {
            if (c.dim % (2 * c.heads) != 0) {
              problems.add(format(
                  "dim must be a multiple of twice the {} heads, but is {}", c.heads, c.dim));
            }
          });
  return made;
}

AutoregressiveTransformer::AutoregressiveTransformer(
    const AutoregressiveTransformerConfig& config, const BuildArgs& args)
    : config_(config),
      codebooks_(args.codebooks),
      entries_(args.entries),
      condition_features_(args.condition_features) {
  config::Problems problems;
  for (const auto& check : AutoregressiveTransformerConfig::schema().checks) {
    check(&config_, problems);
  }
  problems.throw_if_any();
  const nn::InitContext context({.device = args.device, .draw = false});
  auto projection = std::make_shared<Linear>(args.condition_features, config.dim, true);
  init_linear(*projection);
  condition_proj = register_module<nn::UnaryModule>("condition_proj", projection);
  auto rows = std::make_shared<torch::nn::Module>("ModuleList");
  auto readers = std::make_shared<torch::nn::Module>("ModuleList");
  for (std::int64_t k = 0; k < codebooks_; ++k) {
    emb.push_back(rows->register_module(
        std::to_string(k), std::make_shared<nn::Embedding>(entries_ + 1, config.dim)));
    init_truncated_normal(emb.back()->weight, 1 / std::sqrt(static_cast<double>(config.dim)));
    auto reader = std::make_shared<Linear>(config.dim, entries_, false);
    init_linear(*reader);
    linears.push_back(readers->register_module<nn::UnaryModule>(std::to_string(k), reader));
  }
  register_module("emb", rows);
  auto body = std::make_shared<torch::nn::Module>("Transformer");
  auto list = std::make_shared<torch::nn::Module>("ModuleList");
  for (std::int64_t i = 0; i < config.layers; ++i) {
    layers.push_back(list->register_module(std::to_string(i), std::make_shared<Layer>(config, i)));
  }
  body->register_module("layers", list);
  register_module("transformer", body);
  out_norm = register_module<nn::UnaryModule>("out_norm", std::make_shared<LayerNorm>(config.dim));
  register_module("linears", readers);
}

AutoregressiveTransformer::~AutoregressiveTransformer() = default;

torch::Tensor AutoregressiveTransformer::run(
    const TokenCondition& condition,
    const torch::Tensor& columns,
    const torch::Tensor& drop,
    KvCache* cache,
    const torch::Tensor& places) {
  const auto type = emb.front()->weight.scalar_type();
  const std::int64_t n = columns.size(2);
  torch::Tensor x = at::embedding(emb.front()->weight, columns.select(1, 0));
  for (std::size_t k = 1; k < emb.size(); ++k) {
    x = x + at::embedding(emb[k]->weight, columns.select(1, static_cast<std::int64_t>(k)));
  }
  const bool first = cache == nullptr || cache->length() == 0;
  // Without a cache the rules of one that is empty hold.
  std::optional<KvCache> rules;
  if (first) {
    auto content = condition_proj->forward(condition.features.to(type));
    if (drop.defined()) {
      content = content.masked_fill(drop.to(content.device()).view({-1, 1, 1}), 0);
    }
    x = torch::cat({content, x}, 1);
    if (cache == nullptr) {
      rules.emplace(1, x.size(0), 1, x.size(1), 1, x.options().requires_grad(false));
    }
    if (condition.mask.defined()) {
      (cache != nullptr ? *cache : *rules).set_padding(condition.mask.to(x.device()));
    }
  }
  const KvCache& seen = cache != nullptr ? *cache : *rules;
  const std::int64_t width = x.size(1);
  const auto at = seen.positions(width);
  x = x +
      (places.defined() ? at::embedding(places, at) : sincos_positions(at, config_.dim)).to(type);
  x = at::dropout(x, config_.dropout, is_training());
  const bool plain = first && !(condition.mask.defined() && !condition.mask.all().item<bool>());
  std::optional<torch::Tensor> mask;
  if (!plain) {
    if (const auto made = seen.attention_mask(width); made.defined()) {
      mask = made;
    }
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    x = layers[i]->forward(x, mask, plain && width > 1, cache, static_cast<std::int64_t>(i));
  }
  return x.narrow(1, width - n, n);
}

torch::Tensor AutoregressiveTransformer::read(const torch::Tensor& hidden) const {
  const auto x = out_norm->forward(hidden);
  std::vector<torch::Tensor> levels;
  for (const auto& layer : linears) {
    levels.push_back(layer->forward(x));
  }
  return torch::stack(levels, 1);
}

torch::Tensor AutoregressiveTransformer::step(
    const TokenCondition& condition,
    const torch::Tensor& columns,
    KvCache& cache,
    const torch::Tensor& drop) {
  check_codes(columns, codebooks_);
  check_condition(condition, columns.size(0), condition_features_);
  return read(run(condition, columns, drop, &cache));
}

KvCache AutoregressiveTransformer::make_cache(
    std::int64_t batch, std::int64_t condition_length, std::int64_t columns) const {
  return {
      config_.layers,
      batch,
      config_.heads,
      condition_length + columns,
      config_.dim / config_.heads,
      emb.front()->weight.options().requires_grad(false)};
}

torch::Tensor AutoregressiveTransformer::logits(
    const TokenCondition& condition, const torch::Tensor& codes) {
  check_codes(codes, codebooks_);
  check_condition(condition, codes.size(0), condition_features_);
  const CodebookPattern pattern(config_.decoding.pattern, codebooks_);
  const auto sequence = pattern.weave(codes, entries_);
  const auto columns = sequence.narrow(2, 0, sequence.size(2) - 1);
  const auto all = read(run(condition, columns, {}, nullptr));  // (B,K,steps,V)
  const auto index = pattern.unweave(
      torch::arange(-1, all.size(2), codes.options()).view({1, 1, -1}).expand_as(sequence),
      codes.size(2));
  return all.gather(2, index.unsqueeze(3).expand({-1, -1, -1, entries_}));
}

nn::decoding::TokenLoss AutoregressiveTransformer::loss(
    const TokenCondition& condition, const torch::Tensor& codes, const Rng& rng, double) {
  check_codes(codes, codebooks_);
  check_condition(condition, codes.size(0), condition_features_);
  const CodebookPattern pattern(config_.decoding.pattern, codebooks_);
  const auto sequence = pattern.weave(codes, entries_);
  const std::int64_t steps = sequence.size(2) - 1;
  const auto dropped = draw_dropped(codes.size(0), config_.condition_dropout, rng);
  const auto all = read(run(condition, sequence.narrow(2, 0, steps), dropped, nullptr));
  const auto scored = pattern.occupied(codes.size(2)).narrow(1, 1, steps).to(codes.device());
  const auto targets = sequence.narrow(2, 1, steps);
  return nn::decoding::token_cross_entropy(
      all, targets, scored.unsqueeze(0).expand_as(targets), config_.label_smoothing);
}

TokenGeneration AutoregressiveTransformer::generate(
    const TokenCondition& condition,
    std::int64_t frames,
    const std::vector<std::uint64_t>& seeds,
    const torch::Tensor& prompt) {
  return generate(condition, frames, seeds, prompt, {});
}

TokenGeneration AutoregressiveTransformer::generate(
    const TokenCondition& condition,
    std::int64_t frames,
    const std::vector<std::uint64_t>& seeds,
    const torch::Tensor& prompt,
    const std::function<bool(std::int64_t t, const torch::Tensor& codes)>& on_frame) {
  MMI_CHECK(ConfigError, frames > 0, "at least 1 frame must be generated, not {}", frames);
  const auto batch = static_cast<std::int64_t>(seeds.size());
  check_condition(condition, batch, condition_features_);
  const torch::NoGradGuard no_grad;
  const auto options =
      torch::TensorOptions().dtype(torch::kLong).device(condition.features.device());
  nn::decoding::AutoregressiveRequest request;
  request.entries = entries_;
  request.frames = frames;
  request.prompt = prompt.defined() ? prompt : torch::zeros({batch, codebooks_, 0}, options);
  check_codes(request.prompt, codebooks_);
  MMI_CHECK(
      ShapeError,
      request.prompt.size(0) == batch,
      "a prompt for {} samples needs as many rows, but has {}",
      batch,
      request.prompt.size(0));
  request.seeds = seeds;
  request.on_frame = on_frame;
  const bool guided = config_.decoding.guidance != 1;
  const auto scene = guided ? doubled(condition) : condition;
  torch::Tensor drop;
  if (guided) {
    drop = torch::zeros({2 * batch}, options.dtype(torch::kBool));
    drop.narrow(0, batch, batch).fill_(true);
  }
  const CodebookPattern pattern(config_.decoding.pattern, codebooks_);
  auto cache =
      make_cache((guided ? 2 : 1) * batch, condition.features.size(1), pattern.steps(frames));
  const auto places = sincos_positions(torch::arange(cache.capacity(), options), config_.dim);
  const auto network = [&](const torch::Tensor& columns) {
    const auto hidden = run(scene, columns, drop, &cache, places);
    return read(hidden.narrow(1, columns.size(2) - 1, 1)).squeeze(2);
  };
  const auto result = nn::decoding::decode_autoregressive(network, request, config_.decoding);
  return {result.codes, result.passes};
}

}  // namespace mmi::heads
