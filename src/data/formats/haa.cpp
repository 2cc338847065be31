#include "mmi/data/formats/haa.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <span>
#include <string_view>
#include <utility>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/npy.h"
#include "mmi/tensor/array.h"

namespace mmi::data::formats {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPrefix = 10;  ///< bytes of an .npy file before its header
constexpr std::int64_t kMaxLength = std::int64_t{1} << 26;
const std::string kRirs = "RIRs";

// ---- the header of RIRs.npy. io/npy.h reads whole arrays, and this one has up to half a GiB.

std::vector<std::uint8_t> npy_header(const std::string& type, const std::string& shape) {
  std::string header =
      format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, shape);
  const std::size_t total = (kPrefix + header.size() + 1 + 63) / 64 * 64;
  header.resize(total - kPrefix - 1, ' ');
  header += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(header.size() & 255);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  return {out.begin(), out.end()};
}

/// What follows `key` in a NumPy header, up to one of `ends`.
std::string_view value_of(std::string_view header, std::string_view key, char end) {
  const std::size_t at = header.find(key);
  if (at == std::string_view::npos) {
    return {};
  }
  header.remove_prefix(at + key.size());
  header.remove_prefix(std::min(header.find_first_not_of(": "), header.size()));
  return header.substr(0, std::min(header.find(end), header.size()));
}

/// "(630, 96000" -> both numbers.
bool parse_shape(std::string_view text, std::int64_t& rows, std::int64_t& columns) {
  if (!text.starts_with('(')) {
    return false;
  }
  const char* const end = text.data() + text.size();
  auto result = std::from_chars(text.data() + 1, end, rows);
  if (result.ec != std::errc() || result.ptr == end || *result.ptr != ',') {
    return false;
  }
  const char* const second = std::find_if(result.ptr + 1, end, [](char c) { return c != ' '; });
  result = std::from_chars(second, end, columns);
  return result.ec == std::errc() &&
         (result.ptr == end || (*result.ptr == ',' && result.ptr + 1 == end));
}

void read_at(
    std::ifstream& file, const fs::path& path, std::uint64_t offset, std::span<std::uint8_t> to) {
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(to.data()), static_cast<std::streamsize>(to.size()));
  MMI_CHECK(
      DataError,
      static_cast<std::size_t>(file.gcount()) == to.size() && file,
      "{}: cannot be read at byte {}: it is truncated",
      path,
      offset);
}

fs::path array_path(const fs::path& folder, const std::string& name) {
  return folder / (name + ".npy");
}

}  // namespace

fs::path haa_folder(const fs::path& root, const std::string& room) {
  std::string upper = haa_room(room).name;
  upper[0] = static_cast<char>(upper[0] - 'a' + 'A');
  const fs::path places[] = {
      root / (room + "Base"), root / upper / (room + "Base"), root / room, root};
  for (const fs::path& place : places) {
    if (fs::exists(array_path(place, kRirs))) {
      return place;
    }
  }
  throw DataError(format(
      "{}: has no RIRs.npy, neither itself nor in {}Base, {}/{}Base or {}",
      root,
      room,
      upper,
      room,
      room));
}

HaaFolder::HaaFolder(fs::path folder) : folder_(std::move(folder)) {
  const fs::path path = array_path(folder_, kRirs);
  std::ifstream file(path, std::ios::binary);
  MMI_CHECK(DataError, file, "{}: cannot be opened", path);
  std::array<std::uint8_t, kPrefix + 2> prefix{};
  read_at(file, path, 0, prefix);
  MMI_CHECK(
      DataError,
      std::memcmp(prefix.data(), "\x93NUMPY", 6) == 0 && prefix[6] >= 1 && prefix[6] <= 3,
      "{}: is not a NumPy array",
      path);
  const bool wide = prefix[6] > 1;
  const std::size_t start = wide ? kPrefix + 2 : kPrefix;
  const std::size_t size = prefix[8] | (prefix[9] << 8);
  MMI_CHECK(
      DataError,
      size <= 4096 && (!wide || (prefix[10] == 0 && prefix[11] == 0)),
      "{}: its NumPy header is too long",
      path);
  std::vector<std::uint8_t> bytes(size);
  read_at(file, path, start, bytes);
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()), size);
  MMI_CHECK(
      DataError,
      parse_shape(value_of(header, "'shape'", ')'), count_, length_) && count_ > 0 && length_ > 0 &&
          length_ <= kMaxLength && count_ <= kMaxLength &&
          value_of(header, "'fortran_order'", ',') == "False",
      "{}: must be an (N, T) array in C order (numpy.ascontiguousarray)",
      path);
  type_ = std::string(value_of(header, "'descr'", ',').substr(0, 8));
  type_.erase(std::remove(type_.begin(), type_.end(), '\''), type_.end());
  begin_ = start + size;
  // An empty row tells whether the type is one that we read.
  const io::Array row = io::parse_npy(npy_header(type_, "0,"), path.string());
  item_bytes_ = static_cast<std::int64_t>(io::dtype_size(row.dtype));
  const std::uint64_t wanted = begin_ + static_cast<std::uint64_t>(count_) *
                                            static_cast<std::uint64_t>(length_ * item_bytes_);
  MMI_CHECK(
      DataError,
      fs::file_size(path) == wanted,
      "{}: an array of {} x {} needs {} bytes, but the file has {}",
      path,
      count_,
      length_,
      wanted,
      fs::file_size(path));
}

io::Audio HaaFolder::rir(std::int64_t index, std::int64_t samples) const {
  const fs::path path = array_path(folder_, kRirs);
  MMI_CHECK(
      DataError,
      index >= 0 && index < count_ && samples > 0,
      "{}: has no RIR {}, only 0..{}",
      path,
      index,
      count_ - 1);
  const std::int64_t size = std::min(samples, length_);
  // A header of its own makes the row an array for the reader, which knows types and byte orders.
  std::vector<std::uint8_t> bytes = npy_header(type_, format("{},", size));
  const std::size_t header = bytes.size();
  bytes.resize(header + static_cast<std::size_t>(size * item_bytes_));
  std::ifstream file(path, std::ios::binary);
  read_at(
      file,
      path,
      begin_ + static_cast<std::uint64_t>(index * length_ * item_bytes_),
      std::span(bytes).subspan(header));
  const torch::Tensor row =
      to_tensor(io::parse_npy(bytes, path.string())).to(torch::kFloat).contiguous();
  const auto* first = row.const_data_ptr<float>();
  io::Audio audio;
  audio.sample_rate_hz = kSampleRateHz;
  audio.samples.assign(first, first + row.numel());
  return audio;
}

double HaaFolder::peak(const std::vector<std::int64_t>& indices, std::int64_t samples) const {
  double peak = 0;
  for (const std::int64_t index : indices) {
    for (const float sample : rir(index, samples).samples) {
      peak = std::max(peak, std::abs(static_cast<double>(sample)));
    }
  }
  MMI_CHECK(
      DataError,
      peak > 0 && std::isfinite(peak),
      "{}: the largest sample of {} RIRs is {}, by which nothing can be divided",
      array_path(folder_, kRirs),
      indices.size(),
      peak);
  return peak;
}

torch::Tensor HaaFolder::positions() const {
  const torch::Tensor found = array("xyzs");
  MMI_CHECK(
      DataError,
      found.dim() == 2 && found.size(0) == count_ && found.size(1) == 3,
      "{}: must be ({}, 3) like RIRs.npy, but is {} instead",
      array_path(folder_, "xyzs"),
      count_,
      found.sizes().vec());
  return found.to(torch::kDouble);
}

torch::Tensor HaaFolder::array(const std::string& name) const {
  return to_tensor(io::read_npy(array_path(folder_, name)));
}

bool HaaFolder::has(const std::string& name) const {
  return fs::exists(array_path(folder_, name));
}

void write_haa_folder(
    const fs::path& folder, const torch::Tensor& rirs, const torch::Tensor& positions) {
  MMI_CHECK(
      ShapeError,
      rirs.dim() == 2 && rirs.numel() > 0 && positions.dim() == 2 && positions.size(1) == 3 &&
          rirs.size(0) == positions.size(0),
      "{}: RIRs must be (N, T) and positions (N, 3), but are {} and {} instead",
      folder,
      rirs.sizes().vec(),
      positions.sizes().vec());
  mmi::create_directories(folder);
  AtomicFile file(array_path(folder, kRirs));
  file.write(npy_header("<f4", format("{}, {}", rirs.size(0), rirs.size(1))));
  for (std::int64_t i = 0; i < rirs.size(0); ++i) {
    file.write(to_array(rirs[i].to(torch::kFloat)).bytes);
  }
  file.commit();
  write_haa_array(folder, "xyzs", positions.to(torch::kDouble));
  write_haa_array(folder, "mic_numbers", torch::arange(rirs.size(0)));
}

void write_haa_array(const fs::path& folder, const std::string& name, const torch::Tensor& values) {
  mmi::create_directories(folder);
  io::write_npy(array_path(folder, name), to_array(values));
}

}  // namespace mmi::data::formats
