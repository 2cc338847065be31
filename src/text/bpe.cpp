#include "text/bpe.h"

#include <algorithm>
#include <bit>

#include "mmi/base/errors.h"
#include "text/utf8.h"

namespace mmi::text {
namespace {

constexpr std::int32_t kNoMerge = std::numeric_limits<std::int32_t>::max();
// From so many symbols on, a heap finds the best merge sooner than looking at all of them.
constexpr std::size_t kLongWord = 48;

}  // namespace

MergeTable::MergeTable(std::size_t n_merges)
    : mask_(std::bit_ceil(2 * n_merges + 2) - 1), slots_(mask_ + 1) {}

void MergeTable::put(std::int32_t left, std::int32_t right, Merge merge) {
  const std::uint64_t key = key_of(left, right);
  std::size_t at = place_of(key);
  while (slots_[at].key != kEmpty && slots_[at].key != key) {
    at = (at + 1) & mask_;
  }
  slots_[at] = {key, merge};
}

Bpe::Bpe(
    Vocabulary vocabulary,
    const std::vector<std::pair<std::string, std::string>>& merges,
    Config config,
    const std::string& where)
    : Model(std::move(vocabulary)), config_(std::move(config)), merges_(merges.size()) {
  const Vocabulary& known = this->vocabulary();
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    MMI_CHECK(
        DataError,
        right.size() >= config_.prefix.size(),
        "{}: merge {} ('{}' and '{}') lacks the prefix '{}'",
        where,
        rank,
        left,
        right,
        config_.prefix);
    const std::string merged = left + right.substr(config_.prefix.size());
    for (const std::string& token : {left, right, merged}) {
      MMI_CHECK(
          DataError,
          known.find(token) >= 0,
          "{}: merge {} ('{}' and '{}') needs the token '{}', which the vocabulary lacks",
          where,
          rank,
          left,
          right,
          token);
    }
    merges_.put(
        known.find(left), known.find(right), {static_cast<std::int32_t>(rank), known.find(merged)});
  }
  if (config_.unknown) {
    unknown_ = known.find(*config_.unknown);
  }
  for (int byte = 0; byte < 256; ++byte) {
    constexpr const char* kDigits = "0123456789ABCDEF";
    byte_ids_[byte] =
        known.find(std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">");
  }
  for (char32_t c = 0; c < inner_.size(); ++c) {
    std::string spelled;
    append_char(spelled, c);
    inner_[c] = known.find(spelled);
    last_[c] = known.find(spelled + config_.suffix);
  }
}

std::int32_t Bpe::find_char(
    std::string_view spelled, bool first, bool last, Scratch& scratch) const {
  const bool plain = first || config_.prefix.empty();
  if (plain && spelled.size() <= 2) {
    std::size_t at = 0;
    const char32_t c = next_char(spelled, at);
    if (c < inner_.size()) {
      return last ? last_[c] : inner_[c];
    }
  }
  if (plain && (!last || config_.suffix.empty())) {
    return vocabulary().find(spelled);
  }
  scratch.spelled = plain ? "" : config_.prefix;
  scratch.spelled += spelled;
  if (last) {
    scratch.spelled += config_.suffix;
  }
  return vocabulary().find(scratch.spelled);
}

bool Bpe::add_bytes(std::string_view spelled, std::vector<std::int32_t>& ids) const {
  const std::size_t before = ids.size();
  for (const char c : spelled) {
    const std::int32_t id = byte_ids_[static_cast<unsigned char>(c)];
    if (id < 0) {
      ids.resize(before);
      return false;
    }
    ids.push_back(id);
  }
  return true;
}

void Bpe::begin(std::string_view word, Scratch& scratch) const {
  std::vector<std::int32_t>& ids = scratch.ids;
  // An unknown token is held back until a known character follows, as the reference does.
  bool unknown = false;
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t start = at;
    next_char(word, at);
    const bool first = start == 0;
    const bool last = at == word.size();
    const std::string_view spelled = word.substr(start, at - start);
    const std::int32_t id = find_char(spelled, first, last, scratch);
    if (id >= 0) {
      if (unknown) {
        ids.push_back(unknown_);
        unknown = false;
      }
      ids.push_back(id);
      continue;
    }
    if (config_.byte_fallback) {
      std::string whole = first ? "" : config_.prefix;
      whole += spelled;
      whole += last ? config_.suffix : "";
      if (add_bytes(whole, ids)) {
        continue;
      }
    }
    if (!config_.unknown) {
      continue;
    }
    MMI_CHECK(
        DataError,
        unknown_ >= 0,
        "'{}' needs the token of unknown characters, '{}', which the vocabulary lacks",
        spelled,
        *config_.unknown);
    if (unknown && !config_.fuse_unknown) {
      ids.push_back(unknown_);
    }
    unknown = true;
  }
  if (unknown) {
    ids.push_back(unknown_);
  }
}

void Bpe::merge_short(std::vector<std::int32_t>& ids, Scratch& scratch) const {
  std::array<MergeTable::Merge, kLongWord> merges;
  std::size_t n = ids.size();
  for (std::size_t i = 0; i + 1 < n; ++i) {
    merges[i] = merges_.find(ids[i], ids[i + 1]);
  }
  while (n > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < n; ++i) {
      best = merges[i].rank < merges[best].rank ? i : best;
    }
    if (merges[best].rank == kNoMerge) {
      break;
    }
    ids[best] = merges[best].merged;
    for (std::size_t i = best + 1; i + 1 < n; ++i) {
      ids[i] = ids[i + 1];
      merges[i - 1] = merges[i];
    }
    --n;
    if (best > 0) {
      merges[best - 1] = merges_.find(ids[best - 1], ids[best]);
    }
    if (best + 1 < n) {
      merges[best] = merges_.find(ids[best], ids[best + 1]);
    }
  }
  ids.resize(n);
}

void Bpe::merge_long(std::vector<std::int32_t>& ids, Scratch& scratch) const {
  std::vector<Symbol>& symbols = scratch.symbols;
  std::vector<MergeChoice>& heap = scratch.heap;
  const auto later = [](const MergeChoice& a, const MergeChoice& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  const auto n = static_cast<std::int32_t>(ids.size());
  symbols.assign(ids.size(), {});
  heap.clear();
  const auto consider = [&](std::int32_t at) {
    Symbol& symbol = symbols[at];
    symbol.rank = kNoMerge;
    if (symbol.next < 0) {
      return false;
    }
    const MergeTable::Merge merge = merges_.find(symbol.id, symbols[symbol.next].id);
    symbol.rank = merge.rank;
    symbol.merged = merge.merged;
    if (merge.rank == kNoMerge) {
      return false;
    }
    heap.push_back({merge.rank, at, merge.merged});
    return true;
  };
  for (std::int32_t i = 0; i < n; ++i) {
    symbols[i].id = ids[i];
    symbols[i].previous = i - 1;
    symbols[i].next = i + 1 < n ? i + 1 : -1;
  }
  for (std::int32_t i = 0; i < n; ++i) {
    consider(i);
  }
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const MergeChoice top = heap.back();
    heap.pop_back();
    Symbol& symbol = symbols[top.at];
    if (symbol.gone || symbol.rank != top.rank) {
      continue;  // one of the two has changed since
    }
    Symbol& right = symbols[symbol.next];
    symbol.id = symbol.merged;
    right.gone = true;
    symbol.next = right.next;
    if (symbol.next >= 0) {
      symbols[symbol.next].previous = top.at;
    }
    if (consider(top.at)) {
      std::push_heap(heap.begin(), heap.end(), later);
    }
    if (symbol.previous >= 0 && consider(symbol.previous)) {
      std::push_heap(heap.begin(), heap.end(), later);
    }
  }
  ids.clear();
  for (std::int32_t i = 0; i >= 0; i = symbols[i].next) {
    ids.push_back(symbols[i].id);
  }
}

void Bpe::encode_word(std::string_view word, Scratch& scratch) const {
  if (config_.ignore_merges) {
    const std::int32_t id = vocabulary().find(word);
    if (id >= 0) {
      scratch.ids.push_back(id);
      return;
    }
  }
  begin(word, scratch);
  if (scratch.ids.size() > kLongWord) {
    merge_long(scratch.ids, scratch);
  } else {
    merge_short(scratch.ids, scratch);
  }
}

}  // namespace mmi::text
