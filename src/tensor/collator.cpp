#include "mmi/tensor/collator.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "mmi/base/errors.h"
#include "mmi/tensor/finite.h"

namespace mmi {
namespace {

using Value = TensorDict::Value;

const char* kind_name(std::size_t kind) {
  static constexpr const char* kNames[] = {
      "a tensor", "a list of tensors", "a list of strings", "an integer"};
  return kNames[kind];
}

constexpr std::size_t kRowsAhead = 4;
constexpr std::size_t kPiece = std::size_t{1} << 15;
constexpr std::size_t kLargeRow = std::size_t{1} << 18;

void prefetch(const std::byte* row, std::size_t bytes) {
  for (std::size_t at = 0; at < std::min<std::size_t>(bytes, 4096); at += 64) {
    __builtin_prefetch(row + at);
  }
}

/// memcpy past the caches, for rows so large that their batch does not stay there anyway: the
/// memory written to is then not read first.
void stream_copy(std::byte* to, const std::byte* from, std::size_t bytes) {
#ifdef __SSE2__
  if (reinterpret_cast<std::uintptr_t>(to) % sizeof(__m128i) == 0) {
    for (; bytes >= sizeof(__m128i); bytes -= sizeof(__m128i)) {
      _mm_stream_si128(
          reinterpret_cast<__m128i*>(to), _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
      to += sizeof(__m128i);
      from += sizeof(__m128i);
    }
    _mm_sfence();
  }
#endif
  std::memcpy(to, from, bytes);
}

/// A tensor whose bytes say everything.
bool is_plain(const torch::Tensor& tensor) {
  return tensor.device().is_cpu() && tensor.layout() == torch::kStrided &&
         !tensor.requires_grad() && !tensor.is_conj() && !tensor.is_neg() && !tensor.is_quantized();
}

template <class Part>
Value join(std::vector<Value>& values) {
  std::vector<Part> joined;
  for (Value& value : values) {
    auto& part = std::get<std::vector<Part>>(value);
    joined.insert(
        joined.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
  }
  return joined;
}

}  // namespace

Collator::Collator(std::int64_t rows, std::shared_ptr<BufferPool> pool)
    : rows_(rows), pool_(std::move(pool)) {
  MMI_CHECK(DataError, rows > 0, "cannot batch zero examples");
}

void Collator::open(const TensorDict& example) {
  const std::lock_guard lock(mutex_);
  if (open_) {
    return;
  }
  for (const auto& [name, value] : example) {
    Entry entry;
    entry.name = name;
    entry.kind = value.index();
    if (const auto* tensor = std::get_if<torch::Tensor>(&value)) {
      if (tensor->defined() && is_plain(*tensor)) {
        std::vector<std::int64_t> sizes{rows_};
        sizes.insert(sizes.end(), tensor->sizes().begin(), tensor->sizes().end());
        entry.stacked = pool_ ? pool_->empty(sizes, tensor->scalar_type())
                              : torch::empty(sizes, tensor->options());
        entry.row_bytes = tensor->nbytes();
      }
    } else if (std::holds_alternative<std::int64_t>(value)) {
      entry.stacked = torch::empty({rows_}, torch::kInt64);
      entry.row_bytes = sizeof(std::int64_t);
    }
    if (entry.stacked.defined()) {
      entry.data = static_cast<std::byte*>(entry.stacked.mutable_data_ptr());
    }
    entries_.push_back(std::move(entry));
  }
  first_ = example;
  open_ = true;
}

void Collator::add(std::int64_t row, const TensorDict& example) {
  if (!open_) {
    open(example);
  }
  MMI_CHECK(
      DataError,
      example.size() == entries_.size(),
      "cannot batch examples with different entries:\n{}and\n{}",
      first_.describe(),
      example.describe());
  auto item = example.begin();
  for (Entry& entry : entries_) {
    const Value& value = item->first == entry.name ? item->second : example.at(entry.name);
    ++item;
    MMI_CHECK(
        DataError,
        value.index() == entry.kind,
        "cannot batch \"{}\": it is {} in one example and {} in another",
        entry.name,
        kind_name(entry.kind),
        kind_name(value.index()));
    put(entry, row, value);
  }
}

bool Collator::add(
    std::int64_t first,
    const TensorDict& columns,
    std::span<const std::int64_t> indices,
    bool check_finite) {
  if (!open_) {
    TensorDict example;
    for (const auto& [name, value] : columns) {
      example.set(name, std::get<torch::Tensor>(value)[indices[0]]);
    }
    open(example);
  }
  for (const Entry& entry : entries_) {
    const torch::Tensor& column = columns.tensor(entry.name);
    const auto* const from = static_cast<const std::byte*>(column.const_data_ptr());
    std::byte* to = entry.data + static_cast<std::size_t>(first) * entry.row_bytes;
    for (std::size_t i = 0; i < indices.size(); ++i, to += entry.row_bytes) {
      // Rows lie anywhere in memory, so the processor cannot guess the next ones.
      if (i + kRowsAhead < indices.size()) {
        prefetch(
            from + static_cast<std::size_t>(indices[i + kRowsAhead]) * entry.row_bytes,
            entry.row_bytes);
      }
      const std::byte* const row = from + static_cast<std::size_t>(indices[i]) * entry.row_bytes;
      // Piece by piece, so that what was checked is still in the cache when it is copied.
      for (std::size_t at = 0; at < entry.row_bytes; at += kPiece) {
        const std::size_t bytes = std::min(kPiece, entry.row_bytes - at);
        if (check_finite && !all_finite(
                                row + at,
                                static_cast<std::int64_t>(bytes / column.element_size()),
                                column.scalar_type())) {
          return false;
        }
        if (entry.row_bytes < kLargeRow) {
          std::memcpy(to + at, row + at, bytes);
        } else {
          stream_copy(to + at, row + at, bytes);
        }
      }
    }
  }
  return true;
}

void Collator::put(Entry& entry, std::int64_t row, const Value& value) {
  std::byte* const place = entry.data + static_cast<std::size_t>(row) * entry.row_bytes;
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    std::memcpy(place, number, sizeof *number);
    return;
  }
  if (const auto* tensor = std::get_if<torch::Tensor>(&value)) {
    MMI_CHECK(DataError, tensor->defined(), "cannot batch \"{}\": it has no value", entry.name);
    if (entry.stacked.defined() && is_plain(*tensor) &&
        tensor->scalar_type() == entry.stacked.scalar_type() &&
        tensor->sizes() == entry.stacked.sizes().slice(1)) {
      if (tensor->is_contiguous()) {
        std::memcpy(place, tensor->const_data_ptr(), entry.row_bytes);
      } else {
        entry.stacked.select(0, row).copy_(*tensor);
      }
      return;
    }
  }
  const std::lock_guard lock(mutex_);
  entry.apart.resize(static_cast<std::size_t>(rows_));
  entry.apart[static_cast<std::size_t>(row)] = value;
}

Value Collator::finish(Entry& entry) const {
  if (entry.kind == 1) {
    return join<torch::Tensor>(entry.apart);
  }
  if (entry.kind == 2) {
    return join<std::string>(entry.apart);
  }
  if (entry.apart.empty()) {
    return entry.stacked;
  }
  std::vector<torch::Tensor> rows;
  for (std::int64_t row = 0; row < rows_; ++row) {
    const Value& value = entry.apart[static_cast<std::size_t>(row)];
    const auto& apart = std::get<torch::Tensor>(value);
    rows.push_back(apart.defined() ? apart : entry.stacked[row]);
  }
  const auto same_shape = [&](const torch::Tensor& row) { return row.sizes() == rows[0].sizes(); };
  if (std::ranges::all_of(rows, same_shape)) {
    return torch::stack(rows);
  }
  return rows;
}

TensorDict Collator::finish() {
  TensorDict batch;
  for (Entry& entry : entries_) {
    batch.set(entry.name, finish(entry));
  }
  return batch;
}

}  // namespace mmi
