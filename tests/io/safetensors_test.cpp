#include "mmi/io/safetensors.h"

#include <cstdint>
#include <string>

#include "helpers.h"
#include "mmi/base/files.h"

namespace mmi::io {
namespace {

using test::bytes_of;
using test::values;

class Safetensors : public test::InFolder {
 protected:
  /// A file of that header text and that many data bytes.
  std::filesystem::path made(const std::string& header, std::size_t n_data = 0) {
    std::uint64_t length = header.size();
    std::string text(reinterpret_cast<const char*>(&length), 8);
    text += header + std::string(n_data, 'x');
    atomic_write(file("made.safetensors"), text);
    return file("made.safetensors");
  }

  static std::string tensor(const std::string& name, const std::string& shape, int begin, int end) {
    return format(
        R"("{}":{{"dtype":"U8","shape":{},"data_offsets":[{},{}]}})", name, shape, begin, end);
  }
};

TEST_F(Safetensors, ReadsWhatThePythonPackageWrote) {
  const auto file = SafetensorsFile::open(test::data("python.safetensors"));
  EXPECT_EQ(file.entries().size(), 13U);
  EXPECT_EQ(
      file.metadata(), (std::map<std::string, std::string>{{"format", "pt"}, {"step", "12"}}));
  const auto& weight = file.at("layer.weight");
  EXPECT_EQ(weight.dtype, DType::kF32);
  EXPECT_EQ(weight.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(values<float>(weight.bytes), (std::vector<float>{0, 0.25, 0.5, 0.75, 1, 1.25}));
  EXPECT_EQ(values<double>(file.at("layer.bias").bytes), (std::vector<double>{1.5, -2.5, 3.25}));
  EXPECT_EQ(
      values<std::uint16_t>(file.at("half").bytes), (std::vector<std::uint16_t>{0x3800, 0xBC00}));
  EXPECT_EQ(file.at("half").dtype, DType::kF16);
  EXPECT_EQ(
      values<std::uint16_t>(file.at("brain").bytes), (std::vector<std::uint16_t>{0x3F80, 0xC000}));
  EXPECT_EQ(file.at("brain").dtype, DType::kBF16);
  EXPECT_EQ(
      values<std::int64_t>(file.at("long").bytes), (std::vector<std::int64_t>{-1, 1LL << 40}));
  EXPECT_EQ(values<std::int32_t>(file.at("int").bytes), (std::vector<std::int32_t>{-7, 7}));
  EXPECT_EQ(values<std::int16_t>(file.at("short").bytes), (std::vector<std::int16_t>{-300}));
  EXPECT_EQ(values<std::int8_t>(file.at("char").bytes), (std::vector<std::int8_t>{-3, 3}));
  EXPECT_EQ(values<std::uint8_t>(file.at("byte").bytes), (std::vector<std::uint8_t>{200, 1}));
  EXPECT_EQ(file.at("flag").dtype, DType::kBool);
  EXPECT_EQ(values<std::uint8_t>(file.at("flag").bytes), (std::vector<std::uint8_t>{1, 0, 1}));
  EXPECT_TRUE(file.at("scalar").shape.empty());
  EXPECT_EQ(values<float>(file.at("scalar").bytes), (std::vector<float>{42}));
  EXPECT_EQ(file.at("empty").shape, (std::vector<std::int64_t>{0, 5}));
  EXPECT_TRUE(file.at("empty").bytes.empty());
  EXPECT_NE(file.find("naïve ключ"), nullptr);
  EXPECT_EQ(file.find("missing"), nullptr);
  EXPECT_ERROR(file.at("missing"), CheckpointError, "holds no tensor 'missing'");
}

TEST_F(Safetensors, WritingWhatWasReadGivesTheSameArraysAligned) {
  const auto original = SafetensorsFile::open(test::data("python.safetensors"));
  write_safetensors(file("copy.safetensors"), original.entries(), original.metadata());
  const auto copy = SafetensorsFile::open(file("copy.safetensors"));
  EXPECT_EQ(copy.metadata(), original.metadata());
  ASSERT_EQ(copy.entries().size(), original.entries().size());
  std::size_t last_size = 8;
  for (const auto& entry : copy.entries()) {
    const auto& before = original.at(entry.name);
    EXPECT_EQ(entry.dtype, before.dtype);
    EXPECT_EQ(entry.shape, before.shape);
    EXPECT_TRUE(std::equal(
        entry.bytes.begin(), entry.bytes.end(), before.bytes.begin(), before.bytes.end()));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(entry.bytes.data()) % dtype_size(entry.dtype), 0U);
    EXPECT_LE(dtype_size(entry.dtype), last_size);
    last_size = dtype_size(entry.dtype);
  }
  EXPECT_EQ(files_in_folder(), 1U) << "a temporary file was left";
}

TEST_F(Safetensors, NoTensorsAtAllIsAFile) {
  write_safetensors(file("none.safetensors"), {});
  EXPECT_TRUE(SafetensorsFile::open(file("none.safetensors")).entries().empty());
}

TEST_F(Safetensors, ReplacingAFileLeavesOpenOnesIntact) {
  const std::vector<std::uint8_t> one{1};
  const std::vector<std::uint8_t> two{2};
  write_safetensors(file("a"), std::vector<SafetensorsEntry>{{"x", DType::kU8, {1}, one}});
  const auto before = SafetensorsFile::open(file("a"));
  write_safetensors(file("a"), std::vector<SafetensorsEntry>{{"x", DType::kU8, {1}, two}});
  EXPECT_EQ(before.at("x").bytes[0], 1);
  EXPECT_EQ(SafetensorsFile::open(file("a")).at("x").bytes[0], 2);
}

TEST_F(Safetensors, EveryPrefixOfAFileIsRefused) {
  const std::string whole = read_text(test::data("python.safetensors"));
  for (std::size_t length = 0; length < whole.size(); length += length < 24 ? 1 : 7) {
    atomic_write(file("cut"), whole.substr(0, length));
    EXPECT_THROW(SafetensorsFile::open(file("cut")), CheckpointError) << length;
  }
}

TEST_F(Safetensors, FilesThatAreNotThereOrNotFiles) {
  EXPECT_ERROR(SafetensorsFile::open(file("none")), CheckpointError, "cannot be opened");
  EXPECT_ERROR(SafetensorsFile::open(folder_), CheckpointError, "not a regular file");
}

TEST_F(Safetensors, HeaderLengthIsLimited) {
  std::uint64_t length = 100'000'001;
  std::string text(reinterpret_cast<const char*>(&length), 8);
  atomic_write(file("long"), text + "{}");
  EXPECT_ERROR(SafetensorsFile::open(file("long")), CheckpointError, "100000001 bytes");
  length = ~0ULL;
  text.assign(reinterpret_cast<const char*>(&length), 8);
  atomic_write(file("long"), text + "{}");
  EXPECT_ERROR(SafetensorsFile::open(file("long")), CheckpointError, "at most 100000000");
}

TEST_F(Safetensors, HeadersThatAreNotOurJson) {
  EXPECT_ERROR(SafetensorsFile::open(made(" {}")), CheckpointError, "does not begin with '{'");
  EXPECT_ERROR(SafetensorsFile::open(made("{\"a\":")), CheckpointError, "invalid JSON");
  EXPECT_ERROR(SafetensorsFile::open(made("{} x")), CheckpointError, "invalid JSON");
  EXPECT_ERROR(SafetensorsFile::open(made("{\"\xff\":1}")), CheckpointError, "invalid JSON");
  EXPECT_ERROR(
      SafetensorsFile::open(made(R"({"a":{"b":{"c":{"d":{}}}}})")), CheckpointError, "nested");
  EXPECT_ERROR(
      SafetensorsFile::open(
          made("{" + tensor("a", "[1]", 0, 1) + "," + tensor("a", "[1]", 1, 2) + "}", 2)),
      CheckpointError,
      "key 'a' appears twice");
}

TEST_F(Safetensors, NamesAreLimited) {
  const auto named = [&](std::size_t length) {
    return SafetensorsFile::open(
        made("{" + tensor(std::string(length, 'a'), "[1]", 0, 1) + "}", 1));
  };
  EXPECT_EQ(named(1024).entries().size(), 1U);
  EXPECT_ERROR(named(1025), CheckpointError, "name has 1025 bytes, but at most 1024");
}

TEST_F(Safetensors, EntriesWithMissingOrWrongFields) {
  const auto entry = [&](const std::string& fields) { return made("{\"a\":" + fields + "}", 4); };
  EXPECT_ERROR(SafetensorsFile::open(entry("3")), CheckpointError, "not a JSON object");
  EXPECT_ERROR(
      SafetensorsFile::open(entry(R"({"dtype":"F32","shape":[1]})")),
      CheckpointError,
      "'data_offsets' is missing");
  EXPECT_ERROR(
      SafetensorsFile::open(entry(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1})")),
      CheckpointError,
      "unknown field 'x'");
  EXPECT_ERROR(
      SafetensorsFile::open(entry(R"({"dtype":"F8","shape":[1],"data_offsets":[0,4]})")),
      CheckpointError,
      "dtype 'F8' is not supported");
  EXPECT_ERROR(
      SafetensorsFile::open(entry(R"({"dtype":5,"shape":[1],"data_offsets":[0,4]})")),
      CheckpointError,
      "dtype is not a string");
  EXPECT_ERROR(
      SafetensorsFile::open(entry(R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})")),
      CheckpointError,
      "shape is not a list");
  EXPECT_ERROR(
      SafetensorsFile::open(entry(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})")),
      CheckpointError,
      "non-negative integers, but holds -1");
  EXPECT_ERROR(
      SafetensorsFile::open(entry(R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})")),
      CheckpointError,
      "non-negative integers");
  EXPECT_ERROR(
      SafetensorsFile::open(entry(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})")),
      CheckpointError,
      "not a pair");
  EXPECT_ERROR(
      SafetensorsFile::open(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})")),
      CheckpointError,
      "needs 8 bytes, but data_offsets are [0, 4]");
  EXPECT_ERROR(
      SafetensorsFile::open(entry(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})")),
      CheckpointError,
      "data_offsets are [4, 0]");
  EXPECT_ERROR(
      SafetensorsFile::open(
          entry(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]})")),
      CheckpointError,
      "too large");
  EXPECT_ERROR(
      SafetensorsFile::open(made(R"({"__metadata__":{"a":1}})")), CheckpointError, "not a string");
  EXPECT_ERROR(
      SafetensorsFile::open(made(R"({"__metadata__":[]})")), CheckpointError, "not a JSON object");
}

TEST_F(Safetensors, DataMustBeCoveredExactly) {
  const std::string a = tensor("a", "[2]", 0, 2);
  EXPECT_ERROR(
      SafetensorsFile::open(made("{" + a + "," + tensor("b", "[2]", 3, 5) + "}", 5)),
      CheckpointError,
      "a hole");
  EXPECT_ERROR(
      SafetensorsFile::open(made("{" + a + "," + tensor("b", "[2]", 1, 3) + "}", 3)),
      CheckpointError,
      "an overlap");
  EXPECT_ERROR(SafetensorsFile::open(made("{" + a + "}", 1)), CheckpointError, "it is truncated");
  EXPECT_ERROR(
      SafetensorsFile::open(made("{" + a + "}", 3)), CheckpointError, "something follows the data");
  EXPECT_EQ(SafetensorsFile::open(made("{" + a + "}   ", 2)).entries().size(), 1U);
}

TEST_F(Safetensors, WriterRefusesWhatItCouldNotRead) {
  const std::vector<std::uint8_t> two{1, 2};
  const auto write = [&](std::vector<SafetensorsEntry> entries) {
    write_safetensors(file("bad"), entries);
  };
  EXPECT_ERROR(write({{"a", DType::kU8, {3}, two}}), CheckpointError, "2 bytes were given");
  EXPECT_ERROR(write({{"a", DType::kU8, {-1}, {}}}), CheckpointError, "'a' is U8 of shape [-1]");
  EXPECT_ERROR(
      write({{"a", DType::kU8, {2}, two}, {"a", DType::kU8, {2}, two}}),
      CheckpointError,
      "two tensors are named 'a'");
  EXPECT_ERROR(write({{"__metadata__", DType::kU8, {2}, two}}), CheckpointError, "cannot be named");
  EXPECT_ERROR(write({{"\xff", DType::kU8, {2}, two}}), CheckpointError, "not UTF-8");
  EXPECT_ERROR(
      write({{std::string(1025, 'a'), DType::kU8, {2}, two}}), CheckpointError, "1025 bytes");
  EXPECT_EQ(files_in_folder(), 0U);
  EXPECT_ERROR(
      write_safetensors(file("no/such/folder/x"), {}), CheckpointError, "cannot be written");
}

}  // namespace
}  // namespace mmi::io
