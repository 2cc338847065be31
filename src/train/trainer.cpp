#include "mmi/train/trainer.h"

#include <ATen/Parallel.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <optional>

#include "mmi/base/hash.h"
#include "mmi/base/log.h"
#include "mmi/base/progress.h"
#include "mmi/nn/state.h"
#include "mmi/train/metric_log.h"

namespace mmi::train {
namespace {

std::atomic<bool> g_stop{false};

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::int64_t batch_examples(const TensorDict& batch) {
  for (const auto& [name, value] : batch) {
    if (const auto* tensor = std::get_if<torch::Tensor>(&value); tensor && tensor->dim() > 0) {
      return tensor->size(0);
    }
  }
  return 1;
}

nn::NamedTensors copy_state(const torch::nn::Module& module) {
  nn::NamedTensors tensors;
  for (const nn::StateEntry& entry : nn::state_of(module)) {
    if (entry.alias_of.empty()) {
      tensors.emplace_back(entry.name, entry.tensor);
    }
  }
  return tensors;
}

}  // namespace

void request_stop() {
  g_stop = true;
}

bool stop_requested() {
  return g_stop;
}

void clear_stop() {
  g_stop = false;
}

const config::Schema& TrainConfig::schema() {
  static const config::Schema made =
      config::Table<TrainConfig>("train", "the training loop")
          .field(
              "max_steps",
              &TrainConfig::max_steps,
              "optimiser steps in all (0: the first weights are evaluated and kept)",
              config::at_least(0))
          .field(
              "eval_every",
              &TrainConfig::eval_every,
              "steps between evaluations on the validation split (0: at the end only)",
              config::at_least(0))
          .field(
              "save_every",
              &TrainConfig::save_every,
              "steps between checkpoints",
              config::at_least(1))
          .cosmetic()
          .field(
              "log_every", &TrainConfig::log_every, "steps between log lines", config::at_least(1))
          .cosmetic();
  return made;
}

struct Trainer::PhaseState {
  Phase phase;
  nn::Optimizer optimizer;
  nn::Schedule schedule;
};

/// Sums since the last log line.
struct Trainer::Window {
  explicit Window(const std::filesystem::path& run, std::int64_t step) : log(run, step) {}

  MetricLog log;
  std::map<std::string, std::pair<double, std::int64_t>> sums;
  double wait_s = 0;
  double step_s = 0;
  std::int64_t examples = 0;
  double shown_loss = 0;

  void add(const std::string& name, double value) {
    auto& [sum, count] = sums[name];
    sum += value;
    ++count;
  }
};

Trainer::Trainer(
    Task& task, const TrainConfig& config, std::uint64_t seed, std::filesystem::path run)
    : task_(task),
      config_(config),
      seed_(seed),
      run_(std::move(run)),
      store_(run_ / "checkpoints"),
      stop_(stop_requested) {
  for (const Phase& phase : task_.phases()) {
    phases_.push_back(
        {phase,
         nn::Optimizer(nn::match_parameters(task_.module(), phase.parameters), phase.optimizer),
         nn::Schedule(phase.schedule, config_.max_steps)});
  }
  state_.best_metric = task_.selection().first;
}

Trainer::~Trainer() = default;

void Trainer::set_stop(std::function<bool()> stop) {
  stop_ = std::move(stop);
}

void Trainer::resume() {
  const auto last = store_.pointer("last");
  if (!last) {
    return;
  }
  Checkpoint found = CheckpointStore::load(*last);
  nn::load_state(task_.module(), found.model, (*last / "model.safetensors").string());
  for (PhaseState& phase : phases_) {
    const std::string prefix = phase.phase.name + "/";
    nn::NamedTensors tensors;
    for (const auto& [name, tensor] : found.optimizers) {
      if (name.rfind(prefix, 0) == 0) {
        tensors.emplace_back(name.substr(prefix.size()), tensor);
      }
    }
    phase.optimizer.load_state(tensors, (*last / "optim.safetensors").string());
    phase.schedule.load_state(found.schedules[phase.phase.name]);
  }
  if (found.threads != at::get_num_threads()) {
    log::warning(
        "continuing with {} threads a training begun with {}: the result will differ in the last "
        "bits",
        at::get_num_threads(),
        found.threads);
  }
  found.model.clear();
  found.optimizers.clear();
  state_ = std::move(found);
  log::info("continuing from step {}", state_.step);
}

void Trainer::save(bool is_best) {
  Checkpoint checkpoint = state_;
  checkpoint.model = copy_state(task_.module());
  checkpoint.threads = at::get_num_threads();
  checkpoint.device = checkpoint.model.empty() ? "cpu" : checkpoint.model[0].second.device().str();
  for (const PhaseState& phase : phases_) {
    for (auto& [name, tensor] : phase.optimizer.state()) {
      checkpoint.optimizers.emplace_back(phase.phase.name + "/" + name, tensor);
    }
    checkpoint.schedules[phase.phase.name] = phase.schedule.state();
  }
  store_.save(checkpoint, is_best);
}

void Trainer::run_step(const TensorDict& batch) {
  for (PhaseState& phase : phases_) {
    if (state_.step % phase.phase.every != 0) {
      continue;
    }
    const std::uint64_t stream = mix64(seed_ ^ fnv1a64(phase.phase.name)) +
                                 mix64(static_cast<std::uint64_t>(state_.step) + 1);
    torch::manual_seed(stream & 0x7FFFFFFFFFFFFFFFULL);
    StepContext context{state_.step, Rng(stream)};
    const Loss loss = task_.loss(phase.phase.name, batch, context);
    const double value = loss.total.item<double>();
    MMI_CHECK(
        NumericError,
        std::isfinite(value),
        "the {} loss is {} at step {}; lower the learning rate or clip gradients (the last "
        "checkpoint in {} is intact)",
        phase.phase.name,
        value,
        state_.step,
        run_.string());
    // Every phase starts from clean gradients: an earlier phase may have reached its parameters.
    phase.optimizer.zero_grad();
    loss.total.backward();
    const double norm = phase.optimizer.clip_grad_norm(phase.phase.clip_norm);
    const double factor = phase.schedule.factor(state_.step);
    phase.optimizer.step(factor);
    state_.epoch_loss[phase.phase.name] += value;
    const std::string prefix = phases_.size() > 1 ? phase.phase.name + "_" : "";
    window_->add(prefix + "loss", value);
    window_->add(prefix + "grad_norm", norm);
    window_->add(prefix + "lr", phase.optimizer.lr() * factor);
    for (const auto& [name, part] : loss.parts) {
      window_->add(name, part.item<double>());
    }
    if (&phase == &phases_.front()) {
      window_->shown_loss = value;
    }
  }
  ++state_.step;
  ++state_.epoch_batches;
}

void Trainer::end_epoch() {
  for (PhaseState& phase : phases_) {
    phase.schedule.end_epoch(
        state_.epoch_loss[phase.phase.name] / static_cast<double>(state_.epoch_batches));
  }
  state_.epoch_loss.clear();
  state_.epoch_batches = 0;
}

void Trainer::evaluate() {
  task_.module().eval();
  Metrics metrics;
  {
    const torch::NoGradGuard no_grad;
    metrics = task_.evaluate("valid");
  }
  task_.module().train();
  window_->log.write(state_.step, "valid", metrics);
  const auto [name, larger] = task_.selection();
  std::optional<double> value;
  for (const auto& [metric, score] : metrics) {
    if (metric == name) {
      value = score;
    }
  }
  MMI_CHECK(InternalError, value.has_value(), "evaluate gives no \"{}\" to select by", name);
  const bool better =
      state_.best_step < 0 || (larger ? *value > state_.best_value : *value < state_.best_value);
  if (better) {
    state_.best_value = *value;
    state_.best_step = state_.step;
  }
  save(better);
}

void Trainer::log_step(double wait_s, double step_s, std::int64_t examples) {
  Window& window = *window_;
  window.wait_s += wait_s;
  window.step_s += step_s;
  window.examples += examples;
  if (state_.step % config_.log_every != 0 && state_.step != config_.max_steps) {
    return;
  }
  MetricLog::Values values;
  for (const auto& [name, sum] : window.sums) {
    values.emplace_back(name, sum.first / static_cast<double>(sum.second));
  }
  const double total = window.wait_s + window.step_s;
  values.emplace_back("examples_per_s", static_cast<double>(window.examples) / total);
  values.emplace_back("data_wait_percent", 100 * window.wait_s / total);
  window.log.write(state_.step, "train", values);
  window.sums.clear();
  window.wait_s = window.step_s = 0;
  window.examples = 0;
}

FitResult Trainer::fit() {
  const double start = now_s();
  resume();
  window_ = std::make_unique<Window>(run_, state_.step);
  if (config_.max_steps == 0 && state_.best_step < 0) {
    evaluate();
  }
  if (state_.step < config_.max_steps) {
    const auto source = task_.source();
    source->seek(state_.step);
    task_.module().train();
    Progress bar("training", config_.max_steps);
    while (state_.step < config_.max_steps) {
      if (stop_()) {
        save(false);
        throw Interrupted(
            format("stopped after step {}; the same command continues from there", state_.step));
      }
      const double before = now_s();
      const TensorDict batch = source->next();
      const double got = now_s();
      run_step(batch);
      const double after = now_s();
      log_step(got - before, after - got, batch_examples(batch));
      bar.update(
          state_.step,
          format(
              "loss {:.4f}  {:.0f} examples/s  waiting for data {:.0f} %",
              window_->shown_loss,
              static_cast<double>(batch_examples(batch)) / (after - before),
              100 * (got - before) / (after - before)));
      if (state_.step % source->batches_per_epoch() == 0) {
        end_epoch();
      }
      const bool last = state_.step == config_.max_steps;
      if (last || (config_.eval_every > 0 && state_.step % config_.eval_every == 0)) {
        evaluate();
      } else if (state_.step % config_.save_every == 0) {
        save(false);
      }
    }
  }
  const auto best = store_.pointer("best");
  MMI_CHECK(CheckpointError, best.has_value(), "{} holds no best checkpoint", run_.string());
  nn::load_state(
      task_.module(), CheckpointStore::load(*best).model, (*best / "model.safetensors").string());
  task_.module().eval();
  return {state_.step, state_.best_metric, state_.best_value, state_.best_step, now_s() - start};
}

}  // namespace mmi::train
