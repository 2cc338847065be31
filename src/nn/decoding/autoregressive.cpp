#include "mmi/nn/decoding/autoregressive.h"

#include <torch/torch.h>

#include <algorithm>

#include "mmi/base/errors.h"

namespace mmi::nn::decoding {
namespace {

/// (B,1,T0) bool, true where a prompt holds ids.
torch::Tensor real_columns(const AutoregressiveRequest& r) {
  const auto first = torch::tensor(r.padding, torch::kLong).view({-1, 1, 1});
  return torch::arange(r.prompt.size(2)).ge(first).to(r.prompt.device());
}

void check(const AutoregressiveRequest& r, const AutoregressiveConfig& config) {
  MMI_CHECK(
      ShapeError,
      r.prompt.defined() && r.prompt.dim() == 3 && r.prompt.scalar_type() == torch::kLong &&
          r.prompt.size(0) > 0,
      "a prompt (B,K,T0) int64 is needed; T0 may be 0");
  const auto batch = r.prompt.size(0);
  MMI_CHECK(
      ShapeError,
      static_cast<std::int64_t>(r.seeds.size()) == batch,
      "{} samples need as many seeds, but there are {}",
      batch,
      r.seeds.size());
  MMI_CHECK(
      ConfigError,
      r.frames >= r.prompt.size(2),
      "{} frames are fewer than the prompt's {}",
      r.frames,
      r.prompt.size(2));
  const bool one = r.prompt.size(1) == 1;
  MMI_CHECK(
      ConfigError,
      r.padding.empty() || (one && static_cast<std::int64_t>(r.padding.size()) == batch),
      "padding is a number for each of {} prompts of a single codebook",
      batch);
  const auto ids = r.padding.empty() ? r.prompt : r.prompt.where(real_columns(r), 0);
  MMI_CHECK(
      ConfigError,
      ids.numel() == 0 ||
          (ids.min().item<std::int64_t>() >= 0 && ids.max().item<std::int64_t>() < r.entries),
      "a prompt must be in [0, {})",
      r.entries);
  MMI_CHECK(
      ConfigError, one || r.stop_ids.empty(), "stop ids need a single codebook, as of a text");
  MMI_CHECK(
      ConfigError,
      r.start_column || (one && r.prompt.size(2) > 0),
      "without a start column a single codebook and a prompt are needed");
}

/// One generation: the woven sequence and what the loop knows of it.
class Loop {
 public:
  Loop(
      const ColumnNetwork& network,
      const AutoregressiveRequest& request,
      const AutoregressiveConfig& config)
      : network_(network),
        r_(request),
        config_(config),
        pattern_(config.pattern, request.prompt.size(1)),
        device_(request.prompt.device()),
        batch_(request.prompt.size(0)),
        codebooks_(request.prompt.size(1)),
        columns_(1 + pattern_.steps(request.frames)) {
    // What is not yet known is special too: the known part of a column is copied over it.
    auto codes = torch::full({batch_, codebooks_, r_.frames}, r_.entries, torch::kLong);
    codes.narrow(2, 0, r_.prompt.size(2)).copy_(r_.prompt);
    sequence_ = pattern_.weave(codes, r_.entries);
    padding_ = r_.padding;
    padding_.resize(static_cast<std::size_t>(batch_));
    done_.assign(static_cast<std::size_t>(batch_), false);
    lengths_.assign(static_cast<std::size_t>(batch_), r_.frames);
    if (config_.sampling.repetition_penalty != 1) {
      seen_ = seen_tokens(r_.prompt.reshape({batch_ * codebooks_, r_.prompt.size(2)}), r_.entries);
    }
  }

  AutoregressiveDecoding run() {
    AutoregressiveDecoding result;
    std::int64_t frames = r_.prompt.size(2);  // reported ones
    std::int64_t fed = r_.start_column ? 0 : 1;
    bool going = true;
    for (std::int64_t s = first_open(); s < columns_ && going; ++s) {
      write(s, next_logits(fed, s));
      ++result.passes;
      fed = s;
      for (; frames < pattern_.complete_frames(s + 1) && frames < r_.frames && going; ++frames) {
        going = report(frames) && !all_done();
      }
    }
    result.codes = pattern_.unweave(sequence_, r_.frames).narrow(2, 0, frames).to(device_);
    for (std::int64_t& length : lengths_) {
      length = std::min(length, frames);
    }
    result.lengths = lengths_;
    return result;
  }

 private:
  /// First column that holds a code to be generated.
  std::int64_t first_open() const {
    return r_.prompt.size(2) == r_.frames ? columns_ : pattern_.column_of(r_.prompt.size(2), 0);
  }

  /// Guided logits (B K,V) of column s, from the columns fed so far and [fed, s).
  torch::Tensor next_logits(std::int64_t fed, std::int64_t s) {
    auto columns = sequence_.narrow(2, fed, s - fed).to(device_);
    const bool guided = config_.guidance != 1;
    const auto logits = network_(guided ? columns.repeat({2, 1, 1}) : columns);
    const std::int64_t rows = guided ? 2 * batch_ : batch_;
    MMI_CHECK(
        ShapeError,
        logits.sizes() == c10::IntArrayRef({rows, codebooks_, r_.entries}),
        "the network must return logits ({},{},{}), but returned {}",
        rows,
        codebooks_,
        r_.entries,
        logits.sizes().vec());
    return (guided ? guide(logits, config_.guidance) : logits)
        .reshape({batch_ * codebooks_, r_.entries});
  }

  /// Draws the open codes of column s.
  void write(std::int64_t s, const torch::Tensor& logits) {
    std::vector<std::int64_t> open;  // codebooks
    for (std::int64_t k = 0; k < codebooks_; ++k) {
      if (pattern_.frame_at(s, k, r_.frames) >= r_.prompt.size(2)) {
        open.push_back(k);
      }
    }
    std::vector<double> uniforms;
    std::vector<std::int64_t> rows;
    for (std::int64_t b = 0; b < batch_; ++b) {
      const auto draws = uniform_draws(
          r_.seeds[static_cast<std::size_t>(b)],
          "next token",
          static_cast<std::uint64_t>(s - padding_[static_cast<std::size_t>(b)]),
          codebooks_);
      for (const std::int64_t k : open) {
        uniforms.push_back(draws[static_cast<std::size_t>(k)]);
        rows.push_back(b * codebooks_ + k);
      }
    }
    const bool all = static_cast<std::int64_t>(open.size()) == codebooks_;
    const auto index = torch::tensor(rows, torch::TensorOptions().dtype(torch::kLong));
    const auto wanted = all ? logits : logits.index_select(0, index.to(logits.device()));
    const auto seen =
        seen_.defined() ? seen_.index_select(0, index.to(seen_.device())) : torch::Tensor();
    const auto drawn = sample_tokens(wanted, config_.sampling, uniforms, seen).tokens.cpu();
    const auto* token = drawn.const_data_ptr<std::int64_t>();
    auto* out = sequence_.mutable_data_ptr<std::int64_t>();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto b = static_cast<std::size_t>(rows[i] / codebooks_);
      std::int64_t id = token[i];
      if (!r_.stop_ids.empty()) {
        id = done_[b] ? r_.pad_id : id;
        if (!done_[b] &&
            std::find(r_.stop_ids.begin(), r_.stop_ids.end(), id) != r_.stop_ids.end()) {
          done_[b] = true;
          lengths_[b] = pattern_.frame_at(s, 0, r_.frames) + 1;
        }
      }
      out[rows[i] * columns_ + s] = id;
    }
    if (seen_.defined()) {
      seen_.index_put_(
          {index.to(seen_.device()), drawn.to(seen_.device())}, torch::ones({}, seen_.options()));
    }
  }

  bool report(std::int64_t t) const {
    if (!r_.on_frame) {
      return true;
    }
    torch::Tensor codes = torch::empty({batch_, codebooks_}, torch::kLong);
    for (std::int64_t k = 0; k < codebooks_; ++k) {
      codes.select(1, k).copy_(sequence_.select(1, k).select(1, pattern_.column_of(t, k)));
    }
    return r_.on_frame(t, codes);
  }

  bool all_done() const {
    return std::find(done_.begin(), done_.end(), false) == done_.end();
  }

  const ColumnNetwork& network_;
  const AutoregressiveRequest& r_;
  const AutoregressiveConfig& config_;
  CodebookPattern pattern_;
  torch::Device device_;
  std::int64_t batch_;
  std::int64_t codebooks_;
  std::int64_t columns_;
  torch::Tensor sequence_;             // (B,K,1+steps) on the host
  torch::Tensor seen_;                 // (B K,V) bool
  std::vector<std::int64_t> padding_;  // columns of the prompt that are none
  std::vector<bool> done_;
  std::vector<std::int64_t> lengths_;
};

}  // namespace

const config::Schema& AutoregressiveConfig::schema() {
  using C = AutoregressiveConfig;
  static const config::Schema made =
      config::Table<C>("autoregressive", "generation column by column")
          .field("pattern", &C::pattern, "order in which codebooks are written")
          .field("guidance", &C::guidance, "classifier-free; 1: none", config::at_least(0))
          .field("sampling", &C::sampling, "how a token is drawn");
  return made;
}

AutoregressiveDecoding decode_autoregressive(
    const ColumnNetwork& network,
    const AutoregressiveRequest& request,
    const AutoregressiveConfig& config) {
  check(request, config);
  const torch::NoGradGuard no_grad;
  return Loop(network, request, config).run();
}

}  // namespace mmi::nn::decoding
