#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::io {

/// A table of text with named columns. Every row has as many cells as the header.
struct CsvTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  std::string name;  ///< where it came from, for error texts

  /// `DataError` that lists the known columns when there is none of that name.
  MMI_API std::size_t column(std::string_view title) const;

  /// A cell as a number; `DataError` with row and column when it is none.
  MMI_API double number(std::size_t row, std::size_t column) const;
};

/// RFC 4180: quoted cells may hold commas, quotes (doubled) and line breaks; LF and CRLF end a row;
/// a UTF-8 byte order mark is skipped; empty lines are skipped. A `separator` other than ',' reads
/// TSV. The first row is the header. `DataError` with the line number. Limit 256 MiB.
MMI_API CsvTable parse_csv(std::string_view text, const std::string& name, char separator = ',');
MMI_API CsvTable read_csv(const std::filesystem::path& path, char separator = ',');

/// Quotes what needs it; rows end in LF. `ShapeError` for a row of another length.
MMI_API std::string encode_csv(const CsvTable& table, char separator = ',');
MMI_API void write_csv(
    const std::filesystem::path& path, const CsvTable& table, char separator = ',');

}  // namespace mmi::io
