#include "models/lm/publish_tool.h"

#include <filesystem>
#include <memory>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/lm/files.h"
#include "mmi/models/lm/lm_task.h"
#include "mmi/task/tool.h"

namespace mmi::models::lm {
namespace {

namespace fs = std::filesystem;

struct PublishConfig {
  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<PublishConfig>("lm/publish", "a trained language model as a folder");
    return made;
  }
};

class Publish : public Tool {
 public:
  std::string usage() const override {
    return "<run> --out <folder>";
  }

  std::string examples() const override {
    return "mmi lm publish runs/lm/causal-0123456789ab --out my_model\n"
           "mmi lm generate my_model --prompt \"a dog\"";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        call.inputs.size() == 1 && !call.out.empty(),
        "`mmi lm publish` needs one run and --out FOLDER");
    const auto task = std::dynamic_pointer_cast<LmTask>(call.open(call.inputs[0].string()));
    MMI_CHECK(
        ConfigError,
        task != nullptr,
        "{} is no training of a language model (task lm/causal)",
        call.inputs[0].string());
    mmi::lm::save_causal_lm(task->model(), call.out);
    ToolResult result;
    result.files = {
        {call.out / "config.json", "sizes, as transformers reads them"},
        {call.out / "model.safetensors", "weights"}};
    const std::string own = task->own_tokenizer();
    if (!own.empty()) {
      atomic_write(call.out / "tokenizer.json", own);
      result.files.push_back({call.out / "tokenizer.json", "bytes as tokens"});
      return result;
    }
    // What the given tokenizer consists of, by the names that load_tokenizer looks for.
    const fs::path given = task->config().tokenizer;
    for (const char* name :
         {"tokenizer.json",
          "tokenizer.model",
          "spiece.model",
          "vocab.json",
          "merges.txt",
          "vocab.txt",
          "tokenizer_config.json"}) {
      const fs::path file = fs::is_directory(given) ? given / name : given;
      if (file.filename() == name && fs::is_regular_file(file)) {
        fs::copy_file(file, call.out / name, fs::copy_options::overwrite_existing);
        result.files.push_back({call.out / name, "of the tokenizer"});
      }
    }
    return result;
  }
};

}  // namespace

void register_publish_tool() {
  Registry<Tool>::get().add<PublishConfig>(
      "lm/publish",
      "the model of a finished training as a folder that `mmi lm` and transformers read",
      [](const PublishConfig&, const Tool::BuildArgs&) { return std::make_shared<Publish>(); });
}

}  // namespace mmi::models::lm
