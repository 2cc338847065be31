#include "mmi/text/tokenizer.h"

#include <nlohmann/json.hpp>
#include <thread>

#include "io/helpers.h"
#include "mmi/base/files.h"

namespace mmi::text {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int64_t>;

class TokenizerFiles : public test::InFolder {
 protected:
  void write(const std::string& name, std::string_view content) const {
    atomic_write(file(name), content);
  }
};

/// "low", "lower", "est" with two merges; `changes` are laid over it.
json small(const json& changes = json::object()) {
  json description = json::parse(R"({
    "model": {"type": "BPE", "unk_token": "?",
      "vocab": {"?": 0, "l": 1, "o": 2, "w": 3, "e": 4, "r": 5, "lo": 6, "low": 7, "er": 8},
      "merges": ["l o", "lo w", "e r"]},
    "pre_tokenizer": {"type": "WhitespaceSplit"},
    "added_tokens": [{"id": 9, "content": "<s>", "special": true, "single_word": false,
      "lstrip": false, "rstrip": true, "normalized": false}]})");
  description.merge_patch(changes);
  return description;
}

TokenizerPtr parse(const json& description) {
  return parse_tokenizer_json(description.dump(), "t.json");
}

TEST(Tokenizer, MergesInTheOrderOfTheirRanks) {
  const auto tokenizer = parse(small());
  EXPECT_EQ(tokenizer->encode("low lower"), (Ids{7, 7, 8}));
  EXPECT_EQ(tokenizer->encode("lol"), (Ids{6, 1}));
  EXPECT_EQ(tokenizer->encode(""), Ids{});
  EXPECT_EQ(tokenizer->encode("xx low"), (Ids{0, 0, 7}));
  EXPECT_EQ(parse(small({{"model", {{"fuse_unk", true}}}}))->encode("xx low"), (Ids{0, 7}));
  EXPECT_EQ(parse(small({{"model", {{"unk_token", nullptr}}}}))->encode("xlow"), Ids{7});
  EXPECT_EQ(tokenizer->vocab_size(), 10);
  EXPECT_EQ(tokenizer->token_to_id("low"), 7);
  EXPECT_EQ(tokenizer->token_to_id("<s>"), 9);
  EXPECT_EQ(tokenizer->token_to_id("slow"), std::nullopt);
  EXPECT_EQ(tokenizer->id_to_token(8), "er");
  EXPECT_EQ(tokenizer->id_to_token(10), std::nullopt);
}

/// A word of more than 48 symbols takes the way of the heap.
TEST(Tokenizer, LongWordsMergeAsShortOnesDo) {
  const auto tokenizer = parse(small({{"pre_tokenizer", nullptr}}));
  for (const int n : {1, 10, 23, 24, 25, 100, 5000}) {
    std::string text;
    Ids expected;
    for (int i = 0; i < n; ++i) {
      text += i % 3 == 2 ? "er" : "low";
      expected.push_back(i % 3 == 2 ? 8 : 7);
    }
    EXPECT_EQ(tokenizer->encode(text), expected) << n;
  }
}

TEST(Tokenizer, AddedTokensAreCutOutFirst) {
  const auto tokenizer = parse(small());
  EXPECT_EQ(tokenizer->encode("low<s>  low<s"), (Ids{7, 9, 7, 0, 0}));
  EXPECT_EQ(tokenizer->decode(Ids{7, 9, 8}), "low er");
  EXPECT_EQ(tokenizer->decode(Ids{7, 9, 8}, false), "low <s> er");
  ASSERT_EQ(tokenizer->added_tokens().size(), 1U);
  EXPECT_TRUE(tokenizer->added_tokens()[0].rstrip);
}

TEST(Tokenizer, BytesStandInForUnknownCharacters) {
  json description = small({{"decoder", {{"type", "ByteFallback"}}}});
  description["model"]["byte_fallback"] = true;
  description["model"]["vocab"]["<0xC3>"] = 10;
  description["model"]["vocab"]["<0xA9>"] = 11;
  const auto tokenizer = parse(description);
  EXPECT_EQ(tokenizer->encode("\u00e9low"), (Ids{10, 11, 7}));
  EXPECT_EQ(tokenizer->decode(Ids{10, 11, 7}), "\u00e9low");
  EXPECT_EQ(tokenizer->decode(Ids{11, 7}), "\uFFFDlow");
}

TEST(Tokenizer, FramesCutsAndPads) {
  const json frame = json::parse(R"({"post_processor": {"type": "BertProcessing",
    "cls": ["<s>", 9], "sep": ["?", 0]}})");
  EXPECT_EQ(parse(small(frame))->encode("low"), (Ids{9, 7, 0}));
  EXPECT_EQ(parse(small(frame))->encode("low", false), Ids{7});
  json cut = frame;
  cut["truncation"] = {{"max_length", 3}, {"direction", "Left"}};
  cut["padding"] = {{"strategy", {{"Fixed", 5}}}, {"pad_id", 4}, {"direction", "Right"}};
  EXPECT_EQ(parse(small(cut))->encode("low er"), (Ids{9, 8, 0, 4, 4}));
  EXPECT_EQ(fit_length({1, 2, 3, 4}, 3, 0, 9), (Ids{1, 2, 9}));
  EXPECT_EQ(fit_length({1, 2, 3, 4}, 3, 0), (Ids{1, 2, 3}));
  EXPECT_EQ(fit_length({1}, 3, 0, 9), (Ids{1, 0, 0}));
}

TEST(Tokenizer, ManyThreadsGiveTheIdsOfOne) {
  const auto tokenizer = parse(small());
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) {
    texts.push_back(std::string(static_cast<std::size_t>(i), 'l') + " lower low");
  }
  EXPECT_EQ(encode_batch(*tokenizer, texts, true, 8), encode_batch(*tokenizer, texts));
}

TEST(Tokenizer, TextThatIsNoUtf8IsRefused) {
  const auto tokenizer = parse(small());
  for (const char* bad :
       {"\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\x80", "\xF0\x8F\xBF\xBF"}) {
    EXPECT_ERROR(tokenizer->encode(std::string("low ") + bad), DataError, "not UTF-8: byte 4");
  }
  EXPECT_ERROR(tokenizer->decode(Ids{10}), DataError, "in 0..9, but one is 10");
  EXPECT_ERROR(tokenizer->decode(Ids{-1}), DataError, "but one is -1");
}

/// Each file is one clear sentence that begins with its name.
TEST(Tokenizer, HostileFiles) {
  const std::vector<std::pair<json, std::string>> cases = {
      {{{"model", nullptr}}, "t.json: field 'model' is missing"},
      {{{"model", {{"type", "Unigram"}}}}, "the model 'Unigram' is not known here"},
      {{{"model", {{"vocab", {{"l", 2}}}}}}, "the id 2 belongs to"},
      {{{"model", {{"vocab", {{"z", -1}}}}}}, "the id of 'z' must be a whole number"},
      {{{"model", {{"vocab", {{"z", 4000000000U}}}}}}, "the id of 'z' must be a whole number"},
      {{{"model", {{"vocab", {{"z", "a"}}}}}}, "the id of 'z' must be a whole number"},
      {{{"model", {{"vocab", 3}}}}, "must map tokens to ids"},
      {{{"model", {{"merges", {"l o w"}}}}}, "merge 0 must be two tokens"},
      {{{"model", {{"merges", {"low"}}}}}, "merge 0 must be two tokens"},
      {{{"model", {{"merges", {3}}}}}, "merge 0 must be two tokens"},
      {{{"model", {{"merges", {"o w"}}}}}, "needs the token 'ow', which the vocabulary lacks"},
      {{{"model", {{"dropout", 0.1}}}}, "dropout is not known here"},
      {{{"model", {{"colour", 1}}}}, "t.json: model: the field 'colour' is not known here"},
      {{{"version", "2.0"}}, "the version '2.0' is not known here"},
      {{{"added_tokens", {{{"id", 9}}}}}, "added_tokens[0]: field 'content' is missing"},
      {{{"post_processor", {{"type", "BertProcessing"}, {"cls", {"a", 99}}, {"sep", {"a", 0}}}}},
       "'cls' must be a token and an id of the vocabulary"},
      {{{"pre_tokenizer",
         {{"type", "Split"},
          {"pattern", {{"Regex", "(("}}},
          {"behavior", "Isolated"},
          {"invert", false}}}},
       "the regular expression '((' is invalid"},
      {{{"pre_tokenizer",
         {{"type", "Split"},
          {"pattern", {{"Regex", "[a&&b]"}}},
          {"behavior", "Isolated"},
          {"invert", false}}}},
       "uses '&&' inside of [...]"},
      {{{"pre_tokenizer",
         {{"type", "Split"},
          {"pattern", {{"String", "x"}}},
          {"behavior", "Torn"},
          {"invert", false}}}},
       "the behavior 'Torn' is not known here"},
      {{{"decoder", {{"type", "CTC"}}}}, "t.json: decoder: the decoder 'CTC' is not known here"},
      {{{"normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "Nmt"}}}}}}},
       "normalizer[0]: the normalizer 'Nmt' is not known here"},
      {{{"truncation", {{"max_length", 0}}}}, "'max_length' must be a whole number in 1.."},
  };
  for (const auto& [changes, part] : cases) {
    EXPECT_ERROR(parse(small(changes)), DataError, part);
  }
  EXPECT_ERROR(parse_tokenizer_json("", "t.json"), DataError, "t.json: invalid JSON at line 1");
  EXPECT_ERROR(parse_tokenizer_json("[]", "t.json"), DataError, "t.json must be a JSON object");
  std::string nested = small().dump();
  nested.insert(1, "\"normalizer\":" + std::string(40, '[') + std::string(40, ']') + ",");
  EXPECT_ERROR(parse_tokenizer_json(nested, "t.json"), DataError, "nested deeper");
}

/// An expression that tries too much gives up instead of running for ever.
TEST(Tokenizer, RunawayExpressionsGiveUp) {
  const auto tokenizer = parse(small(
      {{"pre_tokenizer",
        {{"type", "Split"},
         {"pattern", {{"Regex", "(l+l+)+[xy]"}}},
         {"behavior", "Isolated"},
         {"invert", false}}}}));
  EXPECT_ERROR(tokenizer->encode(std::string(64, 'l')), DataError, "gives up on a text");
  EXPECT_EQ(tokenizer->encode("low"), Ids{7});
}

TEST_F(TokenizerFiles, WordPieces) {
  write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nplay\n##ing\n##s\n,\ncafe\n");
  const auto tokenizer = load_tokenizer(folder_);
  EXPECT_EQ(tokenizer->encode("Playing,  caf\u00e9s xyz"), (Ids{2, 4, 5, 7, 8, 6, 1, 3}));
  EXPECT_EQ(tokenizer->decode(Ids{2, 4, 5, 7, 8, 6, 3}), "playing, cafes");
  EXPECT_EQ(tokenizer->encode(std::string(101, 'p'), false), Ids{1});
  write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\na\n");
  EXPECT_ERROR(load_tokenizer(folder_), DataError, "line 5 repeats the token 'a'");
  write("vocab.txt", "a\nb\n");
  EXPECT_ERROR(load_tokenizer(folder_), DataError, "the vocabulary lacks the token '[CLS]'");
  write("vocab.txt", "a\n\xFF\n");
  EXPECT_ERROR(load_tokenizer(folder_), DataError, "is not UTF-8: byte 2");
}

TEST_F(TokenizerFiles, ClipMerges) {
  write("bpe_simple_vocab_16e6.txt", "\"bpe_simple_vocab_16e6.txt#version: 0.2\nd o\ndo g</w>\n");
  const auto tokenizer = load_tokenizer(folder_);
  ASSERT_EQ(tokenizer->vocab_size(), 516);
  EXPECT_EQ(tokenizer->id_to_token(0), "!");
  EXPECT_EQ(tokenizer->id_to_token(256), "!</w>");
  EXPECT_EQ(tokenizer->encode("  DOG\n"), (Ids{514, 513, 515}));
  EXPECT_EQ(tokenizer->decode(Ids{514, 513, 513, 515}), "dog dog");
  write("bpe_simple_vocab_16e6.txt", "#version\nd o\nd o\n");
  EXPECT_ERROR(load_tokenizer(folder_), DataError, "the token 'do' comes twice");
  write("bpe_simple_vocab_16e6.txt", "#version\nd o g\n");
  EXPECT_ERROR(load_tokenizer(folder_), DataError, "line 2 must be two tokens");
  write("bpe_simple_vocab_16e6.txt.gz", "\x1F\x8B\x08 damaged");
  EXPECT_ERROR(load_tokenizer(file("bpe_simple_vocab_16e6.txt.gz")), DataError, "unpacked");
}

TEST_F(TokenizerFiles, VocabAndMerges) {
  write("vocab.json", R"({"l": 0, "o": 1, "Ġ": 2, "lo": 3, "<s>": 4, "</s>": 5, "<mask>": 6})");
  write("merges.txt", "#version: 0.2\r\nl o\r\n");
  const auto tokenizer = load_tokenizer(folder_);  // <s> and </s>: RoBERTa
  EXPECT_EQ(tokenizer->encode("lo <mask> lo"), (Ids{4, 3, 6, 2, 3, 5}));
  EXPECT_EQ(tokenizer->decode(Ids{4, 3, 2, 3, 5}), "lo lo");
  write("tokenizer_config.json", R"({"tokenizer_class": "GPT2TokenizerFast"})");
  EXPECT_EQ(load_tokenizer(file("merges.txt"))->encode("lo"), Ids{3});
  write("tokenizer_config.json", R"({"tokenizer_class": "XTokenizer"})");
  EXPECT_ERROR(load_tokenizer(folder_), DataError, "the tokenizer class 'XTokenizer' is not known");
  std::filesystem::remove(file("merges.txt"));
  std::filesystem::remove(file("tokenizer_config.json"));
  EXPECT_ERROR(load_tokenizer(folder_), DataError, "merges.txt");
}

TEST_F(TokenizerFiles, HaveNamesThatAFolderIsReadBy) {
  const auto names = [&](const std::string& given) {
    std::string all;
    for (const TokenizerFile& found : tokenizer_files(given.empty() ? folder_ : file(given))) {
      all += found.name + " ";
    }
    return all;
  };
  for (const char* name :
       {"my.json",
        "llama.model",
        "spiece.model",
        "sentencepiece.bpe.model",
        "merges.txt.gz",
        "bpe_simple_vocab_16e6.txt",
        "words.txt"}) {
    write(name, "x");
  }
  write("tokenizer_config.json", "{}");
  EXPECT_EQ(names("my.json"), "tokenizer.json ");
  EXPECT_EQ(names("llama.model"), "tokenizer.model tokenizer_config.json ");
  EXPECT_EQ(names("spiece.model"), "spiece.model tokenizer_config.json ");
  EXPECT_EQ(names("sentencepiece.bpe.model"), "tokenizer.model tokenizer_config.json ");
  EXPECT_EQ(names("merges.txt.gz"), "bpe_simple_vocab_16e6.txt.gz ");
  EXPECT_EQ(names("bpe_simple_vocab_16e6.txt"), "bpe_simple_vocab_16e6.txt ");
  EXPECT_EQ(names("words.txt"), "vocab.txt tokenizer_config.json ");
  write("merges.txt", "x");
  EXPECT_EQ(names("merges.txt"), "vocab.json merges.txt tokenizer_config.json ");
  EXPECT_EQ(names(""), "spiece.model tokenizer_config.json ");
  EXPECT_ERROR(tokenizer_files(file("none")), DataError, "does not exist");
}

TEST_F(TokenizerFiles, OtherFilesAreRefused) {
  EXPECT_ERROR(load_tokenizer(folder_), DataError, "holds no tokenizer that is known here");
  EXPECT_ERROR(load_tokenizer(file("none")), DataError, "does not exist");
  write("a.bin", "x");
  EXPECT_ERROR(load_tokenizer(file("a.bin")), DataError, "is no tokenizer that is known here");
}

}  // namespace
}  // namespace mmi::text
