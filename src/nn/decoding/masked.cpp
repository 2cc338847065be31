#include "mmi/nn/decoding/masked.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mmi/base/errors.h"

namespace mmi::nn::decoding {
namespace {

/// What is decoded together: a mask of the positions and the number of steps.
struct Stage {
  torch::Tensor masked;  // (B,K,T) bool
  std::int64_t steps = 0;
};

/// A masked position of one sample in time-outer, codebook-inner order, i = t K + k.
struct Position {
  std::int64_t flat = 0;
  double log_p = 0;
  double noise = 0;
};

/// Positions that stay masked or are committed together.
struct Span {
  std::int64_t id = 0;
  double log_p = 0;
  double noise = 0;

  double confidence() const {
    return log_p + noise;
  }
};

torch::Tensor level_mask(const torch::Tensor& masked, std::int64_t first, std::int64_t last) {
  auto mask = torch::zeros_like(masked);
  mask.narrow(1, first, last - first).copy_(masked.narrow(1, first, last - first));
  return mask;
}

std::vector<Stage> stages_of(const torch::Tensor& masked, const MaskedDecodingConfig& config) {
  const std::int64_t levels = masked.size(1);
  if (config.mode == MaskMode::kCoarseToFine) {
    MMI_CHECK(
        ConfigError,
        config.coarse_levels > 0 && config.coarse_levels < levels,
        "c2f needs coarse_levels between 1 and {}, but it is {}",
        levels - 1,
        config.coarse_levels);
    MMI_CHECK(
        ConfigError,
        !masked.narrow(1, 0, config.coarse_levels).any().item<bool>(),
        "c2f generates levels from {} on: its mask must leave out those before",
        config.coarse_levels);
    return {{level_mask(masked, config.coarse_levels, levels), config.steps}};
  }
  if (config.mode != MaskMode::kLevelwise) {
    return {{masked, config.steps}};
  }
  MMI_CHECK(
      ConfigError,
      config.level_steps.empty() || static_cast<std::int64_t>(config.level_steps.size()) == levels,
      "level_steps needs a number for each of {} levels, but has {}",
      levels,
      config.level_steps.size());
  std::vector<Stage> stages;
  for (std::int64_t level = 0; level < levels; ++level) {
    const std::int64_t steps = !config.level_steps.empty()
                                   ? config.level_steps[static_cast<std::size_t>(level)]
                                   : (level == 0 ? config.steps : 1);
    stages.push_back({level_mask(masked, level, level + 1), steps});
  }
  return stages;
}

/// The loop over one stage.
class Loop {
 public:
  Loop(
      const TokenNetwork& network,
      torch::Tensor& tokens,
      std::int64_t entries,
      const std::vector<std::uint64_t>& seeds,
      const MaskedDecodingConfig& config)
      : network_(network),
        tokens_(tokens),
        entries_(entries),
        seeds_(seeds),
        config_(config),
        levels_(tokens.size(1)),
        frames_(tokens.size(2)) {}

  /// Decodes the stage, whose first pass has the number `first`; returns the calls of the network.
  std::int64_t run(const Stage& stage, std::int64_t first) {
    // (B,T,K): the flat index of a sample is t K + k.
    const auto mask = stage.masked.transpose(1, 2).contiguous().cpu();
    const std::int64_t samples = mask.size(0);
    const std::int64_t size = levels_ * frames_;
    const bool* set = mask.const_data_ptr<bool>();
    std::vector<std::vector<Position>> open(static_cast<std::size_t>(samples));
    for (std::int64_t b = 0; b < samples; ++b) {
      for (std::int64_t i = 0; i < size; ++i) {
        if (set[b * size + i]) {
          open[static_cast<std::size_t>(b)].push_back({i});
        }
      }
    }
    std::vector<std::vector<std::int64_t>> counts;
    std::size_t steps = 0;
    for (const auto& positions : open) {
      counts.push_back(masked_counts(
          config_.schedule, stage.steps, static_cast<std::int64_t>(spans_of(positions).size())));
      steps = std::max(steps, counts.back().size());
    }
    for (std::size_t t = 0; t < steps; ++t) {
      const auto done = static_cast<std::int64_t>(t);
      step(open, done + 1, stage.steps, first + done);
      for (std::size_t b = 0; b < open.size(); ++b) {
        keep_least(open[b], t < counts[b].size() ? counts[b][t] : 0);
        remask(open[b], static_cast<std::int64_t>(b));
      }
      tokens_.copy_(host_tokens_);
    }
    return static_cast<std::int64_t>(steps);
  }

 private:
  /// Draws a token at every open position and sets its confidence; all are written.
  void step(
      std::vector<std::vector<Position>>& open,
      std::int64_t t,
      std::int64_t steps,
      std::int64_t pass) {
    std::vector<std::int64_t> rows;
    std::vector<double> uniforms;
    std::vector<double> gumbels;
    for (std::size_t b = 0; b < open.size(); ++b) {
      const auto u = uniform_draws(
          seeds_[b], "masked token", static_cast<std::uint64_t>(pass), levels_ * frames_);
      const auto g = gumbel_draws(
          seeds_[b], "masked confidence", static_cast<std::uint64_t>(pass), levels_ * frames_);
      for (const Position& p : open[b]) {
        rows.push_back(row_of(static_cast<std::int64_t>(b), p.flat));
        uniforms.push_back(u[static_cast<std::size_t>(p.flat)]);
        gumbels.push_back(g[static_cast<std::size_t>(p.flat)]);
      }
    }
    const double done = static_cast<double>(t) / static_cast<double>(steps);
    const double before = static_cast<double>(t - 1) / static_cast<double>(steps);
    SamplingConfig sampling = config_.sampling;
    if (config_.temperature_final) {
      const double share =
          steps == 1 ? 0 : static_cast<double>(t - 1) / static_cast<double>(steps - 1);
      sampling.temperature += share * (*config_.temperature_final - sampling.temperature);
    }
    const auto logits = pool_logits(rows, pass, masked_share(config_.schedule, before));
    const Draw draw = sample_tokens(logits, sampling, uniforms);
    const auto drawn = draw.tokens.cpu();
    const auto log_p = draw.log_probability.cpu();
    const auto* token = drawn.const_data_ptr<std::int64_t>();
    const float* value = log_p.const_data_ptr<float>();
    host_tokens_ = tokens_.cpu().contiguous();
    auto* out = host_tokens_.mutable_data_ptr<std::int64_t>();
    const double alpha = config_.noise * (1 - done);
    std::size_t row = 0;
    for (auto& positions : open) {
      for (Position& p : positions) {
        out[rows[row]] = token[row];
        p.log_p = value[row];
        p.noise = alpha == 0 ? 0 : alpha * gumbels[row];
        ++row;
      }
    }
  }

  /// Guided logits of the open positions alone (R,V).
  torch::Tensor pool_logits(
      const std::vector<std::int64_t>& rows, std::int64_t pass, double mask_ratio) {
    const double low = config_.guidance_final.value_or(config_.guidance);
    const double scale = low + (config_.guidance - low) * mask_ratio;
    const bool guided = config_.guidance != 1 || low != 1;
    const auto index =
        torch::tensor(rows, torch::TensorOptions().dtype(torch::kLong)).to(tokens_.device());
    const auto logits = network_(guided ? tokens_.repeat({2, 1, 1}) : tokens_, pass);
    const std::int64_t batch = (guided ? 2 : 1) * tokens_.size(0);
    MMI_CHECK(
        ShapeError,
        logits.sizes() == c10::IntArrayRef({batch, levels_, frames_, entries_}),
        "the network must return logits ({},{},{},{}), but returned {}",
        batch,
        levels_,
        frames_,
        entries_,
        logits.sizes().vec());
    const auto flat = logits.reshape({guided ? 2 : 1, tokens_.numel(), entries_});
    const auto conditional = flat[0].index_select(0, index);
    if (!guided) {
      return conditional;
    }
    const auto null = flat[1].index_select(0, index);
    return null + scale * (conditional - null);
  }

  /// Index into (B,K,T) of position i = t K + k.
  std::int64_t row_of(std::int64_t b, std::int64_t flat) const {
    return (b * levels_ + flat % levels_) * frames_ + flat / levels_;
  }

  std::int64_t span_of(const Position& p) const {
    return p.flat / levels_ / config_.span * levels_ + p.flat % levels_;
  }

  /// In the order of their ids; the noise of a span is that of its first open position.
  std::vector<Span> spans_of(const std::vector<Position>& positions) const {
    std::vector<Span> spans;
    for (const Position& p : positions) {
      spans.push_back({span_of(p), p.log_p, p.noise});
    }
    if (config_.span == 1) {
      return spans;
    }
    std::stable_sort(
        spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.id < b.id; });
    std::vector<Span> merged;
    for (const Span& span : spans) {
      if (merged.empty() || merged.back().id != span.id) {
        merged.push_back(span);
      } else {
        merged.back().log_p = std::max(merged.back().log_p, span.log_p);
      }
    }
    return merged;
  }

  /// Leaves the `count` spans of least confidence, exactly, in their order.
  void keep_least(std::vector<Position>& positions, std::int64_t count) const {
    auto spans = spans_of(positions);
    if (count >= static_cast<std::int64_t>(spans.size())) {
      return;
    }
    std::nth_element(
        spans.begin(), spans.begin() + count, spans.end(), [](const Span& a, const Span& b) {
          return a.confidence() != b.confidence() ? a.confidence() < b.confidence() : a.id < b.id;
        });
    std::vector<bool> kept(static_cast<std::size_t>(levels_ * frames_));
    for (std::int64_t i = 0; i < count; ++i) {
      kept[static_cast<std::size_t>(spans[static_cast<std::size_t>(i)].id)] = true;
    }
    std::erase_if(
        positions, [&](const Position& p) { return !kept[static_cast<std::size_t>(span_of(p))]; });
  }

  void remask(const std::vector<Position>& positions, std::int64_t b) {
    auto* out = host_tokens_.mutable_data_ptr<std::int64_t>();
    for (const Position& p : positions) {
      out[row_of(b, p.flat)] = entries_;
    }
  }

  const TokenNetwork& network_;
  torch::Tensor& tokens_;
  torch::Tensor host_tokens_;
  std::int64_t entries_;
  const std::vector<std::uint64_t>& seeds_;
  const MaskedDecodingConfig& config_;
  std::int64_t levels_;
  std::int64_t frames_;
};

void check(
    const torch::Tensor& tokens,
    const torch::Tensor& masked,
    const std::vector<std::uint64_t>& seeds,
    const MaskedDecodingConfig& config) {
  MMI_CHECK(
      ShapeError,
      tokens.dim() == 3 && tokens.scalar_type() == torch::kLong,
      "tokens must be (B,K,T) int64, but are {}",
      tokens.sizes().vec());
  MMI_CHECK(
      ShapeError,
      !masked.defined() ||
          (masked.sizes() == tokens.sizes() && masked.scalar_type() == torch::kBool),
      "the mask must be a bool for each token {}",
      tokens.sizes().vec());
  MMI_CHECK(
      ConfigError,
      masked.defined() || config.mode != MaskMode::kInpaint,
      "inpaint needs a mask of what is to be generated");
  MMI_CHECK(
      ShapeError,
      static_cast<std::int64_t>(seeds.size()) == tokens.size(0),
      "{} samples need as many seeds, but there are {}",
      tokens.size(0),
      seeds.size());
  MMI_CHECK(
      ConfigError,
      config.sampling.repetition_penalty == 1,
      "masked decoding has no order, and therefore no repetition penalty");
}

}  // namespace

const config::Schema& MaskedDecodingConfig::schema() {
  using C = MaskedDecodingConfig;
  static const config::Schema made =
      config::Table<C>("masked_decoding", "iterative parallel decoding of masked tokens")
          .field("mode", &C::mode, "which positions are generated together")
          .field("steps", &C::steps, "passes of the network", config::at_least(1))
          .field(
              "level_steps",
              &C::level_steps,
              "levelwise: passes of each level; empty: `steps` for the first, 1 for the others",
              config::at_least(1))
          .field(
              "coarse_levels", &C::coarse_levels, "c2f: levels that are given", config::at_least(0))
          .field("span", &C::span, "frames that are committed together", config::at_least(1))
          .field("schedule", &C::schedule, "share that stays masked over the steps")
          .field("guidance", &C::guidance, "classifier-free; 1: none", config::at_least(0))
          .field(
              "guidance_final",
              &C::guidance_final,
              "approached with the share that is masked; null: as guidance",
              config::at_least(0))
          .field("noise", &C::noise, "on the confidence at first; falls to 0", config::at_least(0))
          .field(
              "temperature_final",
              &C::temperature_final,
              "of the last step; null: as sampling.temperature",
              config::at_least(0))
          .field("sampling", &C::sampling, "how a token is drawn");
  return made;
}

double masked_share(MaskSchedule schedule, double r) {
  switch (schedule) {
    case MaskSchedule::kCosine:
      return std::cos(std::numbers::pi * r / 2);
    case MaskSchedule::kCosineHalf:
      return 0.5 * (1 + std::cos(std::numbers::pi * r));
    case MaskSchedule::kLinear:
      return 1 - r;
    case MaskSchedule::kSquare:
      return 1 - r * r;
  }
  MMI_ASSERT(false);
}

std::vector<std::int64_t> masked_counts(
    MaskSchedule schedule, std::int64_t steps, std::int64_t positions) {
  MMI_CHECK(ConfigError, steps > 0, "masked decoding needs at least 1 step, but has {}", steps);
  std::vector<std::int64_t> counts;
  std::int64_t left = positions;
  for (std::int64_t t = 1; t <= steps && left > 0; ++t) {
    const double share =
        masked_share(schedule, static_cast<double>(t) / static_cast<double>(steps));
    const auto wanted =
        static_cast<std::int64_t>(std::floor(share * static_cast<double>(positions)));
    left = t == steps ? 0 : std::min(std::max<std::int64_t>(wanted, 1), left - 1);
    counts.push_back(left);
  }
  return counts;
}

MaskedDecoding decode_masked(
    const TokenNetwork& network,
    const torch::Tensor& tokens,
    const torch::Tensor& masked,
    std::int64_t entries,
    const std::vector<std::uint64_t>& seeds,
    const MaskedDecodingConfig& config) {
  check(tokens, masked, seeds, config);
  const torch::NoGradGuard no_grad;
  auto wanted =
      masked.defined() ? masked : torch::ones_like(tokens, tokens.options().dtype(torch::kBool));
  if (config.mode == MaskMode::kCoarseToFine && !masked.defined()) {
    wanted.narrow(1, 0, std::min(config.coarse_levels, tokens.size(1))).fill_(false);
  }
  const auto stages = stages_of(wanted, config);
  const auto given = tokens.masked_select(wanted.logical_not());
  MMI_CHECK(
      ConfigError,
      given.numel() == 0 ||
          (given.ge(0).all().item<bool>() && given.lt(entries).all().item<bool>()),
      "given tokens must be in [0, {})",
      entries);
  MaskedDecoding result;
  result.tokens = tokens.masked_fill(wanted, entries);
  Loop loop(network, result.tokens, entries, seeds, config);
  // Numbers of passes do not depend on how early the samples of a batch are done.
  std::int64_t first = 0;
  for (const Stage& stage : stages) {
    result.passes += loop.run(stage, first);
    first += stage.steps;
  }
  MMI_ASSERT(result.tokens.numel() == 0 || result.tokens.max().item<std::int64_t>() < entries);
  return result;
}

}  // namespace mmi::nn::decoding
