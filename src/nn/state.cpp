#include "mmi/nn/state.h"

#include <map>
#include <set>

#include "mmi/base/config_node.h"
#include "mmi/base/errors.h"

namespace mmi::nn {
namespace {

void collect(
    const torch::nn::Module& module,
    const std::string& prefix,
    std::map<const void*, std::string>& seen,
    std::vector<StateEntry>& entries) {
  const auto add = [&](const std::string& name, const torch::Tensor& tensor, bool is_parameter) {
    if (!tensor.defined()) {
      return;
    }
    StateEntry entry{prefix + name, tensor, is_parameter, ""};
    const auto [at, fresh] = seen.emplace(tensor.unsafeGetTensorImpl(), entry.name);
    if (!fresh) {
      entry.alias_of = at->second;
    }
    entries.push_back(std::move(entry));
  };
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    add(item.key(), item.value(), true);
  }
  for (const auto& item : module.named_buffers(/*recurse=*/false)) {
    add(item.key(), item.value(), false);
  }
  for (const auto& child : module.named_children()) {
    collect(*child.value(), prefix + child.key() + ".", seen, entries);
  }
}

std::string first_names(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < 10; ++i) {
    text += (i ? ", " : "") + names[i];
  }
  return names.size() > 10 ? text + ", …" : text;
}

}  // namespace

std::vector<StateEntry> state_of(const torch::nn::Module& module) {
  std::vector<StateEntry> entries;
  std::map<const void*, std::string> seen;
  collect(module, "", seen, entries);
  return entries;
}

std::int64_t parameter_count(const torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const StateEntry& entry : state_of(module)) {
    if (entry.is_parameter && entry.alias_of.empty()) {
      count += entry.tensor.numel();
    }
  }
  return count;
}

bool glob_match(const std::string& pattern, const std::string& name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string::npos;
  std::size_t mark = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = n;
    } else if (star != std::string::npos) {
      p = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') {
    ++p;
  }
  return p == pattern.size();
}

NamedTensors match_parameters(
    const torch::nn::Module& module, const std::vector<std::string>& globs) {
  NamedTensors matched;
  std::set<std::string> used;
  std::vector<std::string> names;
  for (const StateEntry& entry : state_of(module)) {
    if (!entry.is_parameter || !entry.alias_of.empty()) {
      continue;
    }
    names.push_back(entry.name);
    bool any = false;
    for (const std::string& glob : globs) {
      if (glob_match(glob, entry.name)) {
        used.insert(glob);
        any = true;
      }
    }
    if (any) {
      matched.emplace_back(entry.name, entry.tensor);
    }
  }
  for (const std::string& glob : globs) {
    if (!used.contains(glob)) {
      const std::string near = config::nearest(glob, names);
      throw ConfigError(format(
          "no parameter matches \"{}\"{}",
          glob,
          near.empty() ? "" : format("; did you mean \"{}\"?", near)));
    }
  }
  return matched;
}

void load_state(torch::nn::Module& module, const NamedTensors& tensors, const std::string& source) {
  std::map<std::string, torch::Tensor> given(tensors.begin(), tensors.end());
  std::vector<std::string> missing;
  std::vector<std::string> reshaped;
  std::vector<StateEntry> entries = state_of(module);
  for (const StateEntry& entry : entries) {
    const auto at = given.find(entry.name);
    if (at == given.end()) {
      if (entry.alias_of.empty()) {
        missing.push_back(format("{} {}", entry.name, entry.tensor.sizes().vec()));
      }
    } else if (at->second.sizes() != entry.tensor.sizes()) {
      reshaped.push_back(format(
          "{} is {} there and {} here",
          entry.name,
          at->second.sizes().vec(),
          entry.tensor.sizes().vec()));
    }
  }
  std::vector<std::string> unexpected;
  std::set<std::string> known;
  for (const StateEntry& entry : entries) {
    known.insert(entry.name);
  }
  for (const auto& [name, tensor] : given) {
    if (!known.contains(name)) {
      unexpected.push_back(format("{} {}", name, tensor.sizes().vec()));
    }
  }
  MMI_CHECK(
      CheckpointError,
      missing.empty() && unexpected.empty() && reshaped.empty(),
      "{} does not fit this model: {} missing [{}], {} unexpected [{}], {} of another shape [{}]",
      source,
      missing.size(),
      first_names(missing),
      unexpected.size(),
      first_names(unexpected),
      reshaped.size(),
      first_names(reshaped));
  const torch::NoGradGuard no_grad;
  for (StateEntry& entry : entries) {
    if (entry.alias_of.empty()) {
      entry.tensor.copy_(given.at(entry.name));
    }
  }
}

}  // namespace mmi::nn
