#include "mmi/models/xrir/xrir.h"

#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/models/xrir/spectrum.h"

namespace mmi::models::xrir {
namespace {

torch::Tensor octaves(std::int64_t count, double most) {
  return torch::pow(2.0, torch::linspace(0, most, count));
}

void check_inputs(const XRirInputs& in) {
  const bool fit = in.map.dim() == 4 && in.source.dim() == 2 && in.references.dim() == 3 &&
                   in.responses.dim() == 3 && in.map.size(0) == in.source.size(0) &&
                   in.references.size(0) == in.source.size(0) &&
                   in.responses.size(0) == in.source.size(0) &&
                   in.responses.size(1) == in.references.size(1);
  MMI_CHECK(
      ShapeError,
      fit,
      "map (B,3,H,W), source (B,3), references (B,K,3) and responses (B,K,N) do not fit together: "
      "{}, {}, {}, {}",
      in.map.sizes().vec(),
      in.source.sizes().vec(),
      in.references.sizes().vec(),
      in.responses.sizes().vec());
}

}  // namespace

/// A linear layer under the key `proj`.
struct XRir::Linear : torch::nn::Module {
  torch::nn::Linear proj;

  Linear(std::int64_t in, std::int64_t out)
      : proj(register_module("proj", torch::nn::Linear(in, out))) {}

  torch::Tensor forward(const torch::Tensor& x) {
    return proj->forward(x);
  }
};

/// Fixed frequencies, part of the published state.
struct XRir::Frequencies : torch::nn::Module {
  torch::Tensor freqs;

  explicit Frequencies(const torch::Tensor& values) : freqs(register_buffer("freqs", values)) {}
};

struct XRir::AudioEncoder : torch::nn::Module {
  std::shared_ptr<encoders::ResNet18> cnn;

  explicit AudioEncoder(double width)
      : cnn(register_module(
            "cnn",
            std::make_shared<encoders::ResNet18>(
                encoders::ResNetConfig{.in_channels = 1, .width = width}))) {}
};

const config::Schema& XRirConfig::schema() {
  using C = XRirConfig;
  static const config::Schema made =
      config::Table<C>("xrir", "xRIR (thesis ch. 8)")
          .field("vit", &C::vit, "encoder of depth maps")
          .field("channels", &C::channels, "of the fused features", config::at_least(1))
          .field("frames", &C::frames, "of a spectrogram", config::at_least(1))
          .field(
              "position_frequencies",
              &C::position_frequencies,
              "of the position features",
              config::at_least(1))
          .field(
              "time_frequencies", &C::time_frequencies, "of the time features", config::at_least(1))
          .field(
              "position_scale_m",
              &C::position_scale_m,
              "by which positions and maps are divided",
              config::above(0))
          .field(
              "audio_width",
              &C::audio_width,
              "channel multiplier of the ResNet18",
              config::above(0))
          .field("align", &C::align, "where references are aligned with the target")
          .field("weight_bias", &C::weight_bias, "where the weights of the references begin")
          .field("depth", &C::depth, "off: the depth map is zero")
          .field("audio", &C::audio, "off: the audio features are zero");
  return made;
}

torch::Tensor sincos_features(const torch::Tensor& x, const torch::Tensor& frequencies) {
  // Function-major: all coordinates under one function stand together.
  const auto scaled = x.unsqueeze(-2) * frequencies.to(x.options()).unsqueeze(-1);
  return torch::cat({x.unsqueeze(-2), scaled.sin(), scaled.cos()}, -2).flatten(-2);
}

XRir::XRir(const XRirConfig& config) : config_(config) {
  const std::int64_t c = config.channels;
  const std::int64_t tokens = config.vit.tokens();
  source_network =
      register_module("source_network", std::make_shared<encoders::SimpleVit>(config.vit));
  src_proj = register_module("src_proj", std::make_shared<Linear>(config.vit.dim, c));
  dist_embedder = register_module(
      "dist_embedder", std::make_shared<Frequencies>(octaves(config.position_frequencies, 7)));
  src_coord_proj = register_module(
      "src_coord_proj", std::make_shared<Linear>(3 * (2 * config.position_frequencies + 1), c));
  const auto audio = std::make_shared<AudioEncoder>(config.audio_width);
  lin_proj_0 = register_module("lin_proj_0", std::make_shared<Linear>(tokens, 1));
  lin_proj_1 = register_module("lin_proj_1", std::make_shared<Linear>(3 * c, c));
  lin_proj_2 = register_module(
      "lin_proj_2", std::make_shared<Linear>(3 * c + audio->cnn->feature_size(), c));
  audio_enc = register_module("audio_enc", audio);
  encoders::init_he_fan_out(*audio_enc);
  time_embedder = register_module(
      "time_embedder", std::make_shared<Frequencies>(octaves(config.time_frequencies, 10)));
  time_proj =
      register_module("time_proj", std::make_shared<Linear>(2 * config.time_frequencies + 1, c));
}

// (B,3,H,W) -> (B,C)
torch::Tensor XRir::geometry(const torch::Tensor& map) {
  const auto tokens = src_proj->forward(source_network->forward(map));
  return lin_proj_0->forward(tokens.transpose(1, 2)).squeeze(2);
}

// (..., 3) -> (..., C)
torch::Tensor XRir::direct(const torch::Tensor& position) {
  return src_coord_proj->forward(
      sincos_features(position / config_.position_scale_m, dist_embedder->freqs));
}

// (..., N) -> (..., features)
torch::Tensor XRir::encode_audio(const torch::Tensor& responses) {
  const auto flat = responses.flatten(0, -2);
  const auto features = audio_enc->cnn->forward(to_log(magnitudes(flat)).unsqueeze(1));
  auto shape = responses.sizes().vec();
  shape.back() = features.size(1);
  return (config_.audio ? features : torch::zeros_like(features)).view(shape);
}

torch::Tensor XRir::time_features() {
  const auto like = time_proj->proj->weight.options();
  const auto time = 2.0 * torch::arange(config_.frames).to(torch::kFloat32) /
                        static_cast<double>(config_.frames) -
                    1.0;
  return time_proj->forward(sincos_features(time.to(like).unsqueeze(1), time_embedder->freqs));
}

torch::Tensor XRir::seen(const torch::Tensor& map) const {
  return config_.depth ? map : torch::zeros_like(map);
}

torch::Tensor XRir::aligned(
    const torch::Tensor& responses,
    const torch::Tensor& source,
    const torch::Tensor& references) const {
  return config_.align == Align::kNone ? responses : align(responses, source, references);
}

// references (B,K,C), target (B,C), aligned (B,K,63,T) magnitudes -> (B,63,T)
torch::Tensor XRir::combine(
    const torch::Tensor& references, const torch::Tensor& target, const torch::Tensor& aligned) {
  const auto scale = static_cast<double>(config_.channels);
  const auto similarity = references.matmul(target.unsqueeze(2)).squeeze(2) / scale;
  const auto values = similarity.softmax(1).unsqueeze(2) * references;
  auto weights = values.matmul(time_features().t()) / scale;  // (B,K,T)
  if (config_.weight_bias == WeightBias::kUniform) {
    weights = weights + 1.0 / static_cast<double>(references.size(1));
  }
  MMI_CHECK(
      ShapeError,
      aligned.size(3) == config_.frames,
      "responses have {} frames, but the model is made for {}",
      aligned.size(3),
      config_.frames);
  return (weights.unsqueeze(2) * to_log(aligned)).sum(1);
}

torch::Tensor XRir::forward(const XRirInputs& inputs) {
  return activations(inputs).log_spectrum;
}

XRirActivations XRir::activations(const XRirInputs& in) {
  check_inputs(in);
  XRirActivations a;
  const std::int64_t batch = in.source.size(0);
  const std::int64_t count = in.references.size(1);
  const auto map = seen(in.map);
  const auto towards = [&](const torch::Tensor& position) {
    return (position.unsqueeze(-1).unsqueeze(-1) - map) / config_.position_scale_m;
  };
  const auto to_source = towards(in.source);
  a.geometry = geometry(to_source);
  if (!torch::GradMode::is_enabled()) {
    a.patch_embedding = source_network->embed(to_source);
    a.block0_attention = source_network->first_attention(to_source);
    a.vit = source_network->forward(to_source);
  }
  const auto receiver = geometry(-map / config_.position_scale_m);
  std::vector<torch::Tensor> reflections;
  for (std::int64_t k = 0; k < count; ++k) {
    reflections.push_back(geometry(towards(in.references.select(1, k))));
  }
  const auto moved = aligned(in.responses, in.source, in.references);
  a.aligned = magnitudes(moved);
  const auto heard = encode_audio(config_.align == Align::kBoth ? moved : in.responses);  // (B,K,A)
  a.audio = heard.select(1, 0);
  a.time = time_features();
  const auto everywhere = receiver.unsqueeze(1).expand({batch, count, -1});
  a.references = lin_proj_2->forward(
      torch::cat({direct(in.references), everywhere, torch::stack(reflections, 1), heard}, -1));
  a.target = lin_proj_1->forward(torch::cat({direct(in.source), receiver, a.geometry}, -1));
  a.log_spectrum = combine(a.references, a.target, a.aligned);
  return a;
}

torch::Tensor XRir::forward(const GroupedInputs& in) {
  MMI_CHECK(
      ShapeError,
      in.map.dim() == 4 && in.sources.dim() == 3 && in.responses.dim() == 3 &&
          in.chosen.dim() == 3 && in.sources.size(0) == in.map.size(0) &&
          in.responses.size(1) == in.sources.size(1) && in.chosen.size(1) == in.sources.size(1),
      "map (R,3,H,W), sources (R,S,3), responses (R,S,N) and chosen (R,S,K) do not fit together: "
      "{}, {}, {}, {}",
      in.map.sizes().vec(),
      in.sources.sizes().vec(),
      in.responses.sizes().vec(),
      in.chosen.sizes().vec());
  const std::int64_t receivers = in.sources.size(0);
  const std::int64_t sources = in.sources.size(1);
  const std::int64_t count = in.chosen.size(2);
  const std::int64_t pairs = receivers * sources;
  const auto map = seen(in.map);
  const auto all = (in.sources.unsqueeze(-1).unsqueeze(-1) - map.unsqueeze(1)).flatten(0, 1);
  const auto looks = geometry(torch::cat({all, -map}) / config_.position_scale_m);
  const auto reflections = looks.narrow(0, 0, pairs);
  const auto receiver = looks.narrow(0, pairs, receivers).repeat_interleave(sources, 0);
  const auto paths = direct(in.sources).flatten(0, 1);

  // Rows of the flattened sources that each pair takes as references.
  const auto first = torch::arange(receivers, in.chosen.options()).view({-1, 1, 1}) * sources;
  const auto rows = (in.chosen + first).flatten();
  const auto pick = [&](const torch::Tensor& t) {
    auto shape = t.sizes().vec();
    shape[0] = count;
    shape.insert(shape.begin(), pairs);
    return t.index_select(0, rows).view(shape);
  };
  const auto positions = in.sources.flatten(0, 1);
  const auto raw = in.responses.flatten(0, 1);
  const auto moved = aligned(pick(raw), positions, pick(positions));
  const auto heard = config_.align == Align::kBoth ? encode_audio(moved) : pick(encode_audio(raw));
  const auto everywhere = receiver.unsqueeze(1).expand({pairs, count, -1});
  const auto references =
      lin_proj_2->forward(torch::cat({pick(paths), everywhere, pick(reflections), heard}, -1));
  const auto target = lin_proj_1->forward(torch::cat({paths, receiver, reflections}, -1));
  return combine(references, target, magnitudes(moved)).view({receivers, sources, kBins, -1});
}

}  // namespace mmi::models::xrir
