#include "mmi/tensor/tensor_dict.h"

#include "mmi/base/errors.h"
#include "mmi/tensor/collator.h"

namespace mmi {
namespace {

const char* kind_name(const TensorDict::Value& value) {
  static constexpr const char* kNames[] = {
      "a tensor", "a list of tensors", "a list of strings", "an integer"};
  return kNames[value.index()];
}

template <std::size_t kKind>
const auto& get_kind(const TensorDict& dict, std::string_view name, const char* wanted) {
  const TensorDict::Value& value = dict.at(name);
  MMI_CHECK(
      DataError,
      value.index() == kKind,
      "\"{}\" must be {}, but is {}",
      name,
      wanted,
      kind_name(value));
  return std::get<kKind>(value);
}

}  // namespace

const TensorDict::Value* TensorDict::find(std::string_view name) const {
  for (const Item& item : items_) {
    if (item.first == name) {
      return &item.second;
    }
  }
  return nullptr;
}

void TensorDict::set(std::string_view name, Value value) {
  for (Item& item : items_) {
    if (item.first == name) {
      item.second = std::move(value);
      return;
    }
  }
  items_.emplace_back(name, std::move(value));
}

bool TensorDict::has(std::string_view name) const {
  return find(name) != nullptr;
}

const TensorDict::Value& TensorDict::at(std::string_view name) const {
  if (const Value* value = find(name)) {
    return *value;
  }
  std::string present;
  for (const Item& item : items_) {
    present += (present.empty() ? "" : ", ") + item.first;
  }
  throw DataError(format("no \"{}\" among [{}]", name, present));
}

const torch::Tensor& TensorDict::tensor(std::string_view name) const {
  return get_kind<0>(*this, name, "a tensor");
}

const std::vector<torch::Tensor>& TensorDict::list(std::string_view name) const {
  return get_kind<1>(*this, name, "a list of tensors");
}

const std::vector<std::string>& TensorDict::strings(std::string_view name) const {
  return get_kind<2>(*this, name, "a list of strings");
}

std::int64_t TensorDict::integer(std::string_view name) const {
  return get_kind<3>(*this, name, "an integer");
}

TensorDict TensorDict::to(torch::Device device) const {
  TensorDict moved;
  for (const auto& [name, value] : items_) {
    if (const auto* one = std::get_if<torch::Tensor>(&value)) {
      moved.set(name, one->to(device));
    } else if (const auto* many = std::get_if<std::vector<torch::Tensor>>(&value)) {
      std::vector<torch::Tensor> list;
      for (const torch::Tensor& tensor : *many) {
        list.push_back(tensor.to(device));
      }
      moved.set(name, std::move(list));
    } else {
      moved.set(name, value);
    }
  }
  return moved;
}

std::string TensorDict::describe() const {
  std::string text;
  for (const auto& [name, value] : items_) {
    text += name + ": ";
    if (const auto* one = std::get_if<torch::Tensor>(&value)) {
      text += format("{} {}", one->sizes().vec(), std::string(one->dtype().name()));
    } else if (const auto* many = std::get_if<std::vector<torch::Tensor>>(&value)) {
      text += format("{} tensors", many->size());
    } else if (const auto* words = std::get_if<std::vector<std::string>>(&value)) {
      text += format("{} strings", words->size());
    } else {
      text += format("{}", std::get<std::int64_t>(value));
    }
    text += "\n";
  }
  return text;
}

TensorDict TensorDict::collate(const std::vector<TensorDict>& examples) {
  Collator batch(static_cast<std::int64_t>(examples.size()));
  for (std::size_t row = 0; row < examples.size(); ++row) {
    batch.add(static_cast<std::int64_t>(row), examples[row]);
  }
  return batch.finish();
}

}  // namespace mmi
