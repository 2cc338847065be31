#include "cli/grammar.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "cli/grammar_tables.h"

namespace mmi::cli {
namespace {

constexpr std::size_t kPageColumns = 92;

/// Optimal string alignment distance: a swapped pair of letters counts once.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before;
  std::vector<std::size_t> last(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t swap = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + swap});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = std::exchange(last, std::move(row));
  }
  return last.back();
}

struct Style {
  std::string_view heading = "\033[1m";
  std::string_view name = "\033[36m";
  std::string_view end = "\033[0m";

  static Style plain() {
    return {"", "", ""};
  }
};

/// "  left        text that is wrapped\n              under itself\n"
std::string row(
    std::string_view left, std::string_view text, std::size_t left_columns, const Style& style) {
  std::string out = "  ";
  out.append(style.name).append(left).append(style.end);
  std::size_t column = 2 + left.size();
  const std::size_t start = 2 + left_columns + 2;
  if (column + 2 > start) {
    out += '\n';
    column = 0;
  }
  out.append(start - column, ' ');
  column = start;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (column > start && column + word.size() > kPageColumns) {
      out.append(1, '\n').append(start, ' ');
      column = start;
    }
    out += word;
    column += word.size();
    if (!text.empty()) {
      out += ' ';
      column += 1;
    }
  }
  // A break that follows a space leaves it at the end of a line.
  for (std::size_t at = out.find(" \n"); at != std::string::npos; at = out.find(" \n")) {
    out.erase(at, 1);
  }
  return out + '\n';
}

std::string flag_rows(std::span<const Flag> flags, const Style& style) {
  const auto left = [](const Flag& flag) {
    return std::string(flag.names) + (flag.value.empty() ? "" : " " + std::string(flag.value));
  };
  std::size_t columns = 0;
  for (const Flag& flag : flags) {
    columns = std::max(columns, left(flag).size());
  }
  std::string out;
  for (const Flag& flag : flags) {
    out += row(left(flag), flag.text, columns, style);
  }
  return out;
}

std::string heading(std::string_view text, const Style& style) {
  return std::string(style.heading) + std::string(text) + std::string(style.end) + "\n";
}

std::string indented(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    out.append("  ").append(line).append("\n");
  }
  return out;
}

std::string unknown_verb(std::string_view name) {
  std::string text = "unknown verb \"" + std::string(name) + "\"; ";
  if (name.ends_with(".yaml") || name.ends_with(".yml")) {
    return text + "did you mean `mmi train " + std::string(name) + "`?";
  }
  const std::string_view near = nearest_verb(name);
  return text + (near.empty() ? "`mmi --help` lists the verbs"
                              : "did you mean `mmi " + std::string(near) + "`?");
}

/// Takes one global option off the line; the number of arguments it used, 0 when it is none.
std::size_t take_global(const std::vector<std::string>& args, std::size_t at, Invocation& call) {
  const std::string& arg = args[at];
  constexpr std::string_view kImport = "--import=";
  if (arg == "-h" || arg == "--help") {
    call.help = true;
  } else if (arg == "--version") {
    call.version = true;
  } else if (arg == "--json") {
    call.json = true;
  } else if (arg == "--quiet") {
    call.quiet = true;
  } else if (arg.starts_with(kImport)) {
    call.imports.push_back(arg.substr(kImport.size()));
  } else if (arg == "--import") {
    if (at + 1 == args.size()) {
      call.problem = "--import needs the name of a Python package: `--import my_package`";
      return 1;
    }
    call.imports.push_back(args[at + 1]);
    return 2;
  } else {
    return 0;
  }
  return 1;
}

}  // namespace

std::span<const Verb> verbs() {
  return kVerbs;
}

std::span<const Flag> global_flags() {
  return kGlobalFlags;
}

const Verb* find_verb(std::string_view name) {
  const auto* found =
      std::find_if(kVerbs.begin(), kVerbs.end(), [&](const Verb& v) { return v.name == name; });
  return found == kVerbs.end() ? nullptr : found;
}

std::string_view nearest_verb(std::string_view name) {
  for (const auto& [said, meant] : kSynonyms) {
    if (name == said) {
      return meant;
    }
  }
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const Verb& verb : kVerbs) {
    const bool begins =
        name.size() >= 3 && (verb.name.starts_with(name) || name.starts_with(verb.name));
    const std::size_t distance = begins ? 0 : edit_distance(name, verb.name);
    if (distance < best_distance) {
      best = verb.name;
      best_distance = distance;
    }
  }
  return best;
}

std::string help_text(bool colour) {
  const Style style = colour ? Style{} : Style::plain();
  std::string out = heading("mmi: audio-visual research systems, from YAML to sound", style);
  out += "\n" + heading("Usage", style);
  out += "  mmi <verb> [arguments] [options]\n  mmi <verb> --help\n";
  std::size_t columns = 0;
  for (const Verb& verb : kVerbs) {
    columns = std::max(columns, verb.name.size());
  }
  std::string_view group;
  for (const Verb& verb : kVerbs) {
    if (verb.group != group) {
      group = verb.group;
      out += "\n" + heading(group, style);
    }
    out += row(verb.name, verb.summary, columns, style);
  }
  out += "\n" + heading("Options of every verb", style) + flag_rows(kGlobalFlags, style);
  out += "\n" + heading("Overrides", style);
  out += indented(
      "Any value of a configuration can be set on the command line: train.max_steps=500,\n"
      "model.width=0.5, data.items[0]=x. Of every configuration: preset=smoke|small|gpu|paper,\n"
      "device=auto|cpu|cuda:N, threads=N, seed=N. A name that does not exist is an error.");
  out += "\n" + heading("Exit codes", style);
  out += indented(
      "0 done · 2 usage or configuration · 3 data · 4 checkpoint or run · 5 not a finite number\n"
      "6 not part of this build · 130 interrupted");
  return out;
}

std::string verb_help(std::string_view name, bool colour) {
  const Verb* verb = find_verb(name);
  if (verb == nullptr) {
    return "";
  }
  const Style style = colour ? Style{} : Style::plain();
  std::string out = heading("mmi " + std::string(name), style);
  out += indented(verb->summary);
  out += "\n" + heading("Usage", style) + "  mmi " + std::string(verb->usage) + "\n\n";
  out += indented(verb->help);
  if (!verb->flags.empty()) {
    out += "\n" + heading("Options", style) + flag_rows(verb->flags, style);
  }
  out += "\n" + heading("Options of every verb", style) + flag_rows(kGlobalFlags, style);
  out += "\n" + heading("Examples", style) + indented(verb->examples);
  return out;
}

Invocation parse_invocation(const std::vector<std::string>& args) {
  Invocation call;
  for (std::size_t i = 0; i < args.size();) {
    if (args[i] == "--") {
      call.args.insert(call.args.end(), args.begin() + static_cast<std::ptrdiff_t>(i), args.end());
      break;
    }
    if (const std::size_t used = take_global(args, i, call)) {
      i += used;
    } else if (!call.verb_name.empty()) {
      call.args.push_back(args[i++]);
    } else if (args[i].starts_with('-')) {
      call.problem = "unknown option \"" + args[i] + "\" before the verb; `mmi --help` lists them";
      return call;
    } else {
      call.verb_name = args[i++];
    }
  }
  // `mmi help train` is `mmi train --help`.
  if (call.verb_name == "help") {
    call.help = true;
    call.verb_name = call.args.empty() ? "" : call.args.front();
  }
  call.verb = find_verb(call.verb_name);
  if (call.problem.empty() && call.verb == nullptr && !call.verb_name.empty()) {
    call.problem = unknown_verb(call.verb_name);
  }
  return call;
}

std::optional<Answer> static_answer(const Invocation& call, std::string_view version, bool colour) {
  if (!call.problem.empty()) {
    return Answer{2, "", "mmi: " + call.problem + "\n"};
  }
  if (call.version) {
    const std::string number(version);
    return Answer{0, call.json ? "{\"mmi\": \"" + number + "\"}\n" : "mmi " + number + "\n", ""};
  }
  if (call.verb == nullptr) {
    return Answer{0, help_text(colour), ""};
  }
  if (call.help && !(call.verb->tools && !call.args.empty())) {
    return Answer{0, verb_help(call.verb->name, colour), ""};
  }
  return std::nullopt;
}

}  // namespace mmi::cli
