#include "mmi/runs/reference.h"

#include <set>
#include <sstream>

#include "mmi/base/registry.h"
#include "mmi/runs/config.h"

namespace mmi::runs {
namespace {

std::string escaped(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.insert(at, "\\");
  }
  return text;
}

/// One table for `schema`, then the structs it contains that were not shown yet.
void section(
    const config::Schema& schema,
    const std::string& title,
    std::set<const config::Schema*>& shown,
    std::string& page) {
  if (!shown.insert(&schema).second) {
    return;
  }
  page += format("\n### {}\n\n{}\n\n", title, schema.doc);
  page += "| setting | type | default | range | meaning |\n|---|---|---|---|---|\n";
  const auto defaults = schema.make();
  for (const config::Field& field : schema.fields) {
    std::string type = escaped(field.type);
    const bool is_struct = field.sub && field.type == field.sub->name;
    if (field.sub) {
      const std::string& name = field.sub->name;
      type.replace(type.rfind(name), name.size(), format("[{}](#{})", name, name));
    }
    page += format(
        "| `{}` | {} | {} | {} | {} |\n",
        field.name,
        type,
        is_struct ? "" : "`" + escaped(field.write(defaults.get(), false).json()) + "`",
        escaped(field.range.text()),
        escaped(field.doc));
  }
  for (const config::Field& field : schema.fields) {
    if (field.sub) {
      section(*field.sub, field.sub->name, shown, page);
    }
  }
}

void annotate(
    const config::Node& values,
    const config::Node* origins,
    const std::string& indent,
    std::string& text) {
  for (const auto& [key, value] : values.members) {
    const config::Node* origin = origins && origins->is_map() ? origins->find(key) : nullptr;
    if (value.is_map() && !value.members.empty()) {
      text += indent + key + ":\n";
      annotate(value, origin, indent + "  ", text);
      continue;
    }
    config::Node line = config::Node::map();
    line.set(key, value);
    std::istringstream rows(line.yaml());
    bool first = true;
    for (std::string row; std::getline(rows, row);) {
      const std::string from = origin ? origin->origin.text() : "";
      text += indent + row + (first && !from.empty() ? "  # " + from : "") + "\n";
      first = false;
    }
  }
}

void collect(
    const config::Node* a,
    const config::Node* b,
    const std::string& path,
    std::vector<Difference>& list) {
  if (a && b && a->is_map() && b->is_map()) {
    const auto at = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
    for (const auto& [key, value] : a->members) {
      collect(&value, b->find(key), at(key), list);
    }
    for (const auto& [key, value] : b->members) {
      if (!a->find(key)) {
        collect(nullptr, &value, at(key), list);
      }
    }
    return;
  }
  const std::string left = a ? a->json() : "–";
  const std::string right = b ? b->json() : "–";
  if (left != right) {
    list.push_back({path, left, right});
  }
}

}  // namespace

std::vector<Difference> differences(const config::Node& a, const config::Node& b) {
  std::vector<Difference> list;
  collect(&a, &b, "", list);
  return list;
}

std::string config_reference() {
  std::string page =
      "# Configuration reference\n\n"
      "Written by `mmi config reference`. A file in `configs/` holds the settings of *run*; a part "
      "is "
      "chosen by its name: `model: {name: video2roll, width: 0.25}`.\n\n## run\n";
  std::set<const config::Schema*> shown;
  section(RunConfig::schema(), "run", shown, page);
  for (const auto& [kind, registry] : RegistryBase::all()) {
    page += format("\n## Parts of kind {}\n", kind);
    for (const auto& entry : registry->entries()) {
      if (entry.schema) {
        section(*entry.schema, entry.name, shown, page);
      } else {
        page += format(
            "\n### {}\n\n{} (registered from Python; free options)\n", entry.name, entry.doc);
      }
    }
  }
  return page;
}

std::string show(const config::Node& values, const config::Node& origins) {
  std::string text;
  annotate(values, &origins, "", text);
  return text;
}

}  // namespace mmi::runs
