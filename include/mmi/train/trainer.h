#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/task/task.h"
#include "mmi/train/checkpoint.h"

namespace mmi::train {

struct MMI_API TrainConfig {
  std::int64_t max_steps = 1000;
  std::int64_t eval_every = 0;  ///< 0: at the end only
  std::int64_t save_every = 500;
  std::int64_t log_every = 20;

  static const config::Schema& schema();
};

struct FitResult {
  std::int64_t steps = 0;
  std::string best_metric;
  double best_value = 0;
  std::int64_t best_step = 0;
  double seconds = 0;  ///< of this call
};

/// Trains one Task into one run directory: phases, clipping, schedules, evaluation, best and last
/// checkpoints, logs and a progress bar. Continues from `checkpoints/last` when there is one; the
/// result then equals an uninterrupted training bit for bit (same binary, threads and device).
class MMI_API Trainer {
 public:
  Trainer(Task& task, const TrainConfig& config, std::uint64_t seed, std::filesystem::path run);
  ~Trainer();

  /// Asked before every step; true saves `last` and throws Interrupted. Default: the flag of
  /// `request_stop`.
  void set_stop(std::function<bool()> stop);

  /// Leaves the best weights (by Task::selection on "valid") in the task's module.
  FitResult fit();

 private:
  struct PhaseState;

  void resume();
  void run_step(const TensorDict& batch);
  void end_epoch();
  void save(bool is_best);
  void evaluate();
  void log_step(double wait_s, double step_s, std::int64_t examples);

  Task& task_;
  TrainConfig config_;
  std::uint64_t seed_;
  std::filesystem::path run_;
  CheckpointStore store_;
  std::vector<PhaseState> phases_;
  Checkpoint state_;
  std::function<bool()> stop_;
  struct Window;
  std::unique_ptr<Window> window_;
};

/// Asks the running training to stop after its current step; safe in a signal handler.
MMI_API void request_stop();
MMI_API bool stop_requested();
MMI_API void clear_stop();

}  // namespace mmi::train
