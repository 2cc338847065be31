#include "mmi/base/config.h"

#include "fuzz/fuzz.h"

namespace mmi::config {
namespace {

struct Settings {
  std::int64_t steps = 1;
  double rate = 0;
  std::vector<std::string> names;

  static const Schema& schema() {
    static const Schema made = Table<Settings>("fuzz", "")
                                   .field("steps", &Settings::steps, "", between(1, 9))
                                   .field("rate", &Settings::rate, "")
                                   .field("names", &Settings::names, "");
    return made;
  }
};

MMI_FUZZ(config) {
  const Node tree = parse_yaml(fuzz::text_of(bytes), "fuzz");
  MMI_ASSERT(parse_yaml(tree.yaml(), "written").json() == tree.json());
  read<Settings>(tree);
}

}  // namespace
}  // namespace mmi::config
