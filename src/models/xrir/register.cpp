#include "mmi/models/xrir/register.h"

#include "mmi/models/xrir/baseline_task.h"
#include "mmi/models/xrir/diff_rir_task.h"
#include "mmi/models/xrir/inras_task.h"
#include "mmi/models/xrir/response_task.h"
#include "mmi/models/xrir/rir_rooms.h"
#include "models/xrir/acoustic_map.h"
#include "models/xrir/folder_rooms.h"
#include "models/xrir/haa_rooms.h"
#include "models/xrir/measured_rooms.h"
#include "models/xrir/one_room.h"
#include "models/xrir/rooms_tools.h"
#include "models/xrir/world_rooms.h"

MMI_DEFINE_REGISTRY(mmi::models::xrir::RirRooms)

namespace mmi::models::xrir {

void register_xrir() {
  register_folder_rooms();
  register_haa_rooms();
  register_measured_rooms();
  register_one_room();
  register_world_rooms();
  register_rooms_tools();
  register_acoustic_map();
  Registry<Task>::get().add<BaselineTaskConfig>(
      "xrir/baseline",
      "responses by rule, between which the models lie",
      [](const BaselineTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<BaselineTask>(config, args);
      });
  Registry<Task>::get().add<DiffRirTaskConfig>(
      "xrir/diff_rir",
      "a differentiable renderer fitted to a few responses of one room (baseline)",
      [](const DiffRirTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<DiffRirTask>(config, args);
      });
  Registry<Task>::get().add<FewShotRirTaskConfig>(
      "xrir/few_shot_rir",
      "the same by a transformer that reads what the references sound like (baseline)",
      [](const FewShotRirTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<FewShotRirTask>(config, args);
      });
  Registry<Task>::get().add<InrasTaskConfig>(
      "xrir/inras",
      "one room as a network, which hears no reference (baseline)",
      [](const InrasTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<InrasTask>(config, args);
      });
  Registry<Task>::get().add<XRirTaskConfig>(
      "xrir/xrir",
      "depth panorama and a few measured responses to the response of any source",
      [](const XRirTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<XRirTask>(config, args);
      });
}

}  // namespace mmi::models::xrir
