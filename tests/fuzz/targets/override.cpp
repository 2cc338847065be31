#include "fuzz/fuzz.h"
#include "mmi/base/config_node.h"

namespace mmi::config {
namespace {

MMI_FUZZ(override) {
  Node tree = parse_yaml("train: {steps: 1, list: [1, {a: 2}, 3]}\npart: name\n", "base");
  apply_override(tree, std::string(fuzz::text_of(bytes)), 1);
  MMI_ASSERT(parse_yaml(tree.yaml(), "written").json() == tree.json());
}

}  // namespace
}  // namespace mmi::config
