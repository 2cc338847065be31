#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "mmi/base/errors.h"
#include "mmi/base/format.h"
#include "mmi/base/hash.h"
#include "mmi/base/rng.h"

namespace mmi {
namespace {

TEST(Format, UsesThePatternLanguageOfStdFormat) {
  EXPECT_EQ(format("{} of {:.1f} s", 3, 2.46), "3 of 2.5 s");
  EXPECT_EQ(format("{1} {0:>4} {{}}", "b", std::string("a")), "a    b {}");
  EXPECT_EQ(format("{} {:#x} {}", true, 255U, INT64_MIN), "true 0xff -9223372036854775808");
  EXPECT_EQ(format("{}", std::filesystem::path("/a/b")), "/a/b");
}

TEST(Format, PrintsShapes) {
  EXPECT_EQ(format("{}", std::vector<std::int64_t>{2, 5, 100}), "[2, 5, 100]");
  EXPECT_EQ(format("{}", std::vector<std::int64_t>{}), "[]");
}

TEST(Errors, CheckThrowsTheNamedClassWithItsText) {
  const int n = 0;
  try {
    MMI_CHECK(DataError, n > 0, "{}: expected frames, but found {}", "a.mp4", n);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_STREQ(error.what(), "a.mp4: expected frames, but found 0");
    EXPECT_EQ(error.exit_code(), 3);
  }
}

TEST(Errors, ExitCodesTellTheKindsApart) {
  EXPECT_EQ(ConfigError("").exit_code(), 2);
  EXPECT_EQ(ShapeError("").exit_code(), 2);
  EXPECT_EQ(CheckpointError("").exit_code(), 4);
  EXPECT_EQ(NumericError("").exit_code(), 5);
  EXPECT_EQ(NotBuiltError("").exit_code(), 6);
  EXPECT_EQ(Interrupted("").exit_code(), 130);
}

TEST(Errors, AssertSaysThatItIsOurBug) {
  try {
    MMI_ASSERT(1 > 2);
    FAIL();
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find("please report: 1 > 2"), std::string::npos);
  }
}

TEST(Hash, Crc32OfTheCheckString) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926U);
  EXPECT_EQ(crc32(""), 0U);
}

TEST(Hash, FnvOfPublishedVectors) {
  EXPECT_EQ(fnv1a64(""), 0xCBF29CE484222325ULL);
  EXPECT_EQ(fnv1a64("a"), 0xAF63DC4C8601EC8CULL);
  EXPECT_EQ(fnv1a64("foobar"), 0x85944171F73967E8ULL);
}

TEST(Hash, HexHasTheAskedNumberOfDigits) {
  EXPECT_EQ(hex(0x1234ABCD, 8), "1234abcd");
  EXPECT_EQ(hex(0xF), "000000000000000f");
}

// Known answers of the Random123 distribution (kat_vectors, philox4x32-10).
TEST(Rng, PhiloxKnownAnswerForZeros) {
  Rng rng(0, 0);
  EXPECT_EQ(rng.next_u32(), 0x6627E8D5U);
  EXPECT_EQ(rng.next_u32(), 0xE169C58DU);
  EXPECT_EQ(rng.next_u32(), 0xBC57AC4CU);
  EXPECT_EQ(rng.next_u32(), 0x9B00DBD8U);
}

TEST(Rng, StreamsDependOnNameAndIndexOnlyAndDoNotAdvanceTheParent) {
  Rng a(7);
  Rng b(7);
  a.next_u64();
  EXPECT_EQ(a.stream("x", 3).next_u64(), b.stream("x", 3).next_u64());
  EXPECT_NE(a.stream("x", 3).next_u64(), a.stream("x", 4).next_u64());
  EXPECT_NE(a.stream("x", 3).next_u64(), a.stream("y", 3).next_u64());
  EXPECT_NE(Rng(7).stream("x").next_u64(), Rng(8).stream("x").next_u64());
  b.next_u64();
  EXPECT_EQ(a.next_u64(), b.next_u64());
}

TEST(Rng, MomentsOfUniformAndNormal) {
  Rng rng(11);
  constexpr int kN = 200'000;
  double uniform_sum = 0;
  double normal_sum = 0;
  double normal_squares = 0;
  for (int i = 0; i < kN; ++i) {
    const double u = rng.uniform();
    ASSERT_TRUE(u >= 0 && u < 1);
    uniform_sum += u;
    const double z = rng.normal();
    normal_sum += z;
    normal_squares += z * z;
  }
  EXPECT_NEAR(uniform_sum / kN, 0.5, 0.004);
  EXPECT_NEAR(normal_sum / kN, 0, 0.012);
  EXPECT_NEAR(normal_squares / kN, 1, 0.015);
}

TEST(Rng, IntegersCoverTheirRangeEvenly) {
  Rng rng(3);
  std::map<std::int64_t, int> counts;
  for (int i = 0; i < 70'000; ++i) {
    ++counts[rng.integer(7)];
  }
  ASSERT_EQ(counts.size(), 7U);
  for (const auto& [value, count] : counts) {
    EXPECT_TRUE(value >= 0 && value < 7);
    EXPECT_NEAR(count, 10'000, 500);
  }
  EXPECT_THROW(rng.integer(0), InternalError);
}

TEST(Rng, ChoiceFollowsItsWeights) {
  Rng rng(4);
  const double weights[] = {1, 0, 3};
  std::array<int, 3> counts{};
  for (int i = 0; i < 40'000; ++i) {
    ++counts[rng.choice(weights)];
  }
  EXPECT_EQ(counts[1], 0);
  EXPECT_NEAR(counts[2], 30'000, 500);
}

TEST(Rng, ShufflePermutes) {
  std::vector<int> items(100);
  std::iota(items.begin(), items.end(), 0);
  const auto before = items;
  Rng(5).shuffle(items);
  EXPECT_NE(items, before);
  std::sort(items.begin(), items.end());
  EXPECT_EQ(items, before);
}

}  // namespace
}  // namespace mmi
