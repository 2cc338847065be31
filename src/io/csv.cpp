#include "mmi/io/csv.h"

#include <charconv>
#include <utility>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"

namespace mmi::io {
namespace {

constexpr std::uint64_t kMaxBytes = 256ULL << 20;
constexpr std::string_view kMark = "\xEF\xBB\xBF";  ///< of UTF-8

class Parser {
 public:
  Parser(std::string_view text, const std::string& name, char separator)
      : text_(text), name_(name), separator_(separator) {
    if (text_.starts_with(kMark)) {
      text_.remove_prefix(kMark.size());
    }
  }

  bool next(std::vector<std::string>& row) {
    while (used_ < text_.size() && (text_[used_] == '\n' || text_[used_] == '\r')) {
      line_ += text_[used_++] == '\n' ? 1 : 0;
    }
    if (used_ == text_.size()) {
      return false;
    }
    row.clear();
    row_line_ = line_;
    do {
      row.push_back(cell());
    } while (accept(separator_));
    return true;
  }

  std::size_t row_line() const {
    return row_line_;
  }

 private:
  bool accept(char c) {
    if (used_ < text_.size() && text_[used_] == c) {
      ++used_;
      return true;
    }
    return false;
  }

  bool at_end_of_cell() const {
    return used_ == text_.size() || text_[used_] == separator_ || text_[used_] == '\n' ||
           text_[used_] == '\r';
  }

  std::string cell() {
    std::string out;
    if (!accept('"')) {
      while (!at_end_of_cell()) {
        out += text_[used_++];
      }
      return out;
    }
    for (;;) {
      MMI_CHECK(
          DataError,
          used_ < text_.size(),
          "{}: the quote opened in the row of line {} is never closed",
          name_,
          row_line_);
      const char c = text_[used_++];
      if (c == '"' && !accept('"')) {
        break;
      }
      line_ += c == '\n' ? 1 : 0;
      out += c;
    }
    MMI_CHECK(
        DataError, at_end_of_cell(), "{}: text follows a closing quote in line {}", name_, line_);
    return out;
  }

  std::string_view text_;
  const std::string& name_;
  char separator_;
  std::size_t used_ = 0;
  std::size_t line_ = 1;
  std::size_t row_line_ = 1;
};

void put_row(std::string& out, const std::vector<std::string>& row, char separator) {
  const std::string special = std::string("\"\r\n") + separator;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) {
      out += separator;
    }
    // A row of one empty cell would otherwise be an empty line, and a byte order mark be skipped.
    if (row[i].find_first_of(special) == std::string::npos && !row[i].starts_with(kMark) &&
        !(row.size() == 1 && row[i].empty())) {
      out += row[i];
      continue;
    }
    out += '"';
    for (const char c : row[i]) {
      out += c;
      if (c == '"') {
        out += '"';
      }
    }
    out += '"';
  }
  out += '\n';
}

}  // namespace

std::size_t CsvTable::column(std::string_view title) const {
  std::string known;
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i] == title) {
      return i;
    }
    known += (i ? ", " : "") + header[i];
  }
  throw DataError(format("{} has no column '{}'; it has: {}", name, title, known));
}

double CsvTable::number(std::size_t row, std::size_t column) const {
  const std::string& cell = rows.at(row).at(column);
  double value = 0;
  const char* const end = cell.data() + cell.size();
  const auto [stop, error] = std::from_chars(cell.data(), end, value);
  MMI_CHECK(
      DataError,
      error == std::errc() && stop == end,
      "{}: row {}, column '{}': '{}' is not a number",
      name,
      row + 1,
      header.at(column),
      cell);
  return value;
}

CsvTable parse_csv(std::string_view text, const std::string& name, char separator) {
  MMI_CHECK(
      DataError,
      text.size() <= kMaxBytes,
      "{}: {} of CSV, but at most {} are read",
      name,
      human_size(text.size()),
      human_size(kMaxBytes));
  Parser parser(text, name, separator);
  CsvTable table;
  table.name = name;
  MMI_CHECK(DataError, parser.next(table.header), "{} is empty: a header row is needed", name);
  std::vector<std::string> row;
  while (parser.next(row)) {
    MMI_CHECK(
        DataError,
        row.size() == table.header.size(),
        "{}: line {} has {} cells, but the header has {}",
        name,
        parser.row_line(),
        row.size(),
        table.header.size());
    table.rows.push_back(std::move(row));
  }
  return table;
}

CsvTable read_csv(const std::filesystem::path& path, char separator) {
  return parse_csv(read_text(path, kMaxBytes), path.string(), separator);
}

std::string encode_csv(const CsvTable& table, char separator) {
  std::string out;
  put_row(out, table.header, separator);
  for (const auto& row : table.rows) {
    MMI_CHECK(
        ShapeError,
        row.size() == table.header.size(),
        "a CSV row has {} cells, but the header has {}",
        row.size(),
        table.header.size());
    put_row(out, row, separator);
  }
  return out;
}

void write_csv(const std::filesystem::path& path, const CsvTable& table, char separator) {
  atomic_write(path, encode_csv(table, separator));
}

}  // namespace mmi::io
