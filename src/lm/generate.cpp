#include "mmi/lm/generate.h"

#include <torch/torch.h>

#include <algorithm>
#include <numeric>

#include "mmi/base/errors.h"
#include "mmi/nn/decoding/autoregressive.h"

namespace mmi::lm {
namespace {

namespace decoding = nn::decoding;

std::int64_t count(const Prompt& prompt) {
  return static_cast<std::int64_t>(prompt.ids.size()) +
         (prompt.embeddings.defined() ? prompt.embeddings.size(0) : 0);
}

void check(const CausalLmConfig& config, const GenerateRequest& request) {
  MMI_CHECK(ConfigError, !request.prompts.empty(), "generation needs a prompt");
  MMI_CHECK(
      ConfigError,
      request.max_new_tokens > 0,
      "max_new_tokens must be at least 1, but is {}",
      request.max_new_tokens);
  MMI_CHECK(
      ConfigError,
      request.seeds.empty() || request.seeds.size() == request.prompts.size(),
      "{} prompts need as many seeds, but there are {}",
      request.prompts.size(),
      request.seeds.size());
  for (std::size_t i = 0; i < request.prompts.size(); ++i) {
    const Prompt& prompt = request.prompts[i];
    MMI_CHECK(
        ShapeError,
        !prompt.embeddings.defined() ||
            (prompt.embeddings.dim() == 2 && prompt.embeddings.size(1) == config.hidden),
        "embeddings of a prompt must be (P,{}), but are {}",
        config.hidden,
        prompt.embeddings.sizes().vec());
    const std::int64_t length = count(prompt);
    MMI_CHECK(ConfigError, length > 0, "prompt {} is empty", i);
    MMI_CHECK(
        ConfigError,
        length + request.max_new_tokens <= config.context,
        "prompt {} has {} tokens, which with {} new ones is beyond the context of {}",
        i,
        length,
        request.max_new_tokens,
        config.context);
  }
}

/// (B,1,T0) on the CPU, the vocabulary's size in front of shorter ones.
torch::Tensor padded_ids(const std::vector<Prompt>& prompts, std::int64_t vocab) {
  std::size_t longest = 0;
  for (const Prompt& prompt : prompts) {
    longest = std::max(longest, prompt.ids.size());
  }
  const auto width = static_cast<std::int64_t>(longest);
  torch::Tensor ids =
      torch::full({static_cast<std::int64_t>(prompts.size()), 1, width}, vocab, torch::kLong);
  auto* row = ids.mutable_data_ptr<std::int64_t>();
  for (const Prompt& prompt : prompts) {
    std::ranges::copy(prompt.ids, row + (longest - prompt.ids.size()));
    row += longest;
  }
  return ids;
}

/// One generation: the network as the decoding loop sees it.
class Network {
 public:
  Network(CausalLm& model, const GenerateRequest& request)
      : model_(model), request_(request), device_(model.parameters().front().device()) {
    for (const Prompt& prompt : request.prompts) {
      width_ = std::max(width_, count(prompt));
    }
    std::vector<std::int64_t> padding;
    for (const Prompt& prompt : request.prompts) {
      padding.push_back(width_ - count(prompt));
    }
    // The last token that is drawn is never fed.
    cache_.emplace(model.make_cache(
        static_cast<std::int64_t>(padding.size()), width_ + request.max_new_tokens - 1));
    cache_->set_left_padding(padding);
  }

  /// Columns (B,1,n) of ids -> (B,1,V).
  torch::Tensor operator()(const torch::Tensor& columns) {
    const bool first = cache_->length() == 0;
    const auto input = first ? prompt() : columns.squeeze(1).to(device_);
    return model_.forward(input, {.cache = &*cache_, .last_only = true});
  }

 private:
  /// (B,W,hidden), or (B,W) where there are ids alone; padding in front of shorter ones.
  torch::Tensor prompt() {
    const auto& prompts = request_.prompts;
    const auto plain = [](const Prompt& p) { return !p.embeddings.defined(); };
    if (std::ranges::all_of(prompts, plain)) {
      return padded_ids(prompts, 0).squeeze(1).to(device_);
    }
    std::vector<torch::Tensor> rows;
    for (const Prompt& p : prompts) {
      std::vector<torch::Tensor> parts;
      const auto text =
          model_.embed(torch::tensor(p.ids, torch::kLong).to(device_).unsqueeze(0))[0];
      parts.push_back(torch::zeros({width_ - count(p), text.size(1)}, text.options()));
      if (p.embeddings.defined()) {
        parts.push_back(p.embeddings.to(text.options()));
      }
      parts.push_back(text);
      rows.push_back(torch::cat(parts));
    }
    return torch::stack(rows);
  }

  CausalLm& model_;
  const GenerateRequest& request_;
  torch::Device device_;
  std::int64_t width_ = 0;
  std::optional<decoding::KvCache> cache_;
};

/// Ids of one step as the caller sees them.
class Listener {
 public:
  explicit Listener(const GenerateRequest& request)
      : request_(request), done_(request.prompts.size(), false) {}

  bool operator()(const torch::Tensor& codes) {
    std::vector<std::int64_t> ids;
    for (std::size_t b = 0; b < done_.size(); ++b) {
      const std::int64_t id = codes.const_data_ptr<std::int64_t>()[b];
      ids.push_back(done_[b] ? -1 : id);
      done_[b] = done_[b] || std::ranges::find(request_.stop_ids, id) != request_.stop_ids.end();
    }
    return request_.on_token(ids);
  }

 private:
  const GenerateRequest& request_;
  std::vector<bool> done_;
};

}  // namespace

decoding::SamplingConfig GenerateRequest::greedy() {
  decoding::SamplingConfig made;
  made.temperature = 0;
  return made;
}

Generation generate(CausalLm& model, const GenerateRequest& request) {
  check(model.config(), request);
  const torch::NoGradGuard no_grad;
  decoding::AutoregressiveRequest inner;
  inner.entries = model.config().vocab;
  // Where the logits will be.
  const auto device = model.parameters().front().device();
  inner.prompt = padded_ids(request.prompts, inner.entries).to(device);
  const std::int64_t before = inner.prompt.size(2);
  for (const Prompt& prompt : request.prompts) {
    inner.padding.push_back(before - static_cast<std::int64_t>(prompt.ids.size()));
  }
  inner.frames = before + request.max_new_tokens;
  inner.seeds = request.seeds;
  if (inner.seeds.empty()) {
    inner.seeds.resize(request.prompts.size());
    std::iota(inner.seeds.begin(), inner.seeds.end(), 0);
  }
  // Without ids something must stand for what embeddings begin.
  inner.start_column = before == 0;
  inner.stop_ids = request.stop_ids;
  Listener listener(request);
  if (request.on_token) {
    inner.on_frame = [&](std::int64_t, const torch::Tensor& codes) { return listener(codes); };
  }
  decoding::AutoregressiveConfig config;
  config.pattern = decoding::PatternKind::kParallel;
  config.sampling = request.sampling;
  Network network(model, request);
  const auto made = decoding::decode_autoregressive(
      [&](const torch::Tensor& columns) { return network(columns); }, inner, config);
  Generation generation;
  generation.passes = made.passes;
  const auto codes = made.codes.select(1, 0).contiguous().cpu();
  for (std::int64_t b = 0; b < codes.size(0); ++b) {
    const auto* row = codes.const_data_ptr<std::int64_t>() + b * codes.size(1);
    generation.ids.emplace_back(row + before, row + made.lengths[static_cast<std::size_t>(b)]);
  }
  return generation;
}

}  // namespace mmi::lm
