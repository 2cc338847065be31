#include "mmi/runs/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/hash.h"
#include "mmi/base/json_number.h"
#include "mmi/base/log.h"
#include "mmi/base/progress.h"
#include "mmi/base/version.h"
#include "mmi/nn/state.h"
#include "mmi/tensor/safetensors.h"
#include "mmi/train/checkpoint.h"
#include "mmi/train/distributed.h"

namespace mmi::runs {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr int kFormat = 1;

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

void write_info(const RunInfo& info) {
  ordered_json object = {
      {"format", kFormat},
      {"id", info.id},
      {"task", info.task},
      {"preset", info.preset},
      {"finished", info.finished},
      {"steps", info.steps},
      {"seconds", info.seconds},
      {"started", info.started},
      {"mmi", version()},
      {"torch", MMI_TORCH_VERSION},
      {"revision", info.revision},
      {"parents", info.parents},
      {"best", {{"metric", info.best_metric}, {"value", json_number(info.best_value)}}},
      {"calibration", ordered_json::object()}};
  for (const auto& [name, value] : info.calibration) {
    object["calibration"][name] = json_number(value);
  }
  atomic_write(info.path / "run.json", object.dump(1) + "\n");
}

/// One writer per run; the lock goes away with the process.
class RunLock {
 public:
  explicit RunLock(const fs::path& run) {
    const fs::path path = run / "run.lock";
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    MMI_CHECK(CheckpointError, fd_ >= 0, "cannot create {}", path.string());
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      ::close(fd_);
      throw CheckpointError(format(
          "{} is being trained by process {}; wait for it or stop it",
          run.string(),
          read_text(path)));
    }
    const std::string pid = std::to_string(::getpid());
    if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, pid.data(), pid.size(), 0) < 0) {
      log::warning("cannot write {}", path.string());
    }
  }

  ~RunLock() {
    ::close(fd_);
  }

  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int fd_ = -1;
};

void build(Run& run) {
  std::map<std::string, std::shared_ptr<Task>> parents;
  for (const auto& [name, parent] : run.parents) {
    parents[name] = parent->task;
  }
  run.task = build_task(run.config, parents);
}

/// Loads the weights that `init` names and returns their digest for the run id.
std::string load_init(const InitConfig& init, Task& task) {
  const nn::NamedTensors tensors = load_tensors(init.file);
  nn::load_state(task.module(), nn::KeyMap(init.key_map).apply(tensors, init.file), init.file);
  std::uint64_t digest = 0;
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor plain = tensor.contiguous();
    digest = fnv1a64(
        {static_cast<const char*>(plain.const_data_ptr()), plain.nbytes()}, fnv1a64(name, digest));
  }
  return hex(digest, 16);
}

std::string run_id(const Run& run, const std::string& init) {
  std::string text = config::write(run.config, /*identity_only=*/true).json() + "\n" +
                     run.task->data_fingerprint() + format("\nformat {}", kFormat) + init;
  for (const auto& [name, parent] : run.parents) {
    text += "\n" + name + " " + parent->info.id;
  }
  return hex(mix64(fnv1a64(text)), 16).substr(0, 12);
}

/// Where runs named relative to `run` live: two levels up from `<store>/<system>/<stage>-<id>`.
fs::path store_of(const fs::path& run, const std::string& task) {
  fs::path root = fs::absolute(run).lexically_normal().parent_path();
  for (const char c : task) {
    if (c == '/') {
      root = root.parent_path();
    }
  }
  return root;
}

fs::path main_run(const fs::path& path) {
  const fs::path pipeline = path / "pipeline.json";
  if (!fs::exists(pipeline)) {
    return path;
  }
  try {
    return path / "runs" / ordered_json::parse(read_text(pipeline)).at("main").get<std::string>();
  } catch (const ordered_json::exception& error) {
    throw CheckpointError(
        format("{} is not a bundle description: {}", pipeline.string(), error.what()));
  }
}

}  // namespace

std::shared_ptr<Task> build_task(
    const RunConfig& config, const std::map<std::string, std::shared_ptr<Task>>& parents) {
  Task::BuildArgs args;
  args.seed = config.seed;
  args.device = config.torch_device();
  args.parents = parents;
  // Weights are a function of the seed alone.
  torch::manual_seed(mix64(config.seed + fnv1a64("init")) & 0x7FFFFFFFFFFFFFFFULL);
  auto task = Registry<Task>::get().create(config.task, args);
  task->built_from = config::write(config);
  task->parents = parents;
  return task;
}

Store::Store(fs::path root) : root_(std::move(root)) {
  if (root_.empty()) {
    const char* set = std::getenv("MMI_RUNS");
    root_ = set && *set ? set : "runs";
  }
}

RunInfo read_info(const fs::path& run) {
  const fs::path path = run / "run.json";
  MMI_CHECK(
      CheckpointError,
      fs::exists(path),
      "{} is not a run directory (it has no run.json); `mmi runs list` shows the runs",
      run.string());
  try {
    const auto object = ordered_json::parse(read_text(path));
    RunInfo info;
    info.path = run;
    info.id = object.at("id");
    info.task = object.at("task");
    info.preset = object.at("preset");
    info.finished = object.at("finished");
    info.steps = object.at("steps");
    info.seconds = object.at("seconds");
    info.started = object.at("started");
    info.revision = object.at("revision");
    info.parents = object.at("parents");
    info.best_metric = object.at("best").at("metric");
    info.best_value = read_json_number(object.at("best").at("value"));
    for (const auto& [name, value] : object.at("calibration").items()) {
      info.calibration[name] = read_json_number(value);
    }
    return info;
  } catch (const ordered_json::exception& error) {
    throw CheckpointError(format("{} is damaged: {}", path.string(), error.what()));
  }
}

std::shared_ptr<Run> open(const fs::path& path, const std::string& device) {
  auto run = std::make_shared<Run>();
  run->info = read_info(main_run(path));
  MMI_CHECK(
      CheckpointError,
      run->info.finished,
      "{} is not finished; run its `mmi train` command again to continue it",
      path.string());
  run->config = config::read<RunConfig>(config::read_yaml(run->info.path / "config.yaml"));
  const fs::path root = store_of(run->info.path, run->info.task);
  for (const auto& [name, parent] : run->info.parents) {
    run->parents[name] = open(root / parent, device);
  }
  run->config.device = device;
  build(*run);
  const train::CheckpointStore store(run->info.path / "checkpoints");
  const auto best = store.pointer("best");
  MMI_CHECK(CheckpointError, best.has_value(), "{} holds no checkpoint", run->info.path.string());
  nn::load_state(
      run->task->module(), train::CheckpointStore::load(*best).weights(), best->string());
  run->task->module().eval();
  run->task->restore(run->info.calibration);
  return run;
}

/// The run that a configuration describes, with its first weights and its place in the store.
std::shared_ptr<Run> Store::prepare(
    const Stage& stage, const std::map<std::string, std::shared_ptr<Run>>& parents) const {
  auto run = std::make_shared<Run>();
  run->config = stage.config;
  run->parents = parents;
  build(*run);
  RunInfo& info = run->info;
  info.id = run_id(*run, run->config.init ? load_init(*run->config.init, *run->task) : "");
  info.task = run->config.task.name;
  info.preset = run->config.preset;
  info.path = root_ / (info.task + "-" + info.id);
  for (const auto& [name, parent] : run->parents) {
    info.parents[name] = parent->info.task + "-" + parent->info.id;
  }
  return run;
}

std::shared_ptr<Run> Store::train(const Stage& stage, const TrainOptions& options) {
  std::map<std::string, std::shared_ptr<Run>> parents;
  for (const auto& [name, parent] : stage.parents) {
    TrainOptions for_parent = options;
    for_parent.again = false;
    for_parent.resume.clear();
    parents[name] = train(*parent, for_parent);
  }
  const auto run = prepare(stage, parents);
  RunInfo& info = run->info;
  if (run->task->phases().empty()) {
    info.path.clear();
    info.finished = true;
    return run;
  }
  if (fs::exists(info.path / "run.json") && !options.again) {
    const RunInfo found = read_info(info.path);
    if (found.finished) {
      MMI_CHECK(
          ConfigError,
          options.resume.empty(),
          "{} is finished, there is nothing to continue; --again trains it anew",
          info.path.string());
      if (found.revision != source_revision()) {
        log::warning(
            "{} was trained by revision {}, this is {}; --again retrains it",
            info.path.string(),
            found.revision,
            source_revision());
      }
      return open(info.path, run->config.device);
    }
  }
  const bool writer = train::distributed().is_writer();
  std::optional<RunLock> lock;
  if (writer) {
    mmi::create_directories(info.path);
    lock.emplace(info.path);
    atomic_write(info.path / "config.yaml", config::write(run->config).yaml());
    info.started = utc_now();
    info.revision = source_revision();
    write_info(info);
    if (options.again) {
      // After run.json says that it is unfinished.
      fs::remove_all(info.path / "checkpoints");
    }
  }
  log::info("{} → {}", info.task, info.path.string());
  train::Trainer trainer(*run->task, run->config.train, run->config.seed, info.path);
  if (options.stop) {
    trainer.set_stop(options.stop);
  }
  trainer.set_resume(options.resume);
  const train::FitResult result = trainer.fit();
  info.steps = result.steps;
  info.seconds = result.seconds;
  info.best_metric = result.best_metric;
  info.best_value = result.best_value;
  {
    const torch::NoGradGuard no_grad;
    info.calibration = run->task->calibrate();
  }
  run->task->restore(info.calibration);
  info.finished = true;
  if (writer) {
    write_info(info);
    write_report(info.path);
  }
  train::distributed().any(false);  // nobody asks before it is written
  log::info(
      "{} finished: {} {:.4f} at step {}, {}",
      info.task,
      info.best_metric,
      info.best_value,
      result.best_step,
      duration_text(info.seconds));
  return run;
}

train::Rehearsal Store::rehearse(const Stage& stage) {
  const std::function<std::shared_ptr<Run>(const Stage&)> find = [&](const Stage& wanted) {
    std::map<std::string, std::shared_ptr<Run>> parents;
    for (const auto& [name, parent] : wanted.parents) {
      parents[name] = find(*parent);
    }
    const auto run = prepare(wanted, parents);
    const bool finished =
        fs::exists(run->info.path / "run.json") && read_info(run->info.path).finished;
    return finished && &wanted != &stage ? open(run->info.path, run->config.device) : run;
  };
  const auto run = find(stage);
  return train::Trainer(*run->task, run->config.train, run->config.seed, run->info.path).rehearse();
}

std::vector<RunInfo> Store::list() const {
  std::vector<RunInfo> runs;
  if (!fs::is_directory(root_)) {
    return runs;
  }
  for (auto at = fs::recursive_directory_iterator(root_); at != fs::end(at); ++at) {
    if (at->is_directory() && fs::exists(at->path() / "run.json")) {
      runs.push_back(read_info(at->path()));
      at.disable_recursion_pending();
    }
  }
  std::sort(runs.begin(), runs.end(), [](const RunInfo& a, const RunInfo& b) {
    return a.started < b.started;
  });
  return runs;
}

fs::path Store::find(const std::string& reference) const {
  if (fs::exists(fs::path(reference) / "run.json") ||
      fs::exists(fs::path(reference) / "pipeline.json")) {
    return reference;
  }
  std::vector<fs::path> matches;
  for (const RunInfo& info : list()) {
    if (info.id.rfind(reference, 0) == 0 || info.path.filename() == reference ||
        info.task + "-" + info.id == reference) {
      matches.push_back(info.path);
    }
  }
  MMI_CHECK(
      CheckpointError,
      matches.size() == 1,
      matches.empty()
          ? "{} is neither a run directory, a bundle, nor a run of {}; `mmi runs list` shows them"
          : "{} fits several runs of {}; give more digits",
      reference,
      root_.string());
  return matches.front();
}

void Store::remove(const std::string& reference) {
  const RunInfo victim = read_info(find(reference));
  for (const RunInfo& info : list()) {
    for (const auto& [name, parent] : info.parents) {
      MMI_CHECK(
          CheckpointError,
          parent != victim.task + "-" + victim.id,
          "{} is needed by {}; remove that one first",
          victim.path.string(),
          info.path.string());
    }
  }
  const RunLock lock(victim.path);
  fs::remove_all(victim.path);
}

Metrics evaluate(Run& run, const std::string& split) {
  const torch::NoGradGuard no_grad;
  Metrics metrics = run.task->evaluate(split);
  ordered_json object = ordered_json::object();
  for (const auto& [name, value] : metrics) {
    object[name] = value;
  }
  if (!run.info.path.empty()) {  // what learns nothing has no folder
    mmi::create_directories(run.info.path / "eval");
    atomic_write(run.info.path / "eval" / (split + ".json"), object.dump(1) + "\n");
  }
  return metrics;
}

void export_bundle(const fs::path& run, const fs::path& out) {
  MMI_CHECK(
      ConfigError, !fs::exists(out / "pipeline.json"), "{} holds a bundle already", out.string());
  const std::function<void(const fs::path&)> copy = [&](const fs::path& source) {
    const RunInfo info = read_info(source);
    MMI_CHECK(CheckpointError, info.finished, "{} is not finished", source.string());
    const fs::path target = out / "runs" / (info.task + "-" + info.id);
    mmi::create_directories(target / "checkpoints");
    for (const char* file : {"config.yaml", "run.json"}) {
      fs::copy_file(source / file, target / file, fs::copy_options::overwrite_existing);
    }
    const auto best = train::CheckpointStore(source / "checkpoints").pointer("best");
    MMI_CHECK(CheckpointError, best.has_value(), "{} holds no checkpoint", source.string());
    train::Checkpoint weights = train::CheckpointStore::load(*best);
    weights.model = weights.weights();
    weights.ema.clear();
    weights.optimizers.clear();
    train::CheckpointStore(target / "checkpoints").save(weights, true);
    const fs::path root = store_of(source, info.task);
    for (const auto& [name, parent] : info.parents) {
      copy(root / parent);
    }
  };
  const RunInfo info = read_info(main_run(run));
  copy(info.path);
  // Written last: the bundle exists once it is complete.
  const ordered_json pipeline = {{"format", kFormat}, {"main", info.task + "-" + info.id}};
  atomic_write(out / "pipeline.json", pipeline.dump(1) + "\n");
}

}  // namespace mmi::runs
