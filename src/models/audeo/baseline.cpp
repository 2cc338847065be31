#include "mmi/models/audeo/baseline.h"

#include <vector>

#include "mmi/base/errors.h"

namespace mmi::models::audeo {
namespace {

encoders::ResNetConfig body_config(const ResNetBaselineConfig& config) {
  encoders::ResNetConfig body;
  body.in_channels = config.in_frames + (config.slope ? 1 : 0);
  body.width = config.width;
  return body;
}

}  // namespace

const config::Schema& ResNetBaselineConfig::schema() {
  using C = ResNetBaselineConfig;
  static const config::Schema made =
      config::Table<C>("resnet_baseline", "the ResNet rows of Audeo's Table 3.1")
          .field("width", &C::width, "channel multiplier of every layer", config::above(0))
          .field("readout", &C::readout, "global as published, or columns kept apart")
          .field("slope", &C::slope, "extra channel rising from 0 to 1 over the keyboard")
          .field("aggregation", &C::aggregation, "classify the pooled maps of all four stages");
  return made;
}

ResNetBaseline::ResNetBaseline(const ResNetBaselineConfig& config)
    : encoders::ResNet18(body_config(config)), baseline_config_(config) {
  MMI_CHECK(
      ConfigError,
      config.in_frames > 0 && config.classes > 0,
      "in_frames and classes must be > 0, but are {} and {} instead",
      config.in_frames,
      config.classes);
  std::int64_t features = feature_size();
  if (config.aggregation) {
    features = 0;
    for (const std::int64_t channels : stage_channels(config.width)) {
      features += channels;
    }
  }
  fc = register_module(
      "fc",
      torch::nn::Linear(
          readout_size(config.readout, features, config.input_width), config.classes));
}

torch::Tensor ResNetBaseline::forward(const torch::Tensor& frames) {
  MMI_CHECK(
      ShapeError,
      frames.dim() == 4 && frames.size(1) == baseline_config_.in_frames,
      "frames must be (B, {}, H, W), but are {} instead",
      baseline_config_.in_frames,
      frames.sizes().vec());
  torch::Tensor input = frames;
  if (baseline_config_.slope) {
    const torch::Tensor ramp = torch::linspace(0, 1, frames.size(3), frames.options())
                                   .expand({frames.size(0), 1, frames.size(2), frames.size(3)});
    input = torch::cat({frames, ramp}, 1);
  }
  const auto maps = stages(input);
  if (!baseline_config_.aggregation) {
    return fc(read_out(baseline_config_.readout, maps[3]));
  }
  // Wider maps get as many columns as the last one has.
  const bool global = baseline_config_.readout == Readout::kGlobal;
  const std::int64_t columns = global ? 1 : maps[3].size(3);
  std::vector<torch::Tensor> pooled;
  for (const torch::Tensor& map : maps) {
    pooled.push_back(torch::adaptive_avg_pool2d(map, {1, columns}));
  }
  return fc(torch::cat(pooled, 1).flatten(1));
}

}  // namespace mmi::models::audeo
