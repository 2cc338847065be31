// Configurations, tasks, batches, trainings and runs.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <torch/csrc/utils/pybind.h>

#include "bindings.h"
#include "held.h"
#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/nn/state.h"
#include "mmi/runs/config.h"
#include "mmi/runs/store.h"
#include "mmi/train/metric_log.h"
#include "values.h"

namespace mmi::python {
namespace {

namespace fs = std::filesystem;
using FloatDict = py::typing::Dict<py::str, py::float_>;

/// Destroys what may wait for threads that want the GIL.
template <class T>
void reset_unlocked(std::shared_ptr<T>& owned) {
  if (PyGILState_Check() == 1) {
    const py::gil_scoped_release unlocked;
    owned.reset();
  } else {
    owned.reset();
  }
}

struct TaskHandle {
  runs::RunConfig config;
  std::shared_ptr<Task> task;
  std::map<std::string, std::shared_ptr<TaskHandle>> parents;

  TaskHandle() = default;
  TaskHandle(const TaskHandle&) = delete;
  TaskHandle& operator=(const TaskHandle&) = delete;

  ~TaskHandle() {
    reset_unlocked(task);
  }

  const Phase phase(const std::string& name) const {
    const auto phases = task->phases();
    std::string known;
    for (const Phase& phase : phases) {
      if (name.empty() || phase.name == name) {
        return phase;
      }
      known += (known.empty() ? "" : ", ") + phase.name;
    }
    throw ConfigError(format("no phase is called \"{}\"; known: {}", name, known));
  }
};

class Batches {
 public:
  Batches(std::shared_ptr<TaskHandle> task, std::int64_t start) : task_(std::move(task)) {
    const py::gil_scoped_release unlocked;
    source_ = task_->task->source();
    if (start != 0) {
      source_->seek(start);
    }
  }

  ~Batches() {
    reset_unlocked(source_);
  }

  Batches(const Batches&) = delete;
  Batches& operator=(const Batches&) = delete;

  AnyDict next() {
    TensorDict batch;
    {
      data::BatchSource& open = source();
      const py::gil_scoped_release unlocked;
      batch = open.next();
    }
    return from_tensor_dict(batch);
  }

  void seek(std::int64_t batch) {
    data::BatchSource& open = source();
    const py::gil_scoped_release unlocked;
    open.seek(batch);
  }

  std::int64_t per_epoch() {
    return source().batches_per_epoch();
  }

  void close() {
    reset_unlocked(source_);
  }

 private:
  data::BatchSource& source() {
    MMI_CHECK(
        ConfigError, source_ != nullptr, "these batches are closed; ask the task for new ones");
    return *source_;
  }

  std::shared_ptr<TaskHandle> task_;
  std::shared_ptr<data::BatchSource> source_;
};

std::shared_ptr<TaskHandle> build(
    const std::string& yaml,
    const std::string& device,
    const std::map<std::string, std::shared_ptr<TaskHandle>>& parents) {
  const py::gil_scoped_release unlocked;
  auto handle = std::make_shared<TaskHandle>();
  handle->config = config::read<runs::RunConfig>(config::parse_yaml(yaml, "configuration"));
  if (!device.empty()) {
    handle->config.device = device;
  }
  handle->parents = parents;
  Task::BuildArgs args;
  args.seed = handle->config.seed;
  args.device = handle->config.torch_device();
  for (const auto& [name, parent] : parents) {
    args.parents[name] = parent->task;
  }
  // The same weights as a training begins with.
  torch::manual_seed(mix64(handle->config.seed + fnv1a64("init")) & 0x7FFFFFFFFFFFFFFFULL);
  handle->task = Registry<Task>::get().create(handle->config.task, args);
  return handle;
}

using TensorValues = py::typing::Dict<py::str, torch::Tensor>;

TensorValues loss(
    TaskHandle& handle, const AnyDict& batch, const std::string& phase, std::int64_t step) {
  const std::string name = handle.phase(phase).name;
  const TensorDict values = to_tensor_dict(batch);
  Loss result;
  {
    const py::gil_scoped_release unlocked;
    StepContext context;
    context.step = step;
    context.rng = Rng(handle.config.seed).stream(name, static_cast<std::uint64_t>(step));
    result = handle.task->loss(name, values, context);
  }
  TensorValues named;
  named["total"] = result.total;
  for (const auto& [part, value] : result.parts) {
    named[py::str(part)] = value;
  }
  return named;
}

std::vector<torch::Tensor> parameters(const TaskHandle& handle, const std::string& phase) {
  std::vector<torch::Tensor> list;
  for (const auto& [name, tensor] :
       nn::match_parameters(handle.task->module(), handle.phase(phase).parameters)) {
    list.push_back(tensor);
  }
  return list;
}

FloatDict to_dict(const Metrics& metrics) {
  FloatDict dict;
  for (const auto& [name, value] : metrics) {
    dict[py::str(name)] = value;
  }
  return dict;
}

std::vector<std::pair<fs::path, std::string>> generate(
    TaskHandle& handle,
    const fs::path& input,
    const fs::path& out,
    const std::map<std::string, std::string>& options) {
  const py::gil_scoped_release unlocked;
  std::vector<std::pair<fs::path, std::string>> files;
  for (const Artifact& artifact : handle.task->generate({input, out, options})) {
    files.emplace_back(artifact.path, artifact.caption);
  }
  return files;
}

std::shared_ptr<TaskHandle> task_of(const runs::Run& run) {
  auto handle = std::make_shared<TaskHandle>();
  handle->config = run.config;
  handle->task = run.task;
  for (const auto& [name, parent] : run.parents) {
    handle->parents[name] = task_of(*parent);
  }
  return handle;
}

/// Ctrl-C: Python's handlers run here, between two steps. `asked` is what mmi.train's own handler
/// noted; whatever another handler raises stops the training too, and is raised when it is saved.
std::shared_ptr<runs::Run> train(
    const runs::Stage& stage, const fs::path& root, bool again, const py::function& asked) {
  std::exception_ptr raised;
  runs::TrainOptions options;
  options.again = again;
  options.stop = [&] {
    const py::gil_scoped_acquire gil;
    try {
      if (PyErr_CheckSignals() != 0) {
        throw py::error_already_set();
      }
      return py::cast<bool>(asked());
    } catch (py::error_already_set& error) {
      if (!error.matches(PyExc_KeyboardInterrupt)) {
        raised = std::current_exception();
      }
      return true;
    }
  };
  const py::gil_scoped_release unlocked;
  try {
    return runs::Store(root).train(stage, options);
  } catch (const Interrupted&) {
    if (raised) {
      std::rethrow_exception(raised);
    }
    throw;
  }
}

py::typing::List<AnyDict> metric_lines(const fs::path& run) {
  py::typing::List<AnyDict> lines;
  for (const auto& line : train::MetricLog::read(run)) {
    py::dict values;
    values["step"] = line.step;
    values["split"] = line.split;
    for (const auto& [name, value] : line.values) {
      values[py::str(name)] = value;
    }
    lines.append(values);
  }
  return lines;
}

void bind_task(py::module_& m) {
  py::class_<runs::Stage, std::shared_ptr<runs::Stage>>(
      m, "Stage", "A configuration with those of its parents.")
      .def_property_readonly("file", [](const runs::Stage& s) { return s.file; })
      .def_property_readonly("task", [](const runs::Stage& s) { return s.config.task.name; })
      .def_property_readonly("threads", [](const runs::Stage& s) { return s.config.threads; })
      .def_property_readonly(
          "needs",
          [](const runs::Stage& s) {
            std::vector<std::string> names;
            for (const auto& [name, parent] : s.parents) {
              names.push_back(name);
            }
            return names;
          })
      .def_property_readonly(
          "yaml", [](const runs::Stage& s) { return config::write(s.config).yaml(); });
  py::class_<Batches>(m, "Batches", "Training batches without end.")
      .def("next", &Batches::next)
      .def("seek", &Batches::seek, py::arg("batch"), "Continues as if `batch` batches were taken.")
      .def_property_readonly("per_epoch", &Batches::per_epoch)
      .def("close", &Batches::close, "Ends the threads that make batches.");
  py::class_<TaskHandle, std::shared_ptr<TaskHandle>>(m, "Task", "A system; mmi.Task wraps it.")
      .def_property_readonly("name", [](const TaskHandle& t) { return t.config.task.name; })
      .def_property_readonly(
          "yaml", [](const TaskHandle& t) { return config::write(t.config).yaml(); })
      .def_property_readonly(
          "config",
          [](const TaskHandle& t) -> AnyDict { return from_node(config::write(t.config)); })
      .def_property_readonly("parents", [](const TaskHandle& t) { return t.parents; })
      .def_property_readonly(
          "module", [](const TaskHandle& t) { return Core{t.task->module().shared_from_this()}; })
      .def_property_readonly(
          "phases",
          [](const TaskHandle& t) {
            std::vector<std::string> names;
            for (const Phase& phase : t.task->phases()) {
              names.push_back(phase.name);
            }
            return names;
          })
      .def("parameters", &parameters, py::arg("phase"))
      .def("loss", &loss, py::arg("batch"), py::arg("phase"), py::arg("step"))
      .def(
          "batches",
          [](const std::shared_ptr<TaskHandle>& t, std::int64_t start) {
            return std::make_unique<Batches>(t, start);
          },
          py::arg("start"))
      .def(
          "evaluate",
          [](TaskHandle& t, const std::string& split) {
            Metrics metrics;
            {
              const py::gil_scoped_release unlocked;
              metrics = t.task->evaluate(split);
            }
            return to_dict(metrics);
          },
          py::arg("split"))
      .def("generate", &generate, py::arg("input"), py::arg("out"), py::arg("options"));
  m.def(
      "build",
      &build,
      py::arg("yaml"),
      py::arg("device"),
      py::arg("parents"),
      "Builds a task from a resolved configuration.");
}

void bind_run(py::module_& m) {
  using runs::RunInfo;
  py::class_<RunInfo>(m, "RunInfo", "What run.json says.")
      .def_readonly("path", &RunInfo::path)
      .def_readonly("id", &RunInfo::id)
      .def_readonly("task", &RunInfo::task)
      .def_readonly("preset", &RunInfo::preset)
      .def_readonly("finished", &RunInfo::finished)
      .def_readonly("steps", &RunInfo::steps)
      .def_readonly("seconds", &RunInfo::seconds, "of training")
      .def_readonly("revision", &RunInfo::revision, "of the sources that trained it")
      .def_readonly("started", &RunInfo::started, "ISO 8601, UTC")
      .def_readonly("best_metric", &RunInfo::best_metric)
      .def_readonly("best_value", &RunInfo::best_value)
      .def_readonly("calibration", &RunInfo::calibration)
      .def("__repr__", [](const RunInfo& i) {
        return format(
            "RunInfo({}, preset {}, {} steps, {} {:.4f})",
            i.path.string(),
            i.preset,
            i.steps,
            i.best_metric,
            i.best_value);
      });
  py::class_<runs::Run, std::shared_ptr<runs::Run>>(m, "Run", "A trained run; mmi.Run wraps it.")
      .def_readonly("info", &runs::Run::info)
      .def_property_readonly("task", &task_of)
      .def_readonly("parents", &runs::Run::parents)
      .def(
          "evaluate",
          [](runs::Run& run, const std::string& split) {
            Metrics metrics;
            {
              const py::gil_scoped_release unlocked;
              metrics = runs::evaluate(run, split);
            }
            return to_dict(metrics);
          },
          py::arg("split"));
  m.def(
      "train",
      &train,
      py::arg("stage"),
      py::arg("root"),
      py::arg("again"),
      py::arg("asked"),
      "Trains what is missing; `asked` is called between steps and says whether to stop.");
  m.def(
      "find_run",
      [](const fs::path& root, const std::string& reference) {
        return runs::Store(root).find(reference);
      },
      py::arg("root"),
      py::arg("reference"));
  m.def(
      "list_runs", [](const fs::path& root) { return runs::Store(root).list(); }, py::arg("root"));
  m.def(
      "open_run",
      [](const fs::path& path, const std::string& device) {
        const py::gil_scoped_release unlocked;
        return runs::open(path, device);
      },
      py::arg("path"),
      py::arg("device"));
  m.def("metric_lines", &metric_lines, py::arg("run"), "The training's log.");
  m.def(
      "write_report", &runs::write_report, py::arg("run"), "Writes report.html; returns its path.");
  m.def("export_bundle", &runs::export_bundle, py::arg("run"), py::arg("out"));
}

}  // namespace

void bind_runs(py::module_& m) {
  bind_task(m);
  bind_run(m);
  m.def(
      "resolve",
      [](const std::string& file, const std::vector<std::string>& overrides) {
        return std::const_pointer_cast<runs::Stage>(runs::resolve(file, overrides));
      },
      py::arg("file"),
      py::arg("overrides"),
      "Reads and checks a configuration file with its parents.");
  m.def(
      "find_config",
      &runs::find_config,
      py::arg("name"),
      "A configuration that comes with libmmi, or the file itself.");
  m.def(
      "to_yaml",
      [](const AnyDict& values) { return to_node(values, "").yaml(); },
      py::arg("values"),
      "A configuration dict as text.");
}

}  // namespace mmi::python
