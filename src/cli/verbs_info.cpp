#include <ATen/Parallel.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/command.h"
#include "mmi/base/errors.h"
#include "mmi/base/registry.h"
#include "mmi/base/version.h"
#include "mmi/runs/config.h"
#include "mmi/runs/reference.h"

namespace mmi::cli {
namespace {

struct Slot {
  std::string path;  ///< "task.model"; "task.model{encoder_head}.encoder" for a part of a part
  std::string kind;
  std::string doc;
};

void collect_slots(
    const config::Schema& schema, const std::string& path, std::vector<Slot>& slots) {
  for (const config::Field& field : schema.fields) {
    const std::string at = path + "." + field.name;
    if (field.sub) {
      collect_slots(*field.sub, at, slots);
    }
    if (field.slot.empty()) {
      continue;
    }
    slots.push_back({at, field.slot, field.doc});
    const auto parts = RegistryBase::all().find(field.slot);
    if (parts == RegistryBase::all().end()) {
      continue;
    }
    for (const auto& part : parts->second->entries()) {
      if (part.schema) {
        collect_slots(*part.schema, at + "{" + part.name + "}", slots);
      }
    }
  }
}

}  // namespace

int run_list(const Command& command) {
  const auto rest = command.rest(0);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  if (!rest.empty() && rest[0] == "slots") {
    const std::string system = rest.size() > 1 ? rest[1] : "";
    for (const auto& entry : Registry<Task>::get().entries()) {
      if (entry.schema && entry.name.rfind(system, 0) == 0) {
        std::vector<Slot> slots;
        collect_slots(*entry.schema, "task", slots);
        for (const Slot& slot : slots) {
          rows.push_back(
              {{"task", entry.name}, {"slot", slot.path}, {"kind", slot.kind}, {"doc", slot.doc}});
          if (!command.json) {
            std::printf(
                "%-18s %-34s %-12s %s\n",
                entry.name.c_str(),
                slot.path.c_str(),
                slot.kind.c_str(),
                slot.doc.c_str());
          }
        }
      }
    }
  } else {
    const auto& all = RegistryBase::all();
    std::string wanted = rest.empty() ? "" : rest[0];
    if (!all.contains(wanted) && wanted.ends_with('s')) {
      wanted.pop_back();  // `mmi list codecs`
    }
    MMI_CHECK(
        ConfigError,
        rest.empty() || all.contains(wanted),
        "`mmi list` knows slots, {}, not \"{}\"",
        [&] {
          std::string kinds;
          for (const auto& [kind, registry] : all) {
            kinds += (kinds.empty() ? "" : ", ") + kind;
          }
          return kinds;
        }(),
        rest.empty() ? "" : rest[0]);
    for (const auto& [kind, registry] : all) {
      if (!rest.empty() && wanted != kind) {
        continue;
      }
      for (const auto& entry : registry->entries()) {
        rows.push_back({{"kind", kind}, {"name", entry.name}, {"doc", entry.doc}});
        if (!command.json) {
          std::printf("%-12s %-18s %s\n", kind.c_str(), entry.name.c_str(), entry.doc.c_str());
        }
      }
    }
  }
  if (command.json) {
    std::printf("%s\n", rows.dump().c_str());
  }
  return kExitOk;
}

int run_config(const Command& command) {
  const std::string action = command.positional(0, "show, diff or reference");
  if (action == "reference") {
    std::printf("%s", runs::config_reference().c_str());
    return kExitOk;
  }
  if (action == "show") {
    const auto stage =
        runs::resolve(command.positional(1, "a configuration file"), command.rest(2));
    const config::Node tree = config::write(stage->config);
    std::printf(
        "%s", command.json ? (tree.json() + "\n").c_str() : runs::show(tree, stage->tree).c_str());
    return kExitOk;
  }
  MMI_CHECK(
      ConfigError,
      action == "diff",
      "`mmi config` knows show, diff and reference, not \"{}\"",
      action);
  // With one file: against the defaults of its task.
  auto overrides = command.rest(2);
  std::optional<std::string> second;
  if (!overrides.empty() && overrides[0].find('=') == std::string::npos) {
    second = overrides[0];
    overrides.erase(overrides.begin());
  }
  const auto stage = runs::resolve(command.positional(1, "a configuration file"), overrides);
  config::Node left;
  config::Node right = config::write(stage->config);
  if (second) {
    left = std::move(right);
    right = config::write(runs::resolve(*second, overrides)->config);
  } else {
    runs::RunConfig defaults;
    defaults.task = config::component<Task>(stage->config.task.name);
    left = config::write(defaults);
  }
  const auto found = runs::differences(left, right);
  for (const runs::Difference& one : found) {
    std::printf("%-40s %s → %s\n", one.path.c_str(), one.left.c_str(), one.right.c_str());
  }
  std::fprintf(stderr, "%zu differences\n", found.size());
  return kExitOk;
}

int run_info(const Command& command) {
  nlohmann::ordered_json facts = {
      {"mmi", version()},
      {"revision", source_revision()},
      {"torch", TORCH_VERSION},
#ifdef MMI_WITH_MEDIA
      {"media", true},
#else
      {"media", false},
#endif
#ifdef MMI_WITH_SYNTH
      {"fluidsynth", true},
#else
      {"fluidsynth", false},
#endif
      {"cuda", torch::cuda::is_available()},
      {"threads", at::get_num_threads()}};
  if (command.json) {
    std::printf("%s\n", facts.dump().c_str());
  } else {
    for (const auto& [name, value] : facts.items()) {
      std::printf(
          "%-12s %s\n",
          name.c_str(),
          value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
    }
  }
  return kExitOk;
}

}  // namespace mmi::cli
