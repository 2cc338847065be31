// Parts that are written in Python and used by name from YAML.
#include <pybind11/stl.h>
#include <torch/csrc/autograd/python_variable.h>
#include <torch/csrc/utils/pybind.h>

#include <unordered_map>

#include "bindings.h"
#include "held.h"
#include "mmi/base/errors.h"
#include "mmi/data/dataset.h"
#include "mmi/encoders/encoder.h"
#include "values.h"

namespace mmi::python {
namespace {

/// A dataset behind the adapter of mmi/_register.py: size, labels(), fingerprint, get(index).
class PyDataset : public data::Dataset {
 public:
  PyDataset(std::string part, py::object adapter)
      : part_(std::move(part)),
        size_(py::cast<std::int64_t>(adapter.attr("size"))),
        fingerprint_(py::cast<std::string>(adapter.attr("fingerprint"))),
        adapter_(std::make_shared<Held>(std::move(adapter))) {}

  std::int64_t size() const override {
    return size_;
  }

  std::string fingerprint() const override {
    return fingerprint_;
  }

  std::string name() const override {
    return part_;
  }

  /// An mmi.DataError goes on as the C++ one: the loader may skip the example.
  TensorDict get(std::int64_t index, Rng& rng) const override {
    return call_python(part_, [&] {
      try {
        return to_tensor_dict(py::cast<py::dict>(adapter_->get().attr("get")(index)));
      } catch (py::error_already_set& error) {
        if (error.matches(py::module_::import("mmi").attr("DataError"))) {
          const std::string text = py::str(error.value());
          throw DataError(text);
        }
        error.value().attr("add_note")(format("example {} of {}", index, part_));
        throw;
      }
    });
  }

  torch::Tensor labels() const override {
    return call_python(part_, [&]() -> torch::Tensor {
      const py::object labels = adapter_->get().attr("labels")();
      return labels.is_none() ? torch::Tensor() : py::cast<torch::Tensor>(labels);
    });
  }

 private:
  std::string part_;
  std::int64_t size_;
  std::string fingerprint_;
  HeldPtr adapter_;
};

/// A part of a network written in Python: the same tensors under the same names, so that
/// optimisers, checkpoints and `to` of the core reach them.
class PyNode : public torch::nn::Module, public PythonPart {
 public:
  PyNode(HeldPtr module, std::string name)
      : PythonPart{std::move(name)}, module_(std::move(module)) {}

  void train(bool on) override {
    torch::nn::Module::train(on);
    call_python(class_name, [&] { module_->get().attr("train")(on); });
  }

 private:
  HeldPtr module_;
};

std::string class_name_of(py::handle module) {
  return py::str(py::type::handle_of(module).attr("__name__"));
}

class PyEncoder : public encoders::Encoder, public PythonPart {
 public:
  PyEncoder(const std::string& name, py::object module)
      : PythonPart{class_name_of(module)},
        part_("encoder " + name),
        feature_size_(py::cast<std::int64_t>(module.attr("feature_size"))),
        module_(std::make_shared<Held>(std::move(module))) {
    std::unordered_map<PyObject*, std::shared_ptr<torch::nn::Module>> seen;
    mirror(module_, *this, seen);
  }

  torch::Tensor forward(const torch::Tensor& input) override {
    return call_python(part_, [&] {
      const py::object result = module_->get()(input);
      MMI_CHECK(
          ShapeError,
          THPVariable_Check(result.ptr()),
          "{} must return a tensor, but returned a {}",
          part_,
          class_name_of(result));
      auto features = py::cast<torch::Tensor>(result);
      if (features.dim() == 2) {
        features = features.unsqueeze(1);
      }
      MMI_CHECK(
          ShapeError,
          features.dim() == 3 && features.size(0) == input.size(0) &&
              features.size(2) == feature_size_,
          "{} must return (B,T,D) or (B,D) with B = {} and D = feature_size = {}, but returned {}",
          part_,
          input.size(0),
          feature_size_,
          features.sizes().vec());
      if (is_training()) {
        adopt_new_buffers();
      }
      return features;
    });
  }

  std::int64_t feature_size() const override {
    return feature_size_;
  }

  void train(bool on) override {
    torch::nn::Module::train(on);
    call_python(part_, [&] { module_->get().attr("train")(on); });
  }

 private:
  using Seen = std::unordered_map<PyObject*, std::shared_ptr<torch::nn::Module>>;

  /// Registers the tensors and parts of a Python module under `node`. A part in two places is one
  /// node in two places.
  void mirror(const HeldPtr& module, torch::nn::Module& node, Seen& seen) {
    const py::handle from = module->get();
    for (const auto& [key, value] : py::cast<py::dict>(from.attr("_parameters"))) {
      if (!value.is_none()) {
        const auto tensor = py::cast<torch::Tensor>(value);
        node.register_parameter(py::cast<std::string>(key), tensor, tensor.requires_grad());
      }
    }
    bool has_buffers = false;
    for (const auto& [key, value] : py::cast<py::dict>(from.attr("_buffers"))) {
      if (!value.is_none()) {
        node.register_buffer(py::cast<std::string>(key), py::cast<torch::Tensor>(value));
        has_buffers = true;
      }
    }
    if (has_buffers) {
      with_buffers_.emplace_back(module, &node);
    }
    for (const auto& [key, value] : py::cast<py::dict>(from.attr("_modules"))) {
      if (value.is_none()) {
        continue;
      }
      std::shared_ptr<torch::nn::Module>& child = seen[value.ptr()];
      if (!child) {
        const auto held = std::make_shared<Held>(py::reinterpret_borrow<py::object>(value));
        child = std::make_shared<PyNode>(held, class_name_of(value));
        mirror(held, *child, seen);
      }
      node.register_module(py::cast<std::string>(key), child);
    }
  }

  /// `self.mean = new` in a forward puts another tensor in a buffer's place; the shared one takes
  /// its value and comes back.
  void adopt_new_buffers() {
    for (const auto& [module, node] : with_buffers_) {
      const auto buffers = py::cast<py::dict>(module->get().attr("_buffers"));
      for (const auto& item : node->named_buffers(/*recurse=*/false)) {
        const py::str name(item.key());
        const auto current = py::cast<torch::Tensor>(buffers[name]);
        if (!current.is_same(item.value())) {
          item.value().set_data(current.detach());
          buffers[name] = item.value();
        }
      }
    }
  }

  std::string part_;
  std::int64_t feature_size_;
  HeldPtr module_;
  std::vector<std::pair<HeldPtr, torch::nn::Module*>> with_buffers_;
};

void register_dataset(const std::string& name, const std::string& doc, py::function factory) {
  const auto held = std::make_shared<Held>(std::move(factory));
  Registry<data::Dataset>::get().add_open(
      name, doc, [name, held](const OpenConfig& config, const data::Dataset::BuildArgs&) {
        const std::string part = "dataset " + name;
        return call_python(part, [&]() -> std::shared_ptr<data::Dataset> {
          return std::make_shared<PyDataset>(part, held->get()(from_node(config.options)));
        });
      });
}

void register_encoder(const std::string& name, const std::string& doc, py::function factory) {
  const auto held = std::make_shared<Held>(std::move(factory));
  Registry<encoders::Encoder>::get().add_open(
      name, doc, [name, held](const OpenConfig& config, const encoders::Encoder::BuildArgs& args) {
        return call_python("encoder " + name, [&]() -> std::shared_ptr<encoders::Encoder> {
          return std::make_shared<PyEncoder>(
              name,
              held->get()(args.in_channels, args.height, args.width, from_node(config.options)));
        });
      });
}

}  // namespace

void bind_parts(py::module_& m) {
  // Makes the kind known before the first dataset is.
  Registry<data::Dataset>::get();
  m.def(
      "register_dataset",
      &register_dataset,
      py::arg("name"),
      py::arg("doc"),
      py::arg("factory"),
      "factory(options) gives an adapter with size, fingerprint, labels() and get(index).");
  m.def(
      "register_encoder",
      &register_encoder,
      py::arg("name"),
      py::arg("doc"),
      py::arg("factory"),
      "factory(in_channels, height, width, options) gives a torch.nn.Module with feature_size.");
}

}  // namespace mmi::python
