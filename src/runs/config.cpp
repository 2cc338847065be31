#include "mmi/runs/config.h"

#include <dlfcn.h>
#include <torch/cuda.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "mmi/base/errors.h"

namespace mmi::runs {

const config::Schema& NeedConfig::schema() {
  static const config::Schema made =
      config::Table<NeedConfig>("need", "a stage that must be finished first")
          .field("config", &NeedConfig::config, "its configuration file, relative to this one")
          .field("overrides", &NeedConfig::overrides, "name=value settings for it")
          .check([](const NeedConfig& c, config::Problems& problems) {
            if (c.config.empty()) {
              problems.add("config: name the file of the stage that is needed");
            }
          });
  return made;
}

const config::Schema& InitConfig::schema() {
  static const config::Schema made =
      config::Table<InitConfig>("init", "weights to begin with instead of random ones")
          .field("file", &InitConfig::file, "safetensors (`mmi convert` makes them of .pth)")
          .cosmetic()
          .field("key_map", &InitConfig::key_map, "rules that turn its keys into ours, in order")
          .check([](const InitConfig& c, config::Problems& problems) {
            if (c.file.empty()) {
              problems.add("file: name a .safetensors file");
            }
          });
  return made;
}

const config::Schema& RunConfig::schema() {
  static const config::Schema made =
      config::Table<RunConfig>("run", "one training: a task, its data and the loop")
          .field(
              "preset", &RunConfig::preset, "size: smoke, small, gpu, paper or another of the file")
          .cosmetic()
          .field("task", &RunConfig::task, "what is trained")
          .field("init", &RunConfig::init, "weights to begin with instead of random ones")
          .field("train", &RunConfig::train, "the training loop")
          .field("seed", &RunConfig::seed, "of weights, data order and augmentation")
          .field("device", &RunConfig::device, "auto, cpu or cuda:N")
          .cosmetic()
          .field(
              "threads",
              &RunConfig::threads,
              "CPU threads of tensor operations (0: all cores)",
              config::between(0, 1024))
          .cosmetic()
          .field("needs", &RunConfig::needs, "stages that must be finished first")
          .cosmetic();
  return made;
}

torch::Device RunConfig::torch_device() const {
  if (device == "auto") {
    // torchrun numbers the processes of a machine: one device each.
    const char* const local = std::getenv("LOCAL_RANK");
    return torch::cuda::is_available()
               ? torch::Device(
                     torch::kCUDA,
                     static_cast<c10::DeviceIndex>(local == nullptr ? 0 : std::atoi(local)))
               : torch::Device(torch::kCPU);
  }
  try {
    const torch::Device chosen(device);
    MMI_CHECK(
        ConfigError,
        !chosen.is_cuda() || torch::cuda::is_available(),
        "device: {} is not available here (no CUDA device found); use device=cpu",
        device);
    return chosen;
  } catch (const c10::Error&) {
    throw ConfigError(format("device: must be auto, cpu or cuda:N, but is \"{}\"", device));
  }
}

std::filesystem::path find_config(const std::string& name) {
  namespace fs = std::filesystem;
  if (fs::exists(name)) {
    return name;
  }
  const fs::path below = name.rfind("configs/", 0) == 0 ? name.substr(8) : name;
  std::vector<fs::path> roots;
  if (const char* set = std::getenv("MMI_CONFIGS"); set && *set) {
    roots.emplace_back(set);
  }
  Dl_info here{};
  if (dladdr(reinterpret_cast<const void*>(&find_config), &here) != 0) {
    // In a wheel, a prefix and a build tree.
    for (const char* place : {"../configs", "../share/mmi/configs", "../../configs"}) {
      roots.push_back(fs::path(here.dli_fname).parent_path() / place);
    }
  }
  for (const fs::path& root : roots) {
    if (fs::exists(root / below)) {
      return (root / below).lexically_normal();
    }
  }
  throw ConfigError(format(
      "no configuration file {} here or among those that come with libmmi; set MMI_CONFIGS or "
      "give a path",
      name));
}

namespace {

/// `open`: the stages on the way here, to find a circle.
std::shared_ptr<const Stage> resolve_below(
    const std::string& name,
    const std::vector<std::string>& overrides,
    std::vector<std::pair<std::filesystem::path, std::vector<std::string>>>& open) {
  const std::filesystem::path file = find_config(name);
  const std::pair here(std::filesystem::weakly_canonical(file), overrides);
  MMI_CHECK(
      ConfigError,
      std::find(open.begin(), open.end(), here) == open.end(),
      "{}: its `needs:` lead back to itself",
      file.string());
  open.push_back(here);
  auto stage = std::make_shared<Stage>();
  stage->file = file;
  stage->overrides = overrides;
  stage->tree = config::load(file, overrides);
  stage->config = config::read<RunConfig>(stage->tree);
  MMI_CHECK(
      ConfigError,
      !stage->config.task.name.empty(),
      "{}: names no task; write e.g. `task: {{name: audeo/video2roll}}`",
      file.string());
  for (const auto& [name, need] : stage->config.needs) {
    std::vector<std::string> inherited = {
        "preset=" + stage->config.preset,
        format("seed={}", stage->config.seed),
        "device=" + stage->config.device,
        format("threads={}", stage->config.threads)};
    inherited.insert(inherited.end(), need.overrides.begin(), need.overrides.end());
    stage->parents[name] =
        resolve_below((file.parent_path() / need.config).string(), inherited, open);
  }
  open.pop_back();
  return stage;
}

}  // namespace

std::shared_ptr<const Stage> resolve(
    const std::string& name, const std::vector<std::string>& overrides) {
  std::vector<std::pair<std::filesystem::path, std::vector<std::string>>> open;
  return resolve_below(name, overrides, open);
}

}  // namespace mmi::runs
