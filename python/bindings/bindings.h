#pragma once

#include <pybind11/pybind11.h>
#include <torch/nn/module.h>

#include <memory>
#include <string>

namespace mmi::python {

namespace py = pybind11;

/// A network of the core as Python sees it (mmi.Model mirrors it). A type of its own: torch binds
/// torch::nn::Module itself.
struct Core {
  std::shared_ptr<torch::nn::Module> module;
};

/// Base of networks that are written in Python.
struct PythonPart {
  std::string class_name;
};

std::string class_name_of(py::handle object);

void bind_base(py::module_& m);
void bind_nn(py::module_& m);
void bind_parts(py::module_& m);
void bind_python_tasks(py::module_& m);
void bind_tasks(py::module_& m);
void bind_text(py::module_& m);
void bind_runs(py::module_& m);
void bind_music(py::module_& m);
void bind_dsp(py::module_& m);
void bind_rooms(py::module_& m);
void bind_scenes(py::module_& m);
void bind_codecs(py::module_& m);
void bind_decoding(py::module_& m);
void bind_lm(py::module_& m);
void bind_lora(py::module_& m);

}  // namespace mmi::python
