#include "mmi/io/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/json.h"

namespace mmi::io {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kMaxEntries = 100'000;
constexpr std::size_t kMaxNameBytes = 1024;  // regular expressions that rename recurse over it
constexpr const char* kMetadataKey = "__metadata__";

class Mapping {
 public:
  explicit Mapping(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    MMI_CHECK(
        CheckpointError, descriptor >= 0, "{} cannot be opened: {}", path, std::strerror(errno));
    struct stat status{};
    const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    if (regular && status.st_size > 0) {
      size_ = static_cast<std::size_t>(status.st_size);
      // Writable but private: a stray in-place operation on a mapped tensor must not crash.
      data_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
    }
    const int code = errno;
    ::close(descriptor);
    MMI_CHECK(CheckpointError, regular, "{} is not a regular file", path);
    MMI_CHECK(
        CheckpointError,
        data_ != MAP_FAILED,
        "{} cannot be mapped into memory: {}",
        path,
        std::strerror(code));
  }

  ~Mapping() {
    if (data_ != nullptr) {
      ::munmap(data_, size_);
    }
  }

  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::span<const std::uint8_t> bytes() const {
    return {static_cast<const std::uint8_t*>(data_), size_};
  }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

/// An entry of the header with its place in the data.
struct Placed {
  SafetensorsEntry entry;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

std::uint64_t unsigned_at(const json& value, const std::string& where) {
  MMI_CHECK(
      CheckpointError,
      value.is_number_unsigned() &&
          value.get<std::uint64_t>() <=
              static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()),
      "{} must be non-negative integers, but holds {}",
      where,
      value.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 60));
  return value.get<std::uint64_t>();
}

void check_name(const std::string& path, const std::string& name) {
  MMI_CHECK(
      CheckpointError,
      name.size() <= kMaxNameBytes,
      "{}: a tensor's name has {} bytes, but at most {} are read",
      path,
      name.size(),
      kMaxNameBytes);
}

Placed parse_entry(const std::string& path, const std::string& name, const json& fields) {
  check_name(path, name);
  const std::string where = format("{}: tensor '{}'", path, name);
  MMI_CHECK(CheckpointError, fields.is_object(), "{}: the entry is not a JSON object", where);
  for (const auto& [key, value] : fields.items()) {
    MMI_CHECK(
        CheckpointError,
        key == "dtype" || key == "shape" || key == "data_offsets",
        "{}: unknown field '{}'",
        where,
        key);
  }
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    MMI_CHECK(CheckpointError, fields.contains(key), "{}: field '{}' is missing", where, key);
  }
  const json& dtype = fields["dtype"];
  MMI_CHECK(CheckpointError, dtype.is_string(), "{}: dtype is not a string", where);
  const auto known = dtype_from_name(dtype.get_ref<const std::string&>());
  MMI_CHECK(
      CheckpointError,
      known.has_value(),
      "{}: dtype '{}' is not supported (known: F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL)",
      where,
      dtype.get_ref<const std::string&>());
  Placed placed;
  placed.entry.name = name;
  placed.entry.dtype = *known;
  MMI_CHECK(CheckpointError, fields["shape"].is_array(), "{}: shape is not a list", where);
  for (const json& size : fields["shape"]) {
    placed.entry.shape.push_back(
        static_cast<std::int64_t>(unsigned_at(size, where + ": the sizes in 'shape'")));
  }
  const json& offsets = fields["data_offsets"];
  MMI_CHECK(
      CheckpointError,
      offsets.is_array() && offsets.size() == 2,
      "{}: data_offsets is not a pair",
      where);
  placed.begin = unsigned_at(offsets[0], where + ": data_offsets");
  placed.end = unsigned_at(offsets[1], where + ": data_offsets");
  const auto bytes = array_bytes(*known, placed.entry.shape);
  MMI_CHECK(
      CheckpointError,
      bytes.has_value(),
      "{}: shape {} is too large for any memory",
      where,
      placed.entry.shape);
  MMI_CHECK(
      CheckpointError,
      placed.begin <= placed.end && placed.end - placed.begin == *bytes,
      "{}: {} of shape {} needs {} bytes, but data_offsets are [{}, {}]",
      where,
      dtype_name(*known),
      placed.entry.shape,
      *bytes,
      placed.begin,
      placed.end);
  return placed;
}

std::map<std::string, std::string> parse_metadata(const std::string& path, const json& fields) {
  MMI_CHECK(CheckpointError, fields.is_object(), "{}: __metadata__ is not a JSON object", path);
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : fields.items()) {
    MMI_CHECK(
        CheckpointError, value.is_string(), "{}: __metadata__ '{}' is not a string", path, key);
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

/// The JSON text of the header, after the checks of its length.
std::string_view header_text(const std::string& path, std::span<const std::uint8_t> file) {
  MMI_CHECK(
      CheckpointError,
      file.size() >= 8,
      "{} has {} bytes and is no safetensors file, which begins with 8 bytes of header length",
      path,
      file.size());
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  MMI_CHECK(
      CheckpointError,
      length <= kMaxHeaderBytes,
      "{}: the header length is {} bytes, but at most {} are allowed: is it a safetensors file?",
      path,
      length,
      kMaxHeaderBytes);
  MMI_CHECK(
      CheckpointError,
      length <= file.size() - 8,
      "{}: the header should have {} bytes, but the file ends after {}: it is truncated",
      path,
      length,
      file.size() - 8);
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + 8, length);
  MMI_CHECK(
      CheckpointError, text.starts_with('{'), "{}: the header does not begin with '{{'", path);
  return text;
}

void check_cover(const std::string& path, std::span<const Placed> placed, std::uint64_t size) {
  std::uint64_t position = 0;
  for (const Placed& item : placed) {
    MMI_CHECK(
        CheckpointError,
        item.begin == position,
        "{}: tensor '{}' begins at byte {} of the data, but the one before ends at {}: {}",
        path,
        item.entry.name,
        item.begin,
        position,
        item.begin > position ? "a hole" : "an overlap");
    position = item.end;
  }
  MMI_CHECK(
      CheckpointError,
      position == size,
      "{}: the header describes {} bytes of data, but the file holds {}: {}",
      path,
      position,
      size,
      position > size ? "it is truncated" : "something follows the data");
}

json header_json(
    std::span<const SafetensorsEntry* const> order,
    const std::map<std::string, std::string>& metadata) {
  json header = json::object();
  if (!metadata.empty()) {
    header[kMetadataKey] = metadata;
  }
  std::uint64_t position = 0;
  for (const SafetensorsEntry* entry : order) {
    const std::uint64_t end = position + entry->bytes.size();
    header[entry->name] = {
        {"dtype", dtype_name(entry->dtype)},
        {"shape", entry->shape},
        {"data_offsets", {position, end}}};
    position = end;
  }
  return header;
}

std::vector<const SafetensorsEntry*> checked_order(
    const std::filesystem::path& path, std::span<const SafetensorsEntry> entries) {
  std::vector<const SafetensorsEntry*> order;
  for (const SafetensorsEntry& entry : entries) {
    MMI_CHECK(
        CheckpointError,
        entry.name != kMetadataKey,
        "{}: a tensor cannot be named {}",
        path,
        kMetadataKey);
    check_name(path.string(), entry.name);
    const auto bytes = array_bytes(entry.dtype, entry.shape);
    MMI_CHECK(
        CheckpointError,
        bytes && *bytes == entry.bytes.size(),
        "{}: tensor '{}' is {} of shape {}, but {} bytes were given",
        path,
        entry.name,
        dtype_name(entry.dtype),
        entry.shape,
        entry.bytes.size());
    order.push_back(&entry);
  }
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    const std::size_t size_a = dtype_size(a->dtype);
    const std::size_t size_b = dtype_size(b->dtype);
    return size_a != size_b ? size_a > size_b : a->name < b->name;
  });
  std::vector<std::string_view> names;
  for (const SafetensorsEntry* entry : order) {
    names.push_back(entry->name);
  }
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  MMI_CHECK(CheckpointError, twin == names.end(), "{}: two tensors are named '{}'", path, *twin);
  return order;
}

}  // namespace

struct SafetensorsFile::State {
  explicit State(const std::filesystem::path& file) : path(file), mapping(file) {}

  std::filesystem::path path;
  Mapping mapping;
  std::vector<SafetensorsEntry> entries;
  std::unordered_map<std::string_view, std::size_t> index;
  std::map<std::string, std::string> metadata;
};

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  auto state = std::make_shared<State>(path);
  const std::string name = path.string();
  const auto file = state->mapping.bytes();
  const std::string_view text = header_text(name, file);
  json header;
  try {
    header = parse_json(text, name + ": header", {kMaxHeaderBytes, 4});
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
  MMI_CHECK(
      CheckpointError,
      header.size() <= kMaxEntries,
      "{}: {} tensors, but at most {} are read",
      name,
      header.size(),
      kMaxEntries);
  std::vector<Placed> placed;
  for (const auto& [key, fields] : header.items()) {
    if (key == kMetadataKey) {
      state->metadata = parse_metadata(name, fields);
    } else {
      placed.push_back(parse_entry(name, key, fields));
    }
  }
  std::stable_sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  const auto data = file.subspan(8 + text.size());
  check_cover(name, placed, data.size());
  state->entries.reserve(placed.size());
  for (Placed& item : placed) {
    item.entry.bytes = data.subspan(item.begin, item.end - item.begin);
    state->entries.push_back(std::move(item.entry));
    state->index.emplace(state->entries.back().name, state->entries.size() - 1);
  }
  return SafetensorsFile(std::move(state));
}

const std::vector<SafetensorsEntry>& SafetensorsFile::entries() const {
  return state_->entries;
}

const SafetensorsEntry* SafetensorsFile::find(std::string_view name) const {
  const auto found = state_->index.find(name);
  return found == state_->index.end() ? nullptr : &state_->entries[found->second];
}

const SafetensorsEntry& SafetensorsFile::at(std::string_view name) const {
  const SafetensorsEntry* entry = find(name);
  MMI_CHECK(CheckpointError, entry != nullptr, "{} holds no tensor '{}'", state_->path, name);
  return *entry;
}

const std::map<std::string, std::string>& SafetensorsFile::metadata() const {
  return state_->metadata;
}

const std::filesystem::path& SafetensorsFile::path() const {
  return state_->path;
}

void write_safetensors(
    const std::filesystem::path& path,
    std::span<const SafetensorsEntry> entries,
    const std::map<std::string, std::string>& metadata) {
  const auto order = checked_order(path, entries);
  try {
    std::string text = header_json(order, metadata).dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = text.size();
    MMI_CHECK(
        CheckpointError,
        length <= kMaxHeaderBytes && order.size() <= kMaxEntries,
        "{}: {} tensors with a header of {} are more than a safetensors file may hold",
        path,
        order.size(),
        human_size(length));
    AtomicFile file(path);
    file.write({reinterpret_cast<const std::uint8_t*>(&length), 8});
    file.write(text);
    for (const SafetensorsEntry* entry : order) {
      file.write(entry->bytes);
    }
    file.commit();
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  } catch (const json::exception& error) {
    throw CheckpointError(format("{}: a name or metadata is not UTF-8: {}", path, error.what()));
  }
}

}  // namespace mmi::io
