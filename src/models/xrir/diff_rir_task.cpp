#include "mmi/models/xrir/diff_rir_task.h"

#include <algorithm>

#include "mmi/base/errors.h"
#include "models/xrir/receiver_inputs.h"
#include "models/xrir/scores.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

/// The first set of a room in the split "test", as a world of its own.
class OneSet : public RirRooms {
 public:
  OneSet(std::shared_ptr<RirRooms> all, const std::string& room) : all_(std::move(all)) {
    const ReceiverSets& sets = all_->split("test");
    const auto at = std::find_if(sets.begin(), sets.end(), [&](const ReceiverSet& set) {
      return room.empty() || set.room == room;
    });
    MMI_CHECK(ConfigError, at != sets.end(), "the split \"test\" has no room \"{}\"", room);
    one_ = {*at};
  }

  const ReceiverSets& split(const std::string& name) override {
    return name == "test" ? one_ : none_;
  }

  std::string fingerprint() const override {
    return format("{} of {}", one_.front().name, all_->fingerprint());
  }

  Measured measured() const override {
    return all_->measured();
  }

  Place place(const ReceiverSet& set) const override {
    return all_->place(set);
  }

 private:
  std::shared_ptr<RirRooms> all_;
  ReceiverSets one_;
  ReceiverSets none_;
};

}  // namespace

DiffRirTaskConfig::DiffRirTaskConfig() {
  rooms.name = "room_world";
}

const config::Schema& DiffRirTaskConfig::schema() {
  using C = DiffRirTaskConfig;
  static const config::Schema made =
      config::Table<C>(
          "xrir/diff_rir", "Diff-RIR: a renderer fitted to one room (baseline, thesis ch. 8)")
          .field("model", &C::model, "renderer")
          .field("rooms", &C::rooms, "where responses come from; their geometry has to be known")
          .field("room", &C::room, "which of the split \"test\"; empty: the first")
          .field("samples", &C::samples, "of a response at 22,050 Hz", config::at_least(2100))
          .field("loader", &C::loader, "batches of microphones")
          .field("optimizer", &C::optimizer, "update rule")
          .field("schedule", &C::schedule, "learning rate over time");
  return made;
}

DiffRirTask::DiffRirTask(const DiffRirTaskConfig& config, const BuildArgs& args)
    : config_(config), args_(args) {
  // Depth is not looked at, so its size does not matter.
  rooms_ = std::make_shared<OneSet>(
      Registry<RirRooms>::get().create(config_.rooms, {1, 2, config_.samples}), config_.room);
  const ReceiverSet& set = rooms_->split("test").front();
  known_ = torch::tensor(known_sources(set), torch::kLong);
  paths_ = paths_from_loudspeaker(set.sources);
  model_ = std::make_shared<DiffRir>(paths_.hits.size(1), config_.samples);
}

// To places (S,3) relative to the loudspeaker.
SpecularPaths DiffRirTask::paths_from_loudspeaker(const torch::Tensor& places) const {
  const RirRooms::Place place = rooms_->place(rooms_->split("test").front());
  const auto relative = places.to(torch::kFloat64).contiguous();
  const auto* at = relative.const_data_ptr<double>();
  std::vector<rooms::Vec3> microphones;
  for (std::int64_t s = 0; s < relative.size(0); ++s, at += 3) {
    microphones.push_back(place.receiver + rooms::Vec3{at[0], at[1], at[2]});
  }
  return specular_paths(
      rooms::Simulator(place.scene), place.receiver, microphones, config_.samples, config_.model);
}

torch::nn::Module& DiffRirTask::module() {
  return *model_;
}

std::vector<Phase> DiffRirTask::phases() const {
  Phase phase;
  phase.optimizer = config_.optimizer;
  phase.schedule = config_.schedule;
  return {phase};
}

std::shared_ptr<data::BatchSource> DiffRirTask::source() {
  TensorDict columns;
  columns.set("place", known_);
  columns.set("response", rooms_->split("test").front().responses.index_select(0, known_));
  auto examples = std::make_shared<data::TensorDataset>(columns, data_fingerprint());
  return std::make_shared<data::Loader>(
      examples,
      std::make_shared<data::PermutationSampler>(examples->size()),
      config_.loader,
      args_.seed);
}

Loss DiffRirTask::loss(const std::string&, const TensorDict& batch, StepContext& context) {
  const SpecularPaths paths = paths_to(paths_, batch.tensor("place"));
  const auto arrival = jittered_delays(paths, config_.model.jitter_samples, context.rng);
  Loss loss;
  loss.total = multi_window_loss(model_->forward(paths, arrival), batch.tensor("response"));
  return loss;
}

TensorDict DiffRirTask::infer(const TensorDict& inputs) {
  for (const auto& [name, value] : inputs) {
    MMI_CHECK(
        DataError,
        name == "sources" || name == "receiver",
        "there is no input \"{}\"; there are sources, receiver",
        name);
  }
  const torch::NoGradGuard no_grad;
  const SpecularPaths paths = paths_from_loudspeaker(relative_places(inputs, "sources"));
  TensorDict outputs;
  outputs.set("responses", model_->forward(paths));
  return outputs;
}

torch::Tensor DiffRirTask::predict() {
  const torch::NoGradGuard no_grad;
  return model_->forward(paths_);
}

Task::ItemMetrics DiffRirTask::evaluate_items(const std::string& split) {
  return score_rooms(
      *rooms_,
      split,
      {.references = 1, .draws = 1},
      [&](const ReceiverSets&, const ReceiverSet&, const torch::Tensor&, std::uint64_t) {
        return predict();
      });
}

Metrics DiffRirTask::evaluate(const std::string& split) {
  if (split != "valid") {
    return mean_over_items(evaluate_items(split));
  }
  const torch::NoGradGuard no_grad;
  const auto truth = rooms_->split("test").front().responses.index_select(0, known_);
  return {
      {"loss", multi_window_loss(model_->forward(paths_to(paths_, known_)), truth).item<double>()}};
}

std::pair<std::string, bool> DiffRirTask::selection() const {
  return {"loss", false};
}

std::string DiffRirTask::data_fingerprint() const {
  return rooms_->fingerprint();
}

}  // namespace mmi::models::xrir
