#include "mmi/data/loader.h"

#include "mmi/base/errors.h"

namespace mmi::data {

const config::Schema& LoaderConfig::schema() {
  static const config::Schema made =
      config::Table<LoaderConfig>("loader", "batches from a dataset")
          .field("batch_size", &LoaderConfig::batch_size, "examples per batch", config::at_least(1))
          .field(
              "workers",
              &LoaderConfig::workers,
              "threads that make examples",
              config::between(0, 64))
          .cosmetic()
          .field(
              "prefetch_batches",
              &LoaderConfig::prefetch_batches,
              "batches made ahead",
              config::between(1, 64))
          .cosmetic();
  return made;
}

Loader::Loader(
    std::shared_ptr<const Dataset> dataset,
    std::shared_ptr<const Sampler> sampler,
    const LoaderConfig& config,
    std::uint64_t seed)
    : dataset_(std::move(dataset)),
      sampler_(std::move(sampler)),
      config_(config),
      seed_(seed),
      batches_per_epoch_(sampler_->size() / config.batch_size) {
  MMI_CHECK(
      DataError,
      batches_per_epoch_ > 0,
      "the dataset gives {} examples per epoch, fewer than one batch of {}; lower "
      "loader.batch_size",
      sampler_->size(),
      config.batch_size);
  seek(0);
}

void Loader::seek(std::int64_t batch, std::int64_t stride) {
  prefetcher_.reset();
  const std::int64_t size = config_.batch_size;
  prefetcher_ = std::make_unique<Prefetcher<TensorDict>>(
      [this, batch, stride, size](std::int64_t ticket) {
        return make((batch + ticket / size * stride) * size + ticket % size);
      },
      0,
      config_.workers,
      static_cast<int>(config_.batch_size) * config_.prefetch_batches);
}

std::int64_t Loader::index_at(std::int64_t epoch, std::int64_t position) const {
  const std::lock_guard lock(order_mutex_);
  const auto slot = static_cast<std::size_t>(epoch % 2);
  if (order_epoch_[slot] != epoch) {
    order_[slot] = sampler_->epoch(seed_, epoch);
    order_epoch_[slot] = epoch;
  }
  return order_[slot][static_cast<std::size_t>(position)];
}

TensorDict Loader::make(std::int64_t ticket) const {
  const std::int64_t per_epoch = batches_per_epoch_ * config_.batch_size;
  const std::int64_t epoch = ticket / per_epoch;
  const std::int64_t position = ticket % per_epoch;
  Rng rng = Rng(seed_)
                .stream("epoch", static_cast<std::uint64_t>(epoch))
                .stream("example", static_cast<std::uint64_t>(position));
  return dataset_->get(index_at(epoch, position), rng);
}

TensorDict Loader::next() {
  std::vector<TensorDict> examples;
  examples.reserve(static_cast<std::size_t>(config_.batch_size));
  for (std::int64_t i = 0; i < config_.batch_size; ++i) {
    examples.push_back(prefetcher_->next());
  }
  return TensorDict::collate(examples);
}

}  // namespace mmi::data
