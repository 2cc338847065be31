#include "mmi/models/xrir/few_shot_rir.h"

#include <array>
#include <cmath>

#include "mmi/models/xrir/spectrum.h"

namespace mmi::models::xrir {
namespace {

constexpr std::int64_t kPose = 40;
constexpr std::int64_t kModality = 8;
constexpr std::int64_t kGridChannels = 64;  // of the coarsest map, 2 x 8
constexpr double kSilence = 18.42;          // -ln(1e-8), brings ln magnitudes near 0

}  // namespace

const config::Schema& FewShotRirConfig::schema() {
  using C = FewShotRirConfig;
  static const config::Schema made =
      config::Table<C>("few_shot_rir", "Few-Shot RIR (Majumder et al., NeurIPS 2022)")
          .field("dim", &C::dim, "of tokens; a multiple of heads", config::at_least(1))
          .field("layers", &C::layers, "of encoder and decoder each", config::at_least(1))
          .field("heads", &C::heads, "of attention", config::at_least(1))
          .field("mlp_dim", &C::mlp_dim, "hidden size of a layer's MLP", config::at_least(1))
          .field("dropout", &C::dropout, "of the transformer", config::between(0, 0.9))
          .field("width", &C::width, "channel multiplier of all convolutions", config::above(0))
          .field("frames", &C::frames, "of a spectrogram", config::at_least(1))
          .field("height", &C::height, "of the depth map, half its width", config::at_least(1))
          .field("log_bias", &C::log_bias, "where the ln magnitudes begin")
          .check([](const C& c, config::Problems& problems) {
            if (c.dim % c.heads != 0) {
              problems.add(format("dim={} is no multiple of heads={}", c.dim, c.heads));
            }
          });
  return made;
}

torch::Tensor pose_code(const torch::Tensor& position) {
  const auto x = position.select(-1, 0);
  const auto y = position.select(-1, 1);
  const auto attributes =
      torch::stack({x, y, position.select(-1, 2), position.norm(2, -1), torch::atan2(y, x)}, -1);
  std::vector<torch::Tensor> functions;
  for (int i = 0; i < 4; ++i) {
    const auto scaled = attributes * std::pow(10.0, -i);
    functions.push_back(scaled.cos());
    functions.push_back(scaled.sin());
  }
  return torch::stack(functions, -1).flatten(-2);
}

FewShotRir::FewShotRir(const FewShotRirConfig& config) : config_(config) {
  namespace tn = torch::nn;
  const auto resnet = [&](const char* name) {
    return register_module(
        name,
        std::make_shared<encoders::ResNet18>(
            encoders::ResNetConfig{.in_channels = 1, .width = config.width}));
  };
  visual = resnet("visual");
  audio = resnet("audio");
  encoders::init_he_fan_out(*visual);
  encoders::init_he_fan_out(*audio);
  modalities = register_parameter("modalities", torch::randn({2, kModality}));
  token = register_module(
      "token",
      tn::Linear(
          tn::LinearOptions(visual->feature_size() + kPose + kModality, config.dim).bias(false)));
  query = register_module("query", tn::Linear(kPose, config.dim));
  transformer = register_module(
      "transformer",
      tn::Transformer(tn::TransformerOptions(config.dim, config.heads)
                          .num_encoder_layers(config.layers)
                          .num_decoder_layers(config.layers)
                          .dim_feedforward(config.mlp_dim)
                          .dropout(config.dropout)));
  to_grid = register_module("to_grid", tn::Linear(config.dim, kGridChannels * 2 * 8));
  upsample = register_module("upsample", tn::Sequential());
  std::int64_t in = kGridChannels;
  for (const std::int64_t published : std::array{512, 256, 128, 64, 32}) {
    const std::int64_t out = encoders::scaled_channels(published, config.width);
    upsample->push_back(tn::ConvTranspose2d(
        tn::ConvTranspose2dOptions(in, out, 4).stride(2).padding(1).bias(false)));
    upsample->push_back(tn::BatchNorm2d(out));
    upsample->push_back(tn::ReLU());
    in = out;
  }
  const tn::Conv2d last(tn::Conv2dOptions(in, 1, 3).padding(1));
  torch::nn::init::constant_(last->bias, config.log_bias);
  upsample->push_back(last);
}

torch::Tensor FewShotRir::forward(const GroupedInputs& in) {
  const std::int64_t receivers = in.sources.size(0);
  const std::int64_t sources = in.sources.size(1);
  const std::int64_t count = in.chosen.size(2);
  const std::int64_t pairs = receivers * sources;
  const auto tokens = [&](const torch::Tensor& features, const torch::Tensor& pose, int modality) {
    const auto tag = modalities[modality].expand({features.size(0), -1});
    return token->forward(torch::cat({features, pose_code(pose), tag}, 1));
  };
  // The receiver looks from the origin, and each response is heard once, whoever it serves.
  const auto seen = tokens(
      visual->forward(in.map.norm(2, 1, true)), torch::zeros_like(in.sources.select(1, 0)), 0);
  const auto positions = in.sources.flatten(0, 1);
  const auto logs = to_log(magnitudes(in.responses.flatten(0, 1)));
  const auto heard =
      tokens(audio->forward((logs / kSilence + 1.0).unsqueeze(1)), positions, 1);  // (R S, D)
  const auto first = torch::arange(receivers, in.chosen.options()).view({-1, 1, 1}) * sources;
  const auto rows = (in.chosen + first).flatten();
  const auto references = heard.index_select(0, rows).view({pairs, count, -1});
  const auto context =
      torch::cat({seen.repeat_interleave(sources, 0).unsqueeze(1), references}, 1).transpose(0, 1);
  const auto asked = query->forward(pose_code(positions)).unsqueeze(0);
  const auto answer = transformer->forward(context, asked).squeeze(0);  // (R S, D)
  // Channels last: convolutions of so few channels take half the time on a CPU.
  const auto grid = to_grid->forward(answer)
                        .view({pairs, kGridChannels, 2, 8})
                        .contiguous(torch::MemoryFormat::ChannelsLast);
  const auto spectra = torch::upsample_bilinear2d(
      upsample->forward(grid), {kBins, config_.frames}, /*align_corners=*/false);
  return spectra.view({receivers, sources, kBins, config_.frames});
}

}  // namespace mmi::models::xrir
