#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/hash.h"
#include "mmi/io/npy.h"

namespace mmi::io {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Buffer = std::vector<std::uint8_t>;

constexpr std::uint32_t kLocal = 0x04034B50;
constexpr std::uint32_t kCentral = 0x02014B50;
constexpr std::uint32_t kEnd = 0x06054B50;
constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kCentralBytes = 46;
constexpr std::size_t kLocalBytes = 30;
constexpr int kStored = 0;
constexpr int kDeflated = 8;
constexpr std::uint64_t kRatio = 200;
constexpr std::uint64_t kRatioMatters = 64ULL << 20;

std::uint32_t little(Bytes bytes, std::size_t offset, int n_bytes) {
  std::uint32_t value = 0;
  for (int i = n_bytes - 1; i >= 0; --i) {
    value = (value << 8) | bytes[offset + static_cast<std::size_t>(i)];
  }
  return value;
}

struct Member {
  std::string name;
  int method = kStored;
  std::uint32_t crc = 0;
  std::uint64_t packed = 0;
  std::uint64_t size = 0;
  std::size_t local = 0;
};

/// The table of contents at the end of a zip file, and its members.
class Zip {
 public:
  Zip(Bytes bytes, const std::string& name, const NpyLimits& limits)
      : bytes_(bytes), name_(name), limits_(limits) {
    const std::size_t end = find_end();
    const std::size_t n_members = little(bytes_, end + 10, 2);
    std::size_t position = little(bytes_, end + 16, 4);
    MMI_CHECK(
        DataError,
        position != 0xFFFFFFFFU && n_members != 0xFFFF && n_members <= limits.max_entries,
        "{}: zip64 archives and more than {} arrays are not supported",
        name,
        std::min<std::size_t>(limits.max_entries, 65534));
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < n_members; ++i) {
      position = read_member(position, end);
      total += members_.back().size;
      MMI_CHECK(
          DataError,
          total <= limits.max_bytes,
          "{}: the arrays need {} unpacked, but at most {} are read",
          name,
          human_size(total),
          human_size(limits.max_bytes));
    }
  }

  const std::vector<Member>& members() const {
    return members_;
  }

  Buffer unpack(const Member& member) const {
    const std::size_t at = member.local;
    MMI_CHECK(
        DataError,
        at + kLocalBytes <= bytes_.size() && little(bytes_, at, 4) == kLocal,
        "{}: '{}' does not begin where the zip directory says",
        name_,
        member.name);
    // The sizes stand in the directory; those here may be missing (streamed) or in zip64 form.
    const std::size_t start =
        at + kLocalBytes + little(bytes_, at + 26, 2) + little(bytes_, at + 28, 2);
    MMI_CHECK(
        DataError,
        start <= bytes_.size() && member.packed <= bytes_.size() - start,
        "{}: '{}' reaches beyond the end of the file",
        name_,
        member.name);
    const Bytes packed = bytes_.subspan(start, member.packed);
    Buffer out = member.method == kStored ? Buffer(packed.begin(), packed.end())
                                          : inflate_member(member, packed);
    const std::string_view text(reinterpret_cast<const char*>(out.data()), out.size());
    MMI_CHECK(
        DataError,
        crc32(text) == member.crc,
        "{}: the checksum of '{}' is wrong",
        name_,
        member.name);
    return out;
  }

 private:
  std::size_t find_end() const {
    // A comment of at most 65,535 bytes may follow the end record.
    const std::size_t last = bytes_.size() < kEndBytes ? 0 : bytes_.size() - kEndBytes;
    const std::size_t first = last > 65535 ? last - 65535 : 0;
    if (bytes_.size() >= kEndBytes && little(bytes_, 0, 2) == 0x4B50) {
      for (std::size_t at = last + 1; at-- > first;) {
        if (little(bytes_, at, 4) == kEnd &&
            at + kEndBytes + little(bytes_, at + 20, 2) == bytes_.size()) {
          return at;
        }
      }
    }
    throw DataError(format("{} is not a zip (.npz) file, or it is truncated", name_));
  }

  std::size_t read_member(std::size_t at, std::size_t end) {
    MMI_CHECK(
        DataError,
        at + kCentralBytes <= end && little(bytes_, at, 4) == kCentral,
        "{}: the zip directory is damaged at byte {}",
        name_,
        at);
    const std::size_t name_bytes = little(bytes_, at + 28, 2);
    const std::size_t next =
        at + kCentralBytes + name_bytes + little(bytes_, at + 30, 2) + little(bytes_, at + 32, 2);
    MMI_CHECK(DataError, next <= end, "{}: the zip directory is damaged at byte {}", name_, at);
    Member member;
    member.name.assign(
        reinterpret_cast<const char*>(bytes_.data()) + at + kCentralBytes, name_bytes);
    member.method = static_cast<int>(little(bytes_, at + 10, 2));
    member.crc = little(bytes_, at + 16, 4);
    member.packed = little(bytes_, at + 20, 4);
    member.size = little(bytes_, at + 24, 4);
    member.local = little(bytes_, at + 42, 4);
    const std::uint32_t flags = little(bytes_, at + 8, 2);
    MMI_CHECK(
        DataError,
        (flags & 1) == 0 && (member.method == kStored || member.method == kDeflated),
        "{}: '{}' is encrypted or packed by method {}, but only stored and deflated are read",
        name_,
        member.name,
        member.method);
    const bool good = member.method == kStored
                          ? member.size == member.packed
                          : member.size <= kRatioMatters || member.size / kRatio <= member.packed;
    MMI_CHECK(
        DataError,
        good,
        "{}: '{}' claims {} unpacked from {}, which no array file has",
        name_,
        member.name,
        human_size(member.size),
        human_size(member.packed));
    members_.push_back(std::move(member));
    return next;
  }

  Buffer inflate_member(const Member& member, Bytes packed) const {
    // One byte more than promised shows data that go on. Grows, since the promise may be a lie.
    z_stream stream{};
    MMI_ASSERT(inflateInit2(&stream, -MAX_WBITS) == Z_OK);
    Buffer out;
    int result = Z_OK;
    stream.next_in = const_cast<Bytef*>(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    while (result == Z_OK && out.size() <= member.size) {
      const std::size_t used = out.size();
      const std::size_t step = std::min<std::uint64_t>(member.size + 1 - used, 4U << 20);
      out.resize(used + step);
      stream.next_out = out.data() + used;
      stream.avail_out = static_cast<uInt>(step);
      result = inflate(&stream, Z_NO_FLUSH);
      out.resize(used + step - stream.avail_out);
    }
    inflateEnd(&stream);
    MMI_CHECK(
        DataError,
        result == Z_STREAM_END && out.size() == member.size,
        "{}: the packed data of '{}' are damaged",
        name_,
        member.name);
    return out;
  }

  Bytes bytes_;
  const std::string& name_;
  NpyLimits limits_;
  std::vector<Member> members_;
};

std::string key_of(const Member& member) {
  const std::string_view name = member.name;
  return std::string(name.ends_with(".npy") ? name.substr(0, name.size() - 4) : name);
}

Array array_of(
    const Zip& zip, const Member& member, const std::string& name, const NpyLimits& limits) {
  return parse_npy(zip.unpack(member), format("{}: '{}'", name, key_of(member)), limits);
}

void put(Buffer& out, std::uint64_t value, int n_bytes) {
  for (int i = 0; i < n_bytes; ++i) {
    out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
}

Buffer deflate_bytes(const Buffer& bytes) {
  z_stream stream{};
  MMI_ASSERT(deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Buffer out(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  MMI_ASSERT(result == Z_STREAM_END);
  return out;
}

/// The fields that the local header and the directory share.
void put_common(Buffer& out, const Member& member) {
  put(out, 20, 2);      // version needed
  put(out, 0x0800, 2);  // the name is UTF-8
  put(out, static_cast<std::uint64_t>(member.method), 2);
  put(out, 0x00210000, 4);  // 1980-01-01 00:00
  put(out, member.crc, 4);
  put(out, member.packed, 4);
  put(out, member.size, 4);
  put(out, member.name.size(), 2);
  put(out, 0, 2);
}

}  // namespace

std::map<std::string, Array> parse_npz(
    std::span<const std::uint8_t> bytes, const std::string& name, const NpyLimits& limits) {
  const Zip zip(bytes, name, limits);
  std::map<std::string, Array> arrays;
  for (const Member& member : zip.members()) {
    const bool fresh = arrays.emplace(key_of(member), array_of(zip, member, name, limits)).second;
    MMI_CHECK(DataError, fresh, "{}: key '{}' appears twice", name, key_of(member));
  }
  return arrays;
}

std::map<std::string, Array> read_npz(const std::filesystem::path& path, const NpyLimits& limits) {
  return parse_npz(read_bytes(path, limits.max_bytes), path.string(), limits);
}

Array read_npz_key(
    const std::filesystem::path& path, const std::string& key, const NpyLimits& limits) {
  const Buffer bytes = read_bytes(path, limits.max_bytes);
  const std::string name = path.string();
  const Zip zip(bytes, name, limits);
  std::string known;
  for (const Member& member : zip.members()) {
    if (key_of(member) == key) {
      return array_of(zip, member, name, limits);
    }
    if (known.size() < 200) {
      known += (known.empty() ? "" : ", ") + key_of(member);
    }
  }
  throw DataError(format("{} holds no array '{}'; it has: {}", path, key, known));
}

void write_npz(
    const std::filesystem::path& path,
    const std::map<std::string, Array>& arrays,
    bool compressed) {
  AtomicFile file(path);
  Buffer directory;
  std::uint64_t position = 0;
  for (const auto& [key, array] : arrays) {
    MMI_CHECK(
        ConfigError,
        !key.empty() && key.size() < 4096 && key.find('\0') == std::string::npos,
        "{}: '{}' cannot be a key",
        path,
        key);
    const Buffer plain = encode_npy(array);
    MMI_CHECK(
        ConfigError,
        plain.size() < 0xFFFFFFFEULL,
        "{}: array '{}' of {} is too large for .npz: use safetensors",
        path,
        key,
        human_size(plain.size()));
    Member member{key + ".npy", compressed ? kDeflated : kStored, 0, 0, plain.size(), 0};
    member.crc = crc32({reinterpret_cast<const char*>(plain.data()), plain.size()});
    const Buffer packed = compressed ? deflate_bytes(plain) : plain;
    member.packed = packed.size();
    Buffer local;
    put(local, kLocal, 4);
    put_common(local, member);
    local.insert(local.end(), member.name.begin(), member.name.end());
    file.write(local);
    file.write(packed);
    put(directory, kCentral, 4);
    put(directory, 0x0314, 2);  // made by: Unix
    put_common(directory, member);
    put(directory, 0, 6);           // comment, disk, internal attributes
    put(directory, 0x81A40000, 4);  // a regular file, rw-r--r--
    put(directory, position, 4);
    directory.insert(directory.end(), member.name.begin(), member.name.end());
    position += local.size() + packed.size();
    MMI_CHECK(
        ConfigError,
        position < 0xFFFFFFFEULL && arrays.size() < 65535,
        "{}: the arrays are too large for one .npz: use safetensors",
        path);
  }
  Buffer end;
  put(end, kEnd, 4);
  put(end, 0, 4);
  put(end, arrays.size(), 2);
  put(end, arrays.size(), 2);
  put(end, directory.size(), 4);
  put(end, position, 4);
  put(end, 0, 2);
  file.write(directory);
  file.write(end);
  file.commit();
}

}  // namespace mmi::io
