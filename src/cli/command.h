#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/grammar.h"

namespace mmi::cli {

/// The arguments of one verb, checked against its flag table.
class Command {
 public:
  Command(const Invocation& call, std::function<bool()> interrupted);

  /// The n-th positional argument; ConfigError "… needs WHAT" when missing.
  const std::string& positional(std::size_t index, const std::string& what) const;

  /// Positionals from `first` on: overrides.
  std::vector<std::string> rest(std::size_t first) const;

  bool has(const std::string& flag) const {
    return flags_.contains(flag);
  }

  std::string value(const std::string& flag, const std::string& otherwise = "") const;

  const std::string& verb() const {
    return verb_;
  }

  bool json = false;
  bool help = false;  ///< of a tool; other pages need no library
  std::function<bool()> interrupted;

 private:
  std::string verb_;
  std::vector<std::string> positionals_;
  std::map<std::string, std::string> flags_;
};

/// Each returns the exit code.
int run_train(const Command& command);
int run_eval(const Command& command);
int run_generate(const Command& command);
int run_export(const Command& command);
int run_report(const Command& command);
int run_runs(const Command& command);
int run_list(const Command& command);
int run_config(const Command& command);
int run_info(const Command& command);
int run_data(const Command& command);
int run_table(const Command& command);
int run_tool(const Command& command);
int run_demo(const Command& command);
int run_quickstart(const Command& command);

}  // namespace mmi::cli
