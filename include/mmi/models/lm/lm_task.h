#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/data/loader.h"
#include "mmi/lm/causal_lm.h"
#include "mmi/models/lm/texts.h"
#include "mmi/task/task.h"
#include "mmi/text/tokenizer.h"

namespace mmi::models::lm {

struct MMI_API LmTaskConfig {
  config::Component<mmi::lm::CausalLm> model;
  config::Component<Texts> texts;
  std::string tokenizer;      ///< file or folder; "": bytes
  std::int64_t window = 256;  ///< tokens of an example that are predicted
  double clip_norm = 1;
  data::LoaderConfig loader{.batch_size = 16};
  nn::OptimizerConfig optimizer{
      .name = nn::OptimizerKind::kAdamW, .lr = 1e-3, .beta2 = 0.95, .weight_decay = 0.1};
  nn::ScheduleConfig schedule;

  LmTaskConfig();

  static const config::Schema& schema();
};

/// Trains a language model to predict the next token of texts (Radford et al. 2018).
class MMI_API LmTask : public Task {
 public:
  LmTask(const LmTaskConfig& config, const BuildArgs& args);

  torch::nn::Module& module() override {
    return *model_;
  }

  std::vector<Phase> phases() const override;
  std::shared_ptr<data::BatchSource> source() override;
  std::vector<std::pair<std::string, DatasetOpener>> datasets() override;

  /// Parts: accuracy of the most probable token.
  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override;

  /// perplexity of a token, bits_per_byte and accuracy over windows side by side that cover the
  /// split; each token is predicted from at most `window` before it.
  Metrics evaluate(const std::string& split) override;
  std::pair<std::string, bool> selection() const override;

  /// A text file → `<out>.txt`, the text continued; options max_new_tokens (128), temperature
  /// (0.8), seed (0).
  std::vector<Artifact> generate(const GenerateRequest& request) override;
  std::vector<Artifact> sample(
      const std::string& split, const std::filesystem::path& stem) override;
  std::string data_fingerprint() const override;

  const mmi::lm::CausalLm& model() const {
    return *model_;
  }

  /// The text of a tokenizer.json where the tokens are bytes; "" where a tokenizer was given.
  std::string own_tokenizer() const;

  const LmTaskConfig& config() const {
    return config_;
  }

 private:
  torch::Tensor ids_of(const std::string& text) const;
  std::string continued(
      const std::string& prompt,
      std::int64_t max_new_tokens,
      double temperature,
      std::uint64_t seed);

  LmTaskConfig config_;
  BuildArgs args_;
  std::shared_ptr<Texts> texts_;
  text::TokenizerPtr tokenizer_;
  std::shared_ptr<mmi::lm::CausalLm> model_;
};

}  // namespace mmi::models::lm
