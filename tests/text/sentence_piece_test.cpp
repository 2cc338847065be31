#include <cmath>
#include <cstring>
#include <limits>

#include "io/helpers.h"
#include "mmi/text/tokenizer.h"

namespace mmi::text {
namespace {

using Ids = std::vector<std::int64_t>;

/// A field of a protocol buffer's message, of less than 16 KiB.
std::string field(int number, const std::string& bytes) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  out += static_cast<char>((bytes.size() & 127) | 128);
  out += static_cast<char>(bytes.size() >> 7);
  return out + bytes;
}

std::string number(int field, int value) {
  return {static_cast<char>(field << 3), static_cast<char>(value)};
}

std::string piece(const std::string& text, float score = 0, int type = 1) {
  std::string value(4, 0);
  std::memcpy(value.data(), &score, 4);
  return field(1, field(1, text) + char(0x15) + value + number(3, type));
}

/// BPE of "low" without rules of normalisation.
std::string model(const std::string& rules = "") {
  return piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) + piece("lo", 0) +
         piece("low", -1) + piece("l", -2) + piece("o", -3) + piece("w", -4) +
         piece("\xE2\x96\x81", -5) + field(2, number(3, 2)) +
         field(3, field(1, "identity") + field(2, rules));
}

TokenizerPtr parse(const std::string& bytes) {
  return parse_sentence_piece(
      {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "t.model");
}

/// A trie of 256 units, all zero but the root, and one text.
std::string rules(std::uint32_t root, std::uint32_t trie_bytes = 1024, const char* end = "") {
  std::string out(4 + 1024, 0);
  std::memcpy(out.data(), &trie_bytes, 4);
  std::memcpy(out.data() + 4, &root, 4);
  return out + "x" + std::string(1, 0) + end;
}

TEST(SentencePiece, HostileModels) {
  const std::string whole = model();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    // Cut anywhere: an error, or, between two fields, what is left of it.
    try {
      parse(whole.substr(0, n));
    } catch (const DataError& error) {
      EXPECT_EQ(std::string(error.what()).rfind("t.model", 0), 0U) << error.what();
    } catch (const NotBuiltError&) {
    }
  }
  EXPECT_ERROR(parse(""), DataError, "t.model is no SentencePiece model: it has 0 pieces");
  EXPECT_ERROR(parse("\x0A\x7F"), DataError, "it ends early");
  EXPECT_ERROR(parse(std::string(12, '\xFF')), DataError, "more than ten bytes");
  EXPECT_ERROR(parse(piece("a")), DataError, "0 of them for unknown characters");
  EXPECT_ERROR(parse(whole + piece("low")), DataError, "belongs to another piece already");
  EXPECT_ERROR(parse(whole + piece("")), DataError, "its text must be");
  EXPECT_ERROR(parse(whole + piece(std::string(2, '\0'))), DataError, "none of them zero");
  EXPECT_ERROR(parse(whole + piece("\xFF")), DataError, "its text must be");
  EXPECT_ERROR(parse(whole + piece("x", std::nanf(""))), DataError, "not a finite number");
  EXPECT_ERROR(parse(whole + piece("x", 0, 9)), DataError, "its type must be in 1..6, but is 9");
  EXPECT_ERROR(parse(whole + piece("x", 0, 6)), DataError, "a byte is spelled <0x0A>");
  EXPECT_ERROR(parse(whole + field(2, number(3, 7))), DataError, "the model type 7 is not known");
  EXPECT_ERROR(parse(model(rules(0, 1023))), DataError, "does not fit");
  EXPECT_ERROR(parse(model(rules(0, 0xFFFFFFFC))), DataError, "does not fit");
  EXPECT_ERROR(parse(model(rules(0, 1024, "y"))), DataError, "does not fit");
  EXPECT_ERROR(parse(model(rules(0xFFFFFC00U))), DataError, "leads outside of itself");
  std::string leaf = rules(0x100U | (1U << 10));  // the root's leaf is unit 1
  const std::uint32_t far = 0x80000000U | 7;
  std::memcpy(leaf.data() + 8, &far, 4);
  EXPECT_ERROR(parse(model(leaf)), DataError, "leads outside of the texts");
}

TEST(SentencePiece, EncodesAndDecodes) {
  TokenizerPtr tokenizer;
  try {
    tokenizer = parse(model());
  } catch (const NotBuiltError&) {
    GTEST_SKIP() << "built without SentencePiece";
  }
  EXPECT_EQ(tokenizer->encode("low lo"), (Ids{1, 8, 4, 8, 3}));
  EXPECT_EQ(tokenizer->encode("low", false), (Ids{8, 4}));
  EXPECT_EQ(tokenizer->decode(Ids{1, 8, 4, 8, 3, 2}), "low lo");
  EXPECT_EQ(tokenizer->encode("low</s> lo</s></s>"), (Ids{1, 8, 4, 2, 8, 3, 2, 2}));
  EXPECT_EQ(tokenizer->encode("</s>low", false), (Ids{2, 8, 4}));
  const auto keeps = parse(model() + field(3, number(4, 0)));  // white space at the ends
  EXPECT_EQ(keeps->encode("</s>low</s> low", false), (Ids{2, 4, 2, 8, 4}));
  EXPECT_EQ(tokenizer->decode(Ids{1, 8, 4, 2, 8, 3, 3, 2}, false), "<s> low</s> lolo</s>");
  EXPECT_EQ(tokenizer->vocab_size(), 9);
  EXPECT_EQ(tokenizer->token_to_id("low"), 4);
  EXPECT_EQ(tokenizer->token_to_id("none"), std::nullopt);
  EXPECT_EQ(tokenizer->id_to_token(9), std::nullopt);
  EXPECT_EQ(tokenizer->added_tokens().size(), 3U);
  EXPECT_ERROR(tokenizer->encode("\xFF"), DataError, "not UTF-8: byte 0");
  EXPECT_ERROR(tokenizer->decode(Ids{9}), DataError, "in 0..8, but one is 9");
}
}  // namespace
}  // namespace mmi::text
