#include "models/lm/publish_tool.h"

#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/lm/files.h"
#include "mmi/models/lm/lm_task.h"
#include "mmi/task/tool.h"
#include "mmi/text/tokenizer.h"

namespace mmi::models::lm {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxFile = 256ULL << 20;

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
    const std::string own = task->own_tokenizer();
    std::vector<text::TokenizerFile> files;
    if (own.empty()) {
      files = text::tokenizer_files(task->config().tokenizer);
    }
    for (const text::TokenizerFile& file : files) {
      std::error_code absent;  // folders that are not there are not the same
      MMI_CHECK(
          ConfigError,
          !fs::equivalent(call.out, fs::absolute(file.path).parent_path(), absent),
          "{} is the folder of the model's tokenizer: publish into another",
          call.out);
    }
    mmi::lm::save_causal_lm(task->model(), call.out);
    ToolResult result;
    result.files = {
        {call.out / "config.json", "sizes, as transformers reads them"},
        {call.out / "model.safetensors", "weights"}};
    if (!own.empty()) {
      atomic_write(call.out / "tokenizer.json", own);
      result.files.push_back({call.out / "tokenizer.json", "bytes as tokens"});
    }
    for (const text::TokenizerFile& file : files) {
      atomic_write(call.out / file.name, read_bytes(file.path, kMaxFile));
      result.files.push_back({call.out / file.name, "of the tokenizer"});
    }
    const std::string read = text::tokenizer_files(call.out).front().name;
    MMI_CHECK(
        ConfigError,
        files.empty() || read == files.front().name,
        "{} was there before and would be read instead of the model's tokenizer: remove it",
        call.out / read);
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
