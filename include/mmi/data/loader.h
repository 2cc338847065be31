#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/base/prefetcher.h"
#include "mmi/data/dataset.h"

namespace mmi::data {

struct MMI_API LoaderConfig {
  std::int64_t batch_size = 32;
  int workers = 1;
  int prefetch_batches = 4;

  static const config::Schema& schema();
};

/// Where training gets its batches; a loader here, a rollout collector for reinforcement learning.
class MMI_API BatchSource {
 public:
  virtual ~BatchSource() = default;

  /// The batch after the last one, or after `seek`.
  virtual TensorDict next() = 0;

  /// The next batches are numbers `batch`, `batch` + `stride`, …: processes that share a training
  /// take turns.
  virtual void seek(std::int64_t batch, std::int64_t stride = 1) = 0;

  virtual std::int64_t batches_per_epoch() const = 0;
};

/// Endless batches over a dataset: worker threads, bounded look-ahead, in order. Batch b is a
/// function of (seed, b): the same for any number of workers. The incomplete last batch of an epoch
/// is dropped; a dataset smaller than a batch is an error.
class MMI_API Loader : public BatchSource {
 public:
  Loader(
      std::shared_ptr<const Dataset> dataset,
      std::shared_ptr<const Sampler> sampler,
      const LoaderConfig& config,
      std::uint64_t seed);

  TensorDict next() override;
  void seek(std::int64_t batch, std::int64_t stride = 1) override;

  std::int64_t batches_per_epoch() const override {
    return batches_per_epoch_;
  }

 private:
  TensorDict make(std::int64_t ticket) const;
  std::int64_t index_at(std::int64_t epoch, std::int64_t position) const;

  std::shared_ptr<const Dataset> dataset_;
  std::shared_ptr<const Sampler> sampler_;
  LoaderConfig config_;
  std::uint64_t seed_;
  std::int64_t batches_per_epoch_;
  mutable std::mutex order_mutex_;
  mutable std::int64_t order_epoch_[2] = {-1, -1};
  mutable std::vector<std::int64_t> order_[2];
  std::unique_ptr<Prefetcher<TensorDict>> prefetcher_;
};

}  // namespace mmi::data
