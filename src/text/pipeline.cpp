#include "text/pipeline.h"

#include <algorithm>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "text/utf8.h"

namespace mmi::text {
namespace {

// Places in a text are 32 bits wide, and normalisation may make it longer.
constexpr std::size_t kMaxText = std::size_t{1} << 28;

void cut(std::vector<std::int64_t>& ids, std::int64_t length, bool left) {
  const auto excess = static_cast<std::int64_t>(ids.size()) - std::max<std::int64_t>(length, 0);
  if (excess > 0 && left) {
    ids.erase(ids.begin(), ids.begin() + excess);
  } else if (excess > 0) {
    ids.resize(ids.size() - static_cast<std::size_t>(excess));
  }
}

}  // namespace

class Pipeline::Loan {
 public:
  explicit Loan(const Pipeline& owner) : owner_(owner) {
    const std::lock_guard lock(owner_.mutex_);
    if (!owner_.idle_.empty()) {
      work_ = std::move(owner_.idle_.back());
      owner_.idle_.pop_back();
    }
    if (work_ == nullptr) {
      work_ = std::make_unique<Workspace>();
    }
  }

  ~Loan() {
    const std::lock_guard lock(owner_.mutex_);
    owner_.idle_.push_back(std::move(work_));
  }

  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;

  Workspace& operator*() const {
    return *work_;
  }

 private:
  const Pipeline& owner_;
  std::unique_ptr<Workspace> work_;
};

Pipeline::Pipeline(PipelineParts parts) : parts_(std::move(parts)) {
  size_ = parts_.model->vocabulary().size();
  for (std::size_t i = 0; i < parts_.added.size(); ++i) {
    const AddedToken& token = parts_.added[i];
    size_ = std::max(size_, token.id + 1);
    added_by_id_[token.id] = i;
    if (token.special) {
      special_.insert(token.content);
    }
  }
  // Where two are spelled alike once normalised, a special one is found.
  for (const bool special : {true, false}) {
    for (const AddedToken& token : parts_.added) {
      if (token.special != special || token.content.empty()) {
        continue;
      }
      if (!token.normalized) {
        raw_.add(token.content, token);
        continue;
      }
      std::string content = token.content;
      if (parts_.normalizer) {
        bool at_start = true;
        parts_.normalizer->apply(content, at_start);
      }
      if (!content.empty()) {
        normalized_.add(content, token);
      }
    }
  }
}

void Pipeline::encode_pieces(
    std::string_view text, bool at_start, Workspace& work, std::vector<std::int64_t>& ids) const {
  Pieces& pieces = work.pieces;
  pieces.text.assign(text);
  pieces.at_start = at_start;
  pieces.ranges.assign(1, {0, static_cast<std::uint32_t>(text.size())});
  if (parts_.pre_tokenizer) {
    parts_.pre_tokenizer->apply(pieces);
  }
  for (const Range& range : pieces.ranges) {
    if (range.begin != range.end) {
      parts_.model->encode(
          std::string_view(pieces.text.data() + range.begin, range.end - range.begin),
          ids,
          work.scratch);
    }
  }
}

void Pipeline::encode_plain(
    std::string_view text, bool at_start, Workspace& work, std::vector<std::int64_t>& ids) const {
  if (!parts_.normalizer && normalized_.empty()) {
    encode_pieces(text, at_start, work, ids);
    return;
  }
  std::string normal(text);
  if (parts_.normalizer) {
    parts_.normalizer->apply(normal, at_start);
    MMI_CHECK(
        DataError,
        normal.size() <= 4 * kMaxText,
        "a text of {} becomes one of {} when it is normalised, which is too long",
        human_size(text.size()),
        human_size(normal.size()));
  }
  work.inner.clear();
  normalized_.split(normal, work.inner);
  for (const Segment& segment : work.inner) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      encode_pieces(
          std::string_view(normal).substr(segment.begin, segment.end - segment.begin),
          at_start && segment.begin == 0,
          work,
          ids);
    }
  }
}

std::vector<std::int64_t> Pipeline::encode(std::string_view text, bool add_special) const {
  MMI_CHECK(
      DataError,
      text.size() <= kMaxText,
      "a text of {}, but at most {} are encoded at once",
      human_size(text.size()),
      human_size(kMaxText));
  check_utf8(text, "a text to encode");
  const Loan loan(*this);
  Workspace& work = *loan;
  std::vector<std::int64_t> ids;
  ids.reserve(text.size() / 3 + 8);
  work.segments.clear();
  raw_.split(text, work.segments);
  for (const Segment& segment : work.segments) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      encode_plain(
          text.substr(segment.begin, segment.end - segment.begin), segment.begin == 0, work, ids);
    }
  }
  const Frame& frame = parts_.frame;
  const std::size_t added = add_special ? frame.before.size() + frame.after.size() : 0;
  if (parts_.max_length > 0) {
    cut(ids, parts_.max_length - static_cast<std::int64_t>(added), parts_.cut_left);
  }
  if (add_special) {
    ids.insert(ids.begin(), frame.before.begin(), frame.before.end());
    ids.insert(ids.end(), frame.after.begin(), frame.after.end());
  }
  const auto missing = parts_.pad_length - static_cast<std::int64_t>(ids.size());
  if (missing > 0) {
    ids.insert(
        parts_.pad_left ? ids.begin() : ids.end(),
        static_cast<std::size_t>(missing),
        parts_.pad_id);
  }
  return ids;
}

const std::string* Pipeline::find_token(std::int64_t id) const {
  const auto added = added_by_id_.find(id);
  return added != added_by_id_.end() ? &parts_.added[added->second].content
                                     : parts_.model->vocabulary().token(id);
}

std::string Pipeline::decode(std::span<const std::int64_t> ids, bool skip_special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const std::int64_t id : ids) {
    MMI_CHECK(
        DataError,
        id >= 0 && id < size_,
        "ids of this vocabulary are in 0..{}, but one is {}",
        size_ - 1,
        id);
    const std::string* token = find_token(id);
    if (token != nullptr && !(skip_special && special_.contains(*token))) {
      tokens.push_back(*token);
    }
  }
  std::string text;
  if (parts_.decoder) {
    parts_.decoder->apply(tokens);
    for (const std::string& token : tokens) {
      text += token;
    }
    return text;
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    text += (i > 0 ? " " : "") + tokens[i];
  }
  return text;
}

std::int64_t Pipeline::vocab_size() const {
  return size_;
}

std::optional<std::int64_t> Pipeline::token_to_id(std::string_view token) const {
  for (const AddedToken& added : parts_.added) {
    if (added.content == token) {
      return added.id;
    }
  }
  const std::int32_t id = parts_.model->vocabulary().find(token);
  return id < 0 ? std::nullopt : std::optional<std::int64_t>(id);
}

std::optional<std::string> Pipeline::id_to_token(std::int64_t id) const {
  const std::string* token = find_token(id);
  return token == nullptr ? std::nullopt : std::optional(*token);
}

std::vector<AddedToken> Pipeline::added_tokens() const {
  return parts_.added;
}

}  // namespace mmi::text
