#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::config {

/// Where a value was written: "configs/a.yaml:12", "command line", or empty for a default.
struct Origin {
  std::string source;
  int line = 0;
  int layer = 0;  ///< position in the merge order; a later layer wins

  MMI_API std::string text() const;
};

/// One value of a configuration tree, independent of any YAML library.
class MMI_API Node {
 public:
  enum class Kind { kNull, kBool, kInt, kFloat, kString, kList, kMap };

  Node() = default;

  static Node boolean(bool value);
  static Node integer(std::int64_t value);
  static Node real(double value);
  static Node text(std::string value);
  static Node list(std::vector<Node> items = {});
  static Node map();

  Kind kind = Kind::kNull;
  bool boolean_value = false;
  std::int64_t int_value = 0;
  double float_value = 0;
  std::string string_value;
  std::vector<Node> items;                            ///< kList
  std::vector<std::pair<std::string, Node>> members;  ///< kMap, in order
  Origin origin;

  bool is_map() const {
    return kind == Kind::kMap;
  }

  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);

  /// Adds or replaces a map member.
  void set(std::string_view key, Node value);
  void erase(std::string_view key);

  /// "an integer", "a list", …: for messages.
  const char* kind_name() const;

  /// Canonical block YAML; parses back to an equal tree.
  std::string yaml() const;

  /// Canonical one-line JSON with sorted keys: what run ids hash.
  std::string json() const;

  /// Sets the origin of this node and all nodes below.
  void mark(const Origin& where);
};

/// Parses YAML text (no tags, no merge keys; duplicate keys are an error).
/// Throws ConfigError with `name`:line.
MMI_API Node parse_yaml(std::string_view text, const std::string& name, int layer = 0);
MMI_API Node read_yaml(const std::filesystem::path& path, int layer = 0);

/// Values of `over` win; maps merge, everything else is replaced.
MMI_API void merge(Node& base, const Node& over);

/// Applies one "a.b=value" or "a.list[2]=value" to the tree; the value is a YAML scalar or flow
/// list. Missing maps on the way are created; whether the name exists is checked against the schema
/// later.
MMI_API void apply_override(Node& tree, const std::string& assignment, int layer);

/// Reads a configuration file with all its layers: `defaults:` files (relative to the file), the
/// file itself, `presets.<preset>` of each, then the overrides. "preset=NAME" among the overrides
/// selects the preset (default "small"). The keys `defaults` and `presets` are consumed. Throws
/// ConfigError for a missing file or preset (naming those that exist) or a cycle of defaults.
MMI_API Node load(const std::filesystem::path& path, const std::vector<std::string>& overrides);

/// The name among `known` nearest to `name` by edit distance, or "" when none is near.
MMI_API std::string nearest(std::string_view name, const std::vector<std::string>& known);

}  // namespace mmi::config
