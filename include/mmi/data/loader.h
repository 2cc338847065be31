#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/base/prefetcher.h"
#include "mmi/data/dataset.h"
#include "mmi/tensor/buffer_pool.h"
#include "mmi/tensor/collator.h"

namespace mmi::data {

/// What a loader does with an example that cannot be read (DataError).
enum class OnError { kRaise, kSkip };

struct MMI_API LoaderConfig {
  std::int64_t batch_size = 32;
  int workers = 1;
  int prefetch_batches = 4;
  double prefetch_mb = 512;
  OnError on_error = OnError::kRaise;
  double max_bad_fraction = 0.01;
  bool check_finite = true;

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
///
/// Each worker makes a piece of a batch and writes its examples into the batch's tensors. What an
/// example throws comes out of the `next` of its batch; a DataError then names the example, and the
/// loader goes on with the batch after it. With `on_error: skip` the next readable example in
/// dataset order takes the place of one that throws DataError; its reason is logged once.
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

  /// Examples that could not be read in the batches taken so far; repeated ones count again.
  std::int64_t bad_examples() const {
    return bad_;
  }

 private:
  using Order = std::shared_ptr<const std::vector<std::int64_t>>;

  struct BadExample {
    std::int64_t index;
    std::string reason;
  };

  /// Some rows of a batch, written into its collator.
  struct Piece {
    std::size_t bytes = 0;
    std::vector<BadExample> bad;
  };

  Piece make(std::int64_t batch, std::int64_t piece);
  TensorDict read(std::int64_t index, const Rng& stream, std::vector<BadExample>& bad) const;
  void count(const std::vector<BadExample>& bad);
  std::shared_ptr<Collator> collator(std::int64_t batch);
  Order order(std::int64_t epoch);

  std::shared_ptr<const Dataset> dataset_;
  std::shared_ptr<const Sampler> sampler_;
  LoaderConfig config_;
  std::uint64_t seed_;
  std::shared_ptr<BufferPool> pool_ = std::make_shared<BufferPool>();
  std::int64_t batches_per_epoch_;
  std::int64_t pieces_;  ///< of a batch
  std::int64_t next_ = 0;
  std::int64_t stride_ = 1;
  std::int64_t seen_ = 0;
  std::int64_t bad_ = 0;
  std::string last_reason_;
  std::set<std::int64_t> reported_;
  std::mutex mutex_;  ///< of the next two
  std::array<std::pair<std::int64_t, Order>, 2> orders_{{{-1, nullptr}, {-1, nullptr}}};
  std::map<std::int64_t, std::shared_ptr<Collator>> collators_;  ///< of batches being made
  std::unique_ptr<Prefetcher<Piece>> prefetcher_;
};

}  // namespace mmi::data

template <>
struct mmi::config::EnumNames<mmi::data::OnError> {
  static constexpr std::array<std::pair<const char*, mmi::data::OnError>, 2> names{{
      {"raise", mmi::data::OnError::kRaise},
      {"skip", mmi::data::OnError::kSkip},
  }};
};
