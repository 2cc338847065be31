#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/typing.h>

#include <map>
#include <memory>
#include <string>

#include "mmi/runs/config.h"
#include "mmi/task/task.h"

namespace mmi::python {

namespace py = pybind11;

using FloatDict = py::typing::Dict<py::str, py::float_>;

FloatDict to_dict(const Metrics& metrics);

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

/// A task with the configuration it was built from.
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

  Phase phase(const std::string& name) const {
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

}  // namespace mmi::python
