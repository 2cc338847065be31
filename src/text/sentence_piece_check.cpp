#include "text/sentence_piece_check.h"

#include <cmath>
#include <cstring>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "mmi/base/errors.h"
#include "text/fields.h"
#include "text/utf8.h"

namespace mmi::text {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kMaxPiece = 4096;

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// One field of a protocol buffer's message.
struct Field {
  std::uint64_t number = 0;
  int wire = 0;  ///< 0 number, 1 eight bytes, 2 bytes, 5 four bytes
  std::uint64_t value = 0;
  Bytes bytes;
};

/// Walks through the fields of one message.
class Message {
 public:
  Message(Bytes bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  bool next(Field& field) {
    if (at_ == bytes_.size()) {
      return false;
    }
    const std::uint64_t key = number();
    field = {key >> 3, static_cast<int>(key & 7), 0, {}};
    switch (field.wire) {
      case 0:
        field.value = number();
        break;
      case 1:
        field.bytes = take(8);
        break;
      case 2:
        field.bytes = take(number());
        break;
      case 5:
        field.bytes = take(4);
        break;
      default:
        fail("a field of unknown kind");
    }
    if (field.number == 0) {
      fail("a field without a number");
    }
    return true;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw DataError(format("{} is no SentencePiece model: {} at byte {}", where_, what, at_));
  }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t part = take(1)[0];
      value |= static_cast<std::uint64_t>(part & 127U) << shift;
      if (part < 128) {
        return value;
      }
    }
    fail("a number of more than ten bytes");
  }

  Bytes take(std::uint64_t n) {
    if (n > bytes_.size() - at_) {
      fail("it ends early");
    }
    const Bytes part = bytes_.subspan(at_, n);
    at_ += n;
    return part;
  }

  Bytes bytes_;
  const std::string& where_;
  std::size_t at_ = 0;
};

float number_of(Bytes bytes) {
  float value = 0;
  std::memcpy(&value, bytes.data(), 4);
  return value;
}

enum PieceType {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

struct Piece {
  std::string_view text;
  float score = 0;
  std::uint64_t type = kNormal;
};

Piece read_piece(Bytes bytes, const std::string& where) {
  Piece piece;
  Message message(bytes, where);
  for (Field field; message.next(field);) {
    if (field.number == 1 && field.wire == 2) {
      piece.text = text_of(field.bytes);
    } else if (field.number == 2 && field.wire == 5) {
      piece.score = number_of(field.bytes);
    } else if (field.number == 3 && field.wire == 0) {
      piece.type = field.value;
    }
  }
  MMI_CHECK(
      DataError,
      !piece.text.empty() && piece.text.size() <= kMaxPiece &&
          first_bad_byte(piece.text) == std::string_view::npos &&
          piece.text.find('\0') == std::string_view::npos,
      "{}: its text must be 1 to {} bytes of UTF-8, none of them zero",
      where,
      kMaxPiece);
  MMI_CHECK(DataError, std::isfinite(piece.score), "{}: its score is not a finite number", where);
  MMI_CHECK(
      DataError,
      piece.type >= kNormal && piece.type <= kByte,
      "{}: its type must be in 1..6, but is {}",
      where,
      piece.type);
  MMI_CHECK(
      DataError,
      piece.type != kByte ||
          (piece.text.size() == 6 && piece.text.starts_with("<0x") &&
           piece.text.find_first_not_of("0123456789ABCDEF", 3) == 5 && piece.text.ends_with('>')),
      "{}: a byte is spelled <0x0A>, but this one is '{}'",
      where,
      piece.text);
  return piece;
}

/// The rules of normalisation: the size of a double-array trie, the trie, and the texts that its
/// leaves point to, each with a zero byte at its end.
void check_rules(Bytes rules, const std::string& where) {
  if (rules.empty()) {
    return;
  }
  std::uint32_t trie_bytes = 0;
  MMI_CHECK(DataError, rules.size() > 4, "{}: the rules end early", where);
  std::memcpy(&trie_bytes, rules.data(), 4);
  MMI_CHECK(
      DataError,
      trie_bytes >= 4 && trie_bytes % 4 == 0 && trie_bytes < rules.size() - 4 && rules.back() == 0,
      "{}: the rules have {} bytes, which a trie of {} bytes does not fit",
      where,
      rules.size(),
      trie_bytes);
  const std::size_t n_texts = rules.size() - 4 - trie_bytes;
  std::vector<std::uint32_t> units(trie_bytes / 4);
  std::memcpy(units.data(), rules.data() + 4, trie_bytes);
  const auto target = [&](std::size_t at) {
    const std::uint32_t unit = units[at];
    return at ^ (static_cast<std::size_t>(unit >> 10) << ((unit & (1U << 9)) >> 6));
  };
  // Every node that a text can lead to, and all that can be looked at from there.
  std::vector<bool> seen(units.size());
  std::vector<std::size_t> open{0};
  seen[0] = true;
  while (!open.empty()) {
    const std::size_t at = open.back();
    open.pop_back();
    const std::size_t base = target(at);
    MMI_CHECK(
        DataError,
        (base | 255) < units.size(),
        "{}: the trie of the rules leads outside of itself",
        where);
    const bool leaf = ((units[at] >> 8) & 1) != 0;
    MMI_CHECK(
        DataError,
        !leaf || (units[base] & 0x7FFFFFFFU) < n_texts,
        "{}: a rule leads outside of the texts",
        where);
    for (std::size_t label = 1; label < 256; ++label) {
      const std::size_t child = base ^ label;
      if ((units[child] & 0x800000FFU) == label && !seen[child]) {
        seen[child] = true;
        open.push_back(child);
      }
    }
  }
}

void check_normalizer(Bytes bytes, const std::string& where) {
  Message message(bytes, where);
  for (Field field; message.next(field);) {
    if (field.number == 2 && field.wire == 2) {
      check_rules(field.bytes, where);
    }
  }
}

void check_trainer(Bytes bytes, const std::string& where) {
  Message message(bytes, where);
  for (Field field; message.next(field);) {
    MMI_CHECK(
        DataError,
        field.number != 3 || (field.wire == 0 && field.value >= 1 && field.value <= 4),
        "{}: the model type {} is not known here (known: unigram, BPE, word, character)",
        where,
        field.value);
  }
}

}  // namespace

void check_sentence_piece(std::span<const std::uint8_t> bytes, const std::string& name) {
  Message message(bytes, name);
  std::unordered_set<std::string_view> texts;
  std::int64_t n_pieces = 0;
  std::int64_t n_unknown = 0;
  for (Field field; message.next(field);) {
    if (field.wire != 2) {
      continue;
    }
    if (field.number == 1) {
      const std::string where = format("{}: piece {}", name, n_pieces);
      const Piece piece = read_piece(field.bytes, where);
      MMI_CHECK(
          DataError,
          texts.insert(piece.text).second,
          "{}: the text '{}' belongs to another piece already",
          where,
          piece.text);
      n_unknown += piece.type == kUnknown ? 1 : 0;
      ++n_pieces;
      MMI_CHECK(DataError, n_pieces <= kMaxTokens, "{} has more than {} pieces", name, kMaxTokens);
    } else if (field.number == 2) {
      check_trainer(field.bytes, name + ": trainer");
    } else if (field.number == 3 || field.number == 5) {
      check_normalizer(field.bytes, name + ": normalizer");
    }
  }
  MMI_CHECK(
      DataError,
      n_pieces > 0 && n_unknown == 1,
      "{} is no SentencePiece model: it has {} pieces, {} of them for unknown characters",
      name,
      n_pieces,
      n_unknown);
}

}  // namespace mmi::text
