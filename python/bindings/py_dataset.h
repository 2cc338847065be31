#pragma once

#include <pybind11/pybind11.h>
#include <torch/csrc/utils/pybind.h>

#include <memory>
#include <string>
#include <utility>

#include "held.h"
#include "mmi/base/errors.h"
#include "mmi/data/dataset.h"
#include "values.h"

namespace mmi::python {

/// A dataset behind the adapter of mmi/_register.py: size, labels(), fingerprint, get(index).
class PyDataset : public data::Dataset {
 public:
  PyDataset(std::string part, py::object adapter)
      : part_(std::move(part)),
        size_(py::cast<std::int64_t>(adapter.attr("size"))),
        fingerprint_(py::cast<std::string>(adapter.attr("fingerprint"))),
        adapter_(std::make_shared<Held>(std::move(adapter))) {}

  std::int64_t size() const override {
    return size_;
  }

  std::string fingerprint() const override {
    return fingerprint_;
  }

  std::string name() const override {
    return part_;
  }

  /// An mmi.DataError goes on as the C++ one: the loader may skip the example.
  TensorDict get(std::int64_t index, Rng& rng) const override {
    return call_python(part_, [&] {
      try {
        return to_tensor_dict(py::cast<py::dict>(adapter_->get().attr("get")(index)));
      } catch (py::error_already_set& error) {
        if (error.matches(py::module_::import("mmi").attr("DataError"))) {
          throw DataError(py::str(error.value()));
        }
        error.value().attr("add_note")(format("example {} of {}", index, part_));
        throw;
      }
    });
  }

  torch::Tensor labels() const override {
    return call_python(part_, [&]() -> torch::Tensor {
      const py::object labels = adapter_->get().attr("labels")();
      return labels.is_none() ? torch::Tensor() : py::cast<torch::Tensor>(labels);
    });
  }

 private:
  std::string part_;
  std::int64_t size_;
  std::string fingerprint_;
  HeldPtr adapter_;
};

}  // namespace mmi::python
