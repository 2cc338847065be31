// Parts that are written in Python and used by name from YAML.
#include <pybind11/stl.h>
#include <torch/csrc/utils/pybind.h>

#include "bindings.h"
#include "held.h"
#include "mirror.h"
#include "mmi/base/errors.h"
#include "mmi/encoders/encoder.h"
#include "mmi/heads/head.h"
#include "mmi/metrics/metric.h"
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

/// (B,T,D) → (B,T,K).
class PyHead : public PyNetwork<heads::Head> {
 public:
  PyHead(const std::string& name, const py::object& module, const BuildArgs& args)
      : PyNetwork("head " + name, module), args_(args) {}

 private:
  torch::Tensor check(const torch::Tensor& input, torch::Tensor logits) const override {
    MMI_CHECK(
        ShapeError,
        logits.dim() == 3 && logits.size(0) == input.size(0) && logits.size(1) == input.size(1) &&
            logits.size(2) == args_.out_features,
        "{} must return (B,T,K) with B = {}, T = {} and K = out_features = {}, but returned {}",
        part_,
        input.size(0),
        input.size(1),
        args_.out_features,
        logits.sizes().vec());
    return logits;
  }

  BuildArgs args_;
};

/// Behind a function of mmi/_register.py, which checks what the user's part returns.
class PyMetric : public metrics::Metric {
 public:
  PyMetric(std::string part, py::object score)
      : part_(std::move(part)), score_(std::make_shared<Held>(std::move(score))) {}

  std::vector<std::pair<std::string, double>> score(
      const torch::Tensor& probabilities, const torch::Tensor& truth) const override {
    return call_python(part_, [&] {
      return py::cast<std::vector<std::pair<std::string, double>>>(
          score_->get()(probabilities, truth));
    });
  }

 private:
  std::string part_;
  HeldPtr score_;
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

void register_head(const std::string& name, const std::string& doc, py::function factory) {
  const auto held = std::make_shared<Held>(std::move(factory));
  Registry<heads::Head>::get().add_open(
      name, doc, [name, held](const OpenConfig& config, const heads::Head::BuildArgs& args) {
        return call_python("head " + name, [&]() -> std::shared_ptr<heads::Head> {
          return std::make_shared<PyHead>(
              name,
              held->get()(args.in_features, args.out_features, from_node(config.options)),
              args);
        });
      });
}

void register_metric(const std::string& name, const std::string& doc, py::function factory) {
  const auto held = std::make_shared<Held>(std::move(factory));
  Registry<metrics::Metric>::get().add_open(
      name, doc, [name, held](const OpenConfig& config, const metrics::Metric::BuildArgs&) {
        const std::string part = "metric " + name;
        return call_python(part, [&]() -> std::shared_ptr<metrics::Metric> {
          return std::make_shared<PyMetric>(part, held->get()(from_node(config.options)));
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
  m.def(
      "register_head",
      &register_head,
      py::arg("name"),
      py::arg("doc"),
      py::arg("factory"),
      "factory(in_features, out_features, options) gives a torch.nn.Module.");
  m.def(
      "register_metric",
      &register_metric,
      py::arg("name"),
      py::arg("doc"),
      py::arg("factory"),
      "factory(options) gives a function of (probabilities, truth) to a list of named scores.");
}

}  // namespace mmi::python
