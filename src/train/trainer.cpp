#include "mmi/train/trainer.h"

#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "mmi/base/files.h"
#include "mmi/base/hash.h"
#include "mmi/base/log.h"
#include "mmi/base/progress.h"
#include "mmi/nn/autocast.h"
#include "mmi/nn/state.h"
#include "mmi/tensor/safetensors.h"
#include "mmi/train/distributed.h"
#include "mmi/train/metric_log.h"
#include "train/spike.h"

namespace mmi::train {
namespace {

std::atomic<bool> g_stop{false};
std::atomic<bool> g_save{false};

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

/// Tensors that are saved, without aliases: all of them, or buffers only.
nn::NamedTensors own_state(const torch::nn::Module& module, bool buffers_only = false) {
  nn::NamedTensors tensors;
  for (const nn::StateEntry& entry : nn::state_of(module)) {
    if (entry.alias_of.empty() && !(buffers_only && entry.is_parameter)) {
      tensors.emplace_back(entry.name, entry.tensor);
    }
  }
  return tensors;
}

std::vector<torch::Tensor> tensors_of(const nn::NamedTensors& named) {
  std::vector<torch::Tensor> tensors;
  for (const auto& [name, tensor] : named) {
    tensors.push_back(tensor);
  }
  return tensors;
}

std::uint64_t bytes_of(const nn::NamedTensors& named) {
  std::uint64_t bytes = 0;
  for (const auto& [name, tensor] : named) {
    bytes += tensor.nbytes();
  }
  return bytes;
}

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

/// Resident memory of the process now; 0 where the system does not tell.
double rss_mib() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  double resident = 0;
  file >> pages >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

std::string place_of(int threads, const std::string& device, int world) {
  return format("{} with {} threads, {} process(es)", device, threads, world);
}

constexpr int kMaxSkipped = 3;          // R5: steps in a row
constexpr double kSpikeDeviations = 6;  // R6

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

void request_save() {
  g_save = true;
}

const config::Schema& EarlyStopConfig::schema() {
  static const config::Schema made =
      config::Table<EarlyStopConfig>("early_stop", "end when the score no longer improves")
          .field(
              "patience",
              &EarlyStopConfig::patience,
              "evaluations without improvement that are accepted",
              config::at_least(1))
          .field(
              "min_delta",
              &EarlyStopConfig::min_delta,
              "what counts as improvement",
              config::at_least(0));
  return made;
}

const config::Schema& TrainConfig::schema() {
  using C = TrainConfig;
  static const config::Schema made =
      config::Table<C>("train", "the training loop")
          .field(
              "max_steps",
              &C::max_steps,
              "optimiser steps in all (0: the first weights are evaluated and kept)",
              config::at_least(0))
          .field(
              "eval_every",
              &C::eval_every,
              "steps between evaluations on the validation split (0: at the end only)",
              config::at_least(0))
          .field("save_every", &C::save_every, "steps between checkpoints", config::at_least(1))
          .cosmetic()
          .field("log_every", &C::log_every, "steps between log lines", config::at_least(1))
          .cosmetic()
          .field(
              "accumulate",
              &C::accumulate,
              "batches whose gradients are averaged into one step",
              config::at_least(1))
          .field(
              "autocast",
              &C::autocast,
              "bf16: products in bfloat16, where the device computes them fast")
          .field("ema", &C::ema, "moving average of the weights, evaluated and kept instead")
          .field("early_stop", &C::early_stop, "end when the score no longer improves")
          .field("freeze", &C::freeze, "globs of parameters that stay as they are (\"encoder.*\")")
          .field("groups", &C::groups, "parameters with a rate or weight decay of their own")
          .field(
              "on_nan",
              &C::on_nan,
              "a loss or gradient that is not finite: stop, or skip the step (3 in a row at most)")
          .field("tensorboard", &C::tensorboard, "also write an event file for TensorBoard")
          .cosmetic();
  return made;
}

struct Trainer::PhaseState {
  Phase phase;
  nn::Optimizer optimizer;
  nn::Schedule schedule;
  SpikeDetector losses = {};
  SpikeDetector norms = {};
};

/// Sums since the last log line.
struct Trainer::Window {
  std::unique_ptr<MetricLog> log;  ///< of the process that writes
  double wait_s = 0;
  double step_s = 0;
  std::int64_t examples = 0;
  double shown_loss = 0;

  void write(std::int64_t step, const std::string& split, const MetricLog::Values& values) {
    if (log) {
      log->write(step, split, values);
    }
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
  torch::nn::Module& module = task_.module();
  for (const nn::ParameterGroup& group : config_.groups) {
    nn::match_parameters(module, group.parameters);
  }
  for (auto& [name, parameter] : nn::match_parameters(module, config_.freeze)) {
    parameter.requires_grad_(false);
  }
  for (const Phase& phase : task_.phases()) {
    nn::NamedTensors trained;
    for (auto& [name, parameter] : nn::match_parameters(module, phase.parameters)) {
      if (parameter.requires_grad()) {
        trained.emplace_back(name, parameter);
      }
    }
    MMI_CHECK(
        ConfigError,
        !trained.empty(),
        "train.freeze leaves nothing to train in the phase {}",
        phase.name);
    phases_.push_back(
        {phase,
         nn::Optimizer(std::move(trained), phase.optimizer, config_.groups),
         nn::Schedule(phase.schedule, config_.max_steps)});
  }
  const torch::Device device = phases_.front().optimizer.parameters().front().second.device();
  if (config_.autocast == Autocasting::kBf16) {
    autocast_ = nn::bf16_is_fast(device);
    if (!autocast_) {
      log::warning(
          "train.autocast=bf16: this CPU has no bfloat16 units (AVX512-BF16), training in float32");
    }
  }
  if (config_.ema) {
    ema_ = std::make_unique<nn::Ema>(module, *config_.ema);
  }
  state_.best_metric = task_.selection().first;
}

Trainer::~Trainer() = default;

void Trainer::set_stop(std::function<bool()> stop) {
  stop_ = std::move(stop);
}

void Trainer::set_resume(std::filesystem::path checkpoint) {
  if (!checkpoint.empty()) {
    checkpoint = std::filesystem::absolute(checkpoint).lexically_normal();
    if (!checkpoint.has_filename()) {
      checkpoint = checkpoint.parent_path();  // a slash at the end
    }
  }
  std::error_code code;
  MMI_CHECK(
      CheckpointError,
      checkpoint.empty() ||
          std::filesystem::equivalent(checkpoint.parent_path(), run_ / "checkpoints", code),
      "{} is no checkpoint of this training; its checkpoints are in {}",
      checkpoint.string(),
      (run_ / "checkpoints").string());
  resume_ = std::move(checkpoint);
}

void Trainer::resume() {
  const Distributed& group = distributed();
  const auto load = [&] {
    return resume_.empty() ? store_.newest() : CheckpointStore::load(resume_);
  };
  std::optional<Checkpoint> found;
  if (group.is_writer()) {
    remove_leftovers(run_);
    remove_leftovers(run_ / "checkpoints");
    found = load();
    if (found) {
      restore(*found);
      if (!store_.rewind(state_)) {
        log::warning(
            "the best checkpoint (step {}) is gone; the best one from here on is kept",
            state_.best_step);
        state_.best_step = -1;
      }
    }
  }
  group.any(false);  // the others read what is left
  if (!group.is_writer()) {
    found = load();
    if (found) {
      restore(*found);
    }
  }
  if (!found) {
    group.broadcast(tensors_of(own_state(task_.module())));
  }
  const torch::Tensor best = torch::full({1}, state_.best_step, torch::kInt64);
  group.broadcast({best});
  state_.best_step = best.item<std::int64_t>();
}

std::string Trainer::place() const {
  return place_of(
      at::get_num_threads(),
      phases_.front().optimizer.parameters().front().second.device().str(),
      distributed().world());
}

void Trainer::restore(const Checkpoint& found) {
  const std::string source = format("checkpoint {} of {}", found.step, run_.string());
  nn::load_state(task_.module(), found.model, source);
  for (PhaseState& phase : phases_) {
    const std::string prefix = phase.phase.name + "/";
    nn::NamedTensors tensors;
    for (const auto& [name, tensor] : found.optimizers) {
      if (name.rfind(prefix, 0) == 0) {
        tensors.emplace_back(name.substr(prefix.size()), tensor);
      }
    }
    phase.optimizer.load_state(tensors, source);
    if (const auto at = found.schedules.find(phase.phase.name); at != found.schedules.end()) {
      phase.schedule.load_state(at->second);
    }
  }
  if (ema_) {
    ema_->load_state(found.ema, source);
  }
  const std::string here = place();
  const std::string there = place_of(found.threads, found.device, found.world);
  if (here != there) {
    log::warning("continuing on {} a training begun on {}: the result will differ", here, there);
  }
  state_ = found;
  state_.model.clear();
  state_.ema.clear();
  state_.optimizers.clear();
  log::info("continuing from step {}", state_.step);
}

void Trainer::save(bool is_best) {
  if (!distributed().is_writer()) {
    return;
  }
  Checkpoint checkpoint = state_;
  checkpoint.model = own_state(task_.module());
  checkpoint.threads = at::get_num_threads();
  checkpoint.world = distributed().world();
  checkpoint.device = phases_.front().optimizer.parameters().front().second.device().str();
  if (ema_) {
    checkpoint.ema = ema_->state();
  }
  for (const PhaseState& phase : phases_) {
    for (auto& [name, tensor] : phase.optimizer.state()) {
      checkpoint.optimizers.emplace_back(phase.phase.name + "/" + name, tensor);
    }
    checkpoint.schedules[phase.phase.name] = phase.schedule.state();
  }
  store_.save(checkpoint, is_best);
}

void Trainer::note(const std::string& name, double value) {
  auto& [sum, count] = state_.window[name];
  sum += value;
  ++count;
}

/// A loss or gradient that is not finite: skipped when the configuration says so, else the end.
void Trainer::reject(
    const PhaseState& phase, const std::string& what, const TensorDict& batch, const Loss& loss) {
  if (config_.on_nan == OnNan::kSkip && ++state_.skipped <= kMaxSkipped) {
    log::warning("step {} is skipped: {}", state_.step, what);
    note("skipped_steps", 1);
    return;
  }
  std::string kept;
  if (window_->log) {
    const auto folder = run_ / format("nan_step_{}", state_.step);
    try {
      mmi::create_directories(folder);
      nn::NamedTensors tensors;
      for (const auto& [name, value] : batch) {
        if (const auto* tensor = std::get_if<torch::Tensor>(&value)) {
          tensors.emplace_back(name, *tensor);
        }
      }
      save_tensors(folder / "batch.safetensors", tensors);
      nlohmann::ordered_json report = {
          {"step", state_.step}, {"phase", phase.phase.name}, {"problem", what}, {"seed", seed_}};
      for (const auto& [name, part] : loss.parts) {
        report["loss_parts"][name] = format("{}", part.item<double>());
      }
      atomic_write(folder / "report.json", report.dump(1) + "\n");
      kept = format("; {} holds the batch", folder.string());
    } catch (const std::exception& error) {
      kept = format("; the batch could not be kept: {}", error.what());
    }
  }
  throw NumericError(format(
      "{} at step {}; lower the learning rate or clip gradients (the last checkpoint in {} is "
      "intact{})",
      what,
      state_.step,
      run_.string(),
      kept));
}

/// False when the step was skipped.
bool Trainer::run_phase(PhaseState& phase, const std::vector<TensorDict>& batches) {
  const Distributed& group = distributed();
  const auto count = static_cast<double>(batches.size());
  const std::string& name = phase.phase.name;
  const torch::Device device = phase.optimizer.parameters().front().second.device();
  double value = 0;
  std::map<std::string, double> parts;
  Loss loss;
  // Every phase starts from clean gradients: an earlier phase may have reached its parameters.
  phase.optimizer.zero_grad();
  for (std::size_t micro = 0; micro < batches.size(); ++micro) {
    // The same numbers for one process that accumulates and for several that share the step.
    const std::uint64_t part = micro * static_cast<std::uint64_t>(group.world()) +
                               static_cast<std::uint64_t>(group.rank());
    const std::uint64_t stream = mix64(seed_ ^ fnv1a64(name)) +
                                 mix64(static_cast<std::uint64_t>(state_.step) + 1) +
                                 (part == 0 ? 0 : mix64(~part));
    torch::manual_seed(stream & 0x7FFFFFFFFFFFFFFFULL);
    StepContext context{state_.step, Rng(stream), micro};
    {
      const nn::Autocast scope(device, autocast_);
      loss = task_.loss(name, batches[micro], context);
    }
    const double micro_value = group.mean(loss.total.item<double>());
    if (!std::isfinite(micro_value)) {
      reject(phase, format("the {} loss is {}", name, micro_value), batches[micro], loss);
      return false;
    }
    value += micro_value / count;
    for (const auto& [key, part_value] : loss.parts) {
      parts[key] += part_value.item<double>() / count;
    }
    task_.backward(batches.size() == 1 ? loss.total : loss.total / count);
  }
  group.average_gradients(tensors_of(phase.optimizer.parameters()));
  const double norm = phase.optimizer.clip_grad_norm(phase.phase.clip_norm);
  if (!std::isfinite(norm)) {
    const std::string bad = phase.optimizer.first_bad_gradient();
    reject(phase, format("the {} gradient of {} is not finite", name, bad), batches.back(), loss);
    return false;
  }
  const double factor = phase.schedule.factor(state_.step);
  phase.optimizer.step(factor);
  auto& [epoch_sum, epoch_count] = state_.epoch_loss[name];
  epoch_sum += value;
  ++epoch_count;
  const std::string prefix = phases_.size() > 1 ? name + "_" : "";
  note(prefix + "loss", value);
  note(prefix + "grad_norm", norm);
  note(prefix + "lr", phase.optimizer.lr() * factor);
  for (const auto& [key, part_value] : parts) {
    note(key, part_value);
  }
  for (const auto& [what, z] :
       {std::pair("loss", phase.losses.score(value)),
        std::pair("gradient norm", phase.norms.score(norm))}) {
    if (z > kSpikeDeviations) {
      log::warning(
          "the {} {} jumped at step {}: {:.1f} standard deviations above the last 128 steps",
          name,
          what,
          state_.step,
          z);
    }
  }
  if (&phase == &phases_.front()) {
    window_->shown_loss = value;
  }
  return true;
}

void Trainer::run_step(const std::vector<TensorDict>& batches) {
  nn::NamedTensors kept;
  std::vector<torch::Tensor> before;
  const auto epoch_loss = state_.epoch_loss;
  if (config_.on_nan == OnNan::kSkip) {
    // A forward pass that overflows leaves its mark in batch norm's running averages; with several
    // phases an earlier one has stepped already.
    kept = own_state(task_.module(), /*buffers_only=*/phases_.size() == 1);
    for (const PhaseState& phase : phases_) {
      if (phases_.size() > 1) {
        const auto state = phase.optimizer.state();
        kept.insert(kept.end(), state.begin(), state.end());
      }
    }
    for (const auto& [name, tensor] : kept) {
      before.push_back(tensor.clone());
    }
  }
  bool done = true;
  for (PhaseState& phase : phases_) {
    if (state_.step % phase.phase.every == 0 && !run_phase(phase, batches)) {
      done = false;
      break;
    }
  }
  if (done) {
    state_.skipped = 0;
  } else {
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      kept[i].second.copy_(before[i]);
    }
    state_.epoch_loss = epoch_loss;
  }
  ++state_.step;
  if (ema_ && done) {
    ema_->update(state_.step);
  }
}

void Trainer::end_epoch() {
  for (PhaseState& phase : phases_) {
    // A phase that had no step in this epoch has nothing to judge by.
    if (const auto at = state_.epoch_loss.find(phase.phase.name); at != state_.epoch_loss.end()) {
      phase.schedule.end_epoch(at->second.first / static_cast<double>(at->second.second));
    }
  }
  state_.epoch_loss.clear();
}

void Trainer::evaluate() {
  const Distributed& group = distributed();
  // Batch norm's averages are each process's own; those of rank 0 count.
  group.broadcast(tensors_of(own_state(task_.module(), /*buffers_only=*/true)));
  task_.module().eval();
  if (ema_) {
    ema_->swap();
  }
  torch::manual_seed(
      mix64(seed_ + fnv1a64("valid") + static_cast<std::uint64_t>(state_.step)) &
      0x7FFFFFFFFFFFFFFFULL);
  Metrics metrics;
  {
    const torch::NoGradGuard no_grad;
    metrics = task_.evaluate("valid");
  }
  if (ema_) {
    ema_->swap();
  }
  task_.module().train();
  window_->write(state_.step, "valid", metrics);
  const auto [name, larger] = task_.selection();
  std::optional<double> value;
  for (const auto& [metric, score] : metrics) {
    if (metric == name) {
      value = score;
    }
  }
  MMI_CHECK(InternalError, value.has_value(), "evaluate gives no \"{}\" to select by", name);
  const torch::Tensor shared = torch::full({1}, *value, torch::kFloat64);
  group.broadcast({shared});
  const double score = shared.item<double>();
  const double gain = larger ? score - state_.best_value : state_.best_value - score;
  const bool first = state_.best_step < 0 || (std::isnan(state_.best_value) && !std::isnan(score));
  const bool better = first || gain > 0;
  const bool counts = first || gain > (config_.early_stop ? config_.early_stop->min_delta : 0);
  state_.stale_evaluations = counts ? 0 : state_.stale_evaluations + 1;
  if (better) {
    state_.best_value = score;
    state_.best_step = state_.step;
  }
  save(better);
}

bool Trainer::stopped_early() const {
  return config_.early_stop && state_.stale_evaluations >= config_.early_stop->patience;
}

void Trainer::log_step(double wait_s, double step_s, std::int64_t examples) {
  Window& window = *window_;
  window.wait_s += wait_s;
  window.step_s += step_s;
  window.examples += examples * distributed().world();
  if (state_.step % config_.log_every != 0 && state_.step != config_.max_steps) {
    return;
  }
  MetricLog::Values values;
  for (const auto& [name, sum] : state_.window) {
    values.emplace_back(name, sum.first / static_cast<double>(sum.second));
  }
  std::vector<torch::Tensor> weights;
  for (const PhaseState& phase : phases_) {
    for (const torch::Tensor& weight : tensors_of(phase.optimizer.parameters())) {
      weights.push_back(weight.detach());
    }
  }
  const auto norms = at::_foreach_norm(weights, 2);
  values.emplace_back("weight_norm", torch::stack(norms).norm().item<double>());
  values.emplace_back("rss_mib", rss_mib());
  const double total = window.wait_s + window.step_s;
  values.emplace_back("examples_per_s", static_cast<double>(window.examples) / total);
  values.emplace_back("data_wait_percent", 100 * window.wait_s / total);
  window.write(state_.step, "train", values);
  state_.window.clear();
  window.wait_s = window.step_s = 0;
  window.examples = 0;
}

void Trainer::run_until_done() {
  const Distributed& group = distributed();
  const std::int64_t per_step = config_.accumulate * group.world();
  const auto source = task_.source();
  source->seek(state_.step * per_step + group.rank(), group.world());
  task_.module().train();
  Progress bar("training", config_.max_steps);
  while (state_.step < config_.max_steps && !stopped_early()) {
    if (group.any(stop_())) {
      save(false);
      throw Interrupted(
          format("stopped after step {}; the same command continues from there", state_.step));
    }
    const double before = now_s();
    // For sources that draw from torch's generator.
    torch::manual_seed(
        (mix64(seed_ + fnv1a64("batch")) + mix64(static_cast<std::uint64_t>(state_.step) + 1) +
         mix64(~static_cast<std::uint64_t>(group.rank()))) &
        0x7FFFFFFFFFFFFFFFULL);
    std::vector<TensorDict> batches;
    std::int64_t examples = 0;
    for (std::int64_t i = 0; i < config_.accumulate; ++i) {
      batches.push_back(source->next());
      examples += batch_examples(batches.back());
    }
    const double got = now_s();
    run_step(batches);
    const double after = now_s();
    log_step(got - before, after - got, examples);
    bar.update(
        state_.step,
        format(
            "loss {:.4f}  {:.0f} examples/s  waiting for data {:.0f} %",
            window_->shown_loss,
            static_cast<double>(examples * group.world()) / (after - before),
            100 * (got - before) / (after - before)));
    const std::int64_t epoch = source->batches_per_epoch();
    if (state_.step * per_step / epoch != (state_.step - 1) * per_step / epoch) {
      end_epoch();
    }
    const bool last = state_.step == config_.max_steps;
    if (last || (config_.eval_every > 0 && state_.step % config_.eval_every == 0)) {
      evaluate();
    } else if (g_save.exchange(false) || state_.step % config_.save_every == 0) {
      save(false);
    }
  }
  if (stopped_early()) {
    log::info(
        "stopped early at step {}: {} evaluations without improvement",
        state_.step,
        state_.stale_evaluations);
  }
}

FitResult Trainer::fit() {
  const double start = now_s();
  resume();
  window_ = std::make_unique<Window>();
  if (distributed().is_writer()) {
    window_->log = std::make_unique<MetricLog>(run_, state_.step, config_.tensorboard);
    if (!config_.groups.empty() || !config_.freeze.empty()) {
      for (const PhaseState& phase : phases_) {
        for (const std::string& line : phase.optimizer.describe()) {
          log::info("{}: {}", phase.phase.name, line);
        }
      }
    }
  }
  if (config_.max_steps == 0 && state_.best_step < 0) {
    evaluate();
  }
  if (config_.max_steps > 0) {  // else training data need not be there, nor be loaded
    run_until_done();
  }
  distributed().any(false);  // rank 0 has saved
  const auto best = store_.pointer("best");
  MMI_CHECK(CheckpointError, best.has_value(), "{} holds no best checkpoint", run_.string());
  nn::load_state(task_.module(), CheckpointStore::load(*best).weights(), best->string());
  task_.module().eval();
  return {state_.step, state_.best_metric, state_.best_value, state_.best_step, now_s() - start};
}

Rehearsal Trainer::rehearse() {
  window_ = std::make_unique<Window>();
  Rehearsal found;
  const std::uint64_t rest = peak_rss_bytes();
  const auto source = task_.source();
  source->seek(0);
  task_.module().train();
  std::vector<TensorDict> batches;
  double step_s = 0;
  for (int i = 0; i < 2; ++i) {
    batches.clear();
    for (std::int64_t k = 0; k < config_.accumulate; ++k) {
      batches.push_back(source->next());
    }
    const double start = now_s();
    run_step(batches);
    step_s = now_s() - start;
  }
  std::uint64_t batch_bytes = 0;
  for (const auto& [name, value] : batches.front()) {
    if (const auto* tensor = std::get_if<torch::Tensor>(&value)) {
      batch_bytes += tensor->nbytes();
      found.lines.push_back(format(
          "batch {:<14} {} {}", name, tensor->sizes().vec(), std::string(tensor->dtype().name())));
    }
  }
  std::uint64_t trained = 0;
  std::uint64_t states = 0;
  for (const PhaseState& phase : phases_) {
    trained += bytes_of(phase.optimizer.parameters());
    states += bytes_of(phase.optimizer.state());
    for (const std::string& line : phase.optimizer.describe()) {
      found.lines.push_back(format("phase {:<14} {}", phase.phase.name, line));
    }
  }
  for (const auto& [name, sum] : state_.window) {
    found.lines.push_back(
        format("{:<20} {:.6g}", name, sum.first / static_cast<double>(sum.second)));
  }
  found.step_s = step_s;
  found.peak_bytes = peak_rss_bytes();
  const auto show = [&](const char* what, std::uint64_t bytes) {
    found.lines.push_back(format("memory {:<13} {}", what, human_size(bytes)));
  };
  show("weights", bytes_of(own_state(task_.module())));
  show("gradients", trained);
  show("optimiser", states);
  show("average", ema_ ? bytes_of(ema_->state()) : 0);
  show("batch", batch_bytes * static_cast<std::uint64_t>(config_.accumulate));
  show("step (grown by)", found.peak_bytes - rest);
  show("process (peak)", found.peak_bytes);
  found.lines.push_back(format(
      "{:<20} {:.3f} s, so {} for {} steps without evaluations",
      "a step",
      step_s,
      duration_text(step_s * static_cast<double>(config_.max_steps)),
      config_.max_steps));
  return found;
}

}  // namespace mmi::train
