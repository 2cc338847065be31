#include "mmi/cli/cli.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/command.h"
#include "cli/grammar.h"
#include "mmi/base/config_node.h"
#include "mmi/base/errors.h"
#include "mmi/base/log.h"
#include "mmi/base/progress.h"
#include "mmi/base/version.h"
#include "mmi/runs/register.h"
#include "mmi/train/distributed.h"
#include "mmi/train/trainer.h"

namespace mmi::cli {
namespace {

using Run = int (*)(const Command&);

constexpr std::pair<std::string_view, Run> kRunners[] = {
    {"train", run_train},
    {"eval", run_eval},
    {"generate", run_generate},
    {"export", run_export},
    {"report", run_report},
    {"runs", run_runs},
    {"list", run_list},
    {"config", run_config},
    {"info", run_info},
    {"data", run_data},
    {"table", run_table},
    {"audeo", run_tool},
    {"codec", run_tool},
    {"lm", run_tool},
    {"rooms", run_tool},
    {"xrir", run_tool},
    {"quickstart", run_quickstart},
    {"demo", run_demo},
};

void on_signal(int number) {
  if (number == SIGUSR1) {
    train::request_save();
    return;
  }
  if (train::stop_requested()) {
    _exit(kExitInterrupted);
  }
  train::request_stop();
  static constexpr char kText[] = "\nstopping after this step (once more: at once)\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText, sizeof kText - 1);
}

/// Handlers belong to the command, not to the library: the host's come back afterwards.
class SignalScope {
 public:
  SignalScope() {
    struct sigaction action{};
    action.sa_handler = on_signal;
    ::sigaction(SIGINT, &action, &int_);
    ::sigaction(SIGTERM, &action, &term_);
    ::sigaction(SIGUSR1, &action, &usr1_);
    train::clear_stop();
  }

  ~SignalScope() {
    ::sigaction(SIGINT, &int_, nullptr);
    ::sigaction(SIGTERM, &term_, nullptr);
    ::sigaction(SIGUSR1, &usr1_, nullptr);
  }

  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;

 private:
  struct sigaction int_{};
  struct sigaction term_{};
  struct sigaction usr1_{};
};

int fail(const std::string& text, int code) {
  std::fprintf(stderr, "mmi: %s\n", text.c_str());
  return code;
}

}  // namespace

Command::Command(const Invocation& call, std::function<bool()> asked)
    : json(call.json), help(call.help), interrupted(std::move(asked)), verb_(call.verb->name) {
  std::vector<std::string> names;
  std::map<std::string, bool> takes_value;
  for (const Flag& flag : call.verb->flags) {
    names.emplace_back(flag.names);
    takes_value[std::string(flag.names)] = !flag.value.empty();
  }
  for (std::size_t i = 0; i < call.args.size(); ++i) {
    const std::string& argument = call.args[i];
    if (argument.rfind("--", 0) != 0) {
      positionals_.push_back(argument);
      continue;
    }
    const auto equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const auto known = takes_value.find(name);
    if (known == takes_value.end()) {
      const std::string near = config::nearest(name, names);
      throw ConfigError(format(
          "`mmi {}` has no option {}{}; see `mmi {} --help`",
          verb_,
          name,
          near.empty() ? "" : format(" (did you mean {}?)", near),
          verb_));
    }
    if (!known->second) {
      flags_[name] = "";
    } else if (equals != std::string::npos) {
      flags_[name] = argument.substr(equals + 1);
    } else {
      MMI_CHECK(ConfigError, i + 1 < call.args.size(), "{} needs a value", name);
      flags_[name] = call.args[++i];
    }
  }
}

const std::string& Command::positional(std::size_t index, const std::string& what) const {
  MMI_CHECK(
      ConfigError,
      index < positionals_.size(),
      "`mmi {}` needs {}; see `mmi {} --help`",
      verb_,
      what,
      verb_);
  return positionals_[index];
}

std::vector<std::string> Command::rest(std::size_t first) const {
  if (first >= positionals_.size()) {
    return {};
  }
  return {positionals_.begin() + static_cast<std::ptrdiff_t>(first), positionals_.end()};
}

std::string Command::value(const std::string& flag, const std::string& otherwise) const {
  const auto at = flags_.find(flag);
  return at == flags_.end() ? otherwise : at->second;
}

int cli_main(const std::vector<std::string>& args, const std::function<bool()>& interrupted) {
  const Invocation call = parse_invocation(args);
  if (const auto answer = static_answer(call, version(), isatty(STDOUT_FILENO) == 1)) {
    std::fputs(answer->out.c_str(), stdout);
    std::fputs(answer->err.c_str(), stderr);
    return answer->exit_code;
  }
  try {
    const SignalScope signals;
    register_all();
    const bool quiet = call.quiet || !train::distributed().is_writer();
    Progress::set_enabled(!quiet);
    log::set_level(quiet ? log::Level::kWarning : log::Level::kInfo);
    const Command command(
        call, [interrupted] { return train::stop_requested() || (interrupted && interrupted()); });
    for (const auto& [name, run] : kRunners) {
      if (name == call.verb->name) {
        return run(command);
      }
    }
    return fail(
        format("`mmi {}` needs Python: run `python -m mmi {} …`", call.verb_name, call.verb_name),
        kExitNotBuilt);
  } catch (const Error& error) {
    return fail(error.what(), error.exit_code());
  } catch (const std::bad_alloc&) {
    return fail("out of memory; lower loader.batch_size or the picture size", 1);
  } catch (const std::exception& error) {
    // The first line: torch appends its stack trace.
    const std::string text = error.what();
    return fail("unexpected error: " + text.substr(0, text.find('\n')), 1);
  }
}

}  // namespace mmi::cli

int mmi_cli_main(int argc, char** argv) {
  return mmi::cli::cli_main({argv + 1, argv + argc});
}
