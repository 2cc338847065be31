#include "mmi/nn/decoding/sampling.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/rng.h"
#include "mmi/tensor/parallel.h"

namespace mmi::nn::decoding {
namespace {

constexpr double kOut = -std::numeric_limits<double>::infinity();

void check_rows(const torch::Tensor& logits) {
  MMI_CHECK(
      ShapeError,
      logits.dim() == 2 && logits.size(1) > 0 && logits.is_floating_point(),
      "logits must be (R,V) floating point with V > 0, but are {} {}",
      logits.sizes().vec(),
      c10::toString(logits.scalar_type()));
}

/// A row of logits on the processor: the largest, exp(logit - largest) of each, and their sum,
/// which is not finite when a logit is NaN or none is finite.
struct Row {
  std::int64_t argmax = 0;
  float top = -std::numeric_limits<float>::infinity();
  std::vector<float> p;
  double total = 0;

  Row(const float* logits, std::int64_t entries) : p(static_cast<std::size_t>(entries)) {
    for (std::int64_t i = 0; i < entries; ++i) {
      if (logits[i] > top) {
        top = logits[i];
        argmax = i;
      }
    }
    for (std::size_t i = 0; i < p.size(); ++i) {
      p[i] = std::exp(logits[i] - top);
      total += p[i];
    }
  }

  /// First index whose cumulated probability is above u.
  std::int64_t invert(double u) const {
    double sum = 0;
    std::size_t last = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
      sum += p[i];
      if (p[i] > 0) {
        last = i;
        if (sum > u * total) {
          break;
        }
      }
    }
    return static_cast<std::int64_t>(last);  // by rounding, the sum may stay below at u near 1
  }
};

/// choose(row, r) for each row r of logits (R,V) float32 on the processor. Loops of ours: torch's
/// would wake threads that wait for more on a core that the products of the next step need.
template <class Choose>
Draw each_row(const torch::Tensor& logits, const Choose& choose) {
  const std::int64_t rows = logits.size(0);
  const std::int64_t entries = logits.size(1);
  Draw draw{torch::empty({rows}, torch::kLong), torch::empty({rows})};
  const auto* const values = logits.const_data_ptr<float>();
  auto* const tokens = draw.tokens.mutable_data_ptr<std::int64_t>();
  auto* const log_probability = draw.log_probability.mutable_data_ptr<float>();
  const std::int64_t part = std::max<std::int64_t>(1, 65536 / entries);
  parallel_items((rows + part - 1) / part, [&](std::int64_t i) {
    for (std::int64_t r = i * part; r < std::min(rows, (i + 1) * part); ++r) {
      const Row row(values + r * entries, entries);
      tokens[r] = choose(row, r);
      const float chosen = values[r * entries + tokens[r]];
      log_probability[r] = static_cast<float>(chosen - row.top - std::log(row.total));
    }
  });
  return draw;
}

torch::Tensor invert_rows(const torch::Tensor& probabilities, std::span<const double> uniforms) {
  const auto where = torch::TensorOptions().dtype(torch::kDouble);
  const auto u = torch::tensor(at::ArrayRef<double>(uniforms.data(), uniforms.size()), where)
                     .to(probabilities.device())
                     .unsqueeze(1);
  const auto sums = probabilities.to(torch::kDouble).cumsum(1);
  const auto sum = sums.narrow(1, probabilities.size(1) - 1, 1);
  return torch::minimum(sums.le(u * sum).sum(1), sums.lt(sum).sum(1));
}

torch::Tensor log_probability_of(const torch::Tensor& logits, const torch::Tensor& tokens) {
  const auto chosen = logits.gather(1, tokens.unsqueeze(1)).squeeze(1);
  return chosen - logits.logsumexp(1);
}

}  // namespace

const config::Schema& SamplingConfig::schema() {
  using C = SamplingConfig;
  static const config::Schema made =
      config::Table<C>("sampling", "how a token is drawn from logits")
          .field(
              "repetition_penalty",
              &C::repetition_penalty,
              "of tokens seen before; 1: none",
              config::above(0))
          .field(
              "temperature",
              &C::temperature,
              "divides the logits; 0: the most probable token",
              config::at_least(0))
          .field("top_k", &C::top_k, "most probable tokens kept; 0: all", config::at_least(0))
          .field("top_p", &C::top_p, "probability kept; 1: all", {0, 1, true})
          .field(
              "typical_mass",
              &C::typical_mass,
              "probability of typical tokens kept; 1: all",
              {0, 1, true})
          .field(
              "min_tokens", &C::min_tokens, "kept by every filter at least", config::at_least(1));
  return made;
}

torch::Tensor penalise_repetition(
    const torch::Tensor& logits, const torch::Tensor& seen, double penalty) {
  check_rows(logits);
  MMI_CHECK(ConfigError, penalty > 0, "a repetition penalty must be above 0, but is {}", penalty);
  MMI_CHECK(
      ShapeError,
      seen.defined() && seen.scalar_type() == torch::kBool && seen.sizes() == logits.sizes(),
      "a repetition penalty needs a bool for each of the logits {}",
      logits.sizes().vec());
  const auto changed = torch::where(logits.lt(0), logits * penalty, logits / penalty);
  return torch::where(seen, changed, logits);
}

torch::Tensor seen_tokens(const torch::Tensor& tokens, std::int64_t entries) {
  MMI_CHECK(
      ShapeError,
      tokens.dim() == 2 && tokens.scalar_type() == torch::kLong,
      "tokens must be (R,L) int64, but are {}",
      tokens.sizes().vec());
  // One column more takes what is no token.
  const auto outside = tokens.lt(0).logical_or(tokens.ge(entries));
  auto seen = torch::zeros({tokens.size(0), entries + 1}, tokens.options().dtype(torch::kBool));
  seen.scatter_(1, tokens.masked_fill(outside, entries), true);
  return seen.narrow(1, 0, entries).contiguous();
}

torch::Tensor keep_top_k(const torch::Tensor& logits, std::int64_t k) {
  check_rows(logits);
  MMI_CHECK(ConfigError, k > 0, "top-k must keep at least 1 token, but k is {}", k);
  if (k >= logits.size(1)) {
    return logits;
  }
  const auto least = std::get<0>(logits.topk(k, 1)).narrow(1, k - 1, 1);
  return logits.masked_fill(logits.lt(least), kOut);
}

torch::Tensor keep_top_p(const torch::Tensor& logits, double p, std::int64_t min_tokens) {
  check_rows(logits);
  MMI_CHECK(ConfigError, p > 0 && p <= 1, "top-p must be in (0, 1], but is {}", p);
  MMI_CHECK(ConfigError, min_tokens > 0, "min_tokens must be at least 1, but is {}", min_tokens);
  if (p == 1) {
    return logits;
  }
  // From the least probable upwards: rounding then accumulates where it matters least.
  const auto [sorted, order] = logits.sort(1);
  auto out = sorted.softmax(1).cumsum(1).le(1 - p);
  const std::int64_t kept = std::min(min_tokens, logits.size(1));
  out.narrow(1, logits.size(1) - kept, kept).fill_(false);
  return logits.masked_fill(torch::zeros_like(out).scatter(1, order, out), kOut);
}

torch::Tensor keep_typical(const torch::Tensor& logits, double mass, std::int64_t min_tokens) {
  check_rows(logits);
  MMI_CHECK(ConfigError, mass > 0 && mass <= 1, "typical mass must be in (0, 1], but is {}", mass);
  MMI_CHECK(ConfigError, min_tokens > 0, "min_tokens must be at least 1, but is {}", min_tokens);
  if (mass == 1) {
    return logits;
  }
  const auto log_p = logits.log_softmax(1);
  const auto entropy = -(log_p * log_p.exp()).nansum(1, /*keepdim=*/true);
  const auto [distance, order] = (-log_p - entropy).abs().sort(1);
  const auto sums = logits.gather(1, order).softmax(1).cumsum(1);
  const auto last = sums.lt(mass).sum(1, /*keepdim=*/true).clamp_max(logits.size(1) - 1);
  auto out = distance.gt(distance.gather(1, last));
  out.narrow(1, 0, std::min(min_tokens, logits.size(1))).fill_(false);
  return logits.masked_fill(torch::zeros_like(out).scatter(1, order, out), kOut);
}

torch::Tensor filter_logits(
    const torch::Tensor& logits, const SamplingConfig& config, const torch::Tensor& seen) {
  check_rows(logits);
  torch::Tensor kept = logits;
  if (config.repetition_penalty != 1) {
    kept = penalise_repetition(kept, seen, config.repetition_penalty);
  }
  if (config.temperature == 0) {
    return kept;
  }
  if (config.temperature != 1) {
    kept = kept / config.temperature;
  }
  if (config.top_k > 0) {
    kept = keep_top_k(kept, std::max(config.top_k, config.min_tokens));
  }
  kept = keep_top_p(kept, config.top_p, config.min_tokens);
  return keep_typical(kept, config.typical_mass, config.min_tokens);
}

std::vector<double> uniform_draws(
    std::uint64_t seed, std::string_view name, std::uint64_t step, std::int64_t count) {
  Rng rng = Rng(seed).stream(name, step);
  std::vector<double> draws(static_cast<std::size_t>(count));
  for (double& draw : draws) {
    draw = rng.uniform();
  }
  return draws;
}

std::vector<double> gumbel_draws(
    std::uint64_t seed, std::string_view name, std::uint64_t step, std::int64_t count) {
  std::vector<double> draws = uniform_draws(seed, name, step, count);
  for (double& draw : draws) {
    draw = -std::log(-std::log(std::max(draw, 0x1p-54)));
  }
  return draws;
}

Draw draw_tokens(const torch::Tensor& logits, std::span<const double> uniforms) {
  check_rows(logits);
  MMI_CHECK(
      ShapeError,
      static_cast<std::int64_t>(uniforms.size()) == logits.size(0),
      "{} rows of logits need as many uniform numbers, but there are {}",
      logits.size(0),
      uniforms.size());
  const auto wide = logits.to(torch::kFloat).contiguous();
  Draw draw;
  if (wide.is_cpu()) {
    draw = each_row(wide, [&](const Row& row, std::int64_t r) {
      return row.invert(uniforms[static_cast<std::size_t>(r)]);
    });
  } else {
    draw.tokens = invert_rows(wide.softmax(1), uniforms);
    draw.log_probability = log_probability_of(wide, draw.tokens);
  }
  MMI_CHECK(
      NumericError,
      draw.log_probability.isfinite().all().item<bool>(),
      "a row of logits has NaN, or no finite number to draw a token by");
  return draw;
}

Draw greedy_tokens(const torch::Tensor& logits) {
  check_rows(logits);
  const auto wide = logits.to(torch::kFloat).contiguous();
  Draw draw;
  if (wide.is_cpu()) {
    draw = each_row(wide, [](const Row& row, std::int64_t) { return row.argmax; });
  } else {
    draw.tokens = wide.argmax(1);
    draw.log_probability = log_probability_of(wide, draw.tokens);
  }
  MMI_CHECK(
      NumericError,
      draw.log_probability.isfinite().all().item<bool>(),
      "a row of logits has NaN, or no finite number to choose a token by");
  return draw;
}

Draw sample_tokens(
    const torch::Tensor& logits,
    const SamplingConfig& config,
    std::span<const double> uniforms,
    const torch::Tensor& seen) {
  const auto kept = filter_logits(logits, config, seen);
  return config.temperature == 0 ? greedy_tokens(kept) : draw_tokens(kept, uniforms);
}

torch::Tensor guide(const torch::Tensor& both, double scale) {
  MMI_CHECK(
      ShapeError,
      both.dim() > 0 && both.size(0) % 2 == 0,
      "guidance needs as many conditional as unconditional items, but the batch is {}",
      both.sizes().vec());
  const auto half = both.size(0) / 2;
  const auto null = both.narrow(0, half, half);
  return null + scale * (both.narrow(0, 0, half) - null);
}

}  // namespace mmi::nn::decoding
