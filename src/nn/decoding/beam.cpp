#include "mmi/nn/decoding/beam.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"

namespace mmi::nn::decoding {
namespace {

struct Running {
  std::vector<std::int64_t> tokens;
  double score = 0;  // log p
};

struct Candidate {
  std::int64_t beam = 0;
  std::int64_t token = 0;
  double score = 0;
};

/// The search of one sample.
class Search {
 public:
  Search(const BeamConfig& config, const std::vector<std::int64_t>& stop_ids)
      : config_(config), stop_ids_(stop_ids) {
    // All beams are the same at first: one of them branches.
    running_.assign(static_cast<std::size_t>(config.beams), {{}, -1e9});
    running_.front().score = 0;
  }

  bool done() const {
    return done_;
  }

  /// Takes log-probabilities (beams,V) of the next token. Fills the beam each new beam comes from
  /// and its last token.
  void advance(const torch::Tensor& log_p, std::int64_t* origin, std::int64_t* last) {
    const auto candidates = best(log_p);
    const std::int64_t length = static_cast<std::int64_t>(running_.front().tokens.size()) + 1;
    const bool at_end = length == config_.max_new_tokens;
    std::vector<Running> next;
    bool all_stop = true;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const Candidate& c = candidates[i];
      const bool stops = at_end || is_stop(c.token);
      all_stop = all_stop && stops;
      Running grown = running_[static_cast<std::size_t>(c.beam)];
      grown.tokens.push_back(c.token);
      grown.score = c.score;
      if (stops && static_cast<std::int64_t>(i) < config_.beams) {
        finish(grown, length);
      } else if (!stops && static_cast<std::int64_t>(next.size()) < config_.beams) {
        origin[next.size()] = c.beam;
        last[next.size()] = c.token;
        next.push_back(std::move(grown));
      }
    }
    done_ = all_stop || at_end || next.empty();
    if (done_) {
      return;
    }
    // As many continue as before: there are beams + (stop ids times beams) candidates.
    MMI_ASSERT(static_cast<std::int64_t>(next.size()) == config_.beams);
    running_ = std::move(next);
    done_ = full() && (config_.stop == BeamStop::kFirst || !can_improve(length));
  }

  std::vector<BeamHypothesis> take() {
    return std::move(finished_);
  }

 private:
  bool is_stop(std::int64_t token) const {
    return std::find(stop_ids_.begin(), stop_ids_.end(), token) != stop_ids_.end();
  }

  bool full() const {
    return static_cast<std::int64_t>(finished_.size()) == config_.beams;
  }

  double normalised(double score, std::int64_t length) const {
    return score / std::pow(static_cast<double>(length), config_.length_penalty);
  }

  std::vector<Candidate> best(const torch::Tensor& log_p) const {
    const std::int64_t entries = log_p.size(1);
    std::vector<float> before;
    for (const Running& beam : running_) {
      before.push_back(static_cast<float>(beam.score));
    }
    const auto total = (log_p + torch::tensor(before).unsqueeze(1)).view({-1});
    const std::int64_t stops = static_cast<std::int64_t>(stop_ids_.size());
    const std::int64_t wanted = std::max<std::int64_t>(2, 1 + stops) * config_.beams;
    const auto [score, index] = total.topk(std::min(wanted, total.numel()));
    std::vector<Candidate> list;
    for (std::int64_t i = 0; i < score.numel(); ++i) {
      const auto at = index.const_data_ptr<std::int64_t>()[i];
      list.push_back({at / entries, at % entries, score.const_data_ptr<float>()[i]});
    }
    return list;
  }

  void finish(const Running& beam, std::int64_t length) {
    BeamHypothesis made{beam.tokens, normalised(beam.score, length)};
    const auto place = std::find_if(finished_.begin(), finished_.end(), [&](const auto& other) {
      return other.score < made.score;
    });
    finished_.insert(place, std::move(made));
    if (static_cast<std::int64_t>(finished_.size()) > config_.beams) {
      finished_.pop_back();
    }
  }

  bool can_improve(std::int64_t length) const {
    const bool to_the_end = config_.stop == BeamStop::kNever && config_.length_penalty > 0;
    const double hoped =
        normalised(running_.front().score, to_the_end ? config_.max_new_tokens : length);
    return hoped > finished_.back().score;
  }

  const BeamConfig& config_;
  const std::vector<std::int64_t>& stop_ids_;
  std::vector<Running> running_;
  std::vector<BeamHypothesis> finished_;  // best first
  bool done_ = false;
};

void check(
    const torch::Tensor& prompt,
    const std::vector<std::int64_t>& stop_ids,
    const BeamConfig& config) {
  MMI_CHECK(
      ShapeError,
      prompt.dim() == 2 && prompt.size(0) > 0 && prompt.size(1) > 0 &&
          prompt.scalar_type() == torch::kLong,
      "a prompt must be (B,T0) int64 with T0 >= 1, but is {}",
      prompt.sizes().vec());
  MMI_CHECK(
      ConfigError,
      config.beams > 0 && config.max_new_tokens > 0,
      "beam search needs beams and new tokens, but has {} and {}",
      config.beams,
      config.max_new_tokens);
}

}  // namespace

const config::Schema& BeamConfig::schema() {
  using C = BeamConfig;
  static const config::Schema made =
      config::Table<C>("beam_search", "search for probable texts")
          .field("beams", &C::beams, "hypotheses that are followed", config::at_least(1))
          .field("max_new_tokens", &C::max_new_tokens, "greatest length", config::at_least(1))
          .field("length_penalty", &C::length_penalty, "power of the length; 0: none")
          .field("stop", &C::stop, "when the search ends");
  return made;
}

std::vector<std::vector<BeamHypothesis>> beam_search(
    const BeamNetwork& network,
    const torch::Tensor& prompt,
    const std::vector<std::int64_t>& stop_ids,
    const BeamConfig& config) {
  check(prompt, stop_ids, config);
  const torch::NoGradGuard no_grad;
  const std::int64_t batch = prompt.size(0);
  const std::int64_t beams = config.beams;
  const std::int64_t rows = batch * beams;
  std::vector<Search> searches(static_cast<std::size_t>(batch), Search(config, stop_ids));
  torch::Tensor tokens = prompt.repeat_interleave(beams, 0);
  torch::Tensor origin = torch::arange(rows);
  torch::Tensor last = torch::zeros({rows}, torch::kLong);
  for (std::int64_t n = 0; n < config.max_new_tokens; ++n) {
    const auto logits = network.step(tokens);
    MMI_CHECK(
        ShapeError,
        logits.dim() == 2 && logits.size(0) == rows,
        "the network must return logits ({},V), but returned {}",
        rows,
        logits.sizes().vec());
    const auto log_p = logits.to(torch::kFloat).log_softmax(1).cpu();
    MMI_CHECK(
        NumericError,
        !log_p.isnan().any().item<bool>(),
        "a row of logits has NaN, or no finite number to continue by");
    bool all_done = true;
    for (std::int64_t b = 0; b < batch; ++b) {
      Search& search = searches[static_cast<std::size_t>(b)];
      auto* from = origin.mutable_data_ptr<std::int64_t>() + b * beams;
      if (search.done()) {
        continue;  // its rows run along
      }
      search.advance(
          log_p.narrow(0, b * beams, beams),
          from,
          last.mutable_data_ptr<std::int64_t>() + b * beams);
      for (std::int64_t i = 0; i < beams; ++i) {
        from[i] = search.done() ? b * beams + i : from[i] + b * beams;
      }
      all_done = all_done && search.done();
    }
    if (all_done) {
      break;
    }
    network.reorder(origin);
    tokens = last.unsqueeze(1).to(prompt.device());
  }
  std::vector<std::vector<BeamHypothesis>> result;
  for (Search& search : searches) {
    result.push_back(search.take());
  }
  return result;
}

}  // namespace mmi::nn::decoding
