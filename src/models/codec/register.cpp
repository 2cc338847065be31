#include "mmi/models/codec/register.h"

#include "mmi/models/codec/codec_task.h"
#include "models/codec/codec_tools.h"
#include "models/codec/folder_sounds.h"
#include "models/codec/publish_tool.h"
#include "models/codec/world_sounds.h"

namespace mmi::models::codec {

void register_codec() {
  register_codec_tools();
  register_publish_tool();
  register_folder_sounds();
  register_world_sounds();
  Registry<Task>::get().add<CodecTaskConfig>(
      "codec/codec",
      "sound to tokens and back: EnCodec or DAC, trained with a discriminator",
      [](const CodecTaskConfig& config, const Task::BuildArgs& args) {
        return std::make_shared<CodecTask>(config, args);
      });
}

}  // namespace mmi::models::codec
