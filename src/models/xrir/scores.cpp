#include "models/xrir/scores.h"

#include "mmi/base/hash.h"
#include "mmi/base/progress.h"
#include "mmi/models/xrir/baselines.h"
#include "mmi/models/xrir/xrir_task.h"

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

Task::ItemMetrics score_rooms(
    RirRooms& rooms,
    const std::string& split,
    const ScoreOptions& options,
    const Predictor& predict) {
  const dsp::RoomMeasureConfig paper{.mode = dsp::RoomMode::kPaper};
  Task::ItemMetrics items;
  for (const std::string& part :
       split == "test" ? std::vector<std::string>{"test", "seen"} : std::vector{split}) {
    const ReceiverSets& sets = rooms.split(part);
    Progress bar("scoring " + part, static_cast<std::int64_t>(sets.size()));
    for (const ReceiverSet& set : sets) {
      Sums sums;
      for (std::int64_t draw = 0; draw < options.draws; ++draw) {
        Rng rng = Rng(fnv1a64(set.name)).stream("draw", static_cast<std::uint64_t>(draw));
        const auto chosen = draw_references(set.sources.size(0), options.references, rng);
        const auto predicted = predict(sets, set, chosen, rng.next_u64());
        for (const auto& error :
             response_errors(predicted, set.responses, paper, options.samples)) {
          sums.add(error);
        }
      }
      items.emplace_back(set.name, sums.means(part == "seen" ? "seen_" : ""));
      bar.advance();
    }
  }
  return items;
}

}  // namespace mmi::models::xrir
