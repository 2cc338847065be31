#include "models/xrir/known_rooms.h"

#include "mmi/base/errors.h"
#include "mmi/base/progress.h"
#include "mmi/data/formats/haa.h"

namespace mmi::models::xrir {

KnownRooms::KnownRooms(std::string room, TrainOn train_on, const BuildArgs& args, std::string doing)
    : args_(args), room_(std::move(room)), train_on_(train_on), doing_(std::move(doing)) {
  data::formats::haa_room(room_);
}

std::vector<std::string> KnownRooms::training_rooms() const {
  if (train_on_ == TrainOn::kRoom) {
    return {room_};
  }
  return {"classroom", "hallway", "complex"};
}

const ReceiverSets& KnownRooms::split(const std::string& name) {
  static const ReceiverSets kNone;
  if (name == "seen") {
    return kNone;
  }
  const bool test = name == "test";
  MMI_CHECK(
      DataError,
      test || name == "train" || name == "valid",
      "measured rooms have no split \"{}\"; they have train, valid, test",
      name);
  ReceiverSets& sets = test ? test_ : train_;
  if (sets.empty()) {
    const std::vector<std::string> names = test ? std::vector{room_} : training_rooms();
    Progress bar(doing_, static_cast<std::int64_t>(names.size()));
    ReceiverSets loaded;
    for (const std::string& room : names) {
      ReceiverSet set = load(room);
      if (!test) {
        set.sources = set.sources.index({set.known});
        set.responses = set.responses.index({set.known});
        set.known.reset();
      }
      loaded.push_back(std::move(set));
      bar.advance();
    }
    sets = std::move(loaded);
  }
  return sets;
}

RirRooms::Measured KnownRooms::measured() const {
  return {args_.samples, 30};
}

}  // namespace mmi::models::xrir
