#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"
#include "mmi/task/task.h"

namespace mmi {

/// What a tool works on.
struct ToolCall {
  std::vector<std::filesystem::path> inputs;
  std::filesystem::path out;  ///< file or folder; empty: the tool's default

  /// Opens a finished run or bundle that one of the inputs names, weights loaded.
  std::function<std::shared_ptr<Task>(const std::string& run)> open;

  /// Asked between items; true ends the work with what is finished.
  std::function<bool()> stop = [] { return false; };

  /// Where somebody reads along: takes text as it comes, which then is no part of the result. May
  /// be empty.
  std::function<void(const std::string&)> show = {};
};

/// What was found in words, a line each; figures in the order they are shown; files that were
/// written.
struct ToolResult {
  std::vector<Artifact> files;
  std::vector<std::pair<std::string, double>> values;
  std::vector<std::string> lines = {};
  std::string json = {};  ///< an object with further results, for --json

  /// What is wrong with the inputs, one sentence: results are shown, then the command fails (3).
  std::string problem = {};
};

/// A verb of one system, registered as "<system>/<tool>": `mmi audeo transcribe run a.wav --out
/// a.mid onset_threshold=0.4`. Its settings are its configuration.
class MMI_API Tool {
 public:
  static constexpr const char* kRegistryKind = "tool";

  struct BuildArgs {};

  virtual ~Tool() = default;

  /// What the inputs are, for help and messages: "<run> <audio> [audio …]".
  virtual std::string usage() const = 0;

  /// Commands for the help page, one a line.
  virtual std::string examples() const {
    return "";
  }

  /// ConfigError for inputs that do not fit, DataError for files that cannot be read; nothing is
  /// left half-written.
  virtual ToolResult run(const ToolCall& call) = 0;
};

}  // namespace mmi

MMI_DECLARE_REGISTRY(mmi::Tool);
