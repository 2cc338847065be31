// Parts that are written in Python and used by name from YAML.
#include <pybind11/stl.h>
#include <torch/csrc/utils/pybind.h>

#include "bindings.h"
#include "held.h"
#include "mirror.h"
#include "mmi/base/errors.h"
#include "mmi/encoders/encoder.h"
#include "py_dataset.h"
#include "values.h"

namespace mmi::python {
namespace {

class PyEncoder : public PyNetwork<encoders::Encoder> {
 public:
  PyEncoder(const std::string& name, const py::object& module)
      : PyNetwork("encoder " + name, module),
        feature_size_(py::cast<std::int64_t>(module.attr("feature_size"))) {}

  std::int64_t feature_size() const override {
    return feature_size_;
  }

 private:
  torch::Tensor check(const torch::Tensor& input, torch::Tensor features) const override {
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
    return features;
  }

  std::int64_t feature_size_;
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
