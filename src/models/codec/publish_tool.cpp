#include "models/codec/publish_tool.h"

#include <memory>

#include "mmi/base/errors.h"
#include "mmi/codecs/codec.h"
#include "mmi/models/codec/codec_task.h"
#include "mmi/task/tool.h"

namespace mmi::models::codec {
namespace {

struct PublishConfig {
  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<PublishConfig>("codec/publish", "a trained codec as a folder");
    return made;
  }
};

class Publish : public Tool {
 public:
  std::string usage() const override {
    return "<run> --out <folder>";
  }

  std::string examples() const override {
    return "mmi codec publish runs/codec/codec-0123456789ab --out my_codec\n"
           "mmi codec encode a.wav weights=my_codec --out a.npz";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        call.inputs.size() == 1 && !call.out.empty(),
        "`mmi codec publish` needs one run and --out FOLDER");
    const auto task = std::dynamic_pointer_cast<CodecTask>(call.open(call.inputs[0].string()));
    MMI_CHECK(
        ConfigError,
        task != nullptr,
        "{} is no training of a codec (task codec/codec)",
        call.inputs[0].string());
    codecs::save_codec(*task->codec(), call.out);
    const codecs::CodecFormat format = task->codec()->format();
    return {
        .files =
            {{call.out / "config.json", "sizes, as transformers reads them"},
             {call.out / "model.safetensors", "weights"}},
        .values = {
            {"sample_rate_hz", static_cast<double>(format.sample_rate_hz)},
            {"codebooks", static_cast<double>(format.codebooks)},
            {"kbps", format.kbps()}}};
  }
};

}  // namespace

void register_publish_tool() {
  Registry<Tool>::get().add<PublishConfig>(
      "codec/publish",
      "the codec of a finished training as a folder that `mmi codec` and transformers read",
      [](const PublishConfig&, const Tool::BuildArgs&) { return std::make_shared<Publish>(); });
}

}  // namespace mmi::models::codec
