#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bindings.h"
#include "held.h"

namespace mmi::python {

/// A Python module's part of a network of the core: its parameters, buffers and parts under the
/// same names and as the same tensors, so that optimisers, checkpoints and `to` reach them. Built
/// and used under the GIL.
class ModuleMirror {
 public:
  /// Registers everything below `module` in `root`, which outlives the mirror. `part` is what
  /// messages call it: "encoder my_encoder".
  ModuleMirror(std::string part, py::object module, torch::nn::Module& root);

  /// What the Python module returns, which must be a tensor. When `training`, buffers that the call
  /// replaced (`self.mean = new`) give their value to the shared ones.
  torch::Tensor call(const torch::Tensor& input, bool training) const;

  void train(bool on) const;

  /// `self.mean = new` puts another tensor in a buffer's place; the shared one takes its value and
  /// comes back.
  void adopt_new_buffers() const;

 private:
  using Seen = std::unordered_map<PyObject*, std::shared_ptr<torch::nn::Module>>;

  void mirror(const HeldPtr& module, torch::nn::Module& node, Seen& seen);

  std::string part_;
  HeldPtr module_;
  std::vector<std::pair<HeldPtr, torch::nn::Module*>> with_buffers_;
};

/// A network of the slot `Base` that is written in Python.
template <class Base>
class PyNetwork : public Base, public PythonPart {
 public:
  PyNetwork(std::string part, const py::object& module)
      : PythonPart{class_name_of(module)}, part_(std::move(part)), mirror_(part_, module, *this) {}

  torch::Tensor forward(const torch::Tensor& input) override {
    return call_python(
        part_, [&] { return check(input, mirror_.call(input, this->is_training())); });
  }

  void train(bool on) override {
    torch::nn::Module::train(on);
    call_python(part_, [&] { mirror_.train(on); });
  }

 protected:
  /// The result as the slot wants it; ShapeError when it does not fit.
  virtual torch::Tensor check(const torch::Tensor& input, torch::Tensor result) const = 0;

  std::string part_;
  ModuleMirror mirror_;
};

}  // namespace mmi::python
