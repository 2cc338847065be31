#pragma once

#include <cstdint>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

namespace mmi::nn {

enum class ScheduleKind { kConstant, kCosine, kExponential, kLinear, kPlateau, kStep };

struct MMI_API ScheduleConfig {
  ScheduleKind name = ScheduleKind::kConstant;
  std::int64_t warmup_steps = 0;
  double final_factor = 0;     ///< of cosine, exponential and linear, at the last step
  int patience = 2;            ///< of plateau, in epochs
  double factor = 0.1;         ///< of plateau and step
  std::int64_t every = 10000;  ///< of step, in steps

  static const config::Schema& schema();
};

/// Factor on the learning rate. Constant, cosine, exponential (falls by the same ratio each step),
/// linear and step (times `factor` after every `every` steps) are functions of the step alone;
/// plateau multiplies by `factor` after more than `patience` epochs without a lower loss (relative
/// threshold 1e-4), as torch's ReduceLROnPlateau.
class MMI_API Schedule {
 public:
  Schedule(const ScheduleConfig& config, std::int64_t total_steps);

  double factor(std::int64_t step) const;

  /// Plateau: the epoch's training loss.
  void end_epoch(double loss);

  /// Plateau's memory (factor, best, bad epochs); empty for the others.
  std::vector<double> state() const;
  void load_state(const std::vector<double>& state);

 private:
  ScheduleConfig config_;
  std::int64_t total_steps_;
  double plateau_factor_ = 1;
  double best_;
  double bad_epochs_ = 0;
};

}  // namespace mmi::nn

template <>
struct mmi::config::EnumNames<mmi::nn::ScheduleKind> {
  static constexpr std::array<std::pair<const char*, mmi::nn::ScheduleKind>, 6> names{{
      {"constant", mmi::nn::ScheduleKind::kConstant},
      {"cosine", mmi::nn::ScheduleKind::kCosine},
      {"exponential", mmi::nn::ScheduleKind::kExponential},
      {"linear", mmi::nn::ScheduleKind::kLinear},
      {"plateau", mmi::nn::ScheduleKind::kPlateau},
      {"step", mmi::nn::ScheduleKind::kStep},
  }};
};
