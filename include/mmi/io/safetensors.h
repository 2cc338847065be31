#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/io/dtype.h"

namespace mmi::io {

/// One named array of a safetensors file. The bytes (row-major, little-endian) belong to someone
/// else: the open file, or the caller of `write_safetensors`.
struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;  ///< empty = a scalar
  std::span<const std::uint8_t> bytes;
};

/// A safetensors file mapped into memory and checked completely when opened: header of at most
/// 100,000,000 bytes and 100,000 arrays, no duplicate names nor any of more than 1,024 bytes, sizes
/// that match shapes, offsets that cover the data without holes or overlap, nothing after the data.
/// Any violation is a `CheckpointError` with path and place. Format:
/// https://github.com/huggingface/safetensors. Copies share one mapping, and the spans live as long
/// as a copy does. The mapping is private: writing through a span (which nobody should) never
/// reaches the file. The file must not be truncated meanwhile; files written by us are replaced by
/// rename, which is safe.
///   auto file = SafetensorsFile::open(path); for (auto& entry : file.entries()) ...
class MMI_API SafetensorsFile {
 public:
  static SafetensorsFile open(const std::filesystem::path& path);

  /// In the order of the data.
  const std::vector<SafetensorsEntry>& entries() const;

  /// nullptr when absent.
  const SafetensorsEntry* find(std::string_view name) const;

  /// `CheckpointError` when absent.
  const SafetensorsEntry& at(std::string_view name) const;

  const std::map<std::string, std::string>& metadata() const;
  const std::filesystem::path& path() const;

 private:
  struct State;

  explicit SafetensorsFile(std::shared_ptr<const State> state) : state_(std::move(state)) {}

  std::shared_ptr<const State> state_;
};

/// Writes atomically. Arrays are ordered by element size (descending), then name, so that each one
/// is aligned to its element; the header is padded to 8 bytes.
MMI_API void write_safetensors(
    const std::filesystem::path& path,
    std::span<const SafetensorsEntry> entries,
    const std::map<std::string, std::string>& metadata = {});

}  // namespace mmi::io
