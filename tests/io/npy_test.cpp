#include "mmi/io/npy.h"

#include <numeric>

#include "helpers.h"
#include "mmi/base/files.h"
#include "mmi/base/rng.h"

namespace mmi::io {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Shape = std::vector<std::int64_t>;
using test::values;

class Npy : public test::InFolder {};

std::vector<double> counting(int n) {
  std::vector<double> out(static_cast<std::size_t>(n));
  std::iota(out.begin(), out.end(), 0.0);
  return out;
}

void expect_reference(const std::map<std::string, Array>& arrays) {
  ASSERT_EQ(arrays.size(), 11U);
  EXPECT_EQ(arrays.at("bool"), (Array{DType::kBool, {2, 2}, {1, 0, 0, 1}}));
  EXPECT_EQ(arrays.at("int8"), (Array{DType::kI8, {2}, {0x80, 0x7F}}));
  EXPECT_EQ(values<std::int16_t>(arrays.at("int16").bytes), (std::vector<std::int16_t>{-300, 300}));
  EXPECT_EQ(
      values<std::int32_t>(arrays.at("int32").bytes), (std::vector<std::int32_t>{-70000, 70000}));
  EXPECT_EQ(arrays.at("int32").shape, (Shape{2, 1}));
  EXPECT_TRUE(arrays.at("int64").shape.empty());
  EXPECT_EQ(
      values<std::int64_t>(arrays.at("int64").bytes), (std::vector<std::int64_t>{-(1LL << 40)}));
  EXPECT_EQ(arrays.at("uint8"), (Array{DType::kU8, {2}, {0, 255}}));
  EXPECT_EQ(arrays.at("float16"), (Array{DType::kF16, {2}, {0x00, 0x38, 0x00, 0xC0}}));
  EXPECT_EQ(arrays.at("float32"), (Array{DType::kF32, {0, 3}, {}}));
  EXPECT_EQ(values<double>(arrays.at("float64").bytes), counting(24));
  EXPECT_EQ(arrays.at("float64").shape, (Shape{2, 3, 4}));
  EXPECT_EQ(arrays.at("fortran"), arrays.at("float64")) << "Fortran order was not turned round";
  EXPECT_EQ(values<double>(arrays.at("big").bytes), counting(6)) << "big-endian";
}

TEST_F(Npy, ReadsStoredArchivesOfNumpy) {
  expect_reference(read_npz(test::data("stored.npz")));
}

TEST_F(Npy, ReadsDeflatedArchivesOfNumpy) {
  expect_reference(read_npz(test::data("deflated.npz")));
}

TEST_F(Npy, ReadsSingleArraysOfBothVersions) {
  EXPECT_EQ(values<double>(read_npy(test::data("fortran.npy")).bytes), counting(24));
  EXPECT_EQ(values<double>(read_npy(test::data("version2.npy")).bytes), counting(24));
}

TEST_F(Npy, WritesTheBytesThatNumpyWrites) {
  EXPECT_EQ(encode_npy(read_npy(test::data("rgb.png.npy"))), read_bytes(test::data("rgb.png.npy")));
  EXPECT_EQ(
      encode_npy(read_npy(test::data("float.wav.npy"))), read_bytes(test::data("float.wav.npy")));
}

TEST_F(Npy, ArchivesSurviveWritingAndReading) {
  const auto arrays = read_npz(test::data("stored.npz"));
  for (const bool compressed : {false, true}) {
    write_npz(file("a.npz"), arrays, compressed);
    EXPECT_EQ(read_npz(file("a.npz")), arrays);
    const Bytes first = read_bytes(file("a.npz"));
    write_npz(file("a.npz"), arrays, compressed);
    EXPECT_EQ(read_bytes(file("a.npz")), first) << "no time stamps";
  }
  EXPECT_EQ(read_npz_key(file("a.npz"), "bool"), arrays.at("bool"));
  EXPECT_ERROR(
      read_npz_key(file("a.npz"), "x"), DataError, "holds no array 'x'; it has: big, bool");
  write_npz(file("none.npz"), {});
  EXPECT_TRUE(read_npz(file("none.npz")).empty());
}

TEST_F(Npy, AnEmptyRollCompressesFarAndIsStillRead) {
  const std::map<std::string, Array> silent{{"midi", {DType::kF64, {50, 88}, Bytes(35200)}}};
  write_npz(file("silent.npz"), silent);
  EXPECT_LT(std::filesystem::file_size(file("silent.npz")), 400U);
  EXPECT_EQ(read_npz(file("silent.npz")), silent);
}

TEST_F(Npy, PicklesAreRefused) {
  EXPECT_ERROR(read_npy(test::data("object.npy")), DataError, "object array, which holds a pickle");
}

TEST_F(Npy, BombsAndLimits) {
  EXPECT_ERROR(read_npz(test::data("bomb.npz")), DataError, "which no array file has");
  EXPECT_ERROR(read_npz(test::data("deflated.npz"), {800, 100}), DataError, "at most 800 B");
  EXPECT_ERROR(read_npz(test::data("stored.npz"), {1 << 20, 3}), DataError, "more than 3 arrays");
}

Array header_of(const std::string& header, std::size_t n_data = 0) {
  Bytes bytes{0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  bytes.push_back(static_cast<std::uint8_t>(header.size() & 255));
  bytes.push_back(static_cast<std::uint8_t>(header.size() >> 8));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.resize(bytes.size() + n_data);
  return parse_npy(bytes, "f.npy");
}

TEST_F(Npy, FaultyHeaders) {
  EXPECT_EQ(
      header_of("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8).shape, Shape{2});
  EXPECT_EQ(header_of(R"({"shape":(),"descr":"|u1","fortran_order":True})", 1).shape, Shape{});
  const auto refused = [](const std::string& header, const char* part) {
    EXPECT_ERROR(header_of(header, 8), DataError, part);
  };
  refused("", "malformed");
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "malformed");
  refused("{'descr': '<f4', 'fortran_order': False}", "malformed");
  refused("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "malformed");
  refused("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "malformed");
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", "malformed");
  refused(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "malformed");
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", "malformed");
  refused("{'descr': '<U4', 'fortran_order': False, 'shape': (2,)}", "'<U4' is not supported");
  refused("{'descr': [('a','<f4')], 'fortran_order': False, 'shape': (2,)}", "structured array");
  refused(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "needs 12 bytes, but 8 follow");
  refused(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
      "exceeds the limit");
  EXPECT_ERROR(parse_npy(Bytes{1, 2, 3}, "f.npy"), DataError, "f.npy is not a NumPy array");
  EXPECT_ERROR(encode_npy({DType::kBF16, {1}, {0, 0}}), ConfigError, "no bfloat16");
  EXPECT_ERROR(encode_npy({DType::kF32, {2}, {0, 0}}), ShapeError, "cannot have 2 bytes");
}

TEST_F(Npy, EveryPrefixIsRefused) {
  for (const char* name : {"fortran.npy", "stored.npz", "deflated.npz"}) {
    const Bytes whole = read_bytes(test::data(name));
    for (std::size_t length = 0; length < whole.size(); length += 3) {
      const std::span<const std::uint8_t> cut(whole.data(), length);
      if (std::string(name).ends_with("z")) {
        EXPECT_THROW(parse_npz(cut, "cut"), DataError) << name << length;
      } else {
        EXPECT_THROW(parse_npy(cut, "cut"), DataError) << name << length;
      }
    }
  }
}

TEST_F(Npy, AnyChangedByteOfAnArchiveReadsOrIsADataError) {
  const Bytes whole = read_bytes(test::data("deflated.npz"));
  Rng rng(6);
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    Bytes changed = whole;
    changed[static_cast<std::size_t>(rng.integer(static_cast<std::int64_t>(whole.size())))] ^=
        static_cast<std::uint8_t>(1 + rng.integer(255));
    try {
      parse_npz(changed, "changed", {1 << 20, 100});
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 700) << "checksums should catch most changes";
}

}  // namespace
}  // namespace mmi::io
