#include "mmi/models/xrir/baseline_task.h"

#include "mmi/base/errors.h"
#include "mmi/models/xrir/baselines.h"
#include "mmi/models/xrir/spectrum.h"
#include "models/xrir/scores.h"

namespace mmi::models::xrir {
namespace {

// For each source of `set` a response drawn from sets that `allowed` admits; never its own.
template <class Allowed>
torch::Tensor random_responses(
    const ReceiverSets& sets, const ReceiverSet& set, std::uint64_t seed, const Allowed& allowed) {
  std::vector<const ReceiverSet*> pool;
  for (const ReceiverSet& other : sets) {
    if (allowed(other)) {
      pool.push_back(&other);
    }
  }
  MMI_CHECK(DataError, !pool.empty(), "{}: no other response to draw from", set.name);
  Rng rng(seed);
  std::vector<torch::Tensor> rows;
  for (std::int64_t s = 0; s < set.sources.size(0); ++s) {
    const ReceiverSet* from = nullptr;
    std::int64_t row = 0;
    do {
      from = pool[static_cast<std::size_t>(rng.integer(static_cast<std::int64_t>(pool.size())))];
      row = rng.integer(from->sources.size(0));
    } while (from == &set && row == s);
    rows.push_back(from->responses[row]);
  }
  return torch::stack(rows);
}

// (S,K,...) rows of (S,...) that each source has as references.
torch::Tensor chosen_rows(const torch::Tensor& rows, const torch::Tensor& chosen) {
  auto shape = rows.sizes().vec();
  shape[0] = chosen.size(1);
  shape.insert(shape.begin(), chosen.size(0));
  return rows.index_select(0, chosen.flatten()).view(shape);
}

}  // namespace

BaselineTaskConfig::BaselineTaskConfig() {
  rooms.name = "room_world";
}

const config::Schema& BaselineTaskConfig::schema() {
  using C = BaselineTaskConfig;
  static const config::Schema made =
      config::Table<C>(
          "xrir/baseline", "responses by rule: what a model's scores are compared with")
          .field("rule", &C::rule, "where the response comes from")
          .field("rooms", &C::rooms, "where responses come from")
          .field("references", &C::references, "K: measured responses", config::between(1, 64))
          .field("samples", &C::samples, "of a response at 22,050 Hz", config::at_least(1000))
          .field(
              "draws",
              &C::draws,
              "choices of references that a score averages",
              config::at_least(1));
  return made;
}

BaselineTask::BaselineTask(const BaselineTaskConfig& config, const BuildArgs& args)
    : config_(config) {
  std::int64_t height = 1;  // of depth maps that nobody looks at
  std::int64_t width = 2;
  if (config_.rule == BaselineRule::kPretrained) {
    const auto parent = args.parents.find("pretrained");
    pretrained_ = parent == args.parents.end()
                      ? nullptr
                      : std::dynamic_pointer_cast<XRirTask>(parent->second);
    MMI_CHECK(
        ConfigError,
        pretrained_ != nullptr,
        "rule=pretrained needs xRIR: write `needs: {{pretrained: {{config: xrir.yaml}}}}`");
    height = pretrained_->config().model.map_height();
    width = pretrained_->config().model.map_width();
  }
  rooms_ = Registry<RirRooms>::get().create(config_.rooms, {height, width, config_.samples});
}

torch::nn::Module& BaselineTask::module() {
  return *nothing_;
}

std::vector<Phase> BaselineTask::phases() const {
  return {};
}

std::shared_ptr<data::BatchSource> BaselineTask::source() {
  throw ConfigError("xrir/baseline has nothing to train; score it with `mmi table`");
}

Loss BaselineTask::loss(const std::string&, const TensorDict&, StepContext&) {
  throw InternalError("xrir/baseline has no loss");
}

torch::Tensor BaselineTask::predict(
    const ReceiverSets& sets,
    const ReceiverSet& set,
    const torch::Tensor& chosen,
    std::uint64_t seed) {
  const auto references = chosen_rows(set.sources, chosen);
  const auto responses = chosen_rows(set.responses, chosen);
  switch (config_.rule) {
    case BaselineRule::kRandomAcross: {
      // Rooms of which few responses are known are asked about alone: others come from training.
      const bool alone = set.known.defined();
      return random_responses(
          alone ? rooms_->split("train") : sets, set, seed, [&](const ReceiverSet& other) {
            return !alone || other.room != set.room;
          });
    }
    case BaselineRule::kRandomSame:
      return random_responses(
          sets, set, seed, [&](const ReceiverSet& other) { return other.room == set.room; });
    case BaselineRule::kNearest:
    case BaselineRule::kNearestAligned:
      return nearest_response(
          responses, set.sources, references, config_.rule == BaselineRule::kNearestAligned);
    case BaselineRule::kLinear:
      return linear_response(responses, set.sources, references);
    case BaselineRule::kLogWeighted:
    case BaselineRule::kLogMean:
      return to_waveform(
          interpolated_log_spectrum(
              responses, set.sources, references, config_.rule == BaselineRule::kLogMean),
          seed);
    case BaselineRule::kOracle:
      return to_waveform(to_log(magnitudes(set.responses)), seed);
    case BaselineRule::kSimulatedAgain:
      return rooms_->simulate_again(set, seed);
    case BaselineRule::kPretrained:
      return to_waveform(pretrained_->predict(set, chosen), seed);
  }
  MMI_ASSERT(false);
}

Task::ItemMetrics BaselineTask::evaluate_items(const std::string& split) {
  if (config_.rule == BaselineRule::kRandomAcross) {
    const ReceiverSets& sets = rooms_->split(split);
    if (!sets.empty() && sets.front().known.defined()) {
      rooms_->split("train");  // loaded before several threads ask for it
    }
  }
  return score_rooms(
      *rooms_,
      split,
      {.references = config_.references, .draws = config_.draws},
      [&](const ReceiverSets& sets,
          const ReceiverSet& set,
          const torch::Tensor& chosen,
          std::uint64_t seed) { return predict(sets, set, chosen, seed); });
}

Metrics BaselineTask::evaluate(const std::string& split) {
  return mean_over_items(evaluate_items(split));
}

std::pair<std::string, bool> BaselineTask::selection() const {
  return {"c50_db", false};
}

std::string BaselineTask::data_fingerprint() const {
  return rooms_->fingerprint();
}

}  // namespace mmi::models::xrir
