#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"
#include "mmi/base/rng.h"
#include "mmi/tensor/tensor_dict.h"

namespace mmi::data {

/// A finite set of examples. `get` is called from several threads at once and must be safe for
/// that; what is random about an example comes from `rng` alone, a stream of (seed, epoch, index),
/// so that any number of workers gives the same batches.
class MMI_API Dataset {
 public:
  static constexpr const char* kRegistryKind = "dataset";

  struct BuildArgs {};

  virtual ~Dataset() = default;

  virtual std::int64_t size() const = 0;

  /// The example at `index` in [0, size()).
  virtual TensorDict get(std::int64_t index, Rng& rng) const = 0;

  /// Identifies the content (world version and seeds, or files); part of the run id.
  virtual std::string fingerprint() const = 0;

  /// For messages.
  virtual std::string name() const {
    return "the dataset";
  }

  /// Binary labels (N, K) uint8 of all examples where they are known without decoding, for
  /// class-balanced sampling; undefined otherwise.
  virtual torch::Tensor labels() const {
    return {};
  }

  /// Where example i is row i of some contiguous CPU tensors and nothing is random about it: those
  /// tensors. A loader then copies whole batches instead of calling `get`.
  virtual const TensorDict* columns() const {
    return nullptr;
  }
};

/// Examples that lie in memory: row i of every tensor.
///   TensorDict columns; columns.set("x", x); columns.set("y", y); TensorDataset(columns, "toy 1")
class MMI_API TensorDataset : public Dataset {
 public:
  /// `columns`: CPU tensors (N, …) of one N > 0; anything else throws ShapeError.
  TensorDataset(const TensorDict& columns, std::string fingerprint);

  std::int64_t size() const override {
    return size_;
  }

  TensorDict get(std::int64_t index, Rng& rng) const override;

  std::string fingerprint() const override {
    return fingerprint_;
  }

  const TensorDict* columns() const override {
    return &columns_;
  }

 private:
  TensorDict columns_;
  std::int64_t size_ = 0;
  std::string fingerprint_;
};

/// Which examples an epoch visits, in order: a function of (seed, epoch).
class MMI_API Sampler {
 public:
  virtual ~Sampler() = default;
  virtual std::vector<std::int64_t> epoch(std::uint64_t seed, std::int64_t epoch) const = 0;

  /// Examples per epoch.
  virtual std::int64_t size() const = 0;
};

/// Every example once, shuffled anew each epoch (or always in order).
class MMI_API PermutationSampler : public Sampler {
 public:
  explicit PermutationSampler(std::int64_t size, bool shuffle = true)
      : size_(size), shuffle_(shuffle) {}

  std::vector<std::int64_t> epoch(std::uint64_t seed, std::int64_t epoch) const override;

  std::int64_t size() const override {
    return size_;
  }

 private:
  std::int64_t size_;
  bool shuffle_;
};

}  // namespace mmi::data

MMI_DECLARE_REGISTRY(mmi::data::Dataset);
