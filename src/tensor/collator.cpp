#include "mmi/tensor/collator.h"

#include <algorithm>
#include <cstring>

#include "mmi/base/errors.h"

namespace mmi {
namespace {

using Value = TensorDict::Value;

const char* kind_name(std::size_t kind) {
  static constexpr const char* kNames[] = {
      "a tensor", "a list of tensors", "a list of strings", "an integer"};
  return kNames[kind];
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

Collator::Collator(std::int64_t rows) : rows_(rows) {
  MMI_CHECK(DataError, rows > 0, "cannot batch zero examples");
}

void Collator::open(const TensorDict& example) {
  const std::lock_guard lock(opening_);
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
        entry.stacked = torch::empty(sizes, tensor->options());
        entry.row_bytes = tensor->nbytes();
      }
    } else if (std::holds_alternative<std::int64_t>(value)) {
      entry.stacked = torch::empty({rows_}, torch::kInt64);
      entry.row_bytes = sizeof(std::int64_t);
    }
    if (entry.stacked.defined()) {
      entry.data = static_cast<std::byte*>(entry.stacked.mutable_data_ptr());
    }
    if (entry.kind != 3) {
      entry.apart.resize(static_cast<std::size_t>(rows_));
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

void Collator::put(Entry& entry, std::int64_t row, const Value& value) const {
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
  entry.apart[static_cast<std::size_t>(row)] = value;
}

Value Collator::finish(Entry& entry) const {
  if (entry.kind == 1) {
    return join<torch::Tensor>(entry.apart);
  }
  if (entry.kind == 2) {
    return join<std::string>(entry.apart);
  }
  const auto is_apart = [](const Value& value) { return std::get<torch::Tensor>(value).defined(); };
  if (std::ranges::none_of(entry.apart, is_apart)) {
    return entry.stacked;
  }
  std::vector<torch::Tensor> rows;
  for (std::int64_t row = 0; row < rows_; ++row) {
    const Value& value = entry.apart[static_cast<std::size_t>(row)];
    rows.push_back(is_apart(value) ? std::get<torch::Tensor>(value) : entry.stacked[row]);
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
