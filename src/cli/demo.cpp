// `mmi demo`: trained weights that come with libmmi watch a silent clip and play it.
#include <ATen/Parallel.h>

#include <cstdio>
#include <thread>

#include "cli/command.h"
#include "cli/real_piece.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/models/audeo/clip.h"
#include "mmi/models/audeo/roll2midi_task.h"
#include "mmi/runs/page.h"
#include "mmi/runs/store.h"

namespace mmi::cli {

namespace fs = std::filesystem;

int run_demo(const Command& command) {
  const fs::path out = fs::absolute(command.value("--out", "demo"));
  mmi::create_directories(out);
  at::set_num_threads(static_cast<int>(std::thread::hardware_concurrency()));
  const auto run = runs::open(runs::find_config("audeo/demo/pipeline.json").parent_path());
  auto* const task = dynamic_cast<models::audeo::Roll2MidiTask*>(run->task.get());
  MMI_CHECK(CheckpointError, task != nullptr, "configs/audeo/demo holds no audeo/roll2midi bundle");
  const torch::NoGradGuard no_grad;
  const RealPiece real =
      film_real_piece(out, models::audeo::studio_seed(task->video2roll().config().recordings));
  GenerateRequest request;
  request.input = real.clip;
  request.out = out / "bwv772";
  request.options["truth"] = real.truth.string();
  if (const std::string program = command.value("--program"); !program.empty()) {
    request.options["program"] = program;
  }
  runs::Page page(
      "A silent piano video becomes music",
      "mmi demo: networks that come with libmmi watch J. S. Bach's invention BWV 772");
  for (const Artifact& artifact : task->generate(request)) {
    std::printf("%s\t%s\n", artifact.path.c_str(), artifact.caption.c_str());
    page.artifact(artifact.path, artifact.caption);
  }
  const fs::path index = out / "index.html";
  page.save(index);
  std::printf("%s\ta page with all of it\n", index.lexically_normal().c_str());
  return kExitOk;
}

}  // namespace mmi::cli
