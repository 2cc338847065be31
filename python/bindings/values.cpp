#include "values.h"

#include <torch/csrc/autograd/python_variable.h>
#include <torch/csrc/utils/pybind.h>

#include <atomic>

#include "held.h"
#include "mmi/base/errors.h"

namespace mmi::python {
namespace {

std::atomic<int> g_command_lines{0};

std::string type_name(py::handle value) {
  return py::str(py::type::handle_of(value).attr("__name__"));
}

TensorDict::Value to_value(py::handle value, const std::string& name) {
  if (THPVariable_Check(value.ptr())) {
    return py::cast<torch::Tensor>(value);
  }
  if (py::isinstance<py::int_>(value)) {
    return py::cast<std::int64_t>(value);
  }
  if (py::isinstance<py::list>(value)) {
    const auto items = py::reinterpret_borrow<py::list>(value);
    if (!items.empty() && THPVariable_Check(items[0].ptr())) {
      return py::cast<std::vector<torch::Tensor>>(value);
    }
    return py::cast<std::vector<std::string>>(value);
  }
  throw DataError(format(
      "\"{}\" is a {}, but must be a tensor, a list of tensors, a list of strings or an int",
      name,
      type_name(value)));
}

}  // namespace

bool interpreter_alive() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsInitialized() != 0 && Py_IsFinalizing() == 0;
#else
  return Py_IsInitialized() != 0 && _Py_IsFinalizing() == 0;
#endif
}

Held::~Held() {
  if (interpreter_alive()) {
    const py::gil_scoped_acquire gil;
    object_.dec_ref();
  }
}

CommandLineErrors::CommandLineErrors() {
  ++g_command_lines;
}

CommandLineErrors::~CommandLineErrors() {
  --g_command_lines;
}

void rethrow_python(py::error_already_set& error, const std::string& part) {
  if (g_command_lines == 0) {
    throw;
  }
  const std::string text = py::str(error.value());
  // mmi's own errors say already what is wrong, and where.
  const py::object known = py::module_::import("mmi.errors");
  const auto is = [&](const char* name) { return py::isinstance(error.value(), known.attr(name)); };
  if (is("ConfigError")) {
    throw ConfigError(text);
  }
  if (is("DataError")) {
    throw DataError(text);
  }
  if (is("ShapeError")) {
    throw ShapeError(text);
  }
  const std::string type = py::str(error.type().attr("__name__"));
  error.restore();
  PyErr_Print();
  throw DataError(format("{} raised {}: {}", part, type, text));
}

config::Node to_node(py::handle value, const std::string& place) {
  using config::Node;
  if (value.is_none()) {
    return {};
  }
  if (py::isinstance<py::bool_>(value)) {
    return Node::boolean(py::cast<bool>(value));
  }
  if (py::isinstance<py::int_>(value)) {
    const std::int64_t number = PyLong_AsLongLong(value.ptr());
    if (number == -1 && PyErr_Occurred() != nullptr) {
      PyErr_Clear();
      throw ConfigError(format("{}: {} is too large", place, std::string(py::str(value))));
    }
    return Node::integer(number);
  }
  if (py::isinstance<py::float_>(value)) {
    return Node::real(py::cast<double>(value));
  }
  if (py::isinstance<py::str>(value)) {
    return Node::text(py::cast<std::string>(value));
  }
  if (py::isinstance<py::dict>(value)) {
    Node map = Node::map();
    for (const auto& [key, item] : py::reinterpret_borrow<py::dict>(value)) {
      MMI_CHECK(
          ConfigError,
          py::isinstance<py::str>(key),
          "{}: keys must be strings, but one is {}",
          place,
          std::string(py::repr(key)));
      const auto name = py::cast<std::string>(key);
      map.set(name, to_node(item, place.empty() ? name : place + "." + name));
    }
    return map;
  }
  if (py::isinstance<py::list>(value) || py::isinstance<py::tuple>(value)) {
    Node list = Node::list();
    for (const py::handle item : value) {
      list.items.push_back(to_node(item, format("{}[{}]", place, list.items.size())));
    }
    return list;
  }
  if (py::hasattr(value, "__fspath__")) {
    return Node::text(py::cast<std::string>(py::str(value)));
  }
  if (py::hasattr(value, "item") && !THPVariable_Check(value.ptr())) {
    return to_node(value.attr("item")(), place);
  }
  throw ConfigError(format(
      "{}: a configuration cannot hold a {}", place.empty() ? "value" : place, type_name(value)));
}

py::object from_node(const config::Node& node) {
  using Kind = config::Node::Kind;
  switch (node.kind) {
    case Kind::kNull:
      return py::none();
    case Kind::kBool:
      return py::bool_(node.boolean_value);
    case Kind::kInt:
      return py::int_(node.int_value);
    case Kind::kFloat:
      return py::float_(node.float_value);
    case Kind::kString:
      return py::str(node.string_value);
    case Kind::kList: {
      py::list list;
      for (const config::Node& item : node.items) {
        list.append(from_node(item));
      }
      return list;
    }
    case Kind::kMap:
      break;
  }
  py::dict map;
  for (const auto& [key, value] : node.members) {
    map[py::str(key)] = from_node(value);
  }
  return map;
}

TensorDict to_tensor_dict(const py::dict& values) {
  TensorDict dict;
  for (const auto& [key, value] : values) {
    const auto name = py::cast<std::string>(key);
    dict.set(name, to_value(value, name));
  }
  return dict;
}

AnyDict from_tensor_dict(const TensorDict& values) {
  AnyDict dict;
  for (const auto& [name, value] : values) {
    dict[py::str(name)] =
        std::visit([](const auto& kind) -> py::object { return py::cast(kind); }, value);
  }
  return dict;
}

}  // namespace mmi::python
