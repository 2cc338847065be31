#include <ATen/Parallel.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "mmi/base/errors.h"
#include "mmi/base/registry.h"
#include "mmi/base/version.h"
#include "mmi/runs/config.h"
#include "mmi/runs/reference.h"

namespace mmi::cli {
namespace {

void collect_slots(
    const config::Schema& schema, const std::string& path, nlohmann::ordered_json& rows) {
  for (const config::Field& field : schema.fields) {
    const std::string at = path.empty() ? field.name : path + "." + field.name;
    if (!field.slot.empty()) {
      rows.push_back({{"slot", at}, {"kind", field.slot}, {"doc", field.doc}});
    } else if (field.sub) {
      collect_slots(*field.sub, at, rows);
    }
  }
}

void print_differences(
    const config::Node* a, const config::Node* b, const std::string& path, int& count) {
  if (a && b && a->is_map() && b->is_map()) {
    for (const auto& [key, value] : a->members) {
      print_differences(&value, b->find(key), path.empty() ? key : path + "." + key, count);
    }
    for (const auto& [key, value] : b->members) {
      if (!a->find(key)) {
        print_differences(nullptr, &value, path.empty() ? key : path + "." + key, count);
      }
    }
    return;
  }
  const std::string left = a ? a->json() : "–";
  const std::string right = b ? b->json() : "–";
  if (left != right) {
    std::printf("%-40s %s → %s\n", path.c_str(), left.c_str(), right.c_str());
    ++count;
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
        nlohmann::ordered_json slots = nlohmann::ordered_json::array();
        collect_slots(*entry.schema, "task", slots);
        for (auto& slot : slots) {
          rows.push_back(
              {{"task", entry.name},
               {"slot", slot["slot"]},
               {"kind", slot["kind"]},
               {"doc", slot["doc"]}});
        }
      }
    }
    for (const auto& row : rows) {
      if (!command.json) {
        std::printf(
            "%-18s %-18s %-12s %s\n",
            row["task"].get<std::string>().c_str(),
            row["slot"].get<std::string>().c_str(),
            row["kind"].get<std::string>().c_str(),
            row["doc"].get<std::string>().c_str());
      }
    }
  } else {
    const auto& all = RegistryBase::all();
    MMI_CHECK(
        ConfigError,
        rest.empty() || all.contains(rest[0]),
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
      if (!rest.empty() && rest[0] != kind) {
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
  const auto overrides = command.rest(3);
  const auto a = runs::resolve(command.positional(1, "two configuration files"), overrides);
  const auto b = runs::resolve(command.positional(2, "two configuration files"), overrides);
  int count = 0;
  const config::Node left = config::write(a->config);
  const config::Node right = config::write(b->config);
  print_differences(&left, &right, "", count);
  std::fprintf(stderr, "%d differences\n", count);
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
