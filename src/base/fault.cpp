#include "mmi/base/fault.h"

#ifdef MMI_WITH_FAULTS
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>

namespace mmi {
namespace {

struct Plan {
  std::string name;  ///< "" is none, "trace" writes to `file`
  std::string file;
  long at = 0;
  std::string action;
  long passed = 0;

  Plan() {
    const char* const set = std::getenv("MMI_FAULT");
    const std::string text = set == nullptr ? "" : set;
    const auto colon = text.rfind(':');
    if (text.rfind("trace:", 0) == 0) {
      name = "trace";
      file = text.substr(6);
    } else if (const auto sign = text.find('@'); sign != std::string::npos && colon > sign) {
      name = text.substr(0, sign);
      at = std::strtol(text.c_str() + sign + 1, nullptr, 10);
      action = text.substr(colon + 1);
    }
  }
};

}  // namespace

int fault_point(const char* name) {
  static std::mutex mutex;
  static Plan plan;
  if (plan.name.empty()) {
    return 0;
  }
  const std::lock_guard lock(mutex);
  if (plan.name == "trace") {
    if (std::FILE* const file = std::fopen(plan.file.c_str(), "a")) {
      std::fprintf(file, "%s\n", name);
      std::fclose(file);
    }
    return 0;
  }
  if ((plan.name != "*" && plan.name != name) || ++plan.passed != plan.at) {
    return 0;
  }
  if (plan.action == "kill") {
    std::raise(SIGKILL);
  }
  return plan.action == "enospc" ? ENOSPC : EIO;
}

}  // namespace mmi
#else
int mmi::fault_point(const char*) {
  return 0;
}
#endif
