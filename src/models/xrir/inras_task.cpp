#include "mmi/models/xrir/inras_task.h"

#include "mmi/base/errors.h"
#include "mmi/models/xrir/spectrum.h"
#include "models/xrir/scores.h"

namespace mmi::models::xrir {
namespace {

/// Places in scene coordinates.
struct Pairs {
  torch::Tensor source;    ///< (S,3)
  torch::Tensor receiver;  ///< (S,3)
};

Pairs pairs_of(const RirRooms& rooms, const ReceiverSet& set) {
  const worlds::rooms::Vec3 at = rooms.place(set).receiver;
  const auto receiver =
      torch::tensor({at.x, at.y, at.z}).to(torch::kFloat32).expand_as(set.sources);
  return {receiver + set.sources, receiver};
}

}  // namespace

InrasTaskConfig::InrasTaskConfig() {
  rooms.name = "one_room";
}

const config::Schema& InrasTaskConfig::schema() {
  using C = InrasTaskConfig;
  static const config::Schema made =
      config::Table<C>("xrir/inras", "INRAS-lite: one room as a network (baseline, thesis ch. 8)")
          .field("model", &C::model, "network")
          .field("rooms", &C::rooms, "where responses come from: one room of known geometry")
          .field("samples", &C::samples, "of a response at 22,050 Hz", config::at_least(1000))
          .field(
              "decay_weight", &C::decay_weight, "of the loss of decay levels", config::at_least(0))
          .field("loader", &C::loader, "batches of pairs")
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
          });
  return made;
}

InrasTask::InrasTask(const InrasTaskConfig& config, const BuildArgs& args)
    : config_(config), args_(args) {
  // Depth is not looked at, so its size does not matter.
  rooms_ = Registry<RirRooms>::get().create(config_.rooms, {1, 2, config_.samples});
  const ReceiverSets& sets = rooms_->split("train");
  for (const ReceiverSet& set : sets) {
    MMI_CHECK(
        ConfigError,
        set.room == sets.front().room,
        "INRAS learns one room, but training has {} and {}; one_room has one",
        sets.front().room,
        set.room);
  }
  model_ = std::make_shared<Inras>(
      config_.model, bounce_points(rooms_->place(sets.front()).scene, config_.model.points));
  model_->to(args_.device);
}

torch::nn::Module& InrasTask::module() {
  return *model_;
}

std::vector<Phase> InrasTask::phases() const {
  Phase phase;
  phase.optimizer = config_.optimizer;
  phase.schedule = config_.schedule;
  return {phase};
}

std::shared_ptr<data::BatchSource> InrasTask::source() {
  std::vector<torch::Tensor> sources;
  std::vector<torch::Tensor> receivers;
  std::vector<torch::Tensor> responses;
  for (const ReceiverSet& set : rooms_->split("train")) {
    const auto known = torch::tensor(known_sources(set), torch::kLong);
    const Pairs pairs = pairs_of(*rooms_, set);
    sources.push_back(pairs.source.index_select(0, known));
    receivers.push_back(pairs.receiver.index_select(0, known));
    responses.push_back(set.responses.index_select(0, known));
  }
  TensorDict columns;
  columns.set("source", torch::cat(sources));
  columns.set("receiver", torch::cat(receivers));
  columns.set("response", torch::cat(responses));
  auto examples = std::make_shared<data::TensorDataset>(columns, data_fingerprint());
  return std::make_shared<data::Loader>(
      examples,
      std::make_shared<data::PermutationSampler>(examples->size()),
      config_.loader,
      args_.seed);
}

Loss InrasTask::loss(const std::string&, const TensorDict& batch, StepContext&) {
  const auto predicted = model_->forward(
      batch.tensor("source").to(args_.device), batch.tensor("receiver").to(args_.device));
  return response_loss(predicted, batch.tensor("response"), config_.decay_weight);
}

torch::Tensor InrasTask::predict(const ReceiverSet& set) {
  const torch::NoGradGuard no_grad;
  const Pairs pairs = pairs_of(*rooms_, set);
  return model_->forward(pairs.source.to(args_.device), pairs.receiver.to(args_.device))
      .to(torch::kCPU);
}

Task::ItemMetrics InrasTask::evaluate_items(const std::string& split) {
  return score_rooms(
      *rooms_,
      split,
      {.references = 1, .draws = 1},
      [&](const ReceiverSets&, const ReceiverSet& set, const torch::Tensor&, std::uint64_t seed) {
        return to_waveform(predict(set), seed);
      });
}

Metrics InrasTask::evaluate(const std::string& split) {
  if (split != "valid") {
    return mean_over_items(evaluate_items(split));
  }
  double loss = 0;
  const ReceiverSets& sets = rooms_->split(split);
  for (const ReceiverSet& set : sets) {
    loss += response_loss(predict(set), set.responses, config_.decay_weight).total.item<double>();
  }
  return {{"loss", loss / static_cast<double>(sets.size())}};
}

std::pair<std::string, bool> InrasTask::selection() const {
  return {"loss", false};
}

std::string InrasTask::data_fingerprint() const {
  return rooms_->fingerprint();
}

}  // namespace mmi::models::xrir
