#include "models/xrir/scores.h"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <numeric>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/base/progress.h"
#include "mmi/models/xrir/baselines.h"
#include "mmi/models/xrir/losses.h"
#include "mmi/models/xrir/spectrum.h"
#include "mmi/tensor/parallel.h"

namespace mmi::models::xrir {
namespace {

/// Sums over the targets and draws of one receiver.
struct Sums {
  double edt_s = 0;
  double c50_db = 0;
  double t60_percent = 0;
  double scored = 0;
  double all = 0;

  void add(const dsp::RoomErrors& error) {
    all += 1;
    // Clarity is infinite where nothing follows the first 50 ms.
    if (error.edt_s.has_value() && error.c50_db.has_value() && error.t60_percent.has_value()) {
      edt_s += error.edt_s.value;
      c50_db += error.c50_db.value;
      t60_percent += error.t60_percent.value;
      scored += 1;
    }
  }

  Sums operator+(const Sums& other) const {
    return {
        edt_s + other.edt_s,
        c50_db + other.c50_db,
        t60_percent + other.t60_percent,
        scored + other.scored,
        all + other.all};
  }

  Metrics means(const std::string& prefix) const {
    Metrics made;
    if (scored > 0) {
      made = {
          {prefix + "edt_s", edt_s / scored},
          {prefix + "c50_db", c50_db / scored},
          {prefix + "t60_percent", t60_percent / scored}};
    }
    made.emplace_back(prefix + "scored", scored / all);
    return made;
  }
};

}  // namespace

Loss response_loss(
    const torch::Tensor& predicted, const torch::Tensor& responses, double decay_weight) {
  const auto truth = magnitudes(responses.to(predicted.device()));
  const auto spectrum = spectrum_loss(predicted, truth);
  const auto decay = decay_loss(predicted, truth);
  Loss loss;
  loss.total = spectrum + decay_weight * decay;
  loss.parts = {{"spectrum", spectrum.detach()}, {"decay_db", decay.detach()}};
  return loss;
}

Task::ItemMetrics score_rooms(
    RirRooms& rooms,
    const std::string& split,
    const ScoreOptions& options,
    const Predictor& predict) {
  const RirRooms::Measured measured = rooms.measured();
  const dsp::RoomMeasureConfig paper{.mode = dsp::RoomMode::kPaper, .t60_db = measured.t60_db};
  Task::ItemMetrics items;
  for (const std::string& part :
       split == "test" ? std::vector<std::string>{"test", "seen"} : std::vector{split}) {
    const ReceiverSets& sets = rooms.split(part);
    if (sets.empty()) {
      continue;
    }
    Progress bar("scoring " + part, static_cast<std::int64_t>(sets.size()));
    const std::string prefix = part == "seen" ? "seen_" : "";
    std::vector<Task::ItemMetrics> scored(sets.size());
    std::mutex drawing;
    const auto score = [&](std::int64_t i) {
      const torch::NoGradGuard of_this_thread;
      const ReceiverSet& set = sets[static_cast<std::size_t>(i)];
      Task::ItemMetrics& own = scored[static_cast<std::size_t>(i)];
      const std::int64_t count = set.sources.size(0);
      std::vector<Sums> sums(static_cast<std::size_t>(count));
      for (std::int64_t draw = 0; draw < options.draws; ++draw) {
        Rng rng = Rng(fnv1a64(set.name)).stream("draw", static_cast<std::uint64_t>(draw));
        const auto chosen = draw_references(set, options.references, rng);
        const auto predicted = predict(sets, set, chosen, rng.next_u64());
        const auto errors = response_errors(predicted, set.responses, paper, measured.samples);
        for (std::size_t s = 0; s < sums.size(); ++s) {
          sums[s].add(errors[s]);
        }
      }
      if (!set.known.defined()) {
        own.emplace_back(set.name, std::accumulate(sums.begin(), sums.end(), Sums()).means(prefix));
      }
      for (std::int64_t s = 0; set.known.defined() && s < count; ++s) {
        if (!set.known[s].item<bool>()) {
          own.emplace_back(
              format("{}/S{:03d}", set.name, s + 1),
              sums[static_cast<std::size_t>(s)].means(prefix));
        }
      }
      const std::lock_guard<std::mutex> guard(drawing);
      bar.advance();
    };
    parallel_items(static_cast<std::int64_t>(sets.size()), score);
    for (auto& own : scored) {
      std::ranges::move(own, std::back_inserter(items));
    }
  }
  return items;
}

}  // namespace mmi::models::xrir
