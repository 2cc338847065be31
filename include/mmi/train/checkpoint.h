#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/nn/optimizer.h"

namespace mmi::train {

/// Everything a training needs to continue exactly. Random numbers are functions of (seed, step),
/// so no generator state is kept.
struct Checkpoint {
  std::int64_t step = 0;
  std::string best_metric;
  double best_value = 0;
  std::int64_t best_step = -1;
  std::map<std::string, std::vector<double>> schedules;  ///< per phase
  std::map<std::string, double> epoch_loss;              ///< per phase, sum over the open epoch
  std::int64_t epoch_batches = 0;
  std::string device;
  int threads = 1;
  nn::NamedTensors model;
  nn::NamedTensors optimizers;  ///< "<phase>/<parameter>.exp_avg", …
};

/// A run's `checkpoints/` folder:
///   step_00000100/{model,optim}.safetensors trainer.json manifest.json    complete once it exists
///   last best                                                            text: a directory name
/// A checkpoint is written under a temporary name, its manifest last, synced and renamed.
class MMI_API CheckpointStore {
 public:
  explicit CheckpointStore(std::filesystem::path directory);

  /// Writes and points `last` (and `best` when `is_best`) at it; then deletes the ones that neither
  /// pointer names, keeping the newest two.
  void save(const Checkpoint& checkpoint, bool is_best);

  /// Directory that `last` or `best` names; empty when there is none.
  std::optional<std::filesystem::path> pointer(const std::string& name) const;

  /// Verifies the manifest (sizes and CRC-32) and reads all of it.
  static Checkpoint load(const std::filesystem::path& directory);

 private:
  std::filesystem::path directory_;
};

}  // namespace mmi::train
