#include "mmi/task/task.h"

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

}  // namespace mmi
