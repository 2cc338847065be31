#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/nn/ema.h"
#include "mmi/task/task.h"
#include "mmi/train/checkpoint.h"

namespace mmi::train {

enum class Autocasting { kOff, kBf16 };
enum class OnNan { kStop, kSkip };

struct MMI_API EarlyStopConfig {
  int patience = 5;
  double min_delta = 0;

  static const config::Schema& schema();
};

struct MMI_API TrainConfig {
  std::int64_t max_steps = 1000;
  std::int64_t eval_every = 0;  ///< 0: at the end only
  std::int64_t save_every = 500;
  std::int64_t log_every = 20;
  std::int64_t accumulate = 1;
  Autocasting autocast = Autocasting::kOff;
  std::optional<nn::EmaConfig> ema;
  std::optional<EarlyStopConfig> early_stop;
  std::vector<std::string> freeze;
  std::vector<nn::ParameterGroup> groups;
  OnNan on_nan = OnNan::kStop;
  bool tensorboard = false;

  static const config::Schema& schema();
};

struct FitResult {
  std::int64_t steps = 0;
  std::string best_metric;
  double best_value = 0;
  std::int64_t best_step = 0;
  double seconds = 0;  ///< of this call
};

/// What one step costs, and on what it was tried.
struct Rehearsal {
  std::vector<std::string> lines;  ///< for people: parameters, groups, batch, losses, time, memory
  double step_s = 0;
  std::uint64_t peak_bytes = 0;  ///< of the process
};

/// Trains one Task into one run directory: phases, accumulation, clipping, schedules, averaged
/// weights, evaluation, best and last checkpoints, early stopping, logs and a progress bar.
/// Continues from `checkpoints/last` when there is one; the result then equals an uninterrupted
/// training bit for bit (same binary, threads, device and number of processes). Shared between the
/// processes of `distributed()`, of which rank 0 alone writes.
class MMI_API Trainer {
 public:
  /// ConfigError when a glob of `freeze` or `groups` matches no parameter.
  Trainer(Task& task, const TrainConfig& config, std::uint64_t seed, std::filesystem::path run);
  ~Trainer();

  /// Asked before every step; true saves `last` and throws Interrupted. Default: the flag of
  /// `request_stop`.
  void set_stop(std::function<bool()> stop);

  /// Continues from this checkpoint of the run, which must be intact, instead of the newest that
  /// is.
  void set_resume(std::filesystem::path checkpoint);

  /// Leaves the best weights (by Task::selection on "valid"; averaged ones with `ema`) in the
  /// task's module. NumericError for a loss or gradient that is not finite: the weights are
  /// untouched, and `nan_step_N/` in the run holds the batch and what is known.
  FitResult fit();

  /// Two steps on the first batches; nothing is written.
  Rehearsal rehearse();

 private:
  struct PhaseState;
  struct Window;

  void resume();
  void restore(const Checkpoint& found);
  std::string place() const;
  void note(const std::string& name, double value);
  bool run_phase(PhaseState& phase, const std::vector<TensorDict>& batches);
  void run_step(const std::vector<TensorDict>& batches);
  void reject(
      const PhaseState& phase, const std::string& what, const TensorDict& batch, const Loss& loss);
  void end_epoch();
  void save(bool is_best);
  void evaluate();
  void log_step(double wait_s, double step_s, std::int64_t examples);
  bool stopped_early() const;
  void run_until_done();

  Task& task_;
  TrainConfig config_;
  std::uint64_t seed_;
  std::filesystem::path run_;
  std::filesystem::path resume_;
  CheckpointStore store_;
  std::vector<PhaseState> phases_;
  std::unique_ptr<nn::Ema> ema_;
  bool autocast_ = false;
  Checkpoint state_;
  std::function<bool()> stop_;
  std::unique_ptr<Window> window_;
};

/// Asks the running training to stop after its current step; safe in a signal handler.
MMI_API void request_stop();
MMI_API bool stop_requested();
MMI_API void clear_stop();

/// Asks it to save after its current step and go on; safe in a signal handler.
MMI_API void request_save();

}  // namespace mmi::train

template <>
struct mmi::config::EnumNames<mmi::train::Autocasting> {
  static constexpr std::array<std::pair<const char*, mmi::train::Autocasting>, 2> names{{
      {"off", mmi::train::Autocasting::kOff},
      {"bf16", mmi::train::Autocasting::kBf16},
  }};
};

template <>
struct mmi::config::EnumNames<mmi::train::OnNan> {
  static constexpr std::array<std::pair<const char*, mmi::train::OnNan>, 2> names{{
      {"stop", mmi::train::OnNan::kStop},
      {"skip", mmi::train::OnNan::kSkip},
  }};
};
