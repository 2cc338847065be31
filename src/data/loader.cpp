#include "mmi/data/loader.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <exception>
#include <iterator>

#include "mmi/base/errors.h"
#include "mmi/base/log.h"
#include "mmi/tensor/finite.h"

namespace mmi::data {
namespace {

constexpr std::int64_t kSeenBeforeJudging = 100;
constexpr std::int64_t kMostBadInARow = 100;

bool is_finite(const torch::Tensor& tensor) {
  if (!tensor.defined()) {
    return true;
  }
  if (tensor.device().is_cpu() && tensor.layout() == torch::kStrided && tensor.is_contiguous()) {
    return all_finite(tensor.const_data_ptr(), tensor.numel(), tensor.scalar_type());
  }
  return torch::isfinite(tensor).all().item<bool>();
}

void check_finite(const TensorDict& example) {
  for (const auto& [name, value] : example) {
    bool finite = true;
    if (const auto* tensor = std::get_if<torch::Tensor>(&value)) {
      finite = is_finite(*tensor);
    } else if (const auto* list = std::get_if<std::vector<torch::Tensor>>(&value)) {
      finite = std::ranges::all_of(*list, is_finite);
    }
    MMI_CHECK(
        DataError,
        finite,
        "tensor \"{}\" holds NaN or infinity; correct the data, or set loader.check_finite=false "
        "where that is meant",
        name);
  }
}

std::size_t bytes_of(const TensorDict& example) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : example) {
    if (const auto* tensor = std::get_if<torch::Tensor>(&value)) {
      bytes += tensor->nbytes();
    } else if (const auto* list = std::get_if<std::vector<torch::Tensor>>(&value)) {
      for (const torch::Tensor& one : *list) {
        bytes += one.nbytes();
      }
    }
  }
  return bytes;
}

/// Of one example.
std::size_t row_bytes(const TensorDict& columns) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : columns) {
    const auto& column = std::get<torch::Tensor>(value);
    bytes += column.nbytes() / static_cast<std::size_t>(column.size(0));
  }
  return bytes;
}

}  // namespace

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
          .cosmetic()
          .field(
              "prefetch_mb",
              &LoaderConfig::prefetch_mb,
              "about so many MB of examples made ahead at most",
              config::above(0))
          .cosmetic()
          .field(
              "on_error",
              &LoaderConfig::on_error,
              "skip: the next readable example takes the place of an unreadable one")
          .field(
              "max_bad_fraction",
              &LoaderConfig::max_bad_fraction,
              "more unreadable examples among those seen (100 at least) are an error under skip",
              config::between(0, 1))
          .cosmetic()
          .field(
              "check_finite",
              &LoaderConfig::check_finite,
              "an example with NaN or infinity counts as unreadable")
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
      batches_per_epoch_(sampler_->size() / config.batch_size),
      // Two pieces a worker: an uneven load evens out, and a batch of small examples costs few
      // hand-overs.
      pieces_(std::clamp<std::int64_t>(2 * config.workers, 1, config.batch_size)) {
  if (const TensorDict* const columns = dataset_->columns();
      columns != nullptr &&
      static_cast<std::size_t>(config.batch_size) * row_bytes(*columns) < BufferPool::kLarge) {
    pieces_ = 1;
  }
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
  collators_.clear();
  next_ = batch;
  stride_ = stride;
  prefetcher_ = std::make_unique<Prefetcher<Piece>>(
      [this, batch, stride](std::int64_t ticket) {
        return make(batch + ticket / pieces_ * stride, ticket % pieces_);
      },
      0,
      config_.workers,
      static_cast<int>(pieces_) * config_.prefetch_batches,
      [](const Piece& piece) { return piece.bytes; },
      static_cast<std::size_t>(config_.prefetch_mb * 1e6));
}

Loader::Order Loader::order(std::int64_t epoch) {
  const std::lock_guard lock(mutex_);
  auto& [made_for, made] = orders_[static_cast<std::size_t>(epoch % 2)];
  if (made_for != epoch) {
    made = std::make_shared<std::vector<std::int64_t>>(sampler_->epoch(seed_, epoch));
    made_for = epoch;
  }
  return made;
}

std::shared_ptr<Collator> Loader::collator(std::int64_t batch) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Collator>& made = collators_[batch];
  if (!made) {
    made = std::make_shared<Collator>(config_.batch_size, pool_);
  }
  return made;
}

Loader::Piece Loader::make(std::int64_t batch, std::int64_t piece) {
  const at::NoGradGuard no_grad;
  const std::int64_t epoch = batch / batches_per_epoch_;
  const std::int64_t start = batch % batches_per_epoch_ * config_.batch_size;
  const Order order = this->order(epoch);
  const std::shared_ptr<Collator> rows = collator(batch);
  Piece made;
  const std::int64_t begin = config_.batch_size * piece / pieces_;
  const std::int64_t end = config_.batch_size * (piece + 1) / pieces_;
  const std::span<const std::int64_t> indices(
      order->data() + start + begin, static_cast<std::size_t>(end - begin));
  // Where the dataset lies in memory and is sound: all at once.
  if (const TensorDict* const columns = dataset_->columns();
      columns != nullptr && rows->add(begin, *columns, indices, config_.check_finite)) {
    made.bytes = indices.size() * row_bytes(*columns);
    return made;
  }
  const Rng stream = Rng(seed_).stream("epoch", static_cast<std::uint64_t>(epoch));
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t position = start + row;
    const TensorDict example = read(
        (*order)[static_cast<std::size_t>(position)],
        stream.stream("example", static_cast<std::uint64_t>(position)),
        made.bad);
    made.bytes += bytes_of(example);
    rows->add(row, example);
  }
  return made;
}

TensorDict Loader::read(std::int64_t index, const Rng& stream, std::vector<BadExample>& bad) const {
  for (std::int64_t in_a_row = 1;; ++in_a_row) {
    try {
      Rng rng = stream;
      TensorDict example = dataset_->get(index, rng);
      if (config_.check_finite) {
        check_finite(example);
      }
      return example;
    } catch (const DataError& error) {
      // Parts written in Python name themselves.
      const std::string what = error.what();
      const std::string name = dataset_->name();
      const std::string text = what.rfind(name, 0) == 0
                                   ? format("example {} of {}", index, what)
                                   : format("example {} of {}: {}", index, name, what);
      if (config_.on_error == OnError::kRaise) {
        throw DataError(text);
      }
      bad.push_back({index, text});
      MMI_CHECK(
          DataError,
          in_a_row < std::min(kMostBadInARow, dataset_->size()),
          "{} examples in a row cannot be read; the last one: {}",
          in_a_row,
          text);
    }
    index = (index + 1) % dataset_->size();
  }
}

void Loader::count(const std::vector<BadExample>& bad) {
  seen_ += config_.batch_size + static_cast<std::int64_t>(bad.size());
  bad_ += static_cast<std::int64_t>(bad.size());
  for (const BadExample& example : bad) {
    last_reason_ = example.reason;
    if (reported_.insert(example.index).second) {
      log::warning("left out {}", example.reason);
    }
  }
  MMI_CHECK(
      DataError,
      seen_ < kSeenBeforeJudging ||
          static_cast<double>(bad_) <= config_.max_bad_fraction * static_cast<double>(seen_),
      "{} of {} examples cannot be read, more than loader.max_bad_fraction = {}; the last one: {}",
      bad_,
      seen_,
      config_.max_bad_fraction,
      last_reason_);
}

TensorDict Loader::next() {
  std::vector<BadExample> bad;
  std::exception_ptr error;
  for (std::int64_t i = 0; i < pieces_; ++i) {
    try {
      Piece piece = prefetcher_->next();
      std::ranges::move(piece.bad, std::back_inserter(bad));
    } catch (...) {
      error = error ? error : std::current_exception();
    }
  }
  std::shared_ptr<Collator> rows = collator(next_);
  {
    const std::lock_guard lock(mutex_);
    collators_.erase(next_);
  }
  next_ += stride_;
  if (error) {
    std::rethrow_exception(error);
  }
  count(bad);
  return rows->finish();
}

}  // namespace mmi::data
