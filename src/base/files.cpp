#include "mmi/base/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "mmi/base/errors.h"
#include "mmi/base/fault.h"
#include "mmi/base/log.h"

namespace mmi {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const {
    std::fclose(file);
  }
};

using File = std::unique_ptr<std::FILE, FileCloser>;

std::string reason(int code) {
  return std::strerror(code);
}

/// Reads in one go; a pipe or a file that grows meanwhile is still bounded by max_bytes.
template <class Bytes>
Bytes read_all(const std::filesystem::path& path, std::uint64_t max_bytes) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  MMI_CHECK(DataError, std::filesystem::exists(status), "{} does not exist: check the path", path);
  MMI_CHECK(
      DataError,
      !std::filesystem::is_directory(status),
      "{} is a directory, but a file is needed: name a file in it",
      path);
  const File file(std::fopen(path.c_str(), "rb"));
  MMI_CHECK(DataError, file != nullptr, "{} cannot be opened: {}", path, reason(errno));
  std::uint64_t expected = 0;
  if (std::filesystem::is_regular_file(status)) {
    expected = std::filesystem::file_size(path, code);
    MMI_CHECK(
        DataError,
        !code && expected <= max_bytes,
        "{} has {}, but at most {} are read: is it the right file?",
        path,
        human_size(expected),
        human_size(max_bytes));
  }
  Bytes bytes;
  bytes.resize(expected);
  std::uint64_t used = 0;
  for (;;) {
    if (used == bytes.size()) {
      bytes.resize(bytes.size() + 65536);
    }
    const std::size_t got = std::fread(bytes.data() + used, 1, bytes.size() - used, file.get());
    used += got;
    MMI_CHECK(
        DataError,
        used <= max_bytes,
        "{} has more than {}: is it the right file?",
        path,
        human_size(max_bytes));
    if (got == 0) {
      break;
    }
  }
  MMI_CHECK(DataError, !std::ferror(file.get()), "{} cannot be read: {}", path, reason(errno));
  bytes.resize(used);
  return bytes;
}

std::filesystem::path parent_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

void sync_directory(const std::filesystem::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    // Some file systems refuse to sync a directory (EINVAL); the rename is then as durable as
    // there.
    ::fsync(descriptor);
    ::close(descriptor);
  }
}

}  // namespace

std::string read_text(const std::filesystem::path& path, std::uint64_t max_bytes) {
  return read_all<std::string>(path, max_bytes);
}

std::vector<std::uint8_t> read_bytes(const std::filesystem::path& path, std::uint64_t max_bytes) {
  return read_all<std::vector<std::uint8_t>>(path, max_bytes);
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  static std::atomic<unsigned> counter{0};
  MMI_CHECK(DataError, path_.has_filename(), "'{}' names no file to write", path_);
  temporary_ = parent_of(path_) / format(
                                      ".{}.tmp-{}-{}",
                                      path_.filename().string().substr(0, 200),
                                      static_cast<std::int64_t>(::getpid()),
                                      counter++);
  const int fault = fault_point("open");
  // "x": never write through a file or link that someone else put there.
  file_ = fault != 0 ? nullptr : std::fopen(temporary_.c_str(), "wbx");
  // In a container every process has the same number: the file is of one that is gone.
  if (file_ == nullptr && fault == 0 && errno == EEXIST && ::unlink(temporary_.c_str()) == 0) {
    file_ = std::fopen(temporary_.c_str(), "wbx");
  }
  MMI_CHECK(
      DataError,
      file_ != nullptr,
      "{} cannot be written: {}",
      path_,
      reason(fault != 0 ? fault : errno));
}

AtomicFile::~AtomicFile() {
  if (file_ != nullptr) {
    std::fclose(file_);
    std::error_code ignored;
    std::filesystem::remove(temporary_, ignored);
  }
}

void AtomicFile::write(std::span<const std::uint8_t> bytes) {
  MMI_ASSERT(file_ != nullptr);
  const int fault = fault_point("write");
  if (fault != 0 ||
      (!bytes.empty() && std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())) {
    throw DataError(format("{} cannot be written: {}", path_, reason(fault != 0 ? fault : errno)));
  }
}

void AtomicFile::write(std::string_view text) {
  write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void AtomicFile::commit() {
  MMI_ASSERT(file_ != nullptr);
  int code = fault_point("fsync");
  bool good = code == 0 && std::fflush(file_) == 0 && ::fsync(::fileno(file_)) == 0;
  code = code != 0 ? code : errno;
  if (good) {
    code = fault_point("rename");
    good = std::fclose(std::exchange(file_, nullptr)) == 0 && code == 0 &&
           std::rename(temporary_.c_str(), path_.c_str()) == 0;
    code = code != 0 ? code : errno;
    if (!good) {
      std::error_code ignored;
      std::filesystem::remove(temporary_, ignored);
    }
  }
  MMI_CHECK(DataError, good, "{} cannot be written: {}", path_, reason(code));
  sync_directory(parent_of(path_));
}

void atomic_write(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void atomic_write(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

void create_directories(const std::filesystem::path& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  MMI_CHECK(
      DataError,
      !code && std::filesystem::is_directory(path, code),
      "directory {} cannot be made: {}",
      path,
      code ? code.message() : std::string("a file of that name is in the way"));
}

void remove_leftovers(const std::filesystem::path& directory) {
  if (!std::filesystem::is_directory(directory)) {
    return;
  }
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    const auto mark = name.find(".tmp-");
    if (mark == std::string::npos) {
      continue;
    }
    const int writer = std::atoi(name.c_str() + mark + 5);
    if (writer <= 0 || (::kill(writer, 0) != 0 && errno == ESRCH)) {
      log::info("removing {}, which an earlier process left unfinished", entry.path().string());
      std::filesystem::remove_all(entry.path());
    }
  }
}

std::string human_size(std::uint64_t bytes) {
  if (bytes < 1024) {
    return format("{} B", bytes);
  }
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < std::size(kUnits); ++unit) {
    value /= 1024;
  }
  return format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace mmi
