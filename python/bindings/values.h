#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/typing.h>

#include <string>

#include "mmi/base/config_node.h"
#include "mmi/tensor/tensor_dict.h"

namespace mmi::python {

namespace py = pybind11;

using AnyDict = py::typing::Dict<py::str, py::object>;

/// None, bool, int, float, str, path, list, tuple, dict and NumPy scalars; ConfigError names the
/// place of anything else.
config::Node to_node(py::handle value, const std::string& place);
py::object from_node(const config::Node& node);

/// Values: Tensor, list of Tensor, list of str, int (mmi/_values.py makes these from other types).
TensorDict to_tensor_dict(const py::dict& values);
AnyDict from_tensor_dict(const TensorDict& values);

}  // namespace mmi::python
