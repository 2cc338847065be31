#pragma once

#include <torch/torch.h>

#include <memory>
#include <utility>
#include <vector>

#include "mmi/task/task.h"

namespace mmi::testing_support {

struct LengthsConfig {
  std::int64_t longest = 64;  ///< times 64 samples

  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<LengthsConfig>("lengths", "for soak tests")
            .field("longest", &LengthsConfig::longest, "× 64 samples");
    return made;
  }
};

/// Every batch has another length: what oneDNN and the allocator keep for each must not grow
/// without end.
class LengthsTask : public Task {
 public:
  LengthsTask(const LengthsConfig& config, const BuildArgs& args)
      : config_(config),
        args_(args),
        net_(
            torch::nn::Conv1d(torch::nn::Conv1dOptions(4, 16, 9)),
            torch::nn::ReLU(),
            torch::nn::Conv1d(torch::nn::Conv1dOptions(16, 4, 9))) {}

  torch::nn::Module& module() override {
    return *net_;
  }

  std::vector<Phase> phases() const override {
    return {Phase{}};
  }

  std::shared_ptr<data::BatchSource> source() override {
    data::LoaderConfig loader;
    loader.batch_size = 1;
    loader.workers = 2;
    return std::make_shared<data::Loader>(
        std::make_shared<Noise>(config_.longest),
        std::make_shared<data::PermutationSampler>(100),
        loader,
        args_.seed);
  }

  Loss loss(const std::string&, const TensorDict& batch, StepContext&) override {
    return {net_->forward(batch.tensor("x")).pow(2).mean(), {}};
  }

  Metrics evaluate(const std::string&) override {
    return {{"power", net_->forward(torch::ones({1, 4, 64})).pow(2).mean().item<double>()}};
  }

  std::pair<std::string, bool> selection() const override {
    return {"power", false};
  }

  std::string data_fingerprint() const override {
    return "noise";
  }

 private:
  class Noise : public data::Dataset {
   public:
    explicit Noise(std::int64_t longest) : longest_(longest) {}

    std::int64_t size() const override {
      return 100;
    }

    TensorDict get(std::int64_t, Rng& rng) const override {
      TensorDict example;
      example.set("x", torch::full({4, 64 * (1 + rng.integer(longest_))}, rng.normal()));
      return example;
    }

    std::string fingerprint() const override {
      return "noise";
    }

   private:
    std::int64_t longest_;
  };

  LengthsConfig config_;
  BuildArgs args_;
  torch::nn::Sequential net_;
};

}  // namespace mmi::testing_support
