#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mmi/base/api.h"

namespace mmi {

/// The whole file; `DataError` with path and reason when it is missing, a directory, unreadable or
/// larger than `max_bytes`.
MMI_API std::string read_text(
    const std::filesystem::path& path, std::uint64_t max_bytes = 16ULL << 20);
MMI_API std::vector<std::uint8_t> read_bytes(
    const std::filesystem::path& path, std::uint64_t max_bytes = 4ULL << 30);

/// A file that appears under its name only when complete: bytes go to a temporary file in the same
/// directory; `commit()` syncs it, renames it and syncs the directory. Without `commit()` nothing
/// remains. The directory must exist. Errors are `DataError`. Not thread-safe.
///   AtomicFile file("run/model.bin"); file.write(bytes); file.commit();
class MMI_API AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::uint8_t> bytes);
  void write(std::string_view text);
  void commit();

  /// For libraries that write by name; the file exists already and is empty.
  const std::filesystem::path& temporary_path() const {
    return temporary_;
  }

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::FILE* file_ = nullptr;
};

MMI_API void atomic_write(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);
MMI_API void atomic_write(const std::filesystem::path& path, std::string_view text);

/// Like `mkdir -p`; existing directories are fine.
MMI_API void create_directories(const std::filesystem::path& path);

/// Deletes what writers that are gone left in a directory: files and folders named
/// `….tmp-<process>…`. A directory that does not exist is fine.
MMI_API void remove_leftovers(const std::filesystem::path& directory);

/// "117 B", "1.5 KiB", "20.0 MiB".
MMI_API std::string human_size(std::uint64_t bytes);

}  // namespace mmi
