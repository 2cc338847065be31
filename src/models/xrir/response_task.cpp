#include "mmi/models/xrir/response_task.h"

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/base/progress.h"
#include "mmi/models/xrir/baselines.h"
#include "mmi/models/xrir/losses.h"
#include "mmi/models/xrir/spectrum.h"
#include "mmi/nn/state.h"
#include "mmi/worlds/rooms/depth.h"
#include "models/xrir/receiver_inputs.h"
#include "models/xrir/scores.h"

namespace mmi::models::xrir {
namespace {

/// Receivers with `sources` of their sources and references for each: {map (3,H,W), sources (S,3),
/// responses (S,N), chosen (S,K)}.
class ReceiverExamples : public data::Dataset {
 public:
  ReceiverExamples(
      const ReceiverSets& sets,
      std::int64_t sources,
      std::int64_t references,
      std::string fingerprint)
      : sets_(sets),
        sources_(sources),
        references_(references),
        fingerprint_(std::move(fingerprint)) {
    for (const ReceiverSet& set : sets_) {
      MMI_CHECK(
          DataError,
          std::ssize(known_sources(set)) >= sources,
          "{} has {} sources, but task.sources={} are drawn from each receiver",
          set.name,
          known_sources(set).size(),
          sources);
    }
  }

  std::int64_t size() const override {
    return static_cast<std::int64_t>(sets_.size());
  }

  TensorDict get(std::int64_t index, Rng& rng) const override {
    const ReceiverSet& set = sets_[static_cast<std::size_t>(index)];
    std::vector<std::int64_t> order = known_sources(set);
    if (std::ssize(order) > sources_) {
      rng.shuffle(order);
    }
    order.resize(static_cast<std::size_t>(sources_));
    const auto taken = torch::tensor(order);
    TensorDict example;
    example.set("map", worlds::rooms::unproject(set.depth));
    example.set("sources", set.sources.index_select(0, taken));
    example.set("responses", set.responses.index_select(0, taken));
    ReceiverSet all;
    all.sources = example.tensor("sources");
    example.set("chosen", draw_references(all, references_, rng));
    return example;
  }

  std::string fingerprint() const override {
    return fingerprint_;
  }

  std::string name() const override {
    return "the receivers";
  }

 private:
  const ReceiverSets& sets_;
  std::int64_t sources_;
  std::int64_t references_;
  std::string fingerprint_;
};

}  // namespace

template <class Model>
ResponseTaskConfig<Model>::ResponseTaskConfig() {
  rooms.name = "room_world";
}

template <class Model>
const config::Schema& ResponseTaskConfig<Model>::schema() {
  using C = ResponseTaskConfig<Model>;
  static const config::Schema made =
      config::Table<C>(Model::kName, Model::kTitle)
          .field("model", &C::model, "network")
          .field("rooms", &C::rooms, "where responses come from")
          .field("references", &C::references, "K: measured responses", config::between(1, 64))
          .field(
              "random_references",
              &C::random_references,
              "train with 1 to K of them, drawn for each step")
          .field("sources", &C::sources, "of a receiver in training; targets", config::at_least(2))
          .field("samples", &C::samples, "of a response at 22,050 Hz", config::at_least(1000))
          .field(
              "decay_weight", &C::decay_weight, "of the loss of decay levels", config::at_least(0))
          .field(
              "draws",
              &C::draws,
              "choices of references that a score averages",
              config::at_least(1))
          .field("loader", &C::loader, "batches of receivers")
          .field("optimizer", &C::optimizer, "update rule")
          .field("schedule", &C::schedule, "learning rate over time")
          .check([](const C& c, config::Problems& problems) {
            if (frames_of(c.samples) != c.model.frames) {
              problems.add(format(
                  "{} samples are {} frames, but model.frames is {}",
                  c.samples,
                  frames_of(c.samples),
                  c.model.frames));
            }
            if (c.references >= c.sources) {
              problems.add(
                  format("sources={} leave no {} references for each", c.sources, c.references));
            }
          });
  return made;
}

template <class Model>
ResponseTask<Model>::ResponseTask(const ResponseTaskConfig<Model>& config, const BuildArgs& args)
    : config_(config), args_(args), references_(config.references) {
  rooms_ = Registry<RirRooms>::get().create(
      config_.rooms, {config_.model.map_height(), config_.model.map_width(), config_.samples});
  model_ = std::make_shared<Model>(config_.model);
  if (const auto parent = args_.parents.find("pretrained"); parent != args_.parents.end()) {
    nn::NamedTensors weights;
    for (const auto& entry : nn::state_of(parent->second->module())) {
      weights.emplace_back(entry.name, entry.tensor);
    }
    nn::load_state(*model_, weights, "the pretrained run");
  }
  model_->to(args_.device);
}

template <class Model>
torch::nn::Module& ResponseTask<Model>::module() {
  return *model_;
}

template <class Model>
std::vector<Phase> ResponseTask<Model>::phases() const {
  Phase phase;
  phase.optimizer = config_.optimizer;
  phase.schedule = config_.schedule;
  return {phase};
}

template <class Model>
std::shared_ptr<data::BatchSource> ResponseTask<Model>::source() {
  auto examples = std::make_shared<ReceiverExamples>(
      rooms_->split("train"), config_.sources, config_.references, data_fingerprint());
  return std::make_shared<data::Loader>(
      examples,
      std::make_shared<data::PermutationSampler>(examples->size()),
      config_.loader,
      args_.seed);
}

template <class Model>
torch::Tensor ResponseTask<Model>::forward(const TensorDict& batch, std::int64_t references) {
  const auto on_device = [&](const char* name) { return batch.tensor(name).to(args_.device); };
  return model_->forward(GroupedInputs{
      on_device("map"),
      on_device("sources"),
      on_device("responses"),
      on_device("chosen").narrow(2, 0, references)});
}

template <class Model>
Loss ResponseTask<Model>::loss(
    const std::string& phase, const TensorDict& batch, StepContext& context) {
  const std::int64_t references =
      config_.random_references ? 1 + context.rng.integer(config_.references) : config_.references;
  return response_loss(forward(batch, references), batch.tensor("responses"), config_.decay_weight);
}

template <class Model>
torch::Tensor ResponseTask<Model>::predict(const ReceiverSet& set, const torch::Tensor& chosen) {
  const torch::NoGradGuard no_grad;
  TensorDict batch;
  batch.set("map", worlds::rooms::unproject(set.depth).unsqueeze(0));
  batch.set("sources", set.sources.unsqueeze(0));
  batch.set("responses", set.responses.unsqueeze(0));
  batch.set("chosen", chosen.unsqueeze(0));
  return forward(batch, chosen.size(1)).squeeze(0).to(torch::kCPU);
}

template <class Model>
TensorDict ResponseTask<Model>::infer(const TensorDict& inputs) {
  const ReceiverSet set = receiver_set(
      inputs, {config_.model.map_height(), config_.model.map_width(), config_.samples});
  const auto known = static_cast<std::int64_t>(known_sources(set).size());
  const std::int64_t all = set.sources.size(0);
  const auto chosen = torch::arange(known).expand({all, known});
  const auto spectra = predict(set, chosen).narrow(0, known, all - known).contiguous();
  TensorDict outputs;
  outputs.set("responses", to_waveform(spectra, args_.seed));
  outputs.set("log_spectra", spectra);
  return outputs;
}

template <class Model>
Task::ItemMetrics ResponseTask<Model>::evaluate_items(const std::string& split) {
  return score_rooms(
      *rooms_,
      split,
      {.references = references_, .draws = config_.draws},
      [&](const ReceiverSets&,
          const ReceiverSet& set,
          const torch::Tensor& chosen,
          std::uint64_t seed) { return to_waveform(predict(set, chosen), seed); });
}

template <class Model>
Metrics ResponseTask<Model>::evaluate(const std::string& split) {
  if (split != "valid") {
    return mean_over_items(evaluate_items(split));
  }
  double spectrum = 0;
  double decay = 0;
  const ReceiverSets& sets = rooms_->split(split);
  for (const ReceiverSet& set : sets) {
    Rng rng = Rng(fnv1a64(set.name)).stream("draw");
    const auto chosen = draw_references(set, references_, rng);
    const torch::NoGradGuard no_grad;
    const auto truth = magnitudes(set.responses);
    const auto predicted = predict(set, chosen);
    spectrum += spectrum_loss(predicted, truth).template item<double>();
    decay += decay_loss(predicted, truth).template item<double>();
  }
  const auto count = static_cast<double>(sets.size());
  return {
      {"loss", (spectrum + config_.decay_weight * decay) / count},
      {"spectrum", spectrum / count},
      {"decay_db", decay / count}};
}

template <class Model>
std::pair<std::string, bool> ResponseTask<Model>::selection() const {
  return {"loss", false};
}

template <class Model>
std::string ResponseTask<Model>::data_fingerprint() const {
  return rooms_->fingerprint();
}

template <class Model>
std::map<std::string, double> ResponseTask<Model>::calibrate() {
  return {{"references", static_cast<double>(references_)}};
}

template <class Model>
void ResponseTask<Model>::restore(const std::map<std::string, double>& calibration) {
  if (const auto at = calibration.find("references"); at != calibration.end()) {
    references_ = static_cast<std::int64_t>(at->second);
  }
}

template struct ResponseTaskConfig<XRir>;
template class ResponseTask<XRir>;
template struct ResponseTaskConfig<FewShotRir>;
template class ResponseTask<FewShotRir>;

}  // namespace mmi::models::xrir
