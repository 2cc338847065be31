#include <cstdio>

#include "cli/command.h"
#include "mmi/base/errors.h"
#include "mmi/models/audeo/clip.h"
#include "mmi/models/audeo/video2roll_task.h"
#include "mmi/runs/config.h"

namespace mmi::cli {

int run_data(const Command& command) {
  const std::string action = command.positional(0, "make");
  MMI_CHECK(ConfigError, action == "make", "`mmi data` knows make, not \"{}\"", action);
  const std::string out = command.value("--out");
  MMI_CHECK(ConfigError, !out.empty(), "`mmi data make` needs --out DIR");
  const auto stage = runs::resolve(command.positional(1, "a configuration file"), command.rest(2));
  Task::BuildArgs args;
  args.seed = stage->config.seed;
  const auto task = std::dynamic_pointer_cast<models::audeo::Video2RollTask>(
      Registry<Task>::get().create(stage->config.task, args));
  MMI_CHECK(
      ConfigError,
      task != nullptr,
      "{} describes no dataset of videos; use configs/audeo/video2roll.yaml",
      stage->file.string());
  models::audeo::write_layout(task->recordings(), task->config().height, task->config().width, out);
  std::printf("%s\n", out.c_str());
  return kExitOk;
}

}  // namespace mmi::cli
