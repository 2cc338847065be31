#include "mmi/models/lm/lm_task.h"

#include <torch/torch.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/lm/generate.h"
#include "models/lm/byte_tokenizer.h"
#include "models/lm/token_windows.h"

namespace mmi::models::lm {
namespace {

template <class Number>
Number option(const GenerateRequest& request, const std::string& name, Number usual) {
  const auto at = request.options.find(name);
  if (at == request.options.end()) {
    return usual;
  }
  Number value{};
  const std::string& text = at->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  MMI_CHECK(
      ConfigError,
      error == std::errc() && end == text.data() + text.size() && value >= 0,
      "{} must be a number of at least 0, not \"{}\"",
      name,
      text);
  return value;
}

}  // namespace

LmTaskConfig::LmTaskConfig() {
  model.name = "causal_lm";
  texts.name = "caption_world";
}

const config::Schema& LmTaskConfig::schema() {
  using C = LmTaskConfig;
  static const config::Schema made =
      config::Table<C>("lm/causal", "a language model")
          .field("model", &C::model, "the network, of any or of a published size")
          .field("texts", &C::texts, "what it learns from")
          .field("tokenizer", &C::tokenizer, "file or folder of a tokenizer; \"\": bytes")
          .field("window", &C::window, "predicted tokens of an example", config::at_least(1))
          .field("clip_norm", &C::clip_norm, "largest gradient norm; 0: any", config::at_least(0))
          .field("loader", &C::loader, "batches")
          .field("optimizer", &C::optimizer, "update rule")
          .field("schedule", &C::schedule, "learning rate over time");
  return made;
}

LmTask::LmTask(const LmTaskConfig& config, const BuildArgs& args)
    : config_(config),
      args_(args),
      texts_(Registry<Texts>::get().create(config.texts, {})),
      tokenizer_(
          config.tokenizer.empty()
              ? text::parse_tokenizer_json(byte_tokenizer_json(), "the tokenizer of bytes")
              : text::load_tokenizer(config.tokenizer)),
      model_(Registry<mmi::lm::CausalLm>::get().create(config.model, {})) {
  const auto& sizes = model_->config();
  MMI_CHECK(
      ConfigError,
      tokenizer_->vocab_size() <= sizes.vocab,
      "model.vocab is {}, but the tokenizer has {} tokens",
      sizes.vocab,
      tokenizer_->vocab_size());
  MMI_CHECK(
      ConfigError,
      config.window <= sizes.context,
      "window is {}, but the model's context is {}",
      config.window,
      sizes.context);
  model_->to(args_.device);
}

std::vector<Phase> LmTask::phases() const {
  Phase phase;
  phase.optimizer = config_.optimizer;
  phase.schedule = config_.schedule;
  phase.clip_norm = config_.clip_norm;
  return {phase};
}

torch::Tensor LmTask::ids_of(const std::string& text) const {
  return torch::tensor(tokenizer_->encode(text, /*add_special=*/false), torch::kLong);
}

std::vector<std::pair<std::string, Task::DatasetOpener>> LmTask::datasets() {
  std::vector<std::pair<std::string, DatasetOpener>> list;
  for (const char* split : {"train", "valid", "test"}) {
    list.emplace_back(split, [this, split] {
      return std::make_shared<TokenWindows>(
          ids_of(texts_->split(split)), config_.window, texts_->fingerprint());
    });
  }
  return list;
}

std::shared_ptr<data::BatchSource> LmTask::source() {
  const auto examples = std::make_shared<TokenWindows>(
      ids_of(texts_->split("train")), config_.window, texts_->fingerprint());
  return std::make_shared<data::Loader>(
      examples,
      std::make_shared<data::PermutationSampler>(examples->size()),
      config_.loader,
      args_.seed);
}

Loss LmTask::loss(const std::string& /*phase*/, const TensorDict& batch, StepContext& /*context*/) {
  const auto ids = batch.tensor("ids").to(args_.device);
  const auto targets = ids.slice(1, 1).flatten();
  const auto logits = model_->forward(ids.slice(1, 0, -1)).flatten(0, 1);
  Loss loss;
  loss.total = torch::cross_entropy_loss(logits, targets);
  loss.parts.emplace_back(
      "accuracy", logits.detach().argmax(1).eq(targets).to(torch::kFloat).mean());
  return loss;
}

Metrics LmTask::evaluate(const std::string& split) {
  const torch::NoGradGuard no_grad;
  const std::string text = texts_->split(split);
  const auto ids = ids_of(text).to(args_.device);
  double nats = 0;
  double right = 0;
  const std::int64_t count = ids.size(0) - 1;
  MMI_CHECK(DataError, count > 0, "the texts' \"{}\" has fewer than 2 tokens", split);
  // As many windows at once as a training batch has.
  const std::int64_t stride = config_.window * config_.loader.batch_size;
  for (std::int64_t begin = 0; begin < count; begin += stride) {
    const std::int64_t tokens = std::min(stride, count - begin);
    const std::int64_t rows = std::max<std::int64_t>(1, tokens / config_.window);
    const std::int64_t width = std::min(tokens, config_.window);
    const auto score = [&](std::int64_t from, std::int64_t n, std::int64_t length) {
      const auto inputs = ids.slice(0, from, from + n * length).view({n, length});
      const auto targets = ids.slice(0, from + 1, from + 1 + n * length);
      const auto logits = model_->forward(inputs).flatten(0, 1);
      nats += torch::cross_entropy_loss(logits, targets, {}, at::Reduction::Sum).item<double>();
      right += logits.argmax(1).eq(targets).sum().item<double>();
    };
    score(begin, rows, width);
    if (const std::int64_t rest = tokens - rows * width; rest > 0) {
      score(begin + rows * width, 1, rest);
    }
  }
  const auto tokens = static_cast<double>(count);
  return {
      {"perplexity", std::exp(nats / tokens)},
      {"bits_per_byte", nats / std::log(2.0) / static_cast<double>(text.size())},
      {"accuracy", right / tokens}};
}

std::pair<std::string, bool> LmTask::selection() const {
  return {"perplexity", false};
}

std::string LmTask::continued(
    const std::string& prompt,
    std::int64_t max_new_tokens,
    double temperature,
    std::uint64_t seed) {
  mmi::lm::GenerateRequest request;
  mmi::lm::Prompt begin;
  begin.ids = tokenizer_->encode(prompt);
  const std::int64_t room = model_->config().context - max_new_tokens;
  MMI_CHECK(
      ConfigError,
      room > 0,
      "{} new tokens do not fit into the context of {}",
      max_new_tokens,
      model_->config().context);
  if (static_cast<std::int64_t>(begin.ids.size()) > room) {
    begin.ids.erase(begin.ids.begin(), begin.ids.end() - room);  // its end counts
  }
  request.prompts = {begin};
  request.max_new_tokens = max_new_tokens;
  request.sampling.temperature = temperature;
  request.seeds = {seed};
  request.stop_ids = model_->config().eos_ids;
  auto ids = mmi::lm::generate(*model_, request).ids.front();
  ids.insert(ids.begin(), begin.ids.begin(), begin.ids.end());
  return tokenizer_->decode(ids);
}

std::vector<Artifact> LmTask::generate(const GenerateRequest& request) {
  const std::string text = continued(
      read_text(request.input),
      option<std::int64_t>(request, "max_new_tokens", 128),
      option<double>(request, "temperature", 0.8),
      static_cast<std::uint64_t>(option<std::int64_t>(request, "seed", 0)));
  const std::string path = request.out.string() + ".txt";
  atomic_write(path, text + "\n");
  return {{path, "the text continued"}};
}

std::vector<Artifact> LmTask::sample(const std::string& split, const std::filesystem::path& stem) {
  const std::string text = texts_->split(split);
  const std::int64_t length = std::min<std::int64_t>(256, model_->config().context / 2);
  const std::string begun = text.substr(0, text.find(' ') + 1);
  const std::string path = stem.string() + ".txt";
  atomic_write(path, continued(begun, length, 0.8, 0) + "\n");
  return {{path, format("what follows \"{}\"", begun)}};
}

std::string LmTask::data_fingerprint() const {
  return texts_->fingerprint();
}

std::string LmTask::own_tokenizer() const {
  return config_.tokenizer.empty() ? byte_tokenizer_json() : "";
}

}  // namespace mmi::models::lm
