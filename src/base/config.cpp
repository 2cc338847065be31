#include "mmi/base/config.h"

#include <cmath>

#include "mmi/base/registry.h"

namespace mmi::config {

void Problems::add(const Origin& where, const std::string& at, const std::string& what) {
  const std::string origin = where.text();
  lines_.push_back((origin.empty() ? "" : origin + ": ") + (at.empty() ? "" : at + ": ") + what);
}

void Problems::add(const std::string& what) {
  add(place, path, what);
}

void Problems::throw_if_any() const {
  if (lines_.empty()) {
    return;
  }
  if (lines_.size() == 1) {
    throw ConfigError(lines_.front());
  }
  std::string text = format("{} problems in the configuration:", lines_.size());
  for (const std::string& line : lines_) {
    text += "\n  " + line;
  }
  throw ConfigError(text);
}

std::string Range::text() const {
  if (std::isfinite(low) && std::isfinite(high)) {
    return format("[{}, {}]", low, high);
  }
  if (std::isfinite(low)) {
    return format("{} {}", open_low ? ">" : ">=", low);
  }
  return std::isfinite(high) ? format("<= {}", high) : "";
}

bool Range::contains(double value) const {
  return (open_low ? value > low : value >= low) && value <= high;
}

bool expect(const Node& node, Node::Kind kind, const std::string& path, Problems& problems) {
  if (node.kind == kind) {
    return true;
  }
  Node wanted;
  wanted.kind = kind;
  problems.add(
      node.origin, path, format("must be {}, but is {}", wanted.kind_name(), node.kind_name()));
  return false;
}

bool read_bool(const Node& node, const std::string& path, Problems& problems, bool& value) {
  if (!expect(node, Node::Kind::kBool, path, problems)) {
    return false;
  }
  value = node.boolean_value;
  return true;
}

bool read_int(
    const Node& node,
    const std::string& path,
    const Range& range,
    Problems& problems,
    std::int64_t& value) {
  if (!expect(node, Node::Kind::kInt, path, problems)) {
    return false;
  }
  if (!range.contains(static_cast<double>(node.int_value))) {
    problems.add(node.origin, path, format("must be {}, but is {}", range.text(), node.int_value));
    return false;
  }
  value = node.int_value;
  return true;
}

bool read_float(
    const Node& node,
    const std::string& path,
    const Range& range,
    Problems& problems,
    double& value) {
  if (node.kind != Node::Kind::kFloat && node.kind != Node::Kind::kInt) {
    return expect(node, Node::Kind::kFloat, path, problems);
  }
  const double number =
      node.kind == Node::Kind::kInt ? static_cast<double>(node.int_value) : node.float_value;
  if (!range.contains(number)) {
    problems.add(node.origin, path, format("must be {}, but is {}", range.text(), number));
    return false;
  }
  value = number;
  return true;
}

bool read_string(
    const Node& node, const std::string& path, Problems& problems, std::string& value) {
  if (!expect(node, Node::Kind::kString, path, problems)) {
    return false;
  }
  value = node.string_value;
  return true;
}

void Schema::read(
    void* object,
    const Node& node,
    const std::string& path,
    Problems& problems,
    int ignore_below_layer) const {
  if (!expect(node, Node::Kind::kMap, path, problems)) {
    return;
  }
  for (const auto& [key, value] : node.members) {
    const std::string at = path.empty() ? key : path + "." + key;
    bool known = false;
    for (const Field& field : fields) {
      if (field.name == key) {
        field.read(object, value, at, problems);
        known = true;
        break;
      }
    }
    if (!known && value.origin.layer >= ignore_below_layer) {
      const std::string near = nearest(key, field_names());
      problems.add(
          value.origin,
          at,
          near.empty() ? format("{} has no such setting", name)
                       : format("{} has no such setting; did you mean \"{}\"?", name, near));
    }
  }
  problems.place = node.origin;
  problems.path = path;
  for (const auto& check : checks) {
    check(object, problems);
  }
}

Node Schema::write(const void* object, bool identity_only) const {
  Node map = Node::map();
  for (const Field& field : fields) {
    if (!(identity_only && field.cosmetic)) {
      map.set(field.name, field.write(object, identity_only));
    }
  }
  return map;
}

std::vector<std::string> Schema::field_names() const {
  std::vector<std::string> names;
  for (const Field& field : fields) {
    names.push_back(field.name);
  }
  return names;
}

}  // namespace mmi::config

namespace mmi {
namespace {

std::map<std::string, RegistryBase*>& registries() {
  static std::map<std::string, RegistryBase*> all;
  return all;
}

}  // namespace

RegistryBase::RegistryBase(std::string kind) : kind_(std::move(kind)) {
  registries()[kind_] = this;
}

RegistryBase::~RegistryBase() = default;

const std::map<std::string, RegistryBase*>& RegistryBase::all() {
  return registries();
}

const RegistryBase::Entry* RegistryBase::find(const std::string& name) const {
  for (const Entry& entry : entries_) {
    if (entry.name == name) {
      return &entry;
    }
  }
  return nullptr;
}

const RegistryBase::Entry& RegistryBase::at(const std::string& name) const {
  if (const Entry* entry = find(name)) {
    return *entry;
  }
  std::vector<std::string> names;
  std::string list;
  for (const Entry& entry : entries_) {
    names.push_back(entry.name);
    list += (list.empty() ? "" : ", ") + entry.name;
  }
  const std::string near = config::nearest(name, names);
  throw ConfigError(format(
      "no {} is called \"{}\"{}; known: {}",
      kind_,
      name,
      near.empty() ? "" : format(" (did you mean \"{}\"?)", near),
      list.empty() ? "none" : list));
}

void RegistryBase::add_entry(Entry entry, bool replace) {
  for (Entry& present : entries_) {
    if (present.name == entry.name) {
      MMI_CHECK(
          ConfigError,
          replace && !present.schema,
          "the {} \"{}\" is registered already",
          kind_,
          entry.name);
      present = std::move(entry);
      return;
    }
  }
  entries_.push_back(std::move(entry));
}

void RegistryBase::read_component(
    std::string& name,
    std::shared_ptr<const void>& config,
    const config::Node& node,
    const std::string& path,
    config::Problems& problems) const {
  config::Node options = config::Node::map();
  options.origin = node.origin;
  int name_layer = node.origin.layer;
  std::string wanted = name;
  if (node.kind == config::Node::Kind::kString) {
    wanted = node.string_value;
  } else if (node.is_map()) {
    options = node;
    if (const config::Node* given = node.find("name")) {
      if (!config::read_string(*given, path + ".name", problems, wanted)) {
        return;
      }
      name_layer = given->origin.layer;
      options.erase("name");
    }
  } else {
    config::expect(node, config::Node::Kind::kMap, path, problems);
    return;
  }
  try {
    const Entry& entry = at(wanted);
    if (!entry.schema) {
      auto open = std::make_shared<OpenConfig>();
      open->options = options;
      config = open;
    } else {
      auto made = entry.schema->make();
      entry.schema->read(made.get(), options, path, problems, name_layer);
      config = made;
    }
    name = wanted;
  } catch (const ConfigError& error) {
    problems.add(node.origin, path, error.what());
  }
}

config::Node RegistryBase::write_component(
    const std::string& name, const void* config, bool identity_only) const {
  config::Node map = config::Node::map();
  map.set("name", config::Node::text(name));
  const Entry* entry = find(name);
  if (!entry || (!entry->schema && !config)) {
    return map;
  }
  const auto defaults = entry->schema && !config ? entry->schema->make() : nullptr;
  const config::Node options =
      entry->schema ? entry->schema->write(config ? config : defaults.get(), identity_only)
                    : static_cast<const OpenConfig*>(config)->options;
  for (const auto& [key, value] : options.members) {
    map.set(key, value);
  }
  return map;
}

}  // namespace mmi
