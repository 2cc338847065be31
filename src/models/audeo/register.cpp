#include "mmi/models/audeo/baseline.h"
#include "mmi/models/audeo/frame_model.h"
#include "mmi/models/audeo/identification_task.h"
#include "mmi/models/audeo/perfnet_task.h"
#include "mmi/models/audeo/reference_task.h"
#include "mmi/models/audeo/refinement_task.h"
#include "mmi/models/audeo/roll2midi_task.h"
#include "mmi/models/audeo/transcriber_task.h"
#include "mmi/models/audeo/video2roll.h"
#include "mmi/models/audeo/video2roll_task.h"
#include "models/audeo/encoder_head.h"
#include "models/audeo/folder_recordings.h"
#include "models/audeo/folder_sounds.h"
#include "models/audeo/identification_tools.h"
#include "models/audeo/tools.h"
#include "models/audeo/transcribe_tool.h"
#include "models/audeo/world_recordings.h"
#include "models/audeo/world_sounds.h"

MMI_DEFINE_REGISTRY(mmi::models::audeo::FrameModel)
MMI_DEFINE_REGISTRY(mmi::models::audeo::ScoredSounds)

namespace mmi::models::audeo {

void register_audeo() {
  auto& models = Registry<FrameModel>::get();
  models.add<Video2RollConfig>(
      "video2roll",
      "Video2RollNet: ResNet18, feature pyramid and correlation gate (thesis 3.2.1)",
      [](Video2RollConfig config, const FrameModel::BuildArgs& args) {
        Video2RollNet::check_input_size(args.height, args.width);
        config.in_frames = args.frames;
        config.classes = args.keys;
        config.input_width = args.width;
        return std::make_shared<Video2RollNet>(config);
      });
  models.add<ResNetBaselineConfig>(
      "resnet",
      "ResNet18 baseline of Table 3.1, with optional slope and aggregation",
      [](ResNetBaselineConfig config, const FrameModel::BuildArgs& args) {
        config.in_frames = args.frames;
        config.classes = args.keys;
        config.input_width = args.width;
        return std::make_shared<ResNetBaseline>(config);
      });
  models.add<EncoderHeadConfig>(
      "encoder_head",
      "any registered encoder and head, the logits averaged over time",
      [](const EncoderHeadConfig& config, const FrameModel::BuildArgs& args) {
        return std::make_shared<EncoderHead>(config, args);
      });
  register_world_recordings();
  register_folder_recordings();
  register_identification_tools();
  register_tools();
  register_world_sounds();
  register_folder_sounds();
  register_transcribe_tool();
  auto& tasks = Registry<Task>::get();
  tasks.add<Video2RollTaskConfig>(
      "audeo/video2roll",
      "silent keyboard video to piano roll",
      [](const Video2RollTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<Video2RollTask>(config, args);
      });
  tasks.add<Roll2MidiTaskConfig>(
      "audeo/roll2midi",
      "estimated roll to the notes that sound",
      [](const Roll2MidiTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<Roll2MidiTask>(config, args);
      });
  tasks.add<ReferenceTaskConfig>(
      "audeo/reference",
      "rolls by rule, between which the models lie",
      [](const ReferenceTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<ReferenceTask>(config, args);
      });
  tasks.add<IdentificationTaskConfig>(
      "audeo/identification",
      "is the music recognised as the work it is?",
      [](const IdentificationTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<IdentificationTask>(config, args);
      });
  tasks.add<PerfNetTaskConfig>(
      "audeo/perfnet",
      "notes to the spectrogram of their sound",
      [](const PerfNetTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<PerfNetTask>(config, args);
      });
  tasks.add<RefinementTaskConfig>(
      "audeo/refinement",
      "silent keyboard video to sound, by PerfNet and a refinement",
      [](const RefinementTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<RefinementTask>(config, args);
      });
  tasks.add<TranscriberTaskConfig>(
      "audeo/transcriber",
      "piano sound to notes",
      [](const TranscriberTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<TranscriberTask>(config, args);
      });
}

}  // namespace mmi::models::audeo
