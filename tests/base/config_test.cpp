#include "mmi/base/config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "mmi/base/registry.h"

namespace mmi {
namespace {

namespace fs = std::filesystem;

enum class Shape { kRound, kFlat };

}  // namespace
}  // namespace mmi

template <>
struct mmi::config::EnumNames<mmi::Shape> {
  static constexpr std::array<std::pair<const char*, mmi::Shape>, 2> names{
      {{"round", mmi::Shape::kRound}, {"flat", mmi::Shape::kFlat}}};
};

namespace mmi {
namespace {

struct Part {
  static constexpr const char* kRegistryKind = "test_part";

  struct BuildArgs {};

  double size = 0;
};

struct BigConfig {
  double size = 2;

  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<BigConfig>("big", "").field("size", &BigConfig::size, "how big");
    return made;
  }
};

struct SmallConfig {
  int count = 1;

  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<SmallConfig>("small", "").field("count", &SmallConfig::count, "how many");
    return made;
  }
};

struct Inner {
  double rate = 0.5;
  std::vector<std::int64_t> sizes = {1, 2};

  static const config::Schema& schema() {
    static const config::Schema made = config::Table<Inner>("inner", "")
                                           .field("rate", &Inner::rate, "", config::between(0, 1))
                                           .field("sizes", &Inner::sizes, "");
    return made;
  }
};

struct Outer {
  bool flag = false;
  std::int64_t steps = 10;
  std::string label = "x";
  Shape shape = Shape::kRound;
  std::optional<double> limit;
  std::map<std::string, std::int64_t> table;
  Inner inner;
  config::Component<Part> part;

  static const config::Schema& schema();
};

}  // namespace
}  // namespace mmi

MMI_DECLARE_REGISTRY(mmi::Part);
MMI_DEFINE_REGISTRY(mmi::Part)

namespace mmi {
namespace {

const config::Schema& Outer::schema() {
  static const config::Schema made = config::Table<Outer>("outer", "")
                                         .field("flag", &Outer::flag, "")
                                         .field("steps", &Outer::steps, "", config::at_least(1))
                                         .field("label", &Outer::label, "")
                                         .cosmetic()
                                         .field("shape", &Outer::shape, "")
                                         .field("limit", &Outer::limit, "")
                                         .field("table", &Outer::table, "")
                                         .field("inner", &Outer::inner, "")
                                         .field("part", &Outer::part, "");
  return made;
}

void register_parts() {
  static const bool once = [] {
    auto& registry = Registry<Part>::get();
    registry.add<BigConfig>("big", "", [](const BigConfig& c, const Part::BuildArgs&) {
      auto part = std::make_shared<Part>();
      part->size = c.size;
      return part;
    });
    registry.add<SmallConfig>("small", "", [](const SmallConfig& c, const Part::BuildArgs&) {
      auto part = std::make_shared<Part>();
      part->size = c.count;
      return part;
    });
    return true;
  }();
  static_cast<void>(once);
}

std::string error_of(const std::string& yaml) {
  try {
    config::read<Outer>(config::parse_yaml(yaml, "a.yaml"));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

class ConfigFiles : public testing::Test {
 protected:
  void SetUp() override {
    register_parts();
    folder_ = fs::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
  }

  void TearDown() override {
    fs::remove_all(folder_);
  }

  fs::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

  fs::path folder_;
};

TEST(Config, ReadsEveryKindOfField) {
  const auto outer = config::read<Outer>(config::parse_yaml(
      "flag: true\nsteps: 3\nlabel: '7'\nshape: flat\nlimit: 1\ntable: {a: 1, b: 2}\n"
      "inner: {rate: 1.0e-3, sizes: [4, 5, 6]}\n",
      "a.yaml"));
  EXPECT_TRUE(outer.flag);
  EXPECT_EQ(outer.steps, 3);
  EXPECT_EQ(outer.label, "7");
  EXPECT_EQ(outer.shape, Shape::kFlat);
  EXPECT_EQ(outer.limit, 1.0);
  EXPECT_EQ(outer.table.at("b"), 2);
  EXPECT_EQ(outer.inner.rate, 1e-3);
  EXPECT_EQ(outer.inner.sizes, (std::vector<std::int64_t>{4, 5, 6}));
}

TEST(Config, ReportsAllProblemsAtOnceWithPlaceAndNearestName) {
  const std::string text = error_of("flagg: true\nsteps: 0\ninner:\n  rate: 2\nshape: square\n");
  EXPECT_NE(text.find("4 problems"), std::string::npos) << text;
  EXPECT_NE(text.find("a.yaml:1: flagg"), std::string::npos) << text;
  EXPECT_NE(text.find("did you mean \"flag\""), std::string::npos) << text;
  EXPECT_NE(text.find("a.yaml:2: steps: must be >= 1, but is 0"), std::string::npos) << text;
  EXPECT_NE(text.find("a.yaml:4: inner.rate: must be [0, 1]"), std::string::npos) << text;
  EXPECT_NE(text.find("round | flat"), std::string::npos) << text;
}

TEST(Config, RefusesAStringForANumberAndAFloatForAnInteger) {
  EXPECT_NE(
      error_of("steps: ten\n").find("must be an integer, but is a string"), std::string::npos);
  EXPECT_NE(
      error_of("steps: 1.5\n").find("must be an integer, but is a number"), std::string::npos);
}

TEST(Config, WritesATreeThatReadsBackEqual) {
  register_parts();
  Outer outer;
  outer.label = "yes: no #";
  outer.inner.rate = 1e-4;
  outer.part = config::component<Part>("small");
  const std::string yaml = config::write(outer).yaml();
  const auto again = config::read<Outer>(config::parse_yaml(yaml, "b.yaml"));
  EXPECT_EQ(config::write(again).yaml(), yaml);
  EXPECT_EQ(again.label, outer.label);
}

TEST(Config, CosmeticFieldsAreNotPartOfTheIdentity) {
  Outer a;
  Outer b;
  b.label = "other";
  EXPECT_NE(config::write(a).json(), config::write(b).json());
  EXPECT_EQ(config::write(a, true).json(), config::write(b, true).json());
}

TEST(Config, DuplicateKeysAndMergeKeysAreErrorsWithTheirLine) {
  EXPECT_NE(error_of("steps: 1\nsteps: 2\n").find("a.yaml:2"), std::string::npos);
  EXPECT_NE(error_of("inner:\n  <<: {rate: 1}\n").find("merge keys"), std::string::npos);
}

TEST(Config, DeepNestingIsRefused) {
  EXPECT_NE(error_of("a: " + std::string(100, '[')).find("nested deeper"), std::string::npos);
}

TEST(Config, HostileTextGetsOneSentence) {
  const auto expect = [](const std::string& text, const std::string& part) {
    const std::string error = error_of(text);
    EXPECT_NE(error.find(part), std::string::npos) << error.substr(0, 300);
    EXPECT_LT(error.size(), 300U);
  };
  const auto repeat = [](const std::string& part, int n) {
    std::string text;
    for (int i = 0; i < n; ++i) {
      text += part;
    }
    return text;
  };
  expect(repeat("- ", 400'000) + "1", "nested deeper");
  expect(repeat("? ", 400'000) + "1", "nested deeper");
  expect(repeat("{a: ", 200'000), "nested deeper");
  std::string stairs;
  for (int i = 0; i < 1000; ++i) {
    stairs += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  }
  expect(stairs, "nested deeper");
  // Ten aliases of ten aliases of …: 1e9 values of a few lines.
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += format("a{}: &a{} [{}*a{}]\n", i, i, repeat(format("*a{}, ", i - 1), 9), i - 1);
  }
  expect(bomb, "more than 100000 values");
  expect("a: &a [*a]\n", "a.yaml:1");
  expect(std::string((1 << 20) + 1, ' '), "larger than 1048576 bytes");
  expect("a: [1\nb: 2\n", "a.yaml:2");
  expect("a: 1\nb: \xFF\xFE\n", "a.yaml:2: not UTF-8 text");
  expect("b: \xED\xA0\x80\n", "a.yaml:1: not UTF-8 text");
  expect("# \x80\na: 1\n", "a.yaml:1: not UTF-8 text");
  expect("a: 1\nseed: !!python/object:os.system 1\n", "a.yaml:2: the tag ");
  expect("a: !!set {x, y}\n", "a.yaml:1: the tag ");
  expect("b: \xC0\x80\n", "a.yaml:1: not UTF-8 text");
  expect(std::string("\0\0\0- 1", 6), "a.yaml:1: not UTF-8 text");
}

TEST(Config, AMapOfManyKeysIsReadInTime) {
  std::string text;
  for (int i = 0; i < 90'000; ++i) {
    text += format("k{}: 1\n", i);
  }
  EXPECT_EQ(config::parse_yaml(text, "a.yaml").members.size(), 90'000U);
}

TEST_F(ConfigFiles, DefaultsThatMultiplyAreRefused) {
  for (int i = 0; i < 12; ++i) {
    write(format("{}.yaml", i), format("defaults: [{}.yaml, {}.yaml]\n", i + 1, i + 1));
  }
  write("12.yaml", "steps: 1\n");
  try {
    config::load(folder_ / "0.yaml", {});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("more than 100 files"), std::string::npos)
        << error.what();
  }
  EXPECT_THROW(config::load(write("list.yaml", "defaults: [{a: 1}]\n"), {}), ConfigError);
  EXPECT_THROW(config::load(folder_, {}), ConfigError) << "a directory";
}

TEST_F(ConfigFiles, LayersAreDefaultsFilePresetCommandLine) {
  write("base.yaml", "steps: 1\ninner: {rate: 0.1}\npresets: {smoke: {steps: 2, flag: true}}\n");
  const fs::path top = write("top.yaml", "defaults: [base.yaml]\ninner: {sizes: [9, 8]}\n");
  const auto tree = config::load(top, {"preset=smoke", "inner.sizes[1]=7", "inner.rate=0.25"});
  const auto outer = [&] {
    config::Node plain = tree;
    plain.erase("preset");
    return config::read<Outer>(plain);
  }();
  EXPECT_EQ(outer.steps, 2);
  EXPECT_TRUE(outer.flag);
  EXPECT_EQ(outer.inner.rate, 0.25);
  EXPECT_EQ(outer.inner.sizes, (std::vector<std::int64_t>{9, 7}));
}

TEST_F(ConfigFiles, NamingAnotherPartDropsTheSettingsOfTheFirst) {
  write("base.yaml", "part: {name: big, size: 5}\n");
  const fs::path top = write("top.yaml", "defaults: [base.yaml]\npart: {name: small}\n");
  config::Node tree = config::load(top, {});
  tree.erase("preset");
  const auto outer = config::read<Outer>(tree);
  EXPECT_EQ(outer.part.name, "small");
  EXPECT_EQ(Registry<Part>::get().create(outer.part, {})->size, 1);
  // A setting given together with the new name must exist.
  config::Node wrong = config::load(write("wrong.yaml", "part: {name: small, size: 5}\n"), {});
  wrong.erase("preset");
  EXPECT_THROW(config::read<Outer>(wrong), ConfigError);
}

TEST_F(ConfigFiles, OverridesReachOptionsOfAPartGivenByNameAlone) {
  config::Node tree = config::load(write("a.yaml", "part: big\n"), {"part.size=4"});
  tree.erase("preset");
  EXPECT_EQ(Registry<Part>::get().create(config::read<Outer>(tree).part, {})->size, 4);
}

TEST_F(ConfigFiles, CyclesUnknownPresetsAndBadOverridesAreNamed) {
  write("a.yaml", "defaults: [b.yaml]\n");
  write("b.yaml", "defaults: [a.yaml]\n");
  EXPECT_THROW(config::load(folder_ / "a.yaml", {}), ConfigError);
  const fs::path one = write("one.yaml", "presets: {smoke: {}}\ninner: {sizes: [1]}\n");
  try {
    config::load(one, {"preset=huge"});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("small, smoke"), std::string::npos) << error.what();
  }
  EXPECT_THROW(config::load(one, {"inner.sizes[3]=1"}), ConfigError);
  EXPECT_THROW(config::load(one, {"steps"}), ConfigError);
}

TEST_F(ConfigFiles, AFileMayNameThePresetThatItsDefaultsGive) {
  write("base.yaml", "steps: 1\npresets: {smoke: {steps: 2}}\n");
  const fs::path own = write("own.yaml", "defaults: [base.yaml]\npreset: smoke\n");
  EXPECT_EQ(config::load(own, {}).find("steps")->int_value, 2);
  EXPECT_EQ(config::load(own, {"preset=small"}).find("steps")->int_value, 1);
  EXPECT_THROW(
      config::load(write("typo.yaml", "defaults: [base.yaml]\npreset: smok\n"), {}), ConfigError);
  // What `mmi config show` printed.
  EXPECT_EQ(
      config::load(write("shown.yaml", "preset: smoke\nsteps: 2\n"), {}).find("steps")->int_value,
      2);
}

TEST(Registry, UnknownNamesListTheKnownOnesAndTheNearest) {
  register_parts();
  try {
    Registry<Part>::get().at("bigg");
    FAIL();
  } catch (const ConfigError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("did you mean \"big\""), std::string::npos) << text;
    EXPECT_NE(text.find("big, small"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace mmi
