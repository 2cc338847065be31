#include "mmi/heads/masked_transformer.h"

#include <torch/torch.h>

#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/nn/state.h"
#include "transformer_parts.h"

namespace mmi::heads {
namespace {

/// What every layer of a pass needs: additive bias (B|1,H,N,N) and, under padding, the real
/// positions (B,N,1).
struct Scene {
  torch::Tensor bias;
  torch::Tensor real;
  std::int64_t split = 0;  // positions before it belong to the condition
};

/// Keys to_q, to_k, to_v, to_out; no biases.
class Attention : public torch::nn::Module {
 public:
  Attention(std::int64_t dim, std::int64_t heads, double dropout)
      : heads_(heads), dropout_(dropout) {
    for (auto& [name, part] :
         {std::pair{"to_q", &q}, {"to_k", &k}, {"to_v", &v}, {"to_out", &out}}) {
      *part = register_module(name, std::make_shared<Linear>(dim, dim, false));
    }
  }

  torch::Tensor forward(const torch::Tensor& x, const Scene& scene) {
    const auto split = [&](const torch::Tensor& t) {
      return t.view({t.size(0), t.size(1), heads_, -1}).transpose(1, 2);
    };
    const auto mixed = at::scaled_dot_product_attention(
        split(q->forward(x)),
        split(k->forward(x)),
        split(v->forward(x)),
        scene.bias,
        is_training() ? dropout_ : 0);
    const auto y = out->forward(mixed.transpose(1, 2).flatten(2));
    return scene.real.defined() ? y * scene.real : y;
  }

  std::shared_ptr<Linear> q, k, v, out;

 private:
  std::int64_t heads_;
  double dropout_;
};

/// A part that exists once, or as A for the condition and B for the tokens.
template <class Part>
class Branched : public torch::nn::Module {
 public:
  template <class Make>
  Branched(bool multiway, Make make) {
    if (multiway) {
      a = register_module("A", make());
      b = register_module("B", make());
    } else {
      a = make();
      // The only branch has the keys of the part itself.
      for (const auto& item : a->named_parameters(false)) {
        register_parameter(item.key(), item.value());
      }
      for (const auto& item : a->named_children()) {
        register_module(item.key(), item.value());
      }
    }
  }

  torch::Tensor forward(const torch::Tensor& x, std::int64_t split) {
    if (!b || split == x.size(1)) {
      return a->forward(x);
    }
    if (split == 0) {
      return b->forward(x);
    }
    return torch::cat(
        {a->forward(x.narrow(1, 0, split)), b->forward(x.narrow(1, split, x.size(1) - split))}, 1);
  }

  void train(bool on) override {
    torch::nn::Module::train(on);
    a->train(on);
  }

  std::shared_ptr<Part> a;
  std::shared_ptr<Part> b;
};

using Norms = Branched<LayerNorm>;
using FeedForwards = Branched<FeedForward>;

std::shared_ptr<torch::nn::Module> list_of(
    const std::vector<std::shared_ptr<torch::nn::Module>>& parts) {
  auto list = std::make_shared<torch::nn::Module>("ModuleList");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    list->register_module(std::to_string(i), parts[i]);
  }
  return list;
}

}  // namespace

/// Sublayers alternate: 2i attention, 2i + 1 feed-forward; keys
/// attn_layers.layers.<j>.{0.0,1}, attn_layers.final_norm.
struct MaskedTransformer::Stage : torch::nn::Module {
  struct Layer {
    std::shared_ptr<Norms> norm;
    std::shared_ptr<Attention> attention;
    std::shared_ptr<Norms> ff_norm;
    std::shared_ptr<FeedForwards> ff;
  };

  std::vector<Layer> list;
  std::shared_ptr<Norms> final_norm;

  Stage(const MaskedTransformerConfig& c, std::int64_t depth, bool multiway) {
    const auto make_norm = [&] {
      return std::make_shared<Norms>(multiway, [&] { return std::make_shared<LayerNorm>(c.dim); });
    };
    const bool share = multiway && c.share_multiway_norm;
    const auto common = share ? make_norm() : nullptr;
    std::vector<std::shared_ptr<torch::nn::Module>> sublayers;
    for (std::int64_t i = 0; i < depth; ++i) {
      Layer layer;
      layer.norm = share ? common : make_norm();
      layer.attention = std::make_shared<Attention>(c.dim, c.heads, c.dropout);
      layer.ff_norm = share ? common : make_norm();
      layer.ff = std::make_shared<FeedForwards>(multiway, [&] {
        return std::make_shared<FeedForward>(c.dim, c.mlp_ratio * c.dim, c.dropout);
      });
      sublayers.push_back(list_of({list_of({layer.norm}), layer.attention}));
      sublayers.push_back(list_of({list_of({layer.ff_norm}), layer.ff}));
      init(layer, 2 * i + 1);
      list.push_back(layer);
    }
    final_norm = share ? common : make_norm();
    auto layers = std::make_shared<torch::nn::Module>("AttentionLayers");
    layers->register_module("layers", list_of(sublayers));
    layers->register_module("final_norm", final_norm);
    register_module("attn_layers", layers);
  }

  /// `first` is the number of the attention among all sublayers, counted from 1.
  static void init(const Layer& layer, std::int64_t first) {
    const double attention = std::sqrt(2.0 * static_cast<double>(first));
    for (const auto& part :
         {layer.attention->q, layer.attention->k, layer.attention->v, layer.attention->out}) {
      init_linear(*part, attention);
    }
    const double ff = std::sqrt(2.0 * static_cast<double>(first + 1));
    for (const auto& branch : {layer.ff->a, layer.ff->b}) {
      if (branch) {
        init_linear(*branch->in, ff);
        init_linear(*branch->out, ff);
      }
    }
  }

  torch::Tensor forward(
      torch::Tensor x, const Scene& scene, torch::Tensor* attention0, torch::Tensor* ff0) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Layer& layer = list[i];
      const auto mixed = layer.attention->forward(layer.norm->forward(x, scene.split), scene);
      x = x + mixed;
      const auto changed = layer.ff->forward(layer.ff_norm->forward(x, scene.split), scene.split);
      x = x + changed;
      if (i == 0 && attention0 != nullptr) {
        *attention0 = mixed;
      }
      if (i == 0 && ff0 != nullptr) {
        *ff0 = changed;
      }
    }
    return final_norm->forward(x, scene.split);
  }
};

/// Keys codebooks, special.MASK, out_proj.{weight,bias}. (B,K,T) -> (B,T,D).
struct MaskedTransformer::Embedding : torch::nn::Module {
  torch::Tensor codebooks;  // (K,V,E)
  torch::Tensor mask;       // (K,E)
  std::shared_ptr<Linear> out_proj;

  Embedding(const MaskedTransformerConfig& c, const BuildArgs& args) {
    const auto options = nn::InitContext::tensors();
    if (args.codebook_rows.defined()) {
      const auto& rows = args.codebook_rows;
      MMI_CHECK(
          ShapeError,
          rows.dim() == 3 && rows.size(0) == args.codebooks && rows.size(1) == args.entries,
          "codebook rows must be ({},{},E), but are {}",
          args.codebooks,
          args.entries,
          rows.sizes().vec());
      codebooks = register_buffer("codebooks", rows.detach().to(options).to(torch::kFloat).clone());
    } else {
      codebooks = register_parameter(
          "codebooks", torch::empty({args.codebooks, args.entries, c.embedding_dim}, options));
      init_truncated_normal(codebooks, 1);
    }
    const std::int64_t width = codebooks.size(2);
    auto special = std::make_shared<torch::nn::Module>("ParameterDict");
    mask = special->register_parameter("MASK", torch::empty({args.codebooks, width}, options));
    init_truncated_normal(mask, 1);
    register_module("special", special);
    out_proj = register_module("out_proj", std::make_shared<Linear>(width, c.dim, true));
    init_linear(*out_proj);
  }

  torch::Tensor forward(const torch::Tensor& codes) {
    // One table of K (V + 1) rows would be copied at every pass; two look-ups are not.
    const std::int64_t entries = codebooks.size(1);
    const auto is_mask = codes.eq(entries);
    const auto level = torch::arange(codes.size(1), codes.options()).view({1, -1, 1});
    const auto row = codes.masked_fill(is_mask, 0) + level * entries;
    const auto found = at::embedding(codebooks.flatten(0, 1), row);  // (B,K,T,E)
    const auto vectors =
        torch::where(is_mask.unsqueeze(3), mask.view({1, mask.size(0), 1, -1}), found);
    return out_proj->forward(vectors.sum(1));
  }
};

/// Linear layers 0, 1, ...
struct MaskedTransformer::List : torch::nn::Module {
  std::vector<std::shared_ptr<Linear>> items;

  List(std::int64_t count, std::int64_t in, std::int64_t out) {
    for (std::int64_t k = 0; k < count; ++k) {
      items.push_back(register_module(std::to_string(k), std::make_shared<Linear>(in, out, false)));
      init_linear(*items.back());
    }
  }
};

nn::decoding::MaskedDecodingConfig MaskedTransformerConfig::vatt_decoding() {
  nn::decoding::MaskedDecodingConfig made;
  made.steps = 16;
  made.guidance = 5;
  made.noise = 25.5;
  made.sampling.top_k = 256;
  return made;
}

const config::Schema& MaskedTransformerConfig::schema() {
  using C = MaskedTransformerConfig;
  static const config::Schema made =
      config::Table<C>("masked_transformer", "transformer that predicts masked tokens")
          .field("dim", &C::dim, "of a position; a multiple of 2 heads", config::at_least(2))
          .field("heads", &C::heads, "of the attention", config::at_least(1))
          .field(
              "multiway_layers",
              &C::multiway_layers,
              "with experts for condition and tokens",
              config::at_least(0))
          .field("shared_layers", &C::shared_layers, "ordinary layers", config::at_least(0))
          .field("mlp_ratio", &C::mlp_ratio, "hidden units over dim", config::at_least(1))
          .field(
              "embedding_dim",
              &C::embedding_dim,
              "of a token, where no codec gives its own",
              config::at_least(1))
          .field("dropout", &C::dropout, "in training", config::between(0, 1))
          .field(
              "share_multiway_norm",
              &C::share_multiway_norm,
              "one pair of norms for all multiway layers")
          .field(
              "condition_dropout",
              &C::condition_dropout,
              "samples trained without condition",
              config::between(0, 1))
          .field("label_smoothing", &C::label_smoothing, "of the loss", config::between(0, 1))
          .field("mask", &C::mask, "of training")
          .field("decoding", &C::decoding, "of generation")
          .check([](const C& c, config::Problems& problems) {
            if (c.dim % (2 * c.heads) != 0) {
              problems.add(format(
                  "dim must be a multiple of twice the {} heads, but is {}", c.heads, c.dim));
            }
          });
  return made;
}

MaskedTransformer::MaskedTransformer(const MaskedTransformerConfig& config, const BuildArgs& args)
    : config_(config),
      codebooks_(args.codebooks),
      entries_(args.entries),
      condition_features_(args.condition_features) {
  config::Problems problems;
  for (const auto& check : MaskedTransformerConfig::schema().checks) {
    check(&config_, problems);
  }
  problems.throw_if_any();
  const nn::InitContext context({.device = args.device, .draw = false});
  const auto options = nn::InitContext::tensors();
  modality_v = register_parameter("modality_v", torch::empty({1, 1, config.dim}, options));
  modality_a = register_parameter("modality_a", torch::empty({1, 1, config.dim}, options));
  init_truncated_normal(modality_v, 0.02);
  init_truncated_normal(modality_a, 0.02);
  encoder =
      register_module("encoder", std::make_shared<Stage>(config, config.multiway_layers, true));
  decoder =
      register_module("decoder", std::make_shared<Stage>(config, config.shared_layers, false));
  embedding = register_module("embedding", std::make_shared<Embedding>(config, args));
  classifier = register_module(
      "classifier", std::make_shared<List>(args.codebooks, config.dim, args.entries));
  auto linear = std::make_shared<Linear>(args.condition_features, config.dim, true);
  init_linear(*linear);
  img_linear = register_module<nn::UnaryModule>("img_linear", linear);
}

MaskedTransformer::~MaskedTransformer() = default;

torch::Tensor MaskedTransformer::embed_condition(
    const torch::Tensor& features, const torch::Tensor& dropped) {
  const auto content = img_linear->forward(features.to(modality_v.scalar_type()));
  return dropped.defined() ? content.masked_fill(dropped.to(content.device()).view({-1, 1, 1}), 0)
                           : content;
}

torch::Tensor MaskedTransformer::run(
    const torch::Tensor& content,
    const torch::Tensor& mask,
    const torch::Tensor& codes,
    Activations* seen) {
  const auto type = modality_v.scalar_type();
  const std::int64_t before = content.size(1);
  const std::int64_t length = before + codes.size(2);
  Scene scene;
  scene.split = before;
  torch::Tensor positions;
  {
    const std::lock_guard<std::mutex> guard(last_);
    if (!alibi_.defined() || alibi_.size(3) != length || alibi_.device() != codes.device() ||
        alibi_.scalar_type() != type) {
      // Kept for later passes, which may be of training.
      const c10::InferenceMode off(false);
      alibi_ = symmetric_alibi(config_.heads, length, codes.device()).to(type);
      positions_ = sincos_positions(torch::arange(length, codes.options()), config_.dim)
                       .unsqueeze(0)
                       .to(type);
    }
    scene.bias = alibi_.expand({codes.size(0), -1, -1, -1});
    positions = positions_;
  }
  if (mask.defined() && !mask.all().item<bool>()) {
    const auto real = torch::cat(
        {mask.to(codes.device()),
         torch::ones({codes.size(0), codes.size(2)}, codes.options().dtype(torch::kBool))},
        1);
    scene.bias = scene.bias.masked_fill(
        real.logical_not().view({-1, 1, 1, length}), -std::numeric_limits<double>::infinity());
    scene.real = real.unsqueeze(2).to(type);
  }
  const auto tokens = embedding->forward(codes);
  auto x = torch::cat({content + modality_v, tokens + modality_a}, 1) + positions;
  x = at::dropout(x, config_.dropout, is_training());
  torch::Tensor* const none = nullptr;
  x = encoder->forward(
      x, scene, seen ? &seen->encoder_attention0 : none, seen ? &seen->encoder_ff0 : none);
  if (seen != nullptr) {
    seen->token_embedding = tokens;
    seen->condition_embedding = content;
    seen->encoder = x;
  }
  x = decoder->forward(x, scene, seen ? &seen->decoder_attention0 : none, none);
  if (seen != nullptr) {
    seen->decoder = x;
  }
  const auto read = x.narrow(1, before, codes.size(2));
  std::vector<torch::Tensor> levels;
  for (const auto& layer : classifier->items) {
    levels.push_back(layer->forward(read));
  }
  return torch::stack(levels, 1);
}

MaskedTransformer::Activations MaskedTransformer::activations(
    const TokenCondition& condition, const torch::Tensor& codes) {
  check_codes(codes, codebooks_);
  check_condition(condition, codes.size(0), condition_features_);
  Activations seen;
  seen.logits = run(embed_condition(condition.features, {}), condition.mask, codes, &seen);
  return seen;
}

torch::Tensor MaskedTransformer::logits(
    const TokenCondition& condition, const torch::Tensor& codes) {
  check_codes(codes, codebooks_);
  check_condition(condition, codes.size(0), condition_features_);
  return run(embed_condition(condition.features, {}), condition.mask, codes);
}

nn::decoding::TokenLoss MaskedTransformer::loss(
    const TokenCondition& condition, const torch::Tensor& codes, const Rng& rng, double progress) {
  check_codes(codes, codebooks_);
  check_condition(condition, codes.size(0), condition_features_);
  const auto mask = nn::decoding::draw_training_mask(
      codes.size(0),
      codebooks_,
      codes.size(2),
      config_.mask,
      rng,
      progress,
      config_.decoding.mode,
      config_.decoding.coarse_levels);
  const auto input = codes.masked_fill(mask.masked.to(codes.device()), entries_);
  const auto dropped = draw_dropped(codes.size(0), config_.condition_dropout, rng);
  const auto predicted = run(embed_condition(condition.features, dropped), condition.mask, input);
  return nn::decoding::token_cross_entropy(
      predicted, codes, mask.scored.to(codes.device()), config_.label_smoothing);
}

TokenGeneration MaskedTransformer::complete(
    const TokenCondition& condition,
    const torch::Tensor& codes,
    const torch::Tensor& masked,
    const std::vector<std::uint64_t>& seeds) {
  check_codes(codes, codebooks_);
  check_condition(condition, codes.size(0), condition_features_);
  const torch::NoGradGuard no_grad;
  const auto content = embed_condition(condition.features, {});
  // The unconditional half keeps positions, modality vector and padding.
  const auto both = torch::cat({content, torch::zeros_like(content)});
  const auto both_masks =
      condition.mask.defined() ? condition.mask.repeat({2, 1}) : torch::Tensor();
  const auto network = [&](const torch::Tensor& tokens, std::int64_t) {
    return tokens.size(0) == content.size(0) ? run(content, condition.mask, tokens)
                                             : run(both, both_masks, tokens);
  };
  const auto result =
      nn::decoding::decode_masked(network, codes, masked, entries_, seeds, config_.decoding);
  return {result.tokens, result.passes};
}

TokenGeneration MaskedTransformer::generate(
    const TokenCondition& condition,
    std::int64_t frames,
    const std::vector<std::uint64_t>& seeds,
    const torch::Tensor& prompt) {
  using nn::decoding::MaskMode;
  MMI_CHECK(ConfigError, frames > 0, "at least 1 frame must be generated, not {}", frames);
  MMI_CHECK(
      ConfigError,
      config_.decoding.mode != MaskMode::kCoarseToFine,
      "a coarse-to-fine head needs coarse codes: call complete()");
  const auto batch = static_cast<std::int64_t>(seeds.size());
  check_condition(condition, batch, condition_features_);
  const auto options =
      torch::TensorOptions().dtype(torch::kLong).device(condition.features.device());
  auto codes = torch::zeros({batch, codebooks_, frames}, options);
  auto masked = torch::ones_like(codes, options.dtype(torch::kBool));
  if (prompt.defined()) {
    check_codes(prompt, codebooks_);
    MMI_CHECK(
        ShapeError,
        prompt.size(0) == batch && prompt.size(2) <= frames,
        "a prompt must be ({},{},T0) with T0 <= {}, but is {}",
        batch,
        codebooks_,
        frames,
        prompt.sizes().vec());
    codes.narrow(2, 0, prompt.size(2)).copy_(prompt);
    masked.narrow(2, 0, prompt.size(2)).fill_(false);
  }
  return complete(condition, codes, masked, seeds);
}

std::pair<std::int64_t, std::int64_t> MaskedTransformer::stage_parameters() const {
  return {nn::parameter_count(*encoder), nn::parameter_count(*decoder)};
}

}  // namespace mmi::heads
