#include "models/xrir/room_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/tensor/safetensors.h"

namespace mmi::models::xrir {
namespace {

/// One process simulates a room, others wait for it. Released when the process ends.
class RoomLock {
 public:
  explicit RoomLock(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)) {
    MMI_CHECK(DataError, fd_ >= 0, "{}: the cache of rooms cannot be written", path.string());
  }

  ~RoomLock() {
    ::close(fd_);
  }

  RoomLock(const RoomLock&) = delete;
  RoomLock& operator=(const RoomLock&) = delete;

  bool try_lock() {
    return ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
  }

  void lock() {
    ::flock(fd_, LOCK_EX);
  }

 private:
  int fd_;
};

}  // namespace

std::filesystem::path rooms_cache(const std::string& setting) {
  if (setting == "none") {
    return {};
  }
  if (setting != "auto") {
    return setting;
  }
  const auto from = [](const char* variable) -> std::filesystem::path {
    const char* set = std::getenv(variable);
    return set != nullptr && *set != '\0' ? std::filesystem::path(set) : std::filesystem::path();
  };
  if (auto named = from("MMI_CACHE"); !named.empty()) {
    return named;
  }
  if (auto base = from("XDG_CACHE_HOME"); !base.empty()) {
    return base / "mmi";
  }
  auto home = from("HOME");
  return home.empty() ? home : home / ".cache" / "mmi";
}

torch::Tensor cached_responses(
    const std::filesystem::path& file, bool wait, const std::function<torch::Tensor()>& simulate) {
  if (file.empty()) {
    return simulate();
  }
  if (!std::filesystem::exists(file)) {
    mmi::create_directories(file.parent_path());
    const auto lock_path = std::filesystem::path(file).replace_extension(".lock");
    RoomLock lock(lock_path);
    if (!lock.try_lock()) {
      if (!wait) {
        return {};
      }
      lock.lock();
    }
    if (!std::filesystem::exists(file)) {
      save_tensors(file, {{"responses", simulate()}});
    }
    std::filesystem::remove(lock_path);
  }
  return load_tensors(file).at(0).second;
}

}  // namespace mmi::models::xrir
