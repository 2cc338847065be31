#pragma once

#include <torch/torch.h>

#include <cmath>
#include <memory>

#include "mmi/task/task.h"

namespace mmi::testing_support {

struct ToyConfig {
  double lr = 1e-2;
  std::int64_t break_at = -1;           ///< the loss is NaN at this step
  std::int64_t break_gradient_at = -1;  ///< the loss is finite, its gradient is not
  std::int64_t break_critic_at = -1;    ///< the second phase's loss is NaN
  std::int64_t nan_evaluations = 0;     ///< so many of the first have no score
  std::int64_t spoil_eval_from = -1;    ///< evaluations after so many show no gain
  bool two_phases = true;
  bool plain = false;  ///< float64, without batch norm and dropout
  std::int64_t batch_size = 8;
  int workers = 2;

  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<ToyConfig>("toy", "regression for tests")
            .field("lr", &ToyConfig::lr, "")
            .field("break_at", &ToyConfig::break_at, "")
            .field("break_gradient_at", &ToyConfig::break_gradient_at, "")
            .field("break_critic_at", &ToyConfig::break_critic_at, "")
            .field("nan_evaluations", &ToyConfig::nan_evaluations, "")
            .field("spoil_eval_from", &ToyConfig::spoil_eval_from, "")
            .field("two_phases", &ToyConfig::two_phases, "")
            .field("plain", &ToyConfig::plain, "")
            .field("batch_size", &ToyConfig::batch_size, "")
            .field("workers", &ToyConfig::workers, "")
            .cosmetic();
    return made;
  }
};

/// y = sum(x) learned by a small network with dropout and batch norm; a second phase trains a
/// critic that predicts the first one's error.
class ToyTask : public Task {
 public:
  ToyTask(const ToyConfig& config, const BuildArgs& args) : config_(config), args_(args) {
    net_->push_back(torch::nn::Linear(4, 16));
    if (!config_.plain) {
      net_->push_back(torch::nn::BatchNorm1d(16));
    }
    net_->push_back(torch::nn::ReLU());
    if (!config_.plain) {
      net_->push_back(torch::nn::Dropout(0.2));
    }
    net_->push_back(torch::nn::Linear(16, 1));
    critic_ = torch::nn::Linear(4, 1);
    module_ = std::make_shared<torch::nn::Module>("toy");
    module_->register_module("net", net_.ptr());
    module_->register_module("critic", critic_.ptr());
    if (config_.plain) {
      module_->to(torch::kFloat64);
    }
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
    loader.batch_size = config_.batch_size;
    loader.workers = config_.workers;
    return std::make_shared<data::Loader>(
        std::make_shared<Examples>(),
        std::make_shared<data::PermutationSampler>(48),
        loader,
        args_.seed);
  }

  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override {
    const torch::Tensor x = typed(batch.tensor("x"));
    errors_.resize(std::max(errors_.size(), context.micro + 1));
    Loss loss;
    if (phase == "net") {
      const torch::Tensor error = (net_->forward(x) - typed(batch.tensor("y"))).pow(2);
      errors_[context.micro] = error.detach();
      loss.total = error.mean();
      loss.parts = {{"worst", error.detach().max()}};
      if (context.step == config_.break_gradient_at) {
        loss.total = loss.total + (module_->parameters()[0].sum() * 0).sqrt();
      }
      if (context.step == config_.break_at) {
        loss.total = loss.total * std::nan("");
      }
    } else {
      loss.total = (critic_->forward(x) - errors_[context.micro]).pow(2).mean();
      if (context.step == config_.break_critic_at) {
        loss.total = loss.total * std::nan("");
      }
    }
    return loss;
  }

  Metrics evaluate(const std::string& split) override {
    const torch::Tensor x = typed(torch::linspace(-1, 1, 20).view({5, 4}));
    if (++evaluations_ <= config_.nan_evaluations) {
      return {{"error", std::nan("")}};
    }
    if (config_.spoil_eval_from >= 0 && evaluations_ > config_.spoil_eval_from) {
      return {{"error", 100}};
    }
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
      return 48;
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

  torch::Tensor typed(const torch::Tensor& tensor) const {
    return config_.plain ? tensor.to(torch::kFloat64) : tensor;
  }

  ToyConfig config_;
  BuildArgs args_;
  std::int64_t evaluations_ = 0;
  torch::nn::Sequential net_;
  torch::nn::Linear critic_{nullptr};
  std::shared_ptr<torch::nn::Module> module_;
  std::vector<torch::Tensor> errors_;  ///< of this step, per micro-batch
};

}  // namespace mmi::testing_support
