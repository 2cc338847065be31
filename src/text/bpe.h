#pragma once

#include <array>
#include <limits>
#include <optional>

#include "text/model.h"

namespace mmi::text {

/// Pairs of ids → rank and merged id: open addressing, at most half full.
class MergeTable {
 public:
  struct Merge {
    std::int32_t rank = std::numeric_limits<std::int32_t>::max();
    std::int32_t merged = -1;
  };

  explicit MergeTable(std::size_t n_merges);

  /// A later merge of the same pair replaces an earlier one.
  void put(std::int32_t left, std::int32_t right, Merge merge);

  /// The default merge where there is none.
  Merge find(std::int32_t left, std::int32_t right) const {
    const std::uint64_t key = key_of(left, right);
    for (std::size_t at = place_of(key);; at = (at + 1) & mask_) {
      if (slots_[at].key == key) {
        return slots_[at].merge;
      }
      if (slots_[at].key == kEmpty) {
        return {};
      }
    }
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};

  struct Slot {
    std::uint64_t key = kEmpty;
    Merge merge;
  };

  static std::uint64_t key_of(std::int32_t left, std::int32_t right) {
    return (static_cast<std::uint64_t>(left) << 32) | static_cast<std::uint32_t>(right);
  }

  std::size_t place_of(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> 32) & mask_;
  }

  std::size_t mask_;
  std::vector<Slot> slots_;
};

/// Byte-pair encoding (Sennrich et al. 2016): a word begins as its characters; the pair of
/// neighbours whose merge ranks first, the leftmost of them, becomes one, until no merge is left.
class Bpe : public Model {
 public:
  struct Config {
    std::optional<std::string> unknown;  ///< the token of characters that the vocabulary lacks
    std::string prefix;                  ///< spelled before each character but the first of a word
    std::string suffix;                  ///< spelled behind the last character of a word
    bool fuse_unknown = false;           ///< neighbouring unknown characters give one token
    bool byte_fallback = false;          ///< unknown characters give a token "<0x0A>" for each byte
    bool ignore_merges = false;          ///< a word that is a token is that token
  };

  Bpe(Vocabulary vocabulary,
      const std::vector<std::pair<std::string, std::string>>& merges,
      Config config,
      const std::string& where);

 protected:
  void encode_word(std::string_view word, Scratch& scratch) const override;

 private:
  /// The id of one character at its place in the word, or -1.
  std::int32_t find_char(std::string_view spelled, bool first, bool last, Scratch& scratch) const;
  void begin(std::string_view word, Scratch& scratch) const;
  bool add_bytes(std::string_view spelled, std::vector<std::int32_t>& ids) const;
  void merge_short(std::vector<std::int32_t>& ids, Scratch& scratch) const;
  void merge_long(std::vector<std::int32_t>& ids, Scratch& scratch) const;

  Config config_;
  MergeTable merges_;
  std::int32_t unknown_ = -1;
  std::array<std::int32_t, 256> byte_ids_{};
  std::array<std::int32_t, 0x250> inner_{};  ///< first characters of Unicode, without suffix
  std::array<std::int32_t, 0x250> last_{};   ///< with it
};

}  // namespace mmi::text
