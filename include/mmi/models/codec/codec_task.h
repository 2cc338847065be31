#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/codecs/codec.h"
#include "mmi/data/loader.h"
#include "mmi/models/codec/code_usage.h"
#include "mmi/models/codec/discriminator.h"
#include "mmi/models/codec/losses.h"
#include "mmi/models/codec/sounds.h"
#include "mmi/task/task.h"

namespace mmi::models::codec {

/// audiocraft: config/solver/compression/default.yaml.
struct MMI_API CodecWeights {
  double adversarial = 4;
  double features = 4;
  double wave = 0.1;
  double mel = 2;
  double penalty = 1;  ///< beside the balancer

  static const config::Schema& schema();
};

struct MMI_API CodecTaskConfig {
  config::Component<codecs::TokenCodec> model;
  config::Component<Sounds> sounds;
  DiscriminatorConfig discriminator;
  std::int64_t adversarial_from = 0;
  CodecWeights weights;
  double window_s = 1;
  double quantizer_dropout = 0;
  std::int64_t evaluated = 64;
  data::LoaderConfig loader{.batch_size = 64};
  nn::OptimizerConfig generator_optimizer{.lr = 3e-4, .beta1 = 0.5, .beta2 = 0.9};
  nn::OptimizerConfig discriminator_optimizer{.lr = 3e-4, .beta1 = 0.5, .beta2 = 0.9};
  nn::ScheduleConfig schedule;

  CodecTaskConfig();

  static const config::Schema& schema();
};

/// Trains a neural codec on windows of sounds as audiocraft does (Défossez et al. 2023; Copet et
/// al. 2023): mel spectra, samples and what a discriminator says of them, their gradients balanced.
class MMI_API CodecTask : public Task {
 public:
  CodecTask(const CodecTaskConfig& config, const BuildArgs& args);

  torch::nn::Module& module() override;
  std::vector<Phase> phases() const override;
  std::shared_ptr<data::BatchSource> source() override;
  std::vector<std::pair<std::string, DatasetOpener>> datasets() override;

  /// "generator" or "discriminator"; without a gradient in steps before `adversarial_from`.
  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override;
  void backward(const torch::Tensor& total) override;

  /// Of the loudest window of each sound, at most `evaluated`: mel distance (MelLoss), si_sdr_db,
  /// snr_db, log_spectral_distance_db, means over sounds; perplexity_<level> over all; kbps.
  Metrics evaluate(const std::string& split) override;
  ItemMetrics evaluate_items(const std::string& split) override;
  std::pair<std::string, bool> selection() const override;

  /// A sound of up to ten minutes → `<out>.wav`, what the codec makes of it, `<out>_original.wav`
  /// at the codec's rate, and a picture of both, `<out>.png` (in builds with media); option
  /// `codebooks`: the first so many.
  std::vector<Artifact> generate(const GenerateRequest& request) override;
  std::vector<Artifact> sample(
      const std::string& split, const std::filesystem::path& stem) override;
  std::string data_fingerprint() const override;

  const std::shared_ptr<codecs::TokenCodec>& codec() const {
    return codec_;
  }

 private:
  Loss generator_step(const torch::Tensor& truth, StepContext& context);
  Loss discriminator_step(const torch::Tensor& truth, const StepContext& context);
  std::shared_ptr<data::Dataset> windows(const std::string& split) const;

  /// The windows that are scored, codes appended to `codes` (1,K,T).
  ItemMetrics score(const std::string& split, std::vector<torch::Tensor>& codes);
  std::vector<Artifact> show(
      const torch::Tensor& wave, const std::filesystem::path& out, std::int64_t codebooks);

  CodecTaskConfig config_;
  BuildArgs args_;
  std::shared_ptr<codecs::TokenCodec> codec_;
  std::shared_ptr<Discriminator> discriminator_;
  std::shared_ptr<GradientBalancer> balancer_;
  std::shared_ptr<CodeUsage> usage_;
  std::shared_ptr<torch::nn::Module> module_;
  std::shared_ptr<const Sounds> sounds_;
  MelLoss mel_;
  std::int64_t samples_;
  std::vector<torch::Tensor> made_;  ///< by the generator, per micro-batch
};

}  // namespace mmi::models::codec
