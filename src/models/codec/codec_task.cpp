#include "mmi/models/codec/codec_task.h"

#include <torch/torch.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/dsp/measures.h"
#include "mmi/dsp/resample.h"
#include "mmi/heads/gan.h"
#include "mmi/io/audio.h"
#include "mmi/models/codec/reconstruction.h"
#include "mmi/models/codec/scores.h"
#include "models/codec/sound_windows.h"
#include "models/codec/spectrogram_picture.h"

namespace mmi::models::codec {
namespace {

constexpr heads::GanConfig kHinge{heads::GanLoss::kHinge};
constexpr std::int64_t kShortestWindow = 2048;  // the mel spectra and the discriminator need it

GradientBalancer::Weights balanced(const CodecWeights& weights) {
  return {
      {"adversarial", weights.adversarial},
      {"features", weights.features},
      {"wave", weights.wave},
      {"mel", weights.mel}};
}

/// Draws first weights through which signals pass with their variance, and takes offsets out. With
/// PyTorch's own a small codec begins with latents that hardly vary, whose codebooks collapse, and
/// its discriminator with outputs that hardly do.
void begin(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  auto parameters = module.named_parameters();
  for (auto& item : parameters) {
    const std::string& name = item.key();
    torch::Tensor& value = item.value();
    if (name.starts_with("quantizer.") || name.find(".lstm.") != std::string::npos) {
      continue;
    }
    if (name.ends_with(".bias")) {
      value.zero_();
    } else if (name.ends_with(".weight") || name.ends_with(".weight_v")) {
      // Of a transposed convolution two inputs overlap in each sample; its kernel is even.
      const bool transposed = name.starts_with("decoder.") && value.size(2) % 2 == 0;
      const auto inputs = transposed ? 2 * value.size(0) : value[0].numel();
      // DAC has 24 sums of a branch and its input, each of which would double the variance, and
      // ends in a tanh, which must not begin at its ends.
      const bool quiet = name.find(".res_unit") != std::string::npos
                             ? name.find(".conv2.") != std::string::npos
                             : name.starts_with("decoder.conv2.");
      const double gain = quiet ? 0.1 : 1;
      value.normal_(0, gain / std::sqrt(static_cast<double>(inputs)));
      if (name.ends_with("_v")) {
        auto& length = parameters[name.substr(0, name.size() - 1) + "g"];
        length.copy_(value.flatten(1).norm(2, {1}).view_as(length));
      }
    }
  }
}

}  // namespace

const config::Schema& CodecWeights::schema() {
  using C = CodecWeights;
  static const config::Schema made =
      config::Table<C>("codec_weights", "shares of the gradient")
          .field("adversarial", &C::adversarial, "deceiving the discriminator", config::at_least(0))
          .field("features", &C::features, "what its layers see", config::at_least(0))
          .field("wave", &C::wave, "mean absolute difference of samples", config::at_least(0))
          .field("mel", &C::mel, "mel spectra of several resolutions", config::above(0))
          .field(
              "penalty",
              &C::penalty,
              "encoder and codebooks apart; a weight, not a share",
              config::at_least(0));
  return made;
}

CodecTaskConfig::CodecTaskConfig() {
  model.name = "encodec";
  sounds.name = "sound_world";
}

const config::Schema& CodecTaskConfig::schema() {
  using C = CodecTaskConfig;
  static const config::Schema made =
      config::Table<C>("codec/codec", "a neural codec")
          .field("model", &C::model, "the codec: EnCodec or DAC of any size")
          .field("sounds", &C::sounds, "what it learns from")
          .field("discriminator", &C::discriminator, "its adversary")
          .field(
              "adversarial_from",
              &C::adversarial_from,
              "step from which the discriminator takes part",
              config::at_least(0))
          .field("weights", &C::weights, "shares of the gradient")
          .field("window_s", &C::window_s, "length of a training example", config::above(0))
          .field(
              "quantizer_dropout",
              &C::quantizer_dropout,
              "share of steps that train the first so many codebooks, a number that is drawn; a "
              "DAC has its own",
              config::between(0, 1))
          .field(
              "evaluated", &C::evaluated, "sounds of a split that are scored", config::at_least(1))
          .field("loader", &C::loader, "batches")
          .field("generator_optimizer", &C::generator_optimizer, "update rule of the codec")
          .field("discriminator_optimizer", &C::discriminator_optimizer, "… of the discriminator")
          .field("schedule", &C::schedule, "the codec's learning rate over time");
  return made;
}

CodecTask::CodecTask(const CodecTaskConfig& config, const BuildArgs& args)
    : config_(config),
      args_(args),
      codec_(Registry<codecs::TokenCodec>::get().create(config.model, {})),
      discriminator_(std::make_shared<Discriminator>(config.discriminator)),
      balancer_(std::make_shared<GradientBalancer>(balanced(config.weights))),
      module_(std::make_shared<torch::nn::Module>("CodecTask")),
      mel_(codec_->format().sample_rate_hz) {
  const codecs::CodecFormat format = codec_->format();
  if (codec_->is_training()) {  // one that was loaded is in eval mode, and keeps its weights
    begin(*codec_);
  }
  begin(*discriminator_);
  usage_ = std::make_shared<CodeUsage>(format.codebooks, format.codebook_size);
  sounds_ = Registry<Sounds>::get().create(config.sounds, {format.sample_rate_hz});
  samples_ = std::llround(config.window_s * static_cast<double>(format.sample_rate_hz));
  MMI_CHECK(
      ConfigError,
      samples_ >= kShortestWindow,
      "window_s {} is {} samples; at least {} are needed",
      config.window_s,
      samples_,
      kShortestWindow);
  module_->register_module("codec", codec_);
  module_->register_module("discriminator", discriminator_);
  module_->register_module("balancer", balancer_);
  module_->register_module("usage", usage_);
  module_->to(args_.device);
}

torch::nn::Module& CodecTask::module() {
  return *module_;
}

std::vector<Phase> CodecTask::phases() const {
  Phase generator;
  generator.name = "generator";
  generator.parameters = {"codec.*"};
  generator.optimizer = config_.generator_optimizer;
  generator.schedule = config_.schedule;
  Phase discriminator;
  discriminator.name = "discriminator";
  discriminator.parameters = {"discriminator.*"};
  // Its rate stays: where it begins late, the codec's has fallen already.
  discriminator.optimizer = config_.discriminator_optimizer;
  return {generator, discriminator};
}

std::shared_ptr<data::Dataset> CodecTask::windows(const std::string& split) const {
  return std::make_shared<SoundWindows>(sounds_->split(split), samples_, sounds_->fingerprint());
}

std::vector<std::pair<std::string, Task::DatasetOpener>> CodecTask::datasets() {
  std::vector<std::pair<std::string, DatasetOpener>> list;
  for (const char* split : {"train", "valid", "test"}) {
    list.emplace_back(split, [this, split] { return windows(split); });
  }
  return list;
}

std::shared_ptr<data::BatchSource> CodecTask::source() {
  const auto examples = windows("train");
  return std::make_shared<data::Loader>(
      examples,
      std::make_shared<data::PermutationSampler>(examples->size()),
      config_.loader,
      args_.seed);
}

Loss CodecTask::loss(const std::string& phase, const TensorDict& batch, StepContext& context) {
  const torch::Tensor truth = batch.tensor("audio").to(args_.device).unsqueeze(1);
  return phase == "generator" ? generator_step(truth, context) : discriminator_step(truth, context);
}

Loss CodecTask::generator_step(const torch::Tensor& truth, StepContext& context) {
  const std::int64_t all = codec_->format().codebooks;
  const std::int64_t levels =
      context.rng.chance(config_.quantizer_dropout) ? 1 + context.rng.integer(all) : all;
  const Reconstruction made = reconstruct(*codec_, truth, levels);
  usage_->update(made.codes, context.step);
  made_.resize(std::max(made_.size(), context.micro + 1));
  made_[context.micro] = made.wave.detach();
  GradientBalancer::Losses losses = {
      {"mel", mel_(made.wave, truth)}, {"wave", torch::l1_loss(made.wave, truth)}};
  if (context.step >= config_.adversarial_from) {
    const Judgement of_made = discriminator_->forward(made.wave);
    Judgement of_truth;
    {
      const torch::NoGradGuard no_grad;
      of_truth = discriminator_->forward(truth);
    }
    losses.emplace_back("adversarial", heads::generator_loss(kHinge, of_made.logits));
    losses.emplace_back("features", feature_loss(of_made.features, of_truth.features));
  }
  Loss loss;
  loss.total = balancer_->forward(losses, made.wave) + config_.weights.penalty * made.penalty;
  for (const auto& [name, one] : losses) {
    loss.parts.emplace_back(name, one.detach());
  }
  loss.parts.emplace_back("penalty", made.penalty.detach());
  const auto perplexity = usage_->perplexity();
  const auto dead = usage_->dead();
  for (std::int64_t k = 0; k < all; ++k) {
    loss.parts.emplace_back(mmi::format("perplexity_{}", k + 1), perplexity[k]);
    loss.parts.emplace_back(mmi::format("dead_codes_{}", k + 1), dead[k]);
  }
  return loss;
}

Loss CodecTask::discriminator_step(const torch::Tensor& truth, const StepContext& context) {
  Loss loss;
  if (context.step < config_.adversarial_from) {
    loss.total = torch::zeros({}, truth.options());
    return loss;
  }
  loss.total = heads::discriminator_loss(
      kHinge,
      discriminator_->forward(truth).logits,
      discriminator_->forward(made_.at(context.micro)).logits);
  return loss;
}

// The discriminator waits in the first steps.
void CodecTask::backward(const torch::Tensor& total) {
  if (total.requires_grad()) {
    total.backward();
  }
}

Task::ItemMetrics CodecTask::score(const std::string& split, std::vector<torch::Tensor>& codes) {
  const SoundList list = sounds_->split(split);
  const auto count = std::min(config_.evaluated, static_cast<std::int64_t>(list.size()));
  ItemMetrics items;
  for (std::int64_t i = 0; i < count; ++i) {
    const Sound& sound = *list[static_cast<std::size_t>(i)];
    const auto truth = loudest_window(sound, samples_).to(args_.device).view({1, 1, -1});
    const codecs::Encoded encoded = codec_->encode(truth);
    const auto made = codec_->decode(encoded);
    codes.push_back(encoded.codes);
    const auto flat = made.flatten();
    const auto wanted = truth.flatten();
    items.push_back(
        {sound.name(),
         {{"mel_distance", mel_(made, truth).item<double>()},
          {"si_sdr_db", si_sdr_db(flat, wanted)},
          {"snr_db", snr_db(flat, wanted)},
          {"log_spectral_distance_db", log_spectral_distance_db(flat, wanted)}}});
  }
  return items;
}

Task::ItemMetrics CodecTask::evaluate_items(const std::string& split) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> codes;
  return score(split, codes);
}

Metrics CodecTask::evaluate(const std::string& split) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> codes;
  Metrics metrics = mean_over_items(score(split, codes));
  const codecs::CodecFormat format = codec_->format();
  const auto all = torch::cat(codes, 2)[0];
  for (std::int64_t k = 0; k < format.codebooks; ++k) {
    const auto counts = at::bincount(all[k], {}, format.codebook_size).to(torch::kFloat32);
    metrics.emplace_back(
        mmi::format("perplexity_{}", k + 1), perplexity(counts.unsqueeze(0)).item<double>());
  }
  metrics.emplace_back("kbps", format.kbps());
  return metrics;
}

std::pair<std::string, bool> CodecTask::selection() const {
  return {"mel_distance", false};
}

std::vector<Artifact> CodecTask::show(
    const torch::Tensor& wave, const std::filesystem::path& out, std::int64_t codebooks) {
  const torch::NoGradGuard no_grad;
  const codecs::CodecFormat format = codec_->format();
  const auto input = wave.to(args_.device).view({1, 1, -1});
  const codecs::Encoded encoded = codec_->encode(input, codebooks);
  const auto made = codec_->decode(encoded).flatten().to(torch::kCPU).contiguous();
  const auto rate = static_cast<int>(format.sample_rate_hz);
  const auto given = wave.flatten().contiguous();
  const std::string stem = out.string();
  const auto write = [&](const std::string& path, const torch::Tensor& sound) {
    io::write_wav(path, dsp::samples_of(sound), 1, rate);
  };
  write(stem + ".wav", made);
  write(stem + "_original.wav", given);
  std::vector<Artifact> files = {
      {stem + ".wav",
       mmi::format(
           "from {} tokens, {:.1f} kbit/s",
           encoded.codes.numel(),
           format.kbps(encoded.codes.size(1)))},
      {stem + "_original.wav", mmi::format("what went in, at {} Hz", rate)}};
#ifdef MMI_WITH_MEDIA
  draw_sounds({{"Sound", given}, {"What the codec makes of it", made}}, rate)
      .save_png(stem + ".png");
  files.push_back({stem + ".png", "sound and reconstruction"});
#endif
  return files;
}

std::vector<Artifact> CodecTask::generate(const GenerateRequest& request) {
  const codecs::CodecFormat format = codec_->format();
  std::int64_t codebooks = 0;
  if (const auto at = request.options.find("codebooks"); at != request.options.end()) {
    const auto [end, error] =
        std::from_chars(at->second.data(), at->second.data() + at->second.size(), codebooks);
    MMI_CHECK(
        ConfigError,
        error == std::errc() && *end == 0 && codebooks >= 1 && codebooks <= format.codebooks,
        "codebooks must be a number from 1 to {}, not \"{}\"",
        format.codebooks,
        at->second);
  }
  const io::Audio mono = io::to_mono(io::read_audio(request.input));
  MMI_CHECK(DataError, mono.length() > 0, "{} holds no sound", request.input.string());
  const auto wave = torch::from_blob(
      const_cast<float*>(mono.samples.data()), {1, mono.length()}, torch::kFloat32);
  return show(
      dsp::resample(wave, mono.sample_rate_hz, format.sample_rate_hz).flatten(),
      request.out,
      codebooks);
}

std::vector<Artifact> CodecTask::sample(
    const std::string& split, const std::filesystem::path& stem) {
  return show(loudest_window(*sounds_->split(split).front(), samples_), stem, 0);
}

std::string CodecTask::data_fingerprint() const {
  return sounds_->fingerprint();
}

}  // namespace mmi::models::codec
