#include "mmi/models/lm/register.h"

#include "mmi/models/lm/lm_task.h"
#include "models/lm/caption_world.h"
#include "models/lm/folder_texts.h"
#include "models/lm/lm_tools.h"
#include "models/lm/publish_tool.h"

namespace mmi::models::lm {

void register_lm() {
  register_lm_tools();
  register_publish_tool();
  register_caption_world();
  register_folder_texts();
  Registry<Task>::get().add<LmTaskConfig>(
      "lm/causal",
      "a language model learns texts",
      [](const LmTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<LmTask>(config, args);
      });
}

}  // namespace mmi::models::lm
