// Tasks that are written in Python: the core trains, scores, saves and loads them like its own.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <torch/csrc/Exceptions.h>
#include <torch/csrc/utils/pybind.h>

#include "bindings.h"
#include "held.h"
#include "mirror.h"
#include "mmi/base/errors.h"
#include "mmi/nn/state.h"
#include "mmi/nn/unary_module.h"
#include "py_dataset.h"
#include "task_handle.h"
#include "values.h"

namespace mmi::python {
namespace {

class PyModule : public PyNetwork<nn::UnaryModule> {
 public:
  using PyNetwork::PyNetwork;

  void adopt_new_buffers() const {
    mirror_.adopt_new_buffers();
  }

 private:
  torch::Tensor check(const torch::Tensor& input, torch::Tensor result) const override {
    return result;
  }
};

/// Batches of a Python object with next(), seek(batch, stride) and per_epoch.
class PyBatches : public data::BatchSource {
 public:
  PyBatches(std::string part, py::object source)
      : part_(std::move(part)), source_(std::make_shared<Held>(std::move(source))) {}

  TensorDict next() override {
    return call_python(
        part_, [&] { return to_tensor_dict(py::cast<py::dict>(source_->get().attr("next")())); });
  }

  void seek(std::int64_t batch, std::int64_t stride) override {
    call_python(part_, [&] { source_->get().attr("seek")(batch, stride); });
  }

  std::int64_t batches_per_epoch() const override {
    return call_python(
        part_, [&] { return py::cast<std::int64_t>(source_->get().attr("per_epoch")); });
  }

 private:
  std::string part_;
  HeldPtr source_;
};

const config::Schema& phase_schema() {
  static const config::Schema made =
      config::Table<Phase>("phase", "parameters that one optimiser updates together")
          .field("name", &Phase::name, "in the log")
          .field("parameters", &Phase::parameters, "globs over state names")
          .field("optimizer", &Phase::optimizer, "update rule")
          .field("schedule", &Phase::schedule, "learning rate over time")
          .field("clip_norm", &Phase::clip_norm, "0: no clipping", config::at_least(0))
          .field("every", &Phase::every, "updated in every n-th step", config::at_least(1));
  return made;
}

/// What the Trainer's phases are, as the task's own; every problem with them in one error.
std::vector<Phase> read_phases(const std::string& part, const py::object& given) {
  std::vector<Phase> phases;
  config::Problems problems;
  for (const config::Node& node : to_node(given, part + ": phases()").items) {
    Phase& phase = phases.emplace_back();
    phase_schema().read(
        &phase, node, format("{}: phases()[{}]", part, phases.size() - 1), problems);
  }
  problems.throw_if_any();
  return phases;
}

/// Behind the adapter of mmi/_task_part.py, which checks what the user's class returns.
class PyTask : public Task {
 public:
  PyTask(std::string part, const py::object& adapter)
      : part_(std::move(part)),
        module_(std::make_shared<PyModule>(part_, adapter.attr("module"))),
        phases_(read_phases(part_, adapter.attr("phases")())),
        selection_(py::cast<std::pair<std::string, bool>>(adapter.attr("selection"))),
        fingerprint_(py::cast<std::string>(adapter.attr("fingerprint"))),
        generates_(py::cast<bool>(adapter.attr("generates"))),
        adapter_(std::make_shared<Held>(adapter)) {}

  torch::nn::Module& module() override {
    return *module_;
  }

  std::vector<Phase> phases() const override {
    return phases_;
  }

  std::shared_ptr<data::BatchSource> source() override {
    const Batches made = batches();
    if (made.source) {
      return made.source;
    }
    data::LoaderConfig loader;
    config::Problems problems;
    data::LoaderConfig::schema().read(&loader, made.loader, part_ + ": loader", problems);
    problems.throw_if_any();
    return std::make_shared<data::Loader>(
        made.examples,
        std::make_shared<data::PermutationSampler>(made.examples->size()),
        loader,
        made.seed);
  }

  std::vector<std::pair<std::string, DatasetOpener>> datasets() override {
    const Batches made = batches();
    if (made.source) {
      return {};
    }
    return {{"train", [examples = made.examples] { return examples; }}};
  }

  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override {
    return call_python(part_, [&] {
      const py::tuple made =
          adapter_->get().attr("loss")(phase, from_tensor_dict(batch), context.step);
      if (module_->is_training()) {
        module_->adopt_new_buffers();
      }
      return Loss{
          py::cast<torch::Tensor>(made[0]),
          py::cast<std::vector<std::pair<std::string, torch::Tensor>>>(made[1])};
    });
  }

  void backward(const torch::Tensor& total) override {
    try {
      total.backward();
    } catch (python_error& raised) {
      call_python(part_, [&] {
        raised.restore();
        throw py::error_already_set();
      });
    }
  }

  Metrics evaluate(const std::string& split) override {
    return call_python(
        part_, [&] { return py::cast<Metrics>(adapter_->get().attr("evaluate")(split)); });
  }

  std::pair<std::string, bool> selection() const override {
    return selection_;
  }

  std::map<std::string, double> calibrate() override {
    return call_python(part_, [&] {
      return py::cast<std::map<std::string, double>>(adapter_->get().attr("calibrate")());
    });
  }

  void restore(const std::map<std::string, double>& calibration) override {
    call_python(part_, [&] { adapter_->get().attr("restore")(calibration); });
  }

  std::vector<Artifact> generate(const GenerateRequest& request) override {
    if (!generates_) {
      return Task::generate(request);
    }
    return call_python(part_, [&] {
      std::vector<Artifact> artifacts;
      const py::object files =
          adapter_->get().attr("generate")(request.input, request.out, request.options);
      for (const auto& [path, caption] :
           py::cast<std::vector<std::pair<std::string, std::string>>>(files)) {
        artifacts.push_back({path, caption});
      }
      return artifacts;
    });
  }

  std::string data_fingerprint() const override {
    return fingerprint_;
  }

 private:
  /// What the task trains on: batches of its own, or examples for the loader.
  struct Batches {
    std::shared_ptr<data::BatchSource> source;
    std::shared_ptr<data::Dataset> examples;
    config::Node loader;
    std::uint64_t seed = 0;
  };

  Batches batches() const {
    const std::string part = "batches of " + part_;
    return call_python(part_, [&] {
      const py::tuple made = adapter_->get().attr("batches")();
      Batches found;
      if (py::cast<bool>(made[0])) {
        found.examples = std::make_shared<PyDataset>(part, made[1]);
        found.loader = to_node(made[2], part_ + ": loader");
        found.seed = py::cast<std::uint64_t>(made[3]);
      } else {
        found.source = std::make_shared<PyBatches>(part, made[1]);
      }
      return found;
    });
  }

  std::string part_;
  std::shared_ptr<PyModule> module_;
  std::vector<Phase> phases_;
  std::pair<std::string, bool> selection_;
  std::string fingerprint_;
  bool generates_;
  HeldPtr adapter_;
};

/// A task as Python sees it, with what it was built from.
std::shared_ptr<TaskHandle> handle_of(const std::shared_ptr<Task>& task) {
  auto handle = std::make_shared<TaskHandle>();
  handle->config = config::read<runs::RunConfig>(task->built_from);
  handle->task = task;
  for (const auto& [name, parent] : task->parents) {
    handle->parents[name] = handle_of(parent);
  }
  return handle;
}

void register_task(const std::string& name, const std::string& doc, py::function factory) {
  const auto held = std::make_shared<Held>(std::move(factory));
  Registry<Task>::get().add_open(
      name, doc, [name, held](const OpenConfig& config, const Task::BuildArgs& args) {
        const std::string part = "task " + name;
        auto task = call_python(part, [&] {
          py::dict parents;
          for (const auto& [need, parent] : args.parents) {
            parents[py::str(need)] = handle_of(parent);
          }
          return std::make_shared<PyTask>(
              part, held->get()(args.seed, args.device.str(), parents, from_node(config.options)));
        });
        task->module().to(args.device);
        return task;
      });
}

}  // namespace

void bind_python_tasks(py::module_& m) {
  m.def(
      "register_task",
      &register_task,
      py::arg("name"),
      py::arg("doc"),
      py::arg("factory"),
      "factory(seed, device, parents, options) gives an adapter as in mmi/_task_part.py.");
}

}  // namespace mmi::python
