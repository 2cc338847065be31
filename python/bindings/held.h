#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>

namespace mmi::python {

namespace py = pybind11;

/// False from the moment the interpreter begins to shut down.
bool interpreter_alive();

/// A Python object owned by C++ code, which runs without the GIL and may outlive the interpreter
/// (registries do): released under the GIL, or not at all once the interpreter is gone.
class Held {
 public:
  explicit Held(py::object object) : object_(object.release()) {}

  ~Held();

  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  /// Borrowed; use it under the GIL.
  py::handle get() const {
    return object_;
  }

 private:
  py::handle object_;
};

using HeldPtr = std::shared_ptr<const Held>;

/// While one exists, an exception of a Python part is printed with its traceback and goes on as a
/// DataError that names the part: the command line knows no Python exceptions.
class CommandLineErrors {
 public:
  CommandLineErrors();
  ~CommandLineErrors();
  CommandLineErrors(const CommandLineErrors&) = delete;
  CommandLineErrors& operator=(const CommandLineErrors&) = delete;
};

/// Inside a handler: throws on. `part`: "dataset my_dataset".
[[noreturn]] void rethrow_python(py::error_already_set& error, const std::string& part);

/// Calls `body` under the GIL; what it raises stays the Python exception it is, except on the
/// command line (above).
template <class Body>
auto call_python(const std::string& part, Body body) {
  const py::gil_scoped_acquire gil;
  try {
    return body();
  } catch (py::error_already_set& error) {
    rethrow_python(error, part);
  }
}

/// What a long generation asks after each step: raises on Ctrl-C, and is false where `listener`,
/// if there is one, answers False.
template <class... Values>
bool goes_on(const std::string& part, const py::object& listener, const Values&... values) {
  return call_python(part, [&] {
    if (PyErr_CheckSignals() != 0) {
      throw py::error_already_set();
    }
    return listener.is_none() || !listener(values...).is(py::bool_(false));
  });
}

}  // namespace mmi::python
