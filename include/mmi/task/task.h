#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"
#include "mmi/base/rng.h"
#include "mmi/data/loader.h"
#include "mmi/nn/optimizer.h"
#include "mmi/nn/schedule.h"
#include "mmi/tensor/tensor_dict.h"

namespace mmi {

/// Parameters that one optimiser updates together. A GAN has two phases.
struct Phase {
  std::string name = "main";
  std::vector<std::string> parameters = {"*"};  ///< globs over state names
  nn::OptimizerConfig optimizer;
  nn::ScheduleConfig schedule;
  double clip_norm = 0;  ///< 0: no clipping
  int every = 1;         ///< updated in every n-th step
};

struct StepContext {
  std::int64_t step = 0;
  Rng rng{0};             ///< stream of (seed, step, phase, micro-batch)
  std::size_t micro = 0;  ///< which of the step's micro-batches (train.accumulate)
};

/// `total` is minimised; the rest is logged.
struct Loss {
  torch::Tensor total;                                       ///< scalar
  std::vector<std::pair<std::string, torch::Tensor>> parts;  ///< scalars, detached
};

/// Named scores in the order they are shown.
using Metrics = std::vector<std::pair<std::string, double>>;

/// What `mmi generate` was asked for.
struct GenerateRequest {
  std::filesystem::path input;
  std::filesystem::path out;                   ///< output stem: out.mid, out.wav, …
  std::map<std::string, std::string> options;  ///< "crop" → "68,674,1869,863"
};

/// A file that generate or evaluate wrote, and what it shows.
struct Artifact {
  std::filesystem::path path;
  std::string caption;
};

/// What a system gives to the Trainer and the verbs: networks, data, losses, scores, generation.
/// Systems derive from it; a Task knows neither the Trainer nor the run store.
class MMI_API Task {
 public:
  static constexpr const char* kRegistryKind = "task";

  struct BuildArgs {
    std::uint64_t seed = 0;
    torch::Device device = torch::kCPU;
    /// Finished tasks this one needs, by the names in `needs:`; their weights are loaded.
    std::map<std::string, std::shared_ptr<Task>> parents;
  };

  virtual ~Task() = default;

  virtual torch::nn::Module& module() = 0;
  /// None for a task that only uses and scores its parents: it has no run of its own.
  virtual std::vector<Phase> phases() const = 0;

  /// Training batches.
  virtual std::shared_ptr<data::BatchSource> source() = 0;

  /// The datasets that were chosen in the configuration, for `mmi data check`: names, and what
  /// opens them. None for a task that trains on what its parents make, or on rollouts.
  using DatasetOpener = std::function<std::shared_ptr<const data::Dataset>()>;
  virtual std::vector<std::pair<std::string, DatasetOpener>> datasets();

  /// Forward pass and loss of one phase; gradients are the Trainer's business. With accumulation a
  /// phase sees all micro-batches of the step before the next phase does: what one phase keeps for
  /// another is kept per `context.micro`.
  virtual Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) = 0;

  /// Adds the gradients of a loss.
  virtual void backward(const torch::Tensor& total);

  /// Scores on "valid" or "test".
  virtual Metrics evaluate(const std::string& split) = 0;

  /// Scores of each item (a piece, a room, a question) of a split, for intervals over items: always
  /// the same items in the same order. An item outside the group that a score is about lacks it.
  /// The default is one item, the split.
  using ItemMetrics = std::vector<std::pair<std::string, Metrics>>;

  virtual ItemMetrics evaluate_items(const std::string& split) {
    return {{split, evaluate(split)}};
  }

  /// The score by which the best checkpoint is chosen, and whether larger is better.
  virtual std::pair<std::string, bool> selection() const = 0;

  /// Called once after training with the chosen weights in place: thresholds and the like. What it
  /// returns is stored with the run and comes back through `restore`.
  virtual std::map<std::string, double> calibrate() {
    return {};
  }

  virtual void restore(const std::map<std::string, double>& calibration) {}

  /// Writes files for one input; the default says that this task generates nothing.
  virtual std::vector<Artifact> generate(const GenerateRequest& request);

  /// What the model says about inputs of the caller's own, without a dataset; their names are the
  /// task's. Python's `task.predict`. The default says that this task predicts nothing.
  virtual TensorDict infer(const TensorDict& inputs);

  /// A short example of what it makes of the first item of a split, for pages: writes `<stem>.wav`,
  /// .png, … The default has nothing to show.
  virtual std::vector<Artifact> sample(const std::string& split, const std::filesystem::path& stem);

  /// Identifies the data; part of the run id.
  virtual std::string data_fingerprint() const = 0;

  /// What runs::build_task made it from.
  config::Node built_from;
  std::map<std::string, std::shared_ptr<Task>> parents;
};

/// Each score's mean over the items that have it, in order of first appearance.
MMI_API Metrics mean_over_items(const Task::ItemMetrics& items);

}  // namespace mmi

MMI_DECLARE_REGISTRY(mmi::Task);
