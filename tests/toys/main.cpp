// A program of one's own on top of libmmi: it adds its tasks to the registry, then is the `mmi`
// command. scripts/faults.sh kills and resumes what it trains.
#include "mmi/cli/cli.h"
#include "mmi/runs/register.h"
#include "support/grid_task.h"
#include "support/lengths_task.h"
#include "support/toy_task.h"

namespace {

template <class Config, class Made>
void add(const char* name, const char* doc) {
  mmi::Registry<mmi::Task>::get().add<Config>(
      name, doc, [](const Config& config, const mmi::Task::BuildArgs& args) {
        return std::make_shared<Made>(config, args);
      });
}

}  // namespace

int main(int argc, char** argv) {
  using namespace mmi::testing_support;
  mmi::register_all();
  add<ToyConfig, ToyTask>("toy/two_phases", "regression and a critic: two optimisers, dropout");
  add<GridConfig, GridTask>("toy/grid", "policy gradient in one room");
  add<LengthsConfig, LengthsTask>("toy/lengths", "every batch has another length");
  return mmi_cli_main(argc, argv);
}
