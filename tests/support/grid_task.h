#pragma once

#include <torch/torch.h>

#include <memory>
#include <utility>
#include <vector>

#include "mmi/task/task.h"

namespace mmi::testing_support {

struct GridConfig {
  double lr = 1e-2;
  std::int64_t episodes = 32;  ///< in parallel

  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<GridConfig>("grid", "policy gradient for tests")
            .field("lr", &GridConfig::lr, "learning rate")
            .field("episodes", &GridConfig::episodes, "per batch");
    return made;
  }
};

/// A room of 5 x 5 cells: walk from a random cell to a random goal within 10 steps. REINFORCE
/// (Williams 1992) with the batch's mean return as baseline: its batches come from the policy that
/// is being trained, so they cannot be made ahead.
class GridTask : public Task {
 public:
  GridTask(const GridConfig& config, const BuildArgs& args)
      : config_(config),
        args_(args),
        policy_(torch::nn::Linear(50, 32), torch::nn::Tanh(), torch::nn::Linear(32, 4)) {}

  torch::nn::Module& module() override {
    return *policy_;
  }

  std::vector<Phase> phases() const override {
    Phase phase;
    phase.optimizer.lr = config_.lr;
    return {phase};
  }

  /// Episodes (E·T) of observations, actions and returns; batch b is a function of (weights, seed,
  /// b). `greedy` takes the most probable action.
  TensorDict rollout(Rng rng, bool greedy, double* success = nullptr) {
    const torch::NoGradGuard no_grad;
    const std::int64_t count = config_.episodes;
    std::vector<std::int64_t> at(static_cast<std::size_t>(count)), goal(at);
    for (std::size_t e = 0; e < at.size(); ++e) {
      at[e] = rng.integer(25);
      goal[e] = (at[e] + 1 + rng.integer(24)) % 25;
    }
    torch::Tensor reward = torch::zeros({kSteps, count}), alive = torch::zeros({kSteps, count});
    std::vector<torch::Tensor> seen, actions;
    for (int t = 0; t < kSteps; ++t) {
      const auto cells = [&](const std::vector<std::int64_t>& list) {
        return torch::one_hot(torch::tensor(list), 25).to(torch::kFloat32);
      };
      seen.push_back(torch::cat({cells(at), cells(goal)}, 1));
      const torch::Tensor chances = policy_->forward(seen.back()).softmax(1);
      actions.push_back(greedy ? chances.argmax(1) : torch::zeros({count}, torch::kLong));
      for (std::size_t e = 0; e < at.size(); ++e) {
        const auto row = static_cast<std::int64_t>(e);
        if (at[e] == goal[e]) {
          continue;
        }
        if (!greedy) {
          const float* p = chances.const_data_ptr<float>() + row * 4;
          actions.back()[row] =
              static_cast<std::int64_t>(rng.choice(std::vector<double>{p[0], p[1], p[2], p[3]}));
        }
        const auto move = actions.back()[row].item<std::int64_t>();
        const std::int64_t x =
            std::clamp<std::int64_t>(at[e] % 5 + (move == 0) - (move == 1), 0, 4);
        const std::int64_t y =
            std::clamp<std::int64_t>(at[e] / 5 + (move == 2) - (move == 3), 0, 4);
        at[e] = y * 5 + x;
        alive[t][row] = 1;
        reward[t][row] = at[e] == goal[e] ? 1.0 : -0.1;
      }
    }
    if (success != nullptr) {
      *success =
          (torch::tensor(at) == torch::tensor(goal)).to(torch::kFloat64).mean().item<double>();
    }
    TensorDict batch;
    batch.set("seen", torch::cat(seen));
    batch.set("action", torch::cat(actions));
    batch.set("return", reward.flip(0).cumsum(0).flip(0).view(-1));
    batch.set("alive", alive.view(-1));
    return batch;
  }

  std::shared_ptr<data::BatchSource> source() override {
    return std::make_shared<Rollouts>(*this);
  }

  Loss loss(const std::string&, const TensorDict& batch, StepContext&) override {
    const torch::Tensor alive = batch.tensor("alive");
    const torch::Tensor gain =
        batch.tensor("return") - (batch.tensor("return") * alive).sum() / alive.sum();
    const torch::Tensor log_p = policy_->forward(batch.tensor("seen")).log_softmax(1);
    const torch::Tensor taken = log_p.gather(1, batch.tensor("action").unsqueeze(1)).squeeze(1);
    return {-(taken * gain * alive).sum() / alive.sum(), {}};
  }

  Metrics evaluate(const std::string&) override {
    double success = 0;
    rollout(Rng(99), /*greedy=*/true, &success);
    return {{"success", success}};
  }

  std::pair<std::string, bool> selection() const override {
    return {"success", true};
  }

  std::string data_fingerprint() const override {
    return "grid 5x5";
  }

 private:
  static constexpr int kSteps = 10;

  class Rollouts : public data::BatchSource {
   public:
    explicit Rollouts(GridTask& task) : task_(task) {}

    TensorDict next() override {
      Rng rng = Rng(task_.args_.seed).stream("rollout", static_cast<std::uint64_t>(next_));
      next_ += stride_;
      return task_.rollout(rng, /*greedy=*/false);
    }

    void seek(std::int64_t batch, std::int64_t stride) override {
      next_ = batch;
      stride_ = stride;
    }

    std::int64_t batches_per_epoch() const override {
      return 10;
    }

   private:
    GridTask& task_;
    std::int64_t next_ = 0;
    std::int64_t stride_ = 1;
  };

  GridConfig config_;
  BuildArgs args_;
  torch::nn::Sequential policy_;
};

}  // namespace mmi::testing_support
