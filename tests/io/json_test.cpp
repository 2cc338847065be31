#include "mmi/io/json.h"

#include <nlohmann/json.hpp>

#include "helpers.h"
#include "mmi/base/files.h"

namespace mmi::io {
namespace {

class Json : public test::InFolder {};

TEST_F(Json, ReadsAFile) {
  atomic_write(file("a.json"), std::string_view(R"({"a": [1, 2.5, "x", null, true], "b": {}})"));
  const auto value = read_json(file("a.json"));
  EXPECT_EQ(value["a"][1].get<double>(), 2.5);
  EXPECT_EQ(value["a"].size(), 5U);
}

TEST_F(Json, ErrorsSayWhere) {
  EXPECT_ERROR(
      parse_json("{\n \"a\": 1,\n \"b\" 2}", "x.json"),
      DataError,
      "x.json: invalid JSON at line 3, column 6");
  EXPECT_ERROR(parse_json("", "x.json"), DataError, "line 1, column 1");
  EXPECT_ERROR(parse_json("{} {}", "x.json"), DataError, "line 1, column 4");
  EXPECT_ERROR(parse_json("[NaN]", "x.json"), DataError, "invalid JSON");
  EXPECT_ERROR(parse_json("[1e999]", "x.json"), DataError, "invalid JSON");
  EXPECT_ERROR(parse_json("\"\xC3\x28\"", "x.json"), DataError, "invalid JSON");
}

TEST_F(Json, DuplicateKeysAreRefusedAtAnyDepth) {
  EXPECT_ERROR(parse_json(R"({"a": {"b": 1, "b": 2}})", "x"), DataError, "key 'b' appears twice");
  EXPECT_EQ(parse_json(R"([{"b": 1}, {"b": 2}])", "x").size(), 2U);
}

TEST_F(Json, DepthAndSizeAreLimited) {
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  EXPECT_EQ(parse_json(deep, "x").size(), 1U);
  EXPECT_ERROR(parse_json("[" + deep + "]", "x"), DataError, "deeper than 64 levels");
  EXPECT_ERROR(parse_json(std::string(1'000'000, '['), "x"), DataError, "deeper than 64 levels");
  EXPECT_ERROR(parse_json("[1, 2]", "x", {3, 64}), DataError, "at most 3 B");
}

}  // namespace
}  // namespace mmi::io
