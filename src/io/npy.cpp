#include "mmi/io/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"

namespace mmi::io {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::size_t kMaxHeader = 65536;

struct Type {
  std::string_view code;
  DType dtype;
};

constexpr std::array<Type, 9> kTypes{{
    {"f8", DType::kF64},
    {"f4", DType::kF32},
    {"f2", DType::kF16},
    {"i8", DType::kI64},
    {"i4", DType::kI32},
    {"i2", DType::kI16},
    {"i1", DType::kI8},
    {"u1", DType::kU8},
    {"b1", DType::kBool},
}};

struct Header {
  DType dtype = DType::kF32;
  bool swapped = false;
  bool fortran = false;
  std::vector<std::int64_t> shape;
};

/// Reads the Python literal {'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Header parse() {
    Header header;
    bool seen[3] = {};
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      const int which = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : 3;
      if (which == 3 || seen[which]) {
        fail();
      }
      seen[which] = true;
      if (which == 0) {
        parse_type(header);
      } else if (which == 1) {
        header.fortran = word("True");
        if (!header.fortran && !word("False")) {
          fail();
        }
      } else {
        parse_shape(header.shape);
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip();
    if (used_ != text_.size() || !seen[0] || !seen[1] || !seen[2]) {
      fail();
    }
    return header;
  }

 private:
  [[noreturn]] void fail() const {
    throw DataError(format(
        "{}: the NumPy header is malformed at its character {}: '{}'",
        name_,
        used_,
        printable(text_)));
  }

  static std::string printable(std::string_view text) {
    std::string shown(text.substr(0, 120));
    for (char& c : shown) {
      c = c >= 32 && c < 127 ? c : '?';
    }
    return shown;
  }

  void skip() {
    while (used_ < text_.size() && (text_[used_] == ' ' || text_[used_] == '\n')) {
      ++used_;
    }
  }

  bool accept(char c) {
    skip();
    if (used_ < text_.size() && text_[used_] == c) {
      ++used_;
      return true;
    }
    return false;
  }

  void expect(char c) {
    if (!accept(c)) {
      fail();
    }
  }

  bool word(std::string_view wanted) {
    skip();
    if (text_.substr(used_).starts_with(wanted)) {
      used_ += wanted.size();
      return true;
    }
    return false;
  }

  std::string_view quoted() {
    const char mark = accept('"') ? '"' : '\'';
    if (mark == '\'') {
      expect('\'');
    }
    const std::size_t end = text_.find(mark, used_);
    if (end == std::string_view::npos) {
      fail();
    }
    const std::string_view inside = text_.substr(used_, end - used_);
    used_ = end + 1;
    return inside;
  }

  void parse_type(Header& header) {
    skip();
    MMI_CHECK(
        DataError,
        !text_.substr(used_).starts_with('['),
        "{} is a structured array; save its fields as separate arrays",
        name_);
    const std::string_view descr = quoted();
    MMI_CHECK(
        DataError,
        descr.find('O') == std::string_view::npos,
        "{} is an object array, which holds a pickle and is not read: convert it with `mmi "
        "convert`",
        name_);
    const char order = descr.empty() ? '?' : descr[0];
    const std::string_view code = descr.substr(descr.empty() ? 0 : 1);
    const auto known =
        std::find_if(kTypes.begin(), kTypes.end(), [&](const Type& t) { return t.code == code; });
    MMI_CHECK(
        DataError,
        known != kTypes.end() && (order == '<' || order == '>' || order == '|' || order == '='),
        "{}: NumPy type '{}' is not supported (bool, int8 to int64, uint8, float16 to float64 are)",
        name_,
        printable(descr));
    header.dtype = known->dtype;
    header.swapped = order == '>';
  }

  void parse_shape(std::vector<std::int64_t>& shape) {
    expect('(');
    while (!accept(')')) {
      skip();
      std::int64_t size = -1;
      const auto [end, error] =
          std::from_chars(text_.data() + used_, text_.data() + text_.size(), size);
      if (error != std::errc() || size < 0 || shape.size() >= 64) {
        fail();
      }
      used_ = static_cast<std::size_t>(end - text_.data());
      shape.push_back(size);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t used_ = 0;
};

void swap_bytes(std::vector<std::uint8_t>& bytes, std::size_t size) {
  for (std::size_t i = 0; i + size <= bytes.size(); i += size) {
    std::reverse(
        bytes.begin() + static_cast<std::ptrdiff_t>(i),
        bytes.begin() + static_cast<std::ptrdiff_t>(i + size));
  }
}

/// From first-index-fastest to last-index-fastest.
std::vector<std::uint8_t> row_major(
    const std::vector<std::uint8_t>& from, std::span<const std::int64_t> shape, std::size_t size) {
  std::vector<std::uint8_t> to(from.size());
  std::vector<std::size_t> strides(shape.size());
  std::size_t stride = size;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    strides[i] = stride;
    stride *= static_cast<std::size_t>(shape[i]);
  }
  std::vector<std::int64_t> index(shape.size(), 0);
  std::size_t source = 0;
  for (std::size_t target = 0; target < to.size(); target += size) {
    std::memcpy(to.data() + target, from.data() + source, size);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      source += strides[axis];
      if (++index[axis] < shape[axis]) {
        break;
      }
      source -= strides[axis] * static_cast<std::size_t>(shape[axis]);
      index[axis] = 0;
    }
  }
  return to;
}

std::string shape_text(const Array& array) {
  std::string text = "(";
  for (const std::int64_t size : array.shape) {
    text += std::to_string(size) + (array.shape.size() == 1 ? "," : ", ");
  }
  if (array.shape.size() > 1) {
    text.resize(text.size() - 2);
  }
  return text + ")";
}

}  // namespace

Array parse_npy(
    std::span<const std::uint8_t> bytes, const std::string& name, const NpyLimits& limits) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  MMI_CHECK(
      DataError,
      bytes.size() >= 10 && text.starts_with(kMagic),
      "{} is not a NumPy array: it does not begin with '\\x93NUMPY'",
      name);
  const int version = bytes[6];
  MMI_CHECK(
      DataError,
      version >= 1 && version <= 3,
      "{}: version {} of the NumPy format is unknown",
      name,
      version);
  std::size_t start = 10;
  std::size_t length = bytes[8] | (bytes[9] << 8);
  if (version > 1) {
    MMI_CHECK(DataError, bytes.size() >= 12, "{}: the NumPy header is truncated", name);
    start = 12;
    length |=
        (static_cast<std::size_t>(bytes[10]) << 16) | (static_cast<std::size_t>(bytes[11]) << 24);
  }
  MMI_CHECK(
      DataError,
      length <= kMaxHeader && length <= bytes.size() - start,
      "{}: a NumPy header of {} bytes does not fit the file of {} bytes",
      name,
      length,
      bytes.size());
  const Header header = HeaderParser(text.substr(start, length), name).parse();
  const auto wanted = array_bytes(header.dtype, header.shape);
  const auto data = bytes.subspan(start + length);
  MMI_CHECK(
      DataError,
      wanted && *wanted <= limits.max_bytes,
      "{}: an array of shape {} exceeds the limit of {}",
      name,
      header.shape,
      human_size(limits.max_bytes));
  MMI_CHECK(
      DataError,
      *wanted == data.size(),
      "{}: an array of shape {} needs {} bytes, but {} follow the header",
      name,
      header.shape,
      *wanted,
      data.size());
  Array array{header.dtype, header.shape, {data.begin(), data.end()}};
  if (header.swapped) {
    swap_bytes(array.bytes, dtype_size(array.dtype));
  }
  if (header.fortran && array.shape.size() > 1) {
    array.bytes = row_major(array.bytes, array.shape, dtype_size(array.dtype));
  }
  return array;
}

Array read_npy(const std::filesystem::path& path, const NpyLimits& limits) {
  return parse_npy(read_bytes(path, limits.max_bytes + kMaxHeader), path.string(), limits);
}

std::vector<std::uint8_t> encode_npy(const Array& array) {
  const auto known = std::find_if(
      kTypes.begin(), kTypes.end(), [&](const Type& t) { return t.dtype == array.dtype; });
  MMI_CHECK(ConfigError, known != kTypes.end(), "NumPy has no bfloat16: convert to float32 first");
  const auto wanted = array_bytes(array.dtype, array.shape);
  MMI_CHECK(
      ShapeError,
      wanted && *wanted == array.bytes.size(),
      "an array of shape {} and type {} cannot have {} bytes",
      array.shape,
      dtype_name(array.dtype),
      array.bytes.size());
  const bool one_byte = dtype_size(array.dtype) == 1;
  std::string header = format(
      "{{'descr': '{}{}', 'fortran_order': False, 'shape': {}, }}",
      one_byte ? "|" : "<",
      known->code,
      shape_text(array));
  // The data begins at a multiple of 64, as NumPy's own writer does.
  const std::size_t total = (10 + header.size() + 1 + 63) / 64 * 64;
  header.resize(total - 11, ' ');
  header += '\n';
  std::vector<std::uint8_t> out(kMagic.begin(), kMagic.end());
  out.reserve(total + array.bytes.size());
  out.push_back(1);  // version 1.0
  out.push_back(0);
  out.push_back(static_cast<std::uint8_t>(header.size() & 255));
  out.push_back(static_cast<std::uint8_t>(header.size() >> 8));
  out.insert(out.end(), header.begin(), header.end());
  out.insert(out.end(), array.bytes.begin(), array.bytes.end());
  return out;
}

void write_npy(const std::filesystem::path& path, const Array& array) {
  atomic_write(path, encode_npy(array));
}

}  // namespace mmi::io
