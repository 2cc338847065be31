#pragma once

#include <torch/torch.h>

#include <cmath>
#include <memory>

#include "mmi/task/task.h"

namespace mmi::testing_support {

struct ToyConfig {
  double lr = 1e-2;
  std::int64_t break_at = -1;  ///< the loss is NaN at this step
  bool two_phases = true;

  static const config::Schema& schema() {
    static const config::Schema made = config::Table<ToyConfig>("toy", "regression for tests")
                                           .field("lr", &ToyConfig::lr, "")
                                           .field("break_at", &ToyConfig::break_at, "")
                                           .field("two_phases", &ToyConfig::two_phases, "");
    return made;
  }
};

/// y = sum(x) learned by a small network with dropout and batch norm; a second phase trains a
/// critic that predicts the first one's error.
class ToyTask : public Task {
 public:
  ToyTask(const ToyConfig& config, const BuildArgs& args) : config_(config), args_(args) {
    net_ = torch::nn::Sequential(
        torch::nn::Linear(4, 16),
        torch::nn::BatchNorm1d(16),
        torch::nn::ReLU(),
        torch::nn::Dropout(0.2),
        torch::nn::Linear(16, 1));
    critic_ = torch::nn::Linear(4, 1);
    module_ = std::make_shared<torch::nn::Module>("toy");
    module_->register_module("net", net_.ptr());
    module_->register_module("critic", critic_.ptr());
  }

  torch::nn::Module& module() override {
    return *module_;
  }

  std::vector<Phase> phases() const override {
    Phase net;
    net.name = "net";
    net.parameters = {"net.*"};
    net.optimizer.lr = config_.lr;
    net.clip_norm = 5;
    net.schedule.name = nn::ScheduleKind::kPlateau;
    net.schedule.patience = 2;
    Phase critic;
    critic.name = "critic";
    critic.parameters = {"critic.*"};
    critic.every = 2;
    critic.schedule.name = nn::ScheduleKind::kCosine;
    return config_.two_phases ? std::vector<Phase>{net, critic} : std::vector<Phase>{net};
  }

  std::shared_ptr<data::BatchSource> source() override {
    data::LoaderConfig loader;
    loader.batch_size = 8;
    loader.workers = 2;
    return std::make_shared<data::Loader>(
        std::make_shared<Examples>(),
        std::make_shared<data::PermutationSampler>(40),
        loader,
        args_.seed);
  }

  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override {
    const torch::Tensor x = batch.tensor("x");
    Loss loss;
    if (phase == "net") {
      const torch::Tensor error = (net_->forward(x) - batch.tensor("y")).pow(2);
      error_ = error.detach();
      loss.total = error.mean();
      if (context.step == config_.break_at) {
        loss.total = loss.total * std::nan("");
      }
    } else {
      loss.total = (critic_->forward(x) - error_).pow(2).mean();
    }
    return loss;
  }

  Metrics evaluate(const std::string& split) override {
    const torch::Tensor x = torch::linspace(-1, 1, 20).view({5, 4});
    const torch::Tensor error = net_->forward(x) - x.sum(1, true);
    return {{"error", error.pow(2).mean().item<double>()}};
  }

  std::pair<std::string, bool> selection() const override {
    return {"error", false};
  }

  std::map<std::string, double> calibrate() override {
    return {{"offset", 1.5}};
  }

  void restore(const std::map<std::string, double>& calibration) override {
    offset = calibration.at("offset");
  }

  std::string data_fingerprint() const override {
    return "toy";
  }

  double offset = 0;

 private:
  class Examples : public data::Dataset {
   public:
    std::int64_t size() const override {
      return 40;
    }

    TensorDict get(std::int64_t index, Rng& rng) const override {
      torch::Tensor x = torch::empty({4});
      for (int i = 0; i < 4; ++i) {
        x[i] = rng.normal();
      }
      TensorDict example;
      example.set("x", x);
      example.set("y", x.sum(0, true));
      return example;
    }

    std::string fingerprint() const override {
      return "toy";
    }
  };

  ToyConfig config_;
  BuildArgs args_;
  torch::nn::Sequential net_{nullptr};
  torch::nn::Linear critic_{nullptr};
  std::shared_ptr<torch::nn::Module> module_;
  torch::Tensor error_;
};

}  // namespace mmi::testing_support
