// Low-rank adapters: mmi.lora.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <torch/csrc/utils/pybind.h>

#include <filesystem>

#include "bindings.h"
#include "held.h"
#include "mmi/nn/lora.h"
#include "values.h"

namespace mmi::python {

void bind_lora(py::module_& m) {
  m.def(
      "add_lora",
      [](const Core& core, const AnyDict& options) {
        return nn::add_lora(*core.module, config::read<nn::LoraConfig>(to_node(options, "")));
      },
      py::arg("model"),
      py::arg("options"),
      "Number of adapted layers.");
  m.def(
      "load_lora",
      [](const Core& core, const std::filesystem::path& folder) {
        const py::gil_scoped_release unlocked;
        return nn::load_lora(*core.module, folder);
      },
      py::arg("model"),
      py::arg("folder"),
      "Number of adapted layers.");
  m.def(
      "save_lora",
      [](const Core& core, const std::filesystem::path& folder, const std::string& base) {
        const py::gil_scoped_release unlocked;
        nn::save_lora(*core.module, folder, base);
      },
      py::arg("model"),
      py::arg("folder"),
      py::arg("base"));
  m.def(
      "merge_lora",
      [](const Core& core) {
        const py::gil_scoped_release unlocked;
        nn::merge_lora(*core.module);
      },
      py::arg("model"));
  m.def("remove_lora", [](const Core& core) { nn::remove_lora(*core.module); }, py::arg("model"));
  m.def(
      "lora_config",
      [](const Core& core) {
        return AnyDict(from_node(config::write(nn::lora_config(*core.module))));
      },
      py::arg("model"));
}

}  // namespace mmi::python
