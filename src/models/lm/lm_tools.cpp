#include "models/lm/lm_tools.h"

#include <sys/resource.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/log.h"
#include "mmi/io/json.h"
#include "mmi/lm/files.h"
#include "mmi/lm/generate.h"
#include "mmi/nn/lora.h"
#include "mmi/task/tool.h"
#include "mmi/text/tokenizer.h"
#include "models/lm/random_lm.h"
#include "models/lm/text_stream.h"

namespace mmi::models::lm {

enum class WeightType { kAuto, kFloat32, kBf16, kInt8 };

}  // namespace mmi::models::lm

template <>
struct mmi::config::EnumNames<mmi::models::lm::WeightType> {
  static constexpr std::array<std::pair<const char*, mmi::models::lm::WeightType>, 4> names{{
      {"auto", mmi::models::lm::WeightType::kAuto},
      {"float32", mmi::models::lm::WeightType::kFloat32},
      {"bf16", mmi::models::lm::WeightType::kBf16},
      {"int8", mmi::models::lm::WeightType::kInt8},
  }};
};

namespace mmi::models::lm {
namespace {

namespace fs = std::filesystem;
using mmi::lm::CausalLm;

constexpr std::int64_t kRandomPrompt = 16;  // ids, where there are no words

struct GenerateConfig {
  std::string prompt;
  std::int64_t max_new_tokens = 128;
  double temperature = 0;
  std::int64_t top_k = 0;
  double top_p = 1;
  std::int64_t seed = 0;
  WeightType dtype = WeightType::kAuto;
  std::string adapter;

  static const config::Schema& schema() {
    using C = GenerateConfig;
    static const config::Schema made =
        config::Table<C>("lm/generate", "a prompt continued")
            .field("prompt", &C::prompt, "what the text begins with; --prompt says it, too")
            .field("max_new_tokens", &C::max_new_tokens, "tokens at most", config::at_least(1))
            .field(
                "temperature",
                &C::temperature,
                "divides the logits; 0: the most probable token",
                config::at_least(0))
            .field("top_k", &C::top_k, "most probable tokens kept; 0: all", config::at_least(0))
            .field("top_p", &C::top_p, "probability kept; 1: all", {0, 1, true})
            .field("seed", &C::seed, "of the draws", config::at_least(0))
            .field(
                "dtype",
                &C::dtype,
                "of the weights; auto: the file's, float16 as bf16; sums are float32")
            .field("adapter", &C::adapter, "folder of a LoRA adapter, as PEFT saves it");
    return made;
  }
};

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double peak_memory_gib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

double brief(double value) {
  return std::round(value * 1000) / 1000;
}

bool is_float32(const fs::path& folder) {
  const fs::path described = folder / "config.json";
  if (!fs::is_regular_file(described)) {
    return true;  // loading says what is missing
  }
  const auto config = io::read_json(described);
  for (const char* name : {"dtype", "torch_dtype"}) {
    if (config.is_object() && config.contains(name) && config[name].is_string()) {
      return config[name] == "float32";
    }
  }
  return true;
}

class Generate : public Tool {
 public:
  explicit Generate(const GenerateConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<folder|size> --prompt TEXT";
  }

  std::string examples() const override {
    return "mmi lm generate llama-7b-hf --prompt \"The sound of rain\" dtype=int8\n"
           "mmi lm generate gemma-2b --prompt \"Dogs\" adapter=tuned temperature=0.8 top_p=0.95\n"
           "mmi lm generate llama-7b dtype=bf16   # no folder: random weights, to measure";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        call.inputs.size() == 1,
        "mmi lm generate takes one model: a folder as transformers saves it, or a published size");
    const fs::path& source = call.inputs[0];
    const torch::NoGradGuard no_grad;
    const auto start = Clock::now();
    const bool random = !fs::is_directory(source);
    const auto model = random ? open_random(source.string()) : open_folder(source);
    if (!config_.adapter.empty()) {
      nn::load_lora(*model, config_.adapter);
      model->eval();
    }
    const double load_s = seconds_since(start);
    ToolResult result = generate(call, *model, random);
    result.values.emplace_back("load_s", load_s);
    result.values.emplace_back("peak_memory_gib", peak_memory_gib());
    if (call.show) {
      // What is asked for is the text; figures are for people.
      if (!random) {
        call.show("\n");
      }
      std::string figures;
      for (const auto& [name, value] : result.values) {
        figures += format("{}{} {}", figures.empty() ? "" : ", ", name, brief(value));
      }
      log::info("{}", figures);
      return {};
    }
    return result;
  }

 private:
  std::shared_ptr<CausalLm> open_random(const std::string& name) const {
    const auto& names = mmi::lm::published_names();
    const std::string near = config::nearest(name, names);
    MMI_CHECK(
        ConfigError,
        std::find(names.begin(), names.end(), name) != names.end(),
        "{} is neither a folder with a language model nor a published size{}",
        name,
        near.empty() ? "" : format(" (did you mean {}?)", near));
    MMI_CHECK(
        ConfigError,
        config_.prompt.empty(),
        "{} is no folder, so there are random weights and no words: leave out the prompt",
        name);
    const bool small = config_.dtype == WeightType::kBf16 || config_.dtype == WeightType::kInt8;
    return random_lm(
        name, small ? torch::kBFloat16 : torch::kFloat, config_.dtype == WeightType::kInt8);
  }

  std::shared_ptr<CausalLm> open_folder(const fs::path& folder) {
    MMI_CHECK(
        ConfigError, !config_.prompt.empty(), "mmi lm generate takes --prompt, which is not empty");
    mmi::lm::LoadOptions options;
    const bool whole = config_.dtype == WeightType::kFloat32 ||
                       (config_.dtype == WeightType::kAuto && is_float32(folder));
    options.dtype = whole ? torch::kFloat : torch::kBFloat16;
    if (config_.dtype == WeightType::kInt8) {
      options.on_layer = shrink;
    }
    auto model = mmi::lm::load_causal_lm(folder, options);
    tokenizer_ = text::load_tokenizer(folder);
    MMI_CHECK(
        CheckpointError,
        tokenizer_->vocab_size() <= model->config().vocab,
        "{}: the tokenizer has {} tokens, but the model {}",
        folder.string(),
        tokenizer_->vocab_size(),
        model->config().vocab);
    return model;
  }

  ToolResult generate(const ToolCall& call, CausalLm& model, bool random) {
    mmi::lm::GenerateRequest request;
    mmi::lm::Prompt prompt;
    if (random) {
      const auto ids = torch::randint(model.config().vocab, {kRandomPrompt}, torch::kLong);
      prompt.ids.assign(
          ids.const_data_ptr<std::int64_t>(), ids.const_data_ptr<std::int64_t>() + kRandomPrompt);
    } else {
      prompt.ids = tokenizer_->encode(config_.prompt);
      request.stop_ids = model.config().eos_ids;
    }
    request.prompts = {prompt};
    request.max_new_tokens = config_.max_new_tokens;
    request.sampling.temperature = config_.temperature;
    request.sampling.top_k = config_.top_k;
    request.sampling.top_p = config_.top_p;
    request.seeds = {static_cast<std::uint64_t>(config_.seed)};

    std::string text;
    const auto say = [&](const std::string& part) {
      text += part;
      if (call.show && !part.empty()) {
        call.show(part);
      }
    };
    std::unique_ptr<TextStream> stream;
    if (!random) {
      stream = std::make_unique<TextStream>(tokenizer_, prompt.ids);
    }
    const auto start = Clock::now();
    Clock::time_point first;
    std::int64_t tokens = 0;
    request.on_token = [&](const std::vector<std::int64_t>& ids) {
      first = tokens == 0 ? Clock::now() : first;
      ++tokens;
      if (stream) {
        say((tokens == 1 ? config_.prompt : "") + stream->push(ids[0]));
      }
      return !call.stop();
    };
    mmi::lm::generate(model, request);
    if (stream) {
      say(stream->finish());
    }
    ToolResult result;
    result.values = {
        {"prompt_tokens", static_cast<double>(prompt.ids.size())},
        {"new_tokens", static_cast<double>(tokens)},
        {"first_token_s", std::chrono::duration<double>(first - start).count()}};
    if (tokens > 1) {
      result.values.emplace_back(
          "tokens_per_s", static_cast<double>(tokens - 1) / seconds_since(first));
    }
    if (!random) {
      result.lines = {text};
      result.json = nlohmann::json{{"text", text}}.dump();
    }
    return result;
  }

  GenerateConfig config_;
  text::TokenizerPtr tokenizer_;
};

}  // namespace

void register_lm_tools() {
  Registry<Tool>::get().add<GenerateConfig>(
      "lm/generate",
      "a language model continues a prompt",
      [](const GenerateConfig& config, const Tool::BuildArgs&) {
        return std::make_shared<Generate>(config);
      });
}

}  // namespace mmi::models::lm
