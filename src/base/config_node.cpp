#include "mmi/base/config_node.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "mmi/base/errors.h"

namespace mmi::config {
namespace {

/// Shortest text that reads back as the same double and is not mistaken for an integer.
std::string float_text(double value) {
  char buffer[40];
  for (int digits = 6; digits <= 17; ++digits) {
    std::snprintf(buffer, sizeof buffer, "%.*g", digits, value);
    if (std::strtod(buffer, nullptr) == value) {
      break;
    }
  }
  std::string text = buffer;
  if (text.find_first_of(".en") == std::string::npos) {
    text += ".0";
  } else if (const auto e = text.find('e');
             e != std::string::npos && text.find('.') == std::string::npos) {
    text.insert(e, ".0");
  }
  return text;
}

bool needs_quotes(const std::string& text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') {
    return true;
  }
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20; })) {
    return true;
  }
  if (text.find_first_of(":#{}[],&*!|>'\"%@`\n\t\\") != std::string::npos || text.front() == '-' ||
      text.front() == '?') {
    return true;
  }
  const Node parsed = parse_yaml(text, "text");
  return parsed.kind != Node::Kind::kString;
}

std::string scalar(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "null";
    case Node::Kind::kBool:
      return node.boolean_value ? "true" : "false";
    case Node::Kind::kInt:
      return std::to_string(node.int_value);
    case Node::Kind::kFloat:
      return float_text(node.float_value);
    default:
      return needs_quotes(node.string_value) ? nlohmann::json(node.string_value).dump()
                                             : node.string_value;
  }
}

bool is_flow(const Node& node) {
  if (node.kind == Node::Kind::kMap) {
    return node.members.empty();
  }
  if (node.kind == Node::Kind::kList) {
    return std::all_of(node.items.begin(), node.items.end(), is_flow);
  }
  return true;
}

std::string flow(const Node& node) {
  if (node.kind == Node::Kind::kMap) {
    return "{}";
  }
  if (node.kind != Node::Kind::kList) {
    return scalar(node);
  }
  std::string text = "[";
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    text += (i ? ", " : "") + flow(node.items[i]);
  }
  return text + "]";
}

void block(const Node& node, int indent, std::string& out) {
  const std::string pad(static_cast<std::size_t>(indent), ' ');
  if (node.kind == Node::Kind::kMap) {
    for (const auto& [key, value] : node.members) {
      out += pad + (needs_quotes(key) ? nlohmann::json(key).dump() : key) + ":";
      if (is_flow(value)) {
        out += " " + flow(value) + "\n";
      } else {
        out += "\n";
        block(value, indent + 2, out);
      }
    }
    return;
  }
  for (const Node& item : node.items) {
    if (is_flow(item)) {
      out += pad + "- " + flow(item) + "\n";
    } else {
      std::string inner;
      block(item, indent + 2, inner);
      inner[static_cast<std::size_t>(indent)] = '-';
      out += inner;
    }
  }
}

nlohmann::json to_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return nullptr;
    case Node::Kind::kBool:
      return node.boolean_value;
    case Node::Kind::kInt:
      return node.int_value;
    case Node::Kind::kFloat:
      return node.float_value;
    case Node::Kind::kString:
      return node.string_value;
    case Node::Kind::kList: {
      nlohmann::json list = nlohmann::json::array();
      for (const Node& item : node.items) {
        list.push_back(to_json(item));
      }
      return list;
    }
    case Node::Kind::kMap:
      break;
  }
  nlohmann::json map = nlohmann::json::object();
  for (const auto& [key, value] : node.members) {
    map[key] = to_json(value);
  }
  return map;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1] ? 1 : 0)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string Origin::text() const {
  return line > 0 ? format("{}:{}", source, line) : source;
}

Node Node::boolean(bool value) {
  Node node;
  node.kind = Kind::kBool;
  node.boolean_value = value;
  return node;
}

Node Node::integer(std::int64_t value) {
  Node node;
  node.kind = Kind::kInt;
  node.int_value = value;
  return node;
}

Node Node::real(double value) {
  Node node;
  node.kind = Kind::kFloat;
  node.float_value = value;
  return node;
}

Node Node::text(std::string value) {
  Node node;
  node.kind = Kind::kString;
  node.string_value = std::move(value);
  return node;
}

Node Node::list(std::vector<Node> items) {
  Node node;
  node.kind = Kind::kList;
  node.items = std::move(items);
  return node;
}

Node Node::map() {
  Node node;
  node.kind = Kind::kMap;
  return node;
}

const Node* Node::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name == key) {
      return &value;
    }
  }
  return nullptr;
}

Node* Node::find(std::string_view key) {
  return const_cast<Node*>(std::as_const(*this).find(key));
}

void Node::set(std::string_view key, Node value) {
  if (Node* present = find(key)) {
    *present = std::move(value);
  } else {
    members.emplace_back(key, std::move(value));
  }
}

void Node::erase(std::string_view key) {
  std::erase_if(members, [&](const auto& member) { return member.first == key; });
}

const char* Node::kind_name() const {
  static constexpr const char* kNames[] = {
      "null", "a boolean", "an integer", "a number", "a string", "a list", "a map"};
  return kNames[static_cast<int>(kind)];
}

std::string Node::yaml() const {
  if (is_flow(*this)) {
    return flow(*this) + "\n";
  }
  std::string text;
  block(*this, 0, text);
  return text;
}

std::string Node::json() const {
  return to_json(*this).dump();
}

void Node::mark(const Origin& where) {
  origin = where;
  for (Node& item : items) {
    item.mark(where);
  }
  for (auto& [key, value] : members) {
    value.mark(where);
  }
}

void merge(Node& base, const Node& over) {
  if (!base.is_map() || !over.is_map()) {
    // "encoder: resnet18" above "encoder: {name: video2roll, …}" names another part.
    if (base.is_map() && over.kind == Node::Kind::kString && base.find("name")) {
      base.set("name", over);
      return;
    }
    base = over;
    return;
  }
  base.origin = over.origin;
  for (const auto& [key, value] : over.members) {
    if (Node* present = base.find(key)) {
      merge(*present, value);
    } else {
      base.set(key, value);
    }
  }
}

std::string nearest(std::string_view name, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace mmi::config
