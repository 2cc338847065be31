#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/nn/key_map.h"
#include "mmi/task/task.h"
#include "mmi/train/trainer.h"

namespace mmi::runs {

/// A stage that must be finished before this one: `needs: {video2roll: {config: video2roll.yaml}}`.
struct MMI_API NeedConfig {
  std::string config;                  ///< file, relative to the file that names it
  std::vector<std::string> overrides;  ///< "train.max_steps=100", …

  static const config::Schema& schema();
};

/// Weights to begin with: `init: {file: official.safetensors, key_map: [{match: "^module\\.", to:
/// [""]}]}`.
struct MMI_API InitConfig {
  std::string file;  ///< safetensors; relative to the working directory
  std::vector<nn::KeyRule> key_map;

  static const config::Schema& schema();
};

/// Everything a training is a function of: the content of one `configs/<system>/<model>.yaml`.
struct MMI_API RunConfig {
  std::string preset = "small";
  config::Component<Task> task;
  std::optional<InitConfig> init;
  train::TrainConfig train;
  std::uint64_t seed = 1;
  std::string device = "auto";
  int threads = 0;
  std::map<std::string, NeedConfig> needs;

  static const config::Schema& schema();

  /// cpu, cuda:N; "auto" is the first GPU when there is one.
  torch::Device torch_device() const;
};

/// A configuration with the configurations of all its parents.
struct Stage {
  std::filesystem::path file;
  std::vector<std::string> overrides;  ///< of the file, as given
  config::Node tree;                   ///< as merged, with origins
  RunConfig config;
  std::map<std::string, std::shared_ptr<const Stage>> parents;
};

/// A file that comes with libmmi: `name` itself when it exists ("configs/audeo/video2roll.yaml"),
/// else below $MMI_CONFIGS or the installed `configs` folder. ConfigError naming where it looked.
MMI_API std::filesystem::path find_config(const std::string& name);

/// Reads and checks a configuration file. Parents get the same preset, seed, device and threads,
/// then their own overrides.
MMI_API std::shared_ptr<const Stage> resolve(
    const std::string& file, const std::vector<std::string>& overrides);

}  // namespace mmi::runs
