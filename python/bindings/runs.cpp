// Configurations, trainings and runs.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <torch/csrc/utils/pybind.h>

#include "bindings.h"
#include "held.h"
#include "mmi/base/errors.h"
#include "mmi/runs/store.h"
#include "mmi/train/distributed.h"
#include "mmi/train/metric_log.h"
#include "task_handle.h"
#include "values.h"

namespace mmi::python {
namespace {

namespace fs = std::filesystem;

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
    const runs::Stage& stage,
    const fs::path& root,
    bool again,
    const fs::path& resume,
    const py::function& asked) {
  std::exception_ptr raised;
  runs::TrainOptions options;
  options.again = again;
  options.resume = resume;
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

void bind_stage(py::module_& m) {
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
  m.def(
      "parse_yaml",
      [](const std::string& text, const std::string& name) {
        return from_node(config::parse_yaml(text, name));
      },
      py::arg("text"),
      py::arg("name"),
      "YAML as Python's containers; `name` says in messages where it is from.");
}

void bind_run_classes(py::module_& m) {
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
}

void bind_run_functions(py::module_& m) {
  m.def(
      "train",
      &train,
      py::arg("stage"),
      py::arg("root"),
      py::arg("again"),
      py::arg("resume"),
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
  m.def(
      "join_group",
      [](const std::string& name, int rank, int world, py::function missing) {
        const auto held = std::make_shared<Held>(std::move(missing));
        train::set_distributed({name, rank, world, [held] {
                                  return call_python("torch.distributed", [&] {
                                    return py::cast<std::vector<int>>(held->get()());
                                  });
                                }});
      },
      py::arg("name"),
      py::arg("rank"),
      py::arg("world"),
      py::arg("missing"),
      "Trainings of this process share their steps with a process group. `missing`: who is "
      "gone.");
  m.def("leave_group", [] { train::set_distributed({}); });
}

}  // namespace

void bind_runs(py::module_& m) {
  bind_stage(m);
  bind_run_classes(m);
  bind_run_functions(m);
}

}  // namespace mmi::python
