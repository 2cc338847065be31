// yaml-cpp is used here and nowhere else.
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "mmi/base/config_node.h"
#include "mmi/base/errors.h"

namespace mmi::config {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxNodes = 100'000;
constexpr int kMaxLayers = 100;

/// Length of the valid UTF-8 sequence that begins the text; 0 when there is none, or a control
/// character (with zeros among the first bytes the parser would assume UTF-16 or 32).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(0);
  if (first < 0x20 && first != '\t' && first != '\n' && first != '\r') {
    return 0;
  }
  const std::size_t n = first < 0x80   ? 1
                        : first < 0xC2 ? 0
                        : first < 0xE0 ? 2
                        : first < 0xF0 ? 3
                                       : 4;
  for (std::size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) {
      return 0;
    }
  }
  // Overlong forms, surrogates and what lies beyond U+10FFFF.
  const unsigned second = byte(1);
  const bool wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                     (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) ||
                     first > 0xF4;
  return wrong ? 0 : n;
}

struct Reader {
  std::string name;
  int layer;
  std::size_t count = 0;

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& what) const {
    throw ConfigError(format("{}:{}: {}", name, mark.line + 1, what));
  }

  /// The text of a name or value: of the escapes, yaml-cpp makes lone bytes of \N and \_.
  const std::string& text_of(const YAML::Node& yaml) const {
    const std::string& text = yaml.Scalar();
    for (std::size_t at = 0; at < text.size();) {
      const bool control = static_cast<unsigned char>(text[at]) < 0x20;
      const std::size_t n = control ? 1 : utf8_length(std::string_view(text).substr(at));
      if (n == 0) {
        fail(yaml.Mark(), "an escape in this text gives no UTF-8; write the character itself");
      }
      at += n;
    }
    return text;
  }

  Node scalar(const YAML::Node& yaml) const {
    const std::string& text = text_of(yaml);
    if (yaml.Tag() == "!") {  // quoted
      return Node::text(text);
    }
    if (text == "true" || text == "false") {
      return Node::boolean(text == "true");
    }
    if (text == "null" || text == "~" || text.empty()) {
      return {};
    }
    const char first = text[0] == '-' || text[0] == '+' ? text[1] : text[0];
    if ((first >= '0' && first <= '9') || first == '.') {
      char* end = nullptr;
      errno = 0;
      const long long whole = std::strtoll(text.c_str(), &end, 10);
      if (*end == '\0' && errno == 0) {
        return Node::integer(whole);
      }
      const double real = std::strtod(text.c_str(), &end);
      if (*end == '\0' && text.find_first_of("xX") == std::string::npos && std::isfinite(real)) {
        return Node::real(real);
      }
    }
    return Node::text(text);
  }

  Node convert(const YAML::Node& yaml, int depth) {
    if (depth > kMaxDepth) {
      fail(yaml.Mark(), format("nested deeper than {} levels", kMaxDepth));
    }
    if (++count > kMaxNodes) {
      fail(yaml.Mark(), format("more than {} values", kMaxNodes));
    }
    // "?" and "!" stand for no tag, unquoted and quoted.
    if (const std::string& tag = yaml.Tag(); !tag.empty() && tag != "?" && tag != "!") {
      fail(yaml.Mark(), format("the tag {} is not supported: write plain values", tag));
    }
    Node node;
    if (yaml.IsScalar()) {
      node = scalar(yaml);
    } else if (yaml.IsSequence()) {
      node = Node::list();
      for (const YAML::Node& item : yaml) {
        node.items.push_back(convert(item, depth + 1));
      }
    } else if (yaml.IsMap()) {
      node = Node::map();
      std::set<std::string> keys;
      for (const auto& member : yaml) {
        if (!member.first.IsScalar()) {
          fail(member.first.Mark(), "a key must be a name");
        }
        const std::string& key = text_of(member.first);
        if (key == "<<") {
          fail(member.first.Mark(), "merge keys (<<) are not supported; use `defaults:`");
        }
        if (!keys.insert(key).second) {
          fail(member.first.Mark(), format("the key \"{}\" occurs twice", key));
        }
        node.members.emplace_back(key, convert(member.second, depth + 1));
      }
    }
    node.origin = {name, yaml.Mark().line + 1, layer};
    return node;
  }
};

void guard(std::string_view text, const std::string& name) {
  MMI_CHECK(ConfigError, text.size() <= kMaxBytes, "{}: larger than {} bytes", name, kMaxBytes);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = utf8_length(text.substr(at));
    MMI_CHECK(
        ConfigError,
        n > 0,
        "{}:{}: not UTF-8 text",
        name,
        1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    at += n;
  }
  // yaml-cpp recurses on flow collections, so their depth is bounded before it sees them.
  int depth = 0;
  for (const char c : text) {
    depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
    MMI_CHECK(
        ConfigError, depth <= kMaxDepth, "{}: brackets nested deeper than {}", name, kMaxDepth);
  }
}

void load_layers(
    const std::filesystem::path& path,
    const std::string& preset,
    std::vector<std::filesystem::path>& open,
    int& layer,
    Node& tree,
    std::set<std::string>& presets) {
  const auto absolute = std::filesystem::weakly_canonical(path);
  for (const auto& parent : open) {
    MMI_CHECK(
        ConfigError, parent != absolute, "{}: `defaults:` leads back to this file", path.string());
  }
  MMI_CHECK(
      ConfigError,
      layer < kMaxLayers,
      "{}: `defaults:` lead to more than {} files",
      path.string(),
      kMaxLayers);
  open.push_back(absolute);
  Node file = read_yaml(path, layer);
  MMI_CHECK(ConfigError, file.is_map(), "{}: expected a map of settings", path.string());
  if (const Node* defaults = file.find("defaults")) {
    MMI_CHECK(
        ConfigError,
        defaults->kind == Node::Kind::kList,
        "{}: `defaults:` must be a list of files",
        defaults->origin.text());
    for (const Node& entry : defaults->items) {
      MMI_CHECK(
          ConfigError,
          entry.kind == Node::Kind::kString && !entry.string_value.empty(),
          "{}: `defaults:` must be a list of files, but holds {}",
          entry.origin.text(),
          entry.kind_name());
      load_layers(path.parent_path() / entry.string_value, preset, open, layer, tree, presets);
    }
    ++layer;
    file = read_yaml(path, layer);
    file.erase("defaults");
  }
  Node overlay;
  if (const Node* all = file.find("presets")) {
    for (const auto& [name, value] : all->members) {
      presets.insert(name);
      if (name == preset) {
        overlay = value;
      }
    }
    file.erase("presets");
  }
  merge(tree, file);
  if (overlay.is_map()) {
    merge(tree, overlay);
  }
  ++layer;
  open.pop_back();
}

}  // namespace

Node parse_yaml(std::string_view text, const std::string& name, int layer) {
  guard(text, name);
  try {
    const YAML::Node yaml = YAML::Load(std::string(text));
    Reader reader{name, layer};
    Node node = reader.convert(yaml, 0);
    return node;
  } catch (const YAML::DeepRecursion& error) {
    throw ConfigError(
        format("{}:{}: nested deeper than {} levels", name, error.mark.line + 1, kMaxDepth));
  } catch (const YAML::Exception& error) {
    throw ConfigError(format("{}:{}: {}", name, error.mark.line + 1, error.msg));
  }
}

Node read_yaml(const std::filesystem::path& path, int layer) {
  std::ifstream file(path, std::ios::binary);
  MMI_CHECK(
      ConfigError,
      file.good() && !std::filesystem::is_directory(path),
      "cannot read the configuration file {}",
      path.string());
  // No more than the parser would refuse.
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  Node node = parse_yaml(text, path.string(), layer);
  if (node.kind == Node::Kind::kNull) {
    node = Node::map();
  }
  return node;
}

void apply_override(Node& tree, const std::string& assignment, int layer) {
  guard(assignment, "command line");
  const auto equals = assignment.find('=');
  MMI_CHECK(
      ConfigError,
      equals != std::string::npos && equals > 0,
      "cannot use \"{}\" as an override: write name=value, e.g. train.max_steps=100",
      assignment);
  const std::string path = assignment.substr(0, equals);
  Node value = parse_yaml(assignment.substr(equals + 1), "command line", layer);
  value.mark({"command line", 0, layer});
  Node* at = &tree;
  std::istringstream parts(path);
  std::string part;
  while (std::getline(parts, part, '.')) {
    std::string key = part;
    std::vector<std::size_t> indices;
    for (auto open = key.find('['); open != std::string::npos;) {
      const auto close = key.find(']', open);
      MMI_CHECK(ConfigError, close != std::string::npos, "missing ] in \"{}\"", assignment);
      indices.push_back(std::strtoul(key.c_str() + open + 1, nullptr, 10));
      key.erase(open, close - open + 1);
      open = key.find('[', open);
    }
    MMI_CHECK(ConfigError, !key.empty(), "empty name in \"{}\"", assignment);
    if (!at->is_map()) {
      // "encoder: name" given short; options of it follow.
      Node expanded = Node::map();
      expanded.origin = at->origin;
      if (at->kind == Node::Kind::kString) {
        expanded.set("name", *at);
      }
      *at = expanded;
    }
    if (!at->find(key)) {
      at->set(key, Node::map());
      at->find(key)->origin = {"command line", 0, layer};
    }
    at = at->find(key);
    for (const std::size_t index : indices) {
      MMI_CHECK(
          ConfigError,
          at->kind == Node::Kind::kList && index < at->items.size(),
          "command line: {} has no element {} (it is {}{})",
          path,
          index,
          at->kind_name(),
          at->kind == Node::Kind::kList ? format(" of {}", at->items.size()) : "");
      at = &at->items[index];
    }
  }
  if (value.kind == Node::Kind::kString) {
    merge(*at, value);
  } else {
    *at = value;
  }
}

Node load(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  std::string preset = "small";
  bool preset_given = false;
  for (const std::string& assignment : overrides) {
    if (assignment.rfind("preset=", 0) == 0) {
      preset = assignment.substr(7);
      preset_given = true;
    }
  }
  if (!preset_given) {
    const Node own = read_yaml(path);
    if (const Node* const named = own.find("preset"); named && named->kind == Node::Kind::kString) {
      preset = named->string_value;
    }
  }
  Node tree = Node::map();
  std::vector<std::filesystem::path> open;
  std::set<std::string> presets;
  int layer = 0;
  load_layers(path, preset, open, layer, tree, presets);
  // A tree that `mmi config show` printed names its preset, but has none any more.
  const bool must_exist = preset_given || !presets.empty();
  if (must_exist && preset != "small" && !presets.contains(preset)) {
    std::string known = "small";
    for (const std::string& name : presets) {
      known += name == "small" ? "" : ", " + name;
    }
    throw ConfigError(format("{} has no preset \"{}\"; it has: {}", path.string(), preset, known));
  }
  tree.set("preset", Node::text(preset));
  for (const std::string& assignment : overrides) {
    if (assignment.rfind("preset=", 0) != 0) {
      apply_override(tree, assignment, layer);
    }
  }
  return tree;
}

}  // namespace mmi::config
