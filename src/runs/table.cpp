#include "mmi/runs/table.h"

#include <ATen/Parallel.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstring>
#include <set>
#include <thread>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/log.h"
#include "mmi/base/progress.h"
#include "runs/saved_scores.h"

extern char** environ;

namespace mmi::runs {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kBootstrapSeed = 1;

/// One training of a row.
struct Job {
  std::string label;  ///< "Video2Roll, seed 2"
  std::string file;
  std::vector<std::string> overrides;
  std::shared_ptr<const Stage> stage;
};

std::vector<std::string> settings_of(
    const RowConfig& row, const TableOptions& options, std::uint64_t seed) {
  std::vector<std::string> settings = row.overrides;
  if (!options.data.empty()) {
    for (std::string text : row.data) {
      const std::string folder = fs::absolute(options.data).string();
      for (auto at = text.find("{data}"); at != std::string::npos;
           at = text.find("{data}", at + folder.size())) {
        text.replace(at, 6, folder);
      }
      settings.push_back(text);
    }
  }
  settings.insert(settings.end(), options.overrides.begin(), options.overrides.end());
  settings.push_back("preset=" + options.preset);
  settings.push_back(format("seed={}", seed));
  return settings;
}

Job job_of(
    const TableFile& table, const RowConfig& row, const TableOptions& options, std::uint64_t seed) {
  Job job;
  job.label = format("{}, seed {}", row.name, seed);
  job.file = (table.path.parent_path() / row.config).lexically_normal().string();
  job.overrides = settings_of(row, options, seed);
  job.stage = resolve(job.file, job.overrides);
  return job;
}

/// What is the same training in two rows.
std::string key_of(const Stage& stage) {
  return config::write(stage.config).yaml();
}

int depth_of(const Stage& stage) {
  int depth = 0;
  for (const auto& [name, parent] : stage.parents) {
    depth = std::max(depth, 1 + depth_of(*parent));
  }
  return depth;
}

/// The trainings that `stage` needs, as jobs of their own: two rows may share one.
void add_parents(const Stage& stage, const std::string& label, std::vector<Job>& jobs) {
  for (const auto& [name, parent] : stage.parents) {
    Job job;
    job.label = label + ": " + name;
    job.file = parent->file.string();
    job.overrides = parent->overrides;
    job.stage = parent;
    add_parents(*parent, job.label, jobs);
    jobs.push_back(std::move(job));
  }
}

std::vector<Job> distinct(std::vector<Job> jobs) {
  std::stable_sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) {
    return depth_of(*a.stage) < depth_of(*b.stage);
  });
  std::set<std::string> seen;
  std::erase_if(jobs, [&](const Job& job) { return !seen.insert(key_of(*job.stage)).second; });
  return jobs;
}

pid_t start(const std::string& program, const Job& job, const fs::path& store, int threads) {
  std::vector<std::string> words = {program, "train", job.file};
  words.insert(words.end(), job.overrides.begin(), job.overrides.end());
  if (job.stage->config.threads == 0) {
    words.push_back(format("threads={}", threads));
  }
  words.insert(words.end(), {"--runs", store.string(), "--quiet"});
  std::vector<char*> arguments;
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  // The path that it prints is no result of ours.
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t process = 0;
  const int error =
      ::posix_spawn(&process, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  MMI_CHECK(ConfigError, error == 0, "{} cannot be started: {}", program, std::strerror(error));
  return process;
}

/// Trains jobs of one depth, `at_once` processes at a time.
class Pool {
 public:
  Pool(const TableOptions& options, const fs::path& store) : options_(options), store_(store) {}

  void run(const std::vector<Job>& jobs, Progress& bar) {
    const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    for (const Job& job : jobs) {
      if (static_cast<int>(running_.size()) == options_.jobs) {
        wait(bar);
      }
      if (failure_.empty() && !stopped()) {
        running_[start(options_.program, job, store_, std::max(1, cores / options_.jobs))] =
            job.label;
      }
    }
    while (!running_.empty()) {
      wait(bar);
    }
    if (!failure_.empty()) {
      throw Error(failure_, code_);
    }
    if (stopped()) {
      throw Interrupted("stopped; the same command continues the table");
    }
  }

 private:
  bool stopped() const {
    return options_.stop && options_.stop();
  }

  /// Until one of ours has ended; the host program's other processes are its own business.
  void wait(Progress& bar) {
    int status = 0;
    auto found = running_.end();
    while (found == running_.end()) {
      found = std::ranges::find_if(running_, [&](const auto& one) {
        return ::waitpid(one.first, &status, WNOHANG) == one.first;
      });
      if (found == running_.end()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    }
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code != 0 && code != kExitInterrupted && failure_.empty()) {
      failure_ = format(
          "the training of {} ended with exit code {}; its message stands above",
          found->second,
          code);
      code_ = code;
    }
    bar.advance();
    running_.erase(found);
  }

  const TableOptions& options_;
  fs::path store_;
  std::map<pid_t, std::string> running_;
  std::string failure_;
  int code_ = 0;
};

void train_in_processes(
    const std::vector<Job>& jobs, const Store& store, const TableOptions& options) {
  MMI_CHECK(ConfigError, !options.program.empty(), "several jobs at a time need the program `mmi`");
  Progress bar("training", static_cast<std::int64_t>(jobs.size()));
  Pool pool(options, store.root());
  for (std::size_t begin = 0; begin < jobs.size();) {
    std::size_t end = begin;
    const int depth = depth_of(*jobs[begin].stage);
    while (end < jobs.size() && depth_of(*jobs[end].stage) == depth) {
      ++end;
    }
    pool.run(
        {jobs.begin() + static_cast<std::ptrdiff_t>(begin),
         jobs.begin() + static_cast<std::ptrdiff_t>(end)},
        bar);
    begin = end;
  }
}

/// Appends one seed's scores.
void add_scores(const TableConfig& table, const Task::ItemMetrics& items, RowResult& row) {
  for (const ColumnConfig& column : table.columns) {
    metrics::ItemScores& scores = row.items[column.metric];
    std::size_t count = 0;
    for (const auto& [item, values] : items) {
      for (const auto& [metric, value] : values) {
        if (metric == column.metric) {
          scores.resize(std::max(scores.size(), count + 1));
          scores[count++].push_back(value);
        }
      }
    }
    if (count == 0) {
      row.items.erase(column.metric);  // a column that is not about this row
      continue;
    }
    MMI_CHECK(
        DataError,
        std::ranges::all_of(
            scores, [&](const auto& seeds) { return seeds.size() == scores.front().size(); }),
        "row {}: the number of items with \"{}\" differs between seeds",
        row.config.name,
        column.metric);
  }
  MMI_CHECK(
      ConfigError,
      !row.items.empty(),
      "row {}: its task gives none of the table's scores",
      row.config.name);
}

metrics::ItemScores shifted(metrics::ItemScores scores, double factor, double shift) {
  for (auto& item : scores) {
    for (double& value : item) {
      value = factor * value + shift;
    }
  }
  return scores;
}

RowResult score_row(
    const TableFile& table, const RowConfig& config, Store& store, const TableOptions& options) {
  RowResult row;
  row.config = config;
  for (int seed = 1; seed <= options.seeds; ++seed) {
    const Job job = job_of(table, config, options, static_cast<std::uint64_t>(seed));
    const auto run = store.train(*job.stage, {.stop = options.stop});
    if (!config.calibration.empty()) {
      run->task->restore(config.calibration);
    }
    const SavedScores saved{run->info.path, table.config.split, config.calibration};
    std::optional<Task::ItemMetrics> scores = saved.read();
    if (!scores) {
      const torch::NoGradGuard no_grad;
      scores = run->task->evaluate_items(table.config.split);
      saved.write(*scores);
    }
    // What learns nothing and stands on nothing learned scores the same with every seed.
    const bool learned = !run->info.path.empty() || !job.stage->parents.empty();
    for (int i = 0; i < (learned ? 1 : options.seeds); ++i) {
      add_scores(table.config, *scores, row);
    }
    if (seed == 1 && !options.samples.empty()) {
      std::string name = config.name;
      std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
      row.samples = run->task->sample(table.config.split, options.samples / name);
    }
    if (!run->info.path.empty()) {
      row.runs.push_back(run->info.path);
    }
    row.seconds += run->info.seconds;
    if (!learned) {
      break;
    }
  }
  for (const auto& [metric, scores] : row.items) {
    const metrics::Interval interval =
        metrics::paired_bootstrap(scores, shifted(scores, 0, 0), Rng(kBootstrapSeed));
    row.scores[metric] = {interval.mean, interval.low, interval.high};
  }
  return row;
}

OrderingResult judge(
    const OrderingConfig& claim, const TableConfig& table, const std::vector<RowResult>& rows) {
  const auto column = std::ranges::find(table.columns, claim.metric, &ColumnConfig::metric);
  const auto row = [&](const std::string& name) -> const RowResult* {
    const auto found = std::ranges::find_if(rows, [&](const RowResult& r) {
      return r.config.name == name && r.items.contains(claim.metric);
    });
    return found == rows.end() ? nullptr : &*found;
  };
  OrderingResult result;
  result.text = format(
      "{}: {} {} {}{}",
      column->label.empty() ? column->metric : column->label,
      claim.better,
      column->higher ? ">" : "<",
      claim.worse,
      claim.margin > 0 ? format(" by more than {:g}", claim.margin) : "");
  result.digits = column->digits;
  const RowResult* const better = row(claim.better);
  const RowResult* const worse = row(claim.worse);
  if (better == nullptr || worse == nullptr) {
    result.verdict = "not run";
    return result;
  }
  const double sign = column->higher ? 1 : -1;
  result.difference = metrics::paired_bootstrap(
      shifted(better->items.at(claim.metric), sign, 0),
      shifted(worse->items.at(claim.metric), sign, claim.margin),
      Rng(kBootstrapSeed));
  result.verdict = metrics::to_string(metrics::verdict(*result.difference));
  return result;
}

}  // namespace

TableResult make_table(const TableFile& table, Store& store, const TableOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  MMI_CHECK(
      ConfigError,
      options.seeds >= 1 && options.jobs >= 1,
      "a table needs at least one seed and one job, not {} and {}",
      options.seeds,
      options.jobs);
  for (const std::string& name : options.rows) {
    MMI_CHECK(
        ConfigError,
        std::ranges::find(table.config.rows, name, &RowConfig::name) != table.config.rows.end(),
        "table {} has no row \"{}\"",
        table.config.id,
        name);
  }
  const auto is_run = [&](const RowConfig& row) {
    return row.status == RowStatus::kRun && (options.data.empty() || !row.world_only) &&
           (options.rows.empty() ||
            std::ranges::find(options.rows, row.name) != options.rows.end());
  };
  std::vector<Job> jobs;
  for (const RowConfig& row : table.config.rows) {
    for (int seed = 1; is_run(row) && seed <= options.seeds; ++seed) {
      Job job = job_of(table, row, options, static_cast<std::uint64_t>(seed));
      add_parents(*job.stage, job.label, jobs);
      jobs.push_back(std::move(job));
    }
  }
  if (!options.samples.empty()) {
    mmi::create_directories(options.samples);
  }
  jobs = distinct(std::move(jobs));
  log::info(
      "table {}: {} trainings, those that are finished are reused", table.config.id, jobs.size());
  if (options.jobs > 1) {
    train_in_processes(jobs, store, options);
  } else {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      log::info("[{}/{}] {}", i + 1, jobs.size(), jobs[i].label);
      if (const int threads = jobs[i].stage->config.threads; threads > 0) {
        at::set_num_threads(threads);
      }
      store.train(*jobs[i].stage, {.stop = options.stop});
    }
  }
  TableResult result;
  result.config = table.config;
  result.preset = options.preset;
  result.seeds = options.seeds;
  for (const RowConfig& row : table.config.rows) {
    if (is_run(row)) {
      log::info("scoring {}", row.name);
      result.rows.push_back(score_row(table, row, store, options));
    } else {
      result.rows.emplace_back().config = row;
    }
  }
  for (const OrderingConfig& claim : table.config.orderings) {
    result.orderings.push_back(judge(claim, table.config, result.rows));
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace mmi::runs
