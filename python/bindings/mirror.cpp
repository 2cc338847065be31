#include "mirror.h"

#include <torch/csrc/autograd/python_variable.h>
#include <torch/csrc/utils/pybind.h>

#include "mmi/base/errors.h"

namespace mmi::python {
namespace {

/// A part of a Python network.
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

}  // namespace

std::string class_name_of(py::handle object) {
  return py::str(py::type::handle_of(object).attr("__name__"));
}

ModuleMirror::ModuleMirror(std::string part, py::object module, torch::nn::Module& root)
    : part_(std::move(part)), module_(std::make_shared<Held>(std::move(module))) {
  Seen seen;
  mirror(module_, root, seen);
}

torch::Tensor ModuleMirror::call(const torch::Tensor& input, bool training) const {
  const py::object result = module_->get()(input);
  MMI_CHECK(
      ShapeError,
      THPVariable_Check(result.ptr()),
      "{} must return a tensor, but returned a {}",
      part_,
      class_name_of(result));
  if (training) {
    adopt_new_buffers();
  }
  return py::cast<torch::Tensor>(result);
}

void ModuleMirror::train(bool on) const {
  module_->get().attr("train")(on);
}

/// A part in two places is one node in two places.
void ModuleMirror::mirror(const HeldPtr& module, torch::nn::Module& node, Seen& seen) {
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

void ModuleMirror::adopt_new_buffers() const {
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

}  // namespace mmi::python
