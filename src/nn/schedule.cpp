#include "mmi/nn/schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "mmi/base/errors.h"

namespace mmi::nn {

const config::Schema& ScheduleConfig::schema() {
  static const config::Schema made =
      config::Table<ScheduleConfig>("schedule", "learning rate over time")
          .field("name", &ScheduleConfig::name, "shape")
          .field(
              "warmup_steps",
              &ScheduleConfig::warmup_steps,
              "linear rise from 0",
              config::at_least(0))
          .field(
              "final_factor",
              &ScheduleConfig::final_factor,
              "cosine, exponential (above 0), linear: factor at the last step",
              config::between(0, 1))
          .field(
              "patience",
              &ScheduleConfig::patience,
              "plateau: epochs without improvement that are accepted",
              config::at_least(0))
          .field(
              "factor", &ScheduleConfig::factor, "plateau, step: multiplier", config::between(0, 1))
          .field(
              "every",
              &ScheduleConfig::every,
              "step: steps between multiplications",
              config::at_least(1))
          .check([](const ScheduleConfig& c, config::Problems& problems) {
            if (c.name == ScheduleKind::kExponential && !(c.final_factor > 0)) {
              problems.add("final_factor: exponential never reaches 0; name a factor above it");
            }
          });
  return made;
}

Schedule::Schedule(const ScheduleConfig& config, std::int64_t total_steps)
    : config_(config), total_steps_(total_steps), best_(std::numeric_limits<double>::infinity()) {}

double Schedule::factor(std::int64_t step) const {
  if (step < config_.warmup_steps) {
    return static_cast<double>(step + 1) / static_cast<double>(config_.warmup_steps);
  }
  const double span =
      static_cast<double>(std::max<std::int64_t>(1, total_steps_ - config_.warmup_steps));
  const double at = std::min(1.0, static_cast<double>(step - config_.warmup_steps) / span);
  const double low = config_.final_factor;
  switch (config_.name) {
    case ScheduleKind::kConstant:
      return 1;
    case ScheduleKind::kCosine:
      return low + (1 - low) * 0.5 * (1 + std::cos(std::numbers::pi * at));
    case ScheduleKind::kExponential:
      return std::pow(low, at);
    case ScheduleKind::kLinear:
      return 1 - (1 - low) * at;
    case ScheduleKind::kPlateau:
      return plateau_factor_;
    case ScheduleKind::kStep:
      return std::pow(config_.factor, (step - config_.warmup_steps) / config_.every);
  }
  MMI_ASSERT(false);
}

void Schedule::end_epoch(double loss) {
  if (config_.name != ScheduleKind::kPlateau) {
    return;
  }
  if (loss < best_ * (1 - 1e-4)) {
    best_ = loss;
    bad_epochs_ = 0;
  } else if (++bad_epochs_ > config_.patience) {
    plateau_factor_ *= config_.factor;
    bad_epochs_ = 0;
  }
}

std::vector<double> Schedule::state() const {
  if (config_.name != ScheduleKind::kPlateau || std::isinf(best_)) {
    return {};  // no epoch has ended yet
  }
  return {plateau_factor_, best_, bad_epochs_};
}

void Schedule::load_state(const std::vector<double>& state) {
  if (state.size() == 3) {
    plateau_factor_ = state[0];
    best_ = state[1];
    bad_epochs_ = state[2];
  }
}

}  // namespace mmi::nn
