#include <string>

#include "mmi/base/errors.h"
#include "mmi/lm/causal_lm.h"
#include "mmi/lm/files.h"
#include "mmi/nn/init_context.h"

MMI_DEFINE_REGISTRY(mmi::lm::CausalLm)

namespace mmi::lm {
namespace {

/// Options of the published models, whose sizes are fixed.
struct PublishedConfig {
  std::string weights;

  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<PublishedConfig>("published_lm", "a language model of published size")
            .field(
                "weights",
                &PublishedConfig::weights,
                "folder of its checkpoint; \"\": random weights");
    return made;
  }
};

/// 6738415616 -> "6.74 B".
std::string in_words(std::int64_t count) {
  const std::int64_t hundredths = (count + 5'000'000) / 10'000'000;
  return hundredths >= 100
             ? format("{}.{}{} B", hundredths / 100, hundredths / 10 % 10, hundredths % 10)
             : format("{} M", (count + 500'000) / 1'000'000);
}

std::shared_ptr<CausalLm> build(const std::string& name, const PublishedConfig& options) {
  const CausalLmConfig expected = published(name);
  if (options.weights.empty()) {
    return std::make_shared<CausalLm>(expected);
  }
  const auto& where = nn::InitContext::current();
  auto model = load_causal_lm(options.weights, {.dtype = where.dtype, .device = where.device});
  const CausalLmConfig& found = model->config();
  MMI_CHECK(
      CheckpointError,
      found.family == expected.family && found.hidden == expected.hidden &&
          found.layers == expected.layers,
      "{} is no {}: it is a {} of {} layers with a width of {}",
      options.weights,
      name,
      found.family,
      found.layers,
      found.hidden);
  return model;
}

}  // namespace

void register_lms() {
  auto& registry = Registry<CausalLm>::get();
  registry.add<CausalLmConfig>(
      "causal_lm",
      "a decoder-only transformer of any size",
      [](const CausalLmConfig& config, const auto&) { return std::make_shared<CausalLm>(config); });
  for (const std::string& name : published_names()) {
    const CausalLmConfig config = published(name);
    registry.add<PublishedConfig>(
        name,
        format(
            "{} parameters, context {} ({})",
            in_words(config.parameter_count()),
            config.context,
            config.family),
        [name](const PublishedConfig& options, const auto&) { return build(name, options); });
  }
}

}  // namespace mmi::lm
