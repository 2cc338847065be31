// The module _mmi: exceptions, command line and process-wide settings; the rest is bound by room.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <torch/csrc/Exceptions.h>
#include <torch/csrc/utils/pybind.h>

#include <cstdio>

#include "bindings.h"
#include "held.h"
#include "mmi/base/errors.h"
#include "mmi/base/log.h"
#include "mmi/base/progress.h"
#include "mmi/base/version.h"
#include "mmi/runs/register.h"
#include "mmi/tensor/safetensors.h"

// Bindings and command stand side by side in the house; this is the door between them.
extern "C" int mmi_cli_main(int argc, char** argv);

namespace mmi::python {
namespace {

// Never freed: exceptions may be translated until the very end.
PyObject* g_errors = nullptr;

void set_error(const char* python_class, const char* text) {
  PyErr_SetString(py::handle(g_errors).attr(python_class).ptr(), text);
}

void translate(std::exception_ptr raised) {
  if (!raised) {
    return;
  }
  try {
    std::rethrow_exception(raised);
  } catch (const ConfigError& error) {
    set_error("ConfigError", error.what());
  } catch (const DataError& error) {
    set_error("DataError", error.what());
  } catch (const ShapeError& error) {
    set_error("ShapeError", error.what());
  } catch (const CheckpointError& error) {
    set_error("CheckpointError", error.what());
  } catch (const NumericError& error) {
    set_error("NumericError", error.what());
  } catch (const NotBuiltError& error) {
    set_error("NotBuiltError", error.what());
  } catch (const InternalError& error) {
    set_error("InternalError", error.what());
  } catch (const Interrupted& error) {
    PyErr_SetString(PyExc_KeyboardInterrupt, error.what());
  } catch (const c10::Error&) {
    torch::translate_exception_to_python(raised);
  } catch (const python_error&) {
    torch::translate_exception_to_python(raised);
  }
}

int cli_main(const std::vector<std::string>& args) {
  std::vector<std::string> words = {"mmi"};
  words.insert(words.end(), args.begin(), args.end());
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  const CommandLineErrors errors;
  const py::gil_scoped_release unlocked;
  const int code = mmi_cli_main(static_cast<int>(argv.size()), argv.data());
  // Python writes to the same descriptors past these buffers.
  std::fflush(stdout);
  std::fflush(stderr);
  return code;
}

}  // namespace

void bind_base(py::module_& m) {
  g_errors = py::module_::import("mmi.errors").release().ptr();
  py::register_exception_translator(&translate);
  m.attr("version") = version();
  m.attr("revision") = source_revision();
  m.def(
      "cli_main",
      &cli_main,
      py::arg("args"),
      "The `mmi` command without its program name; returns the exit code.");
  m.def(
      "set_verbose",
      [](bool on) {
        Progress::set_enabled(on);
        log::set_level(on ? log::Level::kInfo : log::Level::kWarning);
      },
      py::arg("on"),
      "Progress bars and messages on stderr.");
  m.def(
      "save_tensors",
      [](const std::filesystem::path& path,
         const std::vector<std::pair<std::string, torch::Tensor>>& tensors,
         const std::map<std::string, std::string>& metadata) {
        const py::gil_scoped_release unlocked;
        save_tensors(path, tensors, metadata);
      },
      py::arg("path"),
      py::arg("tensors"),
      py::arg("metadata") = std::map<std::string, std::string>(),
      "Writes named tensors as .safetensors, atomically.");
  m.def(
      "load_tensors",
      [](const std::filesystem::path& path) {
        const py::gil_scoped_release unlocked;
        return load_tensors(path);
      },
      py::arg("path"),
      "Named CPU tensors of a .safetensors file, in file order.");
}

}  // namespace mmi::python

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  namespace py = pybind11;
  py::module_::import("torch");
  m.doc() = "Bindings of libmmi; use the package mmi.";
  mmi::register_all();
  mmi::python::bind_base(m);
  mmi::python::bind_nn(m);
  mmi::python::bind_parts(m);
  mmi::python::bind_tasks(m);
  mmi::python::bind_python_tasks(m);
  mmi::python::bind_runs(m);
  mmi::python::bind_music(m);
  mmi::python::bind_text(m);
  mmi::python::bind_dsp(m);
  mmi::python::bind_scenes(m);
  mmi::python::bind_rooms(m);
  mmi::python::bind_codecs(m);
  mmi::python::bind_decoding(m);
  mmi::python::bind_lm(m);
  mmi::python::bind_lora(m);
}
