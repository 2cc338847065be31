#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace mmi::text {

/// Remembers the ids of short words, since a text has few different ones. Each word has one place,
/// a cache line, which the latest takes: bounded memory, no allocation. Not thread-safe.
class WordCache {
 public:
  static constexpr std::size_t kMaxWord = 26;
  static constexpr std::size_t kMaxIds = 8;

  /// Empty when the word is not there.
  std::span<const std::int32_t> find(std::string_view word) {
    if (word.size() > kMaxWord) {
      return {};
    }
    if (slots_.empty()) {
      slots_.resize(kSlots);
    }
    hash_ = std::hash<std::string_view>()(word);
    const Slot& slot = slots_[hash_ % kSlots];
    if (slot.hash != static_cast<std::uint32_t>(hash_ >> 32) || slot.length != word.size() ||
        std::memcmp(slot.word.data(), word.data(), word.size()) != 0) {
      return {};
    }
    return {slot.ids.data(), slot.n_ids};
  }

  /// Right after a `find` of the same word that found nothing.
  void put(std::string_view word, std::span<const std::int32_t> ids) {
    if (word.size() > kMaxWord || ids.empty() || ids.size() > kMaxIds) {
      return;
    }
    Slot& slot = slots_[hash_ % kSlots];
    slot.hash = static_cast<std::uint32_t>(hash_ >> 32);
    slot.length = static_cast<std::uint8_t>(word.size());
    slot.n_ids = static_cast<std::uint8_t>(ids.size());
    std::memcpy(slot.word.data(), word.data(), word.size());
    std::memcpy(slot.ids.data(), ids.data(), ids.size_bytes());
  }

 private:
  static constexpr std::size_t kSlots = 1 << 15;

  struct alignas(64) Slot {
    std::uint32_t hash = 0;
    std::uint8_t length = 0;
    std::uint8_t n_ids = 0;
    std::array<char, kMaxWord> word{};
    std::array<std::int32_t, kMaxIds> ids{};
  };

  static_assert(sizeof(Slot) == 64);

  std::vector<Slot> slots_;
  std::uint64_t hash_ = 0;
};

}  // namespace mmi::text
