#include "models/lm/byte_tokenizer.h"

#include <nlohmann/json.hpp>

namespace mmi::models::lm {
namespace {

// GPT-2's alphabet: bytes that print stand for themselves, others for letters from U+0100 on.
std::string letter_of(int byte, int& next) {
  const bool prints =
      (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE);
  const int code = prints ? byte : next++;
  if (code < 0x80) {
    return {static_cast<char>(code)};
  }
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

}  // namespace

std::string byte_tokenizer_json() {
  using nlohmann::json;
  json vocab = json::object();
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    vocab[letter_of(byte, next)] = byte;
  }
  const json level = {
      {"type", "ByteLevel"},
      {"add_prefix_space", false},
      {"trim_offsets", true},
      {"use_regex", false}};
  const json tokenizer = {
      {"version", "1.0"},
      {"added_tokens", json::array()},
      {"pre_tokenizer", level},
      {"decoder", level},
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", json::array()}}}};
  return tokenizer.dump(1) + "\n";
}

}  // namespace mmi::models::lm
