#include "mmi/io/csv.h"

#include "helpers.h"
#include "mmi/base/files.h"

namespace mmi::io {
namespace {

using Row = std::vector<std::string>;

class Csv : public test::InFolder {};

TEST_F(Csv, ReadsQuotesCommasAndLineBreaksInCells) {
  const auto table = parse_csv("\xEF\xBB\xBFid,text\r\n1,\"a, \"\"b\"\"\nc\"\r\n\r\n2,\n", "x.csv");
  EXPECT_EQ(table.header, (Row{"id", "text"}));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0], (Row{"1", "a, \"b\"\nc"}));
  EXPECT_EQ(table.rows[1], (Row{"2", ""}));
}

TEST_F(Csv, WhatIsWrittenIsReadAgain) {
  const CsvTable table{
      {"a", "b\"c", ""}, {{"1", "x,y", "line\r\nbreak"}, {"", "\"", " space "}, {"", "", ""}}, ""};
  write_csv(file("t.csv"), table);
  const auto read = read_csv(file("t.csv"));
  EXPECT_EQ(read.header, table.header);
  EXPECT_EQ(read.rows, table.rows);
  const CsvTable single{{"only"}, {{""}, {"x"}}, ""};
  EXPECT_EQ(parse_csv(encode_csv(single), "x").rows, single.rows);
  EXPECT_EQ(parse_csv(encode_csv(table, '\t'), "x", '\t').rows, table.rows);
}

TEST_F(Csv, ColumnsAndNumbers) {
  const auto table = parse_csv("t,v\n0.5,-1e3\nx,2 \n", "x.csv");
  EXPECT_EQ(table.number(0, table.column("v")), -1000);
  EXPECT_ERROR(table.column("w"), DataError, "x.csv has no column 'w'; it has: t, v");
  EXPECT_ERROR(table.number(1, 0), DataError, "row 2, column 't': 'x' is not a number");
  EXPECT_ERROR(table.number(1, 1), DataError, "'2 ' is not a number");
}

TEST_F(Csv, FaultsSayTheLine) {
  EXPECT_ERROR(parse_csv("", "x.csv"), DataError, "x.csv is empty");
  EXPECT_ERROR(parse_csv("a,b\n\"1\n2\",3\n4\n", "x.csv"), DataError, "line 4 has 1 cells");
  EXPECT_ERROR(parse_csv("a\n\"b", "x.csv"), DataError, "line 2 is never closed");
  EXPECT_ERROR(
      parse_csv("a\n\"b\"c\n", "x.csv"), DataError, "text follows a closing quote in line 2");
  EXPECT_ERROR(encode_csv({{"a"}, {{"1", "2"}}, ""}), ShapeError, "2 cells");
}

}  // namespace
}  // namespace mmi::io
