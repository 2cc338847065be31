#include "mmi/lm/causal_lm.h"

#include <ATen/autocast_mode.h>
#include <torch/torch.h>

#include <cmath>
#include <optional>
#include <string>

#include "lm/rope.h"
#include "mmi/base/errors.h"
#include "mmi/nn/init_context.h"
#include "mmi/nn/kernels/decode_step.h"

namespace mmi::lm {

using nn::Linear;
using nn::RmsNorm;
using nn::decoding::KvCache;

namespace {

constexpr double kInitSd = 0.02;

std::shared_ptr<Linear> linear(
    torch::nn::Module& owner,
    const std::string& name,
    std::int64_t in,
    std::int64_t out,
    bool bias = false) {
  return owner.register_module(name, std::make_shared<Linear>(in, out, bias));
}

/// Turns x (B,n,H,D) in place; rows of cosines and sines (B or 1,n,D / 2).
void rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin) {
  MMI_ASSERT(x.is_contiguous() && x.dim() == 4 && cos.stride(2) == 1 && sin.stride(2) == 1);
  const std::int64_t n = x.size(1);
  const std::int64_t heads = x.size(2);
  const std::int64_t half = x.size(3) / 2;
  auto* const data = x.mutable_data_ptr<float>();
  const auto* const c = cos.const_data_ptr<float>();
  const auto* const s = sin.const_data_ptr<float>();
  const std::int64_t per_sample = cos.size(0) == 1 ? 0 : cos.stride(0);
  const std::int64_t per_row = cos.stride(1);
  for (std::int64_t row = 0; row < x.size(0) * n; ++row) {
    const std::int64_t at = row / n * per_sample + row % n * per_row;
    for (std::int64_t h = 0; h < heads; ++h) {
      float* const first = data + (row * heads + h) * 2 * half;
      float* const second = first + half;
      for (std::int64_t i = 0; i < half; ++i) {
        const float a = first[i];
        const float b = second[i];
        first[i] = a * c[at + i] - b * s[at + i];
        second[i] = b * c[at + i] + a * s[at + i];
      }
    }
  }
}

/// (B,n,H,D) with halves rotated; in place where nothing remembers x.
torch::Tensor rotated(const torch::Tensor& x, const RopeTable::Rows& rows) {
  if (x.is_cpu() && x.scalar_type() == torch::kFloat && !at::GradMode::is_enabled()) {
    const auto own = x.contiguous();
    rotate(own, rows.cos, rows.sin);
    return own;
  }
  const auto cos = rows.cos.to(x.scalar_type()).unsqueeze(2);
  const auto sin = rows.sin.to(x.scalar_type()).unsqueeze(2);
  const auto halves = x.chunk(2, -1);
  return torch::cat({halves[0] * cos - halves[1] * sin, halves[1] * cos + halves[0] * sin}, -1);
}

}  // namespace

struct CausalLm::Tables {
  RopeTable full;
  RopeTable sliding;

  static RopeConfig local(const CausalLmConfig& c) {
    RopeConfig rope;
    rope.theta = c.local_rope_theta;
    return c.local_rope_theta > 0 ? rope : c.rope;
  }

  explicit Tables(const CausalLmConfig& c)
      : full(c.rope, c.head_dim, c.context), sliding(local(c), c.head_dim, c.context) {}
};

/// What all layers of a pass share.
struct CausalLm::Scene {
  RopeTable::Rows full;  // rows (B or 1,n,D / 2)
  RopeTable::Rows sliding;
  std::optional<torch::Tensor> full_mask;
  std::optional<torch::Tensor> sliding_mask;
  KvCache* cache = nullptr;
  bool one = false;  // a single float32 query on a CPU, without gradients
};

/// Keys self_attn.{q,k,v,o}_proj, self_attn.{q,k}_norm, mlp.{gate,up,down}_proj and the norms.
struct CausalLm::Block : torch::nn::Module {
  const CausalLmConfig& c;
  std::int64_t index;
  bool slides;
  std::shared_ptr<Linear> q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj;
  std::shared_ptr<RmsNorm> q_norm, k_norm;
  std::shared_ptr<RmsNorm> before_attention, after_attention, before_mlp, after_mlp;

  Block(const CausalLmConfig& config, std::int64_t i) : c(config), index(i), slides(c.slides(i)) {
    auto attention = std::make_shared<torch::nn::Module>("Attention");
    const std::int64_t queries = c.heads * c.head_dim;
    const std::int64_t keys = c.kv_heads * c.head_dim;
    q_proj = linear(*attention, "q_proj", c.hidden, queries, c.qkv_bias);
    k_proj = linear(*attention, "k_proj", c.hidden, keys, c.qkv_bias);
    v_proj = linear(*attention, "v_proj", c.hidden, keys, c.qkv_bias);
    o_proj = linear(*attention, "o_proj", queries, c.hidden, c.output_bias);
    if (c.qk_norm) {
      q_norm = norm(*attention, "q_norm", c.head_dim);
      k_norm = norm(*attention, "k_norm", c.head_dim);
    }
    register_module("self_attn", attention);
    auto mlp = std::make_shared<torch::nn::Module>("MLP");
    gate_proj = linear(*mlp, "gate_proj", c.hidden, c.intermediate, c.mlp_bias);
    up_proj = linear(*mlp, "up_proj", c.hidden, c.intermediate, c.mlp_bias);
    down_proj = linear(*mlp, "down_proj", c.intermediate, c.hidden, c.mlp_bias);
    register_module("mlp", mlp);
    before_attention = norm(*this, "input_layernorm", c.hidden);
    if (c.four_norms) {
      after_attention = norm(*this, "post_attention_layernorm", c.hidden);
      before_mlp = norm(*this, "pre_feedforward_layernorm", c.hidden);
      after_mlp = norm(*this, "post_feedforward_layernorm", c.hidden);
    } else {
      before_mlp = norm(*this, "post_attention_layernorm", c.hidden);
    }
  }

  std::shared_ptr<RmsNorm> norm(
      torch::nn::Module& owner, const std::string& name, std::int64_t width) const {
    return owner.register_module(
        name, std::make_shared<RmsNorm>(width, c.rms_eps, c.norm_plus_one));
  }

  torch::Tensor forward(const torch::Tensor& x, const Scene& scene) {
    auto mixed = attend(before_attention->forward(x), scene);
    const auto y = x + (after_attention ? after_attention->forward(mixed) : mixed);
    const auto changed = feed_forward(before_mlp->forward(y));
    return y + (after_mlp ? after_mlp->forward(changed) : changed);
  }

  torch::Tensor feed_forward(const torch::Tensor& x) {
    auto gate = gate_proj->forward(x);
    const bool silu = c.activation == Activation::kSilu;
    if (at::GradMode::is_enabled()) {
      gate = silu ? at::silu(gate) : at::gelu(gate, "tanh");
      return down_proj->forward(gate * up_proj->forward(x));
    }
    silu ? at::silu_(gate) : at::gelu_(gate, "tanh");
    return down_proj->forward(gate.mul_(up_proj->forward(x)));
  }

  torch::Tensor attend(const torch::Tensor& x, const Scene& scene) {
    const std::int64_t batch = x.size(0);
    const std::int64_t n = x.size(1);
    auto q = q_proj->forward(x).view({batch, n, c.heads, c.head_dim});
    auto k = k_proj->forward(x).view({batch, n, c.kv_heads, c.head_dim});
    auto values = v_proj->forward(x).view({batch, n, c.kv_heads, c.head_dim}).transpose(1, 2);
    if (c.qk_norm) {
      q = q_norm->forward(q);
      k = k_norm->forward(k);
    }
    const auto& rows = slides ? scene.sliding : scene.full;
    q = rotated(q, rows);
    auto keys = rotated(k, rows).transpose(1, 2);
    if (scene.cache != nullptr) {
      std::tie(keys, values) = scene.cache->append(index, keys, values);
    }
    const double scale =
        1 / std::sqrt(c.query_scale > 0 ? c.query_scale : static_cast<double>(c.head_dim));
    if (scene.one) {
      return o_proj->forward(nn::attend_one(
          q,
          keys,
          values,
          scene.cache->real(),
          {.scale = scale,
           .soft_cap = c.attention_soft_cap,
           .window = slides ? c.sliding_window : 0}));
    }
    const auto& mask = slides ? scene.sliding_mask : scene.full_mask;
    const auto mixed = c.attention_soft_cap > 0
                           ? attend_capped(q.transpose(1, 2), keys, values, mask, scale)
                           : at::scaled_dot_product_attention(
                                 q.transpose(1, 2),
                                 keys,
                                 values,
                                 mask,
                                 /*dropout_p=*/0,
                                 /*is_causal=*/!mask && n > 1,
                                 scale,
                                 /*enable_gqa=*/c.heads != c.kv_heads);
    return o_proj->forward(mixed.transpose(1, 2).flatten(2));
  }

  /// q (B,H,n,D), keys and values (B,H_kv,S,D).
  torch::Tensor attend_capped(
      const torch::Tensor& q,
      const torch::Tensor& keys,
      const torch::Tensor& values,
      const std::optional<torch::Tensor>& mask,
      double scale) const {
    const auto grouped = q.unflatten(1, {c.kv_heads, c.heads / c.kv_heads});
    const double cap = c.attention_soft_cap;
    const auto scores = at::matmul(grouped, keys.unsqueeze(2).transpose(3, 4)) * (scale / cap);
    auto capped = scores.tanh() * cap;
    if (mask) {
      capped = capped.masked_fill(mask->logical_not().unsqueeze(2), -INFINITY);
    }
    const auto weights = capped.softmax(-1, torch::kFloat).to(q.scalar_type());
    return at::matmul(weights, values.unsqueeze(2)).flatten(1, 2);
  }
};

CausalLm::CausalLm(const CausalLmConfig& config)
    : torch::nn::Module("CausalLM"), config_(config), tables_(std::make_unique<Tables>(config)) {
  config.check();
  auto model = std::make_shared<torch::nn::Module>("Model");
  auto list = std::make_shared<torch::nn::Module>("ModuleList");
  {
    nn::InitOptions undrawn = nn::InitContext::current();
    undrawn.draw = false;
    const nn::InitContext context(undrawn);
    embed_tokens_ = model->register_module(
        "embed_tokens", std::make_shared<nn::Embedding>(config.vocab, config.hidden));
    for (std::int64_t i = 0; i < config.layers; ++i) {
      blocks_.push_back(
          list->register_module(std::to_string(i), std::make_shared<Block>(config_, i)));
    }
    model->register_module("layers", list);
    norm_ = model->register_module(
        "norm", std::make_shared<RmsNorm>(config.hidden, config.rms_eps, config.norm_plus_one));
    register_module("model", model);
    if (!config.tie) {
      lm_head_ = linear(*this, "lm_head", config.hidden, config.vocab);
    }
  }
  if (nn::InitContext::current().draw) {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : parameters()) {
      if (parameter.dim() == 2) {
        parameter.normal_(0, kInitSd);
      }
    }
  }
}

CausalLm::~CausalLm() = default;

std::vector<std::pair<std::string, std::shared_ptr<nn::MatrixLayer>>> CausalLm::products() const {
  std::vector<std::pair<std::string, std::shared_ptr<nn::MatrixLayer>>> found;
  for (const auto& item : named_modules()) {
    auto layer = std::dynamic_pointer_cast<nn::MatrixLayer>(item.value());
    if (layer != nullptr && (layer != embed_tokens_ || config_.tie)) {
      found.emplace_back(item.key(), std::move(layer));
    }
  }
  return found;
}

double CausalLm::embedding_scale() const {
  if (!config_.embed_scale) {
    return 1;
  }
  const double scale = std::sqrt(static_cast<double>(config_.hidden));
  switch (norm_->weight.scalar_type()) {  // that of an int8 embedding says nothing
    case torch::kBFloat16:
      return static_cast<float>(c10::BFloat16(static_cast<float>(scale)));
    case torch::kHalf:
      return static_cast<float>(c10::Half(static_cast<float>(scale)));
    default:
      return static_cast<float>(scale);
  }
}

torch::Tensor CausalLm::embed(const torch::Tensor& ids) {
  // On a GPU the answer would have to be waited for.
  if (ids.is_cpu() && ids.numel() > 0) {
    const auto [low, high] = ids.aminmax();
    MMI_CHECK(
        ConfigError,
        low.item<std::int64_t>() >= 0 && high.item<std::int64_t>() < config_.vocab,
        "ids lie in [{}, {}], but this model's in [0, {})",
        low.item<std::int64_t>(),
        high.item<std::int64_t>(),
        config_.vocab);
  }
  const auto found = embed_tokens_->forward(ids);
  return config_.embed_scale ? found * embedding_scale() : found;
}

KvCache CausalLm::make_cache(std::int64_t batch, std::int64_t columns) const {
  const auto& weight = embed_tokens_->weight;
  const auto options = torch::TensorOptions().device(weight.device());
  return {
      config_.layers,
      batch,
      config_.kv_heads,
      columns,
      config_.head_dim,
      options.dtype(weight.is_cpu() ? torch::kFloat : weight.scalar_type())};
}

torch::Tensor CausalLm::forward(const torch::Tensor& input) {
  return forward(input, Pass{});
}

torch::Tensor CausalLm::forward(const torch::Tensor& input, const Pass& pass) {
  const bool ids = input.dim() == 2 && input.scalar_type() == torch::kLong;
  MMI_CHECK(
      ShapeError,
      (ids || (input.dim() == 3 && input.size(2) == config_.hidden && input.is_floating_point())) &&
          input.size(1) > 0,
      "a language model takes ids (B,n) int64 or embeddings (B,n,{}) with n > 0, not {} of {}",
      config_.hidden,
      input.sizes().vec(),
      c10::toString(input.scalar_type()));
  const std::int64_t batch = input.size(0);
  const std::int64_t n = input.size(1);
  torch::Tensor x = ids ? embed(input)
                        : input.to(
                              embed_tokens_->weight.device(),
                              embed_tokens_->weight.is_cpu() ? torch::kFloat
                                                             : embed_tokens_->weight.scalar_type());
  // Without a cache the rules of one that is empty hold.
  std::optional<KvCache> rules;
  if (pass.cache == nullptr) {
    rules.emplace(1, batch, 1, n, 1, torch::TensorOptions().device(x.device()));
  }
  KvCache& seen = pass.cache != nullptr ? *pass.cache : *rules;
  const std::int64_t before = pass.cache != nullptr ? seen.length() : 0;
  MMI_CHECK(
      ConfigError,
      before + n <= config_.context,
      "a text of {} tokens is beyond the context of {}",
      before + n,
      config_.context);
  if (pass.real.defined()) {
    MMI_CHECK(
        ConfigError, before == 0, "padding belongs to the first pass of a sequence, not to later");
    MMI_CHECK(
        ShapeError,
        pass.real.sizes() == c10::IntArrayRef({batch, n}),
        "the mask of padding must be ({},{}) like the input, but is {}",
        batch,
        n,
        pass.real.sizes().vec());
    seen.set_padding(pass.real);
  }
  Scene scene;
  scene.cache = pass.cache;
  // Under autocast queries are bfloat16.
  scene.one = pass.cache != nullptr && n == 1 && x.is_cpu() && !at::GradMode::is_enabled() &&
              !at::autocast::is_autocast_enabled(at::kCPU);
  const auto pick = [&](RopeTable& table) -> RopeTable::Rows {
    const auto rows = table.rows(before + n, x.device());
    if (!seen.real().defined()) {
      return {
          rows.cos.narrow(0, before, n).unsqueeze(0), rows.sin.narrow(0, before, n).unsqueeze(0)};
    }
    const auto where = seen.positions(n).reshape(-1);
    const auto take = [&](const torch::Tensor& all) {
      return all.index_select(0, where).view({batch, n, -1});
    };
    return {take(rows.cos), take(rows.sin)};
  };
  scene.full = pick(tables_->full);
  scene.sliding = config_.local_rope_theta > 0 ? pick(tables_->sliding) : scene.full;
  // A plain beginning is what attention calls causal, which needs no mask, but for soft caps.
  const bool plain = before == 0 && !seen.real().defined() && config_.attention_soft_cap == 0;
  const auto masked = [&](std::int64_t window) -> std::optional<torch::Tensor> {
    if (scene.one || (plain && (window == 0 || n <= window))) {
      return {};
    }
    const auto mask = seen.attention_mask(n, window);
    return mask.defined() ? std::optional(mask) : std::nullopt;
  };
  scene.full_mask = masked(0);
  if (config_.sliding_window > 0) {
    scene.sliding_mask = masked(config_.sliding_window);
  }
  for (const auto& block : blocks_) {
    x = block->forward(x, scene);
  }
  if (pass.last_only) {
    x = x.narrow(1, n - 1, 1);
  }
  x = norm_->forward(x);
  const auto logits =
      (config_.tie ? embed_tokens_->scores(x) : lm_head_->forward(x)).to(torch::kFloat);
  return config_.logit_soft_cap > 0
             ? (logits / config_.logit_soft_cap).tanh() * config_.logit_soft_cap
             : logits;
}

}  // namespace mmi::lm
