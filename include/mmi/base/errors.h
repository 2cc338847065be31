#pragma once

#include <stdexcept>
#include <string>

#include "mmi/base/api.h"
#include "mmi/base/format.h"

namespace mmi {

/// Exit codes of the `mmi` command; each error class knows its own.
enum ExitCode : int {
  kExitOk = 0,
  kExitUsage = 2,
  kExitData = 3,
  kExitCheckpoint = 4,
  kExitNumeric = 5,
  kExitNotBuilt = 6,
  kExitInterrupted = 130,
};

/// Base of everything libmmi throws. The text is one sentence for the user: what, where, what to
/// do.
class MMI_API Error : public std::runtime_error {
 public:
  Error(const std::string& text, int exit_code) : std::runtime_error(text), exit_code_(exit_code) {}

  int exit_code() const {
    return exit_code_;
  }

 private:
  int exit_code_;
};

/// Wrong configuration, option or argument. Python: ValueError.
class MMI_API ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& text) : Error(text, kExitUsage) {}
};

/// Unreadable or invalid file or dataset; the text carries the path. Python: OSError.
class MMI_API DataError : public Error {
 public:
  explicit DataError(const std::string& text) : Error(text, kExitData) {}
};

/// A tensor whose shape or dtype does not fit. Python: ValueError.
class MMI_API ShapeError : public Error {
 public:
  explicit ShapeError(const std::string& text) : Error(text, kExitUsage) {}
};

/// A checkpoint or run that cannot be read, written or used here. Python: OSError.
class MMI_API CheckpointError : public Error {
 public:
  explicit CheckpointError(const std::string& text) : Error(text, kExitCheckpoint) {}
};

/// Non-finite numbers in loss or gradients. Python: RuntimeError.
class MMI_API NumericError : public Error {
 public:
  explicit NumericError(const std::string& text) : Error(text, kExitNumeric) {}
};

/// A part that this build was configured without. Python: RuntimeError.
class MMI_API NotBuiltError : public Error {
 public:
  explicit NotBuiltError(const std::string& text) : Error(text, kExitNotBuilt) {}
};

/// A bug of ours. Python: RuntimeError.
class MMI_API InternalError : public Error {
 public:
  explicit InternalError(const std::string& text) : Error(text, 1) {}
};

/// The user asked to stop (Ctrl-C). Python: KeyboardInterrupt.
class MMI_API Interrupted : public Error {
 public:
  explicit Interrupted(const std::string& text) : Error(text, kExitInterrupted) {}
};

}  // namespace mmi

/// User errors: MMI_CHECK(DataError, n > 0, "{}: expected at least one frame, but found {}", path,
/// n)
#define MMI_CHECK(Type, condition, ...)              \
  do {                                               \
    if (!(condition)) [[unlikely]] {                 \
      throw ::mmi::Type(::mmi::format(__VA_ARGS__)); \
    }                                                \
  } while (false)

/// Our own bugs.
#define MMI_ASSERT(condition)                                                            \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      throw ::mmi::InternalError(::mmi::format(                                          \
          "internal error, please report: {} ({}:{})", #condition, __FILE__, __LINE__)); \
    }                                                                                    \
  } while (false)
