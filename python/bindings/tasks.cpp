// Systems: building them, their batches, losses, scores and generation.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <torch/csrc/utils/pybind.h>

#include "bindings.h"
#include "held.h"
#include "mmi/base/errors.h"
#include "mmi/nn/state.h"
#include "mmi/runs/store.h"
#include "task_handle.h"
#include "values.h"

namespace mmi::python {
namespace {

namespace fs = std::filesystem;

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
  std::map<std::string, std::shared_ptr<Task>> tasks;
  for (const auto& [name, parent] : parents) {
    tasks[name] = parent->task;
  }
  handle->task = runs::build_task(handle->config, tasks);
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

AnyDict predict(TaskHandle& handle, const AnyDict& inputs) {
  const TensorDict values = to_tensor_dict(inputs);
  TensorDict outputs;
  {
    const py::gil_scoped_release unlocked;
    const torch::NoGradGuard no_grad;
    outputs = handle.task->infer(values);
  }
  return from_tensor_dict(outputs);
}

void bind_batches(py::module_& m) {
  py::class_<Batches>(m, "Batches", "Training batches without end.")
      .def("next", &Batches::next)
      .def("seek", &Batches::seek, py::arg("batch"), "Continues as if `batch` batches were taken.")
      .def_property_readonly("per_epoch", &Batches::per_epoch)
      .def("close", &Batches::close, "Ends the threads that make batches.");
}

}  // namespace

FloatDict to_dict(const Metrics& metrics) {
  FloatDict dict;
  for (const auto& [name, value] : metrics) {
    dict[py::str(name)] = value;
  }
  return dict;
}

void bind_tasks(py::module_& m) {
  bind_batches(m);
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
      .def("predict", &predict, py::arg("inputs"))
      .def("generate", &generate, py::arg("input"), py::arg("out"), py::arg("options"));
  m.def(
      "build",
      &build,
      py::arg("yaml"),
      py::arg("device"),
      py::arg("parents"),
      "Builds a task from a resolved configuration.");
}

}  // namespace mmi::python
