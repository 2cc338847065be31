#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mmi/base/api.h"

/// What the `mmi` command understands: static tables without torch and without any other room, so
/// that the launcher answers --help, --version and typing errors before libmmi is loaded. The verbs
/// themselves live in src/cli/*.cpp and `python -m mmi`; all three read these tables.
namespace mmi::cli {

struct Flag {
  std::string_view names;  ///< "--out", "-h, --help"
  std::string_view value;  ///< "DIR", or "" for a switch
  std::string_view text;   ///< one sentence
};

struct Verb {
  std::string_view name;
  std::string_view group;    ///< heading under which `mmi --help` lists it
  std::string_view summary;  ///< one line
  std::string_view usage;    ///< without "mmi": "train <cfg.yaml> [key=value …]"
  std::string_view help;     ///< paragraphs
  std::span<const Flag> flags;
  std::string_view examples;  ///< one command a line
  bool python;                ///< runs in `python -m mmi`: it needs a Python package
  bool tools = false;         ///< `mmi <name> <tool> --help` is answered by the tool
};

/// All verbs in the order of the help page.
MMI_API std::span<const Verb> verbs();

/// Options that every verb takes.
MMI_API std::span<const Flag> global_flags();

/// nullptr when there is no such verb.
MMI_API const Verb* find_verb(std::string_view name);

/// The verb that was probably meant: a shared beginning, a common synonym or a small edit distance;
/// "" when none is near.
MMI_API std::string_view nearest_verb(std::string_view name);

/// The page of `mmi --help`.
MMI_API std::string help_text(bool colour = false);

/// The page of `mmi <name> --help`; "" when there is no such verb.
MMI_API std::string verb_help(std::string_view name, bool colour = false);

/// A command line split into its global options, its verb and the rest.
struct Invocation {
  const Verb* verb = nullptr;
  std::string verb_name;             ///< as typed; "" when missing
  std::vector<std::string> args;     ///< behind the verb, without global options
  std::vector<std::string> imports;  ///< --import
  bool help = false;
  bool version = false;
  bool json = false;
  bool quiet = false;
  std::string problem;  ///< one sentence for the user when the line cannot be understood
};

/// `args` without the program name. Global options may stand before or behind the verb; behind a
/// "--" everything is left alone. Never throws.
MMI_API Invocation parse_invocation(const std::vector<std::string>& args);

/// What needs no library at all: help, version, no verb, a problem.
struct Answer {
  int exit_code = 0;  ///< 0, or 2 for a problem
  std::string out;    ///< for stdout
  std::string err;    ///< for stderr
};

/// nullopt when the verb has to run.
MMI_API std::optional<Answer> static_answer(
    const Invocation& call, std::string_view version, bool colour = false);

}  // namespace mmi::cli
