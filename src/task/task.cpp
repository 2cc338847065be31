#include "mmi/task/task.h"

#include <algorithm>

MMI_DEFINE_REGISTRY(mmi::Task)

namespace mmi {

std::vector<std::pair<std::string, Task::DatasetOpener>> Task::datasets() {
  return {};
}

void Task::backward(const torch::Tensor& total) {
  total.backward();
}

std::vector<Artifact> Task::generate(const GenerateRequest& request) {
  throw ConfigError("this model has nothing to generate; evaluate it with `mmi eval`");
}

TensorDict Task::infer(const TensorDict& inputs) {
  throw ConfigError("this model predicts from its datasets alone; evaluate it with `mmi eval`");
}

std::vector<Artifact> Task::sample(const std::string& split, const std::filesystem::path& stem) {
  return {};
}

Metrics mean_over_items(const Task::ItemMetrics& items) {
  Metrics means;
  std::vector<double> counts;
  for (const auto& [item, scores] : items) {
    for (const auto& [name, value] : scores) {
      const auto at = std::find_if(
          means.begin(), means.end(), [&](const auto& mean) { return mean.first == name; });
      if (at == means.end()) {
        means.emplace_back(name, value);
        counts.push_back(1);
      } else {
        at->second += value;
        ++counts[static_cast<std::size_t>(at - means.begin())];
      }
    }
  }
  for (std::size_t i = 0; i < means.size(); ++i) {
    means[i].second /= counts[i];
  }
  return means;
}

}  // namespace mmi
