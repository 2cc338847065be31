#include "cli/grammar.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace mmi::cli {
namespace {

std::size_t widest_line(const std::string& page) {
  std::istringstream lines(page);
  std::size_t widest = 0;
  for (std::string line; std::getline(lines, line);) {
    std::size_t columns = 0;
    for (const char c : line) {
      columns += (static_cast<unsigned char>(c) & 0xC0) != 0x80;  // code points, not bytes
    }
    widest = std::max(widest, columns);
  }
  return widest;
}

TEST(Grammar, NamesAreUniqueAndEachVerbExplainsItself) {
  std::set<std::string_view> names;
  for (const Verb& verb : verbs()) {
    EXPECT_TRUE(names.insert(verb.name).second) << verb.name;
    EXPECT_TRUE(verb.usage.starts_with(verb.name)) << verb.name;
    EXPECT_EQ(verb.summary.find('\n'), std::string_view::npos) << verb.name;
    EXPECT_LE(verb.summary.size(), 72u) << verb.name;
    EXPECT_FALSE(verb.help.empty()) << verb.name;
    EXPECT_TRUE(verb.examples.starts_with("mmi " + std::string(verb.name))) << verb.name;
    EXPECT_EQ(find_verb(verb.name), &verb);
  }
  EXPECT_EQ(find_verb("trane"), nullptr);
}

TEST(Grammar, HelpNamesEveryVerbAndFitsATerminal) {
  const std::string page = help_text();
  EXPECT_LE(widest_line(page), 92u);
  for (const Verb& verb : verbs()) {
    EXPECT_NE(page.find("  " + std::string(verb.name) + " "), std::string::npos) << verb.name;
  }
}

TEST(Grammar, VerbPagesNameTheirFlagsAndFitATerminal) {
  for (const Verb& verb : verbs()) {
    const std::string page = verb_help(verb.name);
    EXPECT_LE(widest_line(page), 92u) << page;
    EXPECT_EQ(page.find(" \n"), std::string::npos) << page;
    for (const Flag& flag : verb.flags) {
      EXPECT_NE(page.find("  " + std::string(flag.names)), std::string::npos) << flag.names;
    }
    EXPECT_NE(page.find("--json"), std::string::npos);
  }
  EXPECT_EQ(verb_help("nothing"), "");
}

TEST(Grammar, FlagsShownInUsageAreInTheTable) {
  for (const Verb& verb : verbs()) {
    std::istringstream words{std::string(verb.usage)};
    for (std::string word; words >> word;) {
      const std::size_t start = word.find("--");
      if (start == std::string::npos) {
        continue;
      }
      word = word.substr(start, word.find(']') - start);
      bool known = false;
      for (const auto flags : {verb.flags, global_flags()}) {
        for (const Flag& flag : flags) {
          known |= flag.names == word;
        }
      }
      EXPECT_TRUE(known) << verb.name << " " << word;
    }
  }
}

TEST(Grammar, ColourIsOnlyWrittenWhenAsked) {
  EXPECT_EQ(help_text().find('\033'), std::string::npos);
  EXPECT_EQ(verb_help("train").find('\033'), std::string::npos);
  EXPECT_NE(help_text(true).find("\033[1mUsage\033[0m"), std::string::npos);
}

TEST(Grammar, SuggestsTheVerbThatWasMeant) {
  EXPECT_EQ(nearest_verb("trian"), "train");
  EXPECT_EQ(nearest_verb("generat"), "generate");
  EXPECT_EQ(nearest_verb("evaluate"), "eval");
  EXPECT_EQ(nearest_verb("gen"), "generate");
  EXPECT_EQ(nearest_verb("predict"), "generate");
  EXPECT_EQ(nearest_verb("run"), "runs");
  EXPECT_EQ(nearest_verb("cofnig"), "config");
  EXPECT_EQ(nearest_verb("xyzzy"), "");
  EXPECT_EQ(nearest_verb(""), "");
}

TEST(Invocation, GlobalOptionsMayStandOnEitherSideOfTheVerb) {
  const Invocation call = parse_invocation(
      {"--quiet", "train", "a.yaml", "--import", "pkg", "seed=3", "--import=other", "--json"});
  ASSERT_NE(call.verb, nullptr);
  EXPECT_EQ(call.verb->name, "train");
  EXPECT_EQ(call.args, (std::vector<std::string>{"a.yaml", "seed=3"}));
  EXPECT_EQ(call.imports, (std::vector<std::string>{"pkg", "other"}));
  EXPECT_TRUE(call.quiet);
  EXPECT_TRUE(call.json);
  EXPECT_FALSE(call.help);
  EXPECT_EQ(call.problem, "");
  EXPECT_FALSE(static_answer(call, "1.2.3").has_value());
}

TEST(Invocation, ArgumentsBehindTwoDashesAreLeftAlone) {
  const Invocation call = parse_invocation({"eval", "--", "--help"});
  EXPECT_FALSE(call.help);
  EXPECT_EQ(call.args, (std::vector<std::string>{"--", "--help"}));
}

TEST(StaticAnswer, HelpIsTheSameHoweverItIsAsked) {
  const std::string page = verb_help("runs");
  for (const auto& args : std::vector<std::vector<std::string>>{
           {"runs", "--help"}, {"runs", "list", "-h"}, {"help", "runs"}, {"--help", "runs"}}) {
    const auto answer = static_answer(parse_invocation(args), "1.2.3");
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->exit_code, 0);
    EXPECT_EQ(answer->out, page);
    EXPECT_EQ(answer->err, "");
  }
}

TEST(StaticAnswer, NoArgumentsShowTheHelpPage) {
  for (const auto& args : std::vector<std::vector<std::string>>{{}, {"--help"}, {"help"}}) {
    EXPECT_EQ(static_answer(parse_invocation(args), "1.2.3")->out, help_text());
  }
}

TEST(StaticAnswer, VersionIsPrintedForPeopleAndForMachines) {
  EXPECT_EQ(static_answer(parse_invocation({"--version"}), "1.2.3")->out, "mmi 1.2.3\n");
  EXPECT_EQ(static_answer(parse_invocation({"train", "--version"}), "1.2.3")->out, "mmi 1.2.3\n");
  EXPECT_EQ(
      static_answer(parse_invocation({"--version", "--json"}), "1.2.3")->out,
      "{\"mmi\": \"1.2.3\"}\n");
}

TEST(StaticAnswer, ProblemsExitWithTwoAndSayWhatToType) {
  const auto error = [](const std::vector<std::string>& args) {
    const auto answer = static_answer(parse_invocation(args), "1.2.3");
    EXPECT_TRUE(answer.has_value());
    EXPECT_EQ(answer->exit_code, 2);
    EXPECT_EQ(answer->out, "");
    return answer->err;
  };
  EXPECT_EQ(error({"trian"}), "mmi: unknown verb \"trian\"; did you mean `mmi train`?\n");
  EXPECT_EQ(
      error({"help", "exprot"}), "mmi: unknown verb \"exprot\"; did you mean `mmi export`?\n");
  EXPECT_EQ(error({"xyzzy"}), "mmi: unknown verb \"xyzzy\"; `mmi --help` lists the verbs\n");
  EXPECT_EQ(error({"a.yaml"}), "mmi: unknown verb \"a.yaml\"; did you mean `mmi train a.yaml`?\n");
  EXPECT_NE(error({"--wrong"}).find("unknown option \"--wrong\""), std::string::npos);
  EXPECT_NE(error({"train", "--import"}).find("--import needs"), std::string::npos);
}

}  // namespace
}  // namespace mmi::cli
