#include "models/lm/text_stream.h"

#include <algorithm>
#include <span>
#include <utility>

namespace mmi::models::lm {
namespace {

constexpr std::size_t kContext = 8;  // ids before a text that its spelling may depend on
constexpr const char* kBroken = "\xEF\xBF\xBD";  // U+FFFD: bytes that are no character (yet)

}  // namespace

TextStream::TextStream(text::TokenizerPtr tokenizer, std::vector<std::int64_t> prompt)
    : tokenizer_(std::move(tokenizer)),
      ids_(std::move(prompt)),
      context_(ids_.size() - std::min(ids_.size(), kContext)),
      shown_(ids_.size()) {}

std::string TextStream::fresh() const {
  const auto from = std::span(ids_).subspan(context_);
  const std::string before = tokenizer_->decode(from.first(shown_ - context_));
  const std::string all = tokenizer_->decode(from);
  return all.size() > before.size() ? all.substr(before.size()) : "";
}

std::string TextStream::push(std::int64_t id) {
  ids_.push_back(id);
  std::string text = fresh();
  if (text.empty() || text.ends_with(kBroken)) {
    return "";
  }
  context_ = shown_;
  shown_ = ids_.size();
  return text;
}

std::string TextStream::finish() {
  std::string text = fresh();
  shown_ = ids_.size();
  return text;
}

}  // namespace mmi::models::lm
