#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "mmi/base/config.h"
#include "mmi/models/xrir/rir_rooms.h"

namespace mmi::models::xrir {

enum class TrainOn {
  kRoom,   ///< the room that is asked about
  kThree,  ///< all but the dampened one, as published
};

/// Rooms of Hearing Anything Anywhere, or stand-ins for them: one loudspeaker is heard at many
/// microphones, of which twelve are known. Roles are swapped as published: the loudspeaker is
/// xRIR's receiver, the microphones are its sources. "test": one room with all its microphones;
/// "train" and "valid": known ones alone.
class KnownRooms : public RirRooms {
 public:
  const ReceiverSets& split(const std::string& name) override;

  /// Of the published script for these rooms: whole responses, -5 to -35 dB.
  Measured measured() const override;

 protected:
  /// `doing`: "simulating measured rooms", for the progress. ConfigError for a room that is none of
  /// the four.
  KnownRooms(std::string room, TrainOn train_on, const BuildArgs& args, std::string doing);

  /// A room with all its microphones and `known`.
  virtual ReceiverSet load(const std::string& room) const = 0;

  /// "itself" or "three": what training hears.
  const char* trained_on() const {
    return train_on_ == TrainOn::kRoom ? "itself" : "three";
  }

  const BuildArgs args_;

 private:
  std::vector<std::string> training_rooms() const;

  std::string room_;
  TrainOn train_on_;
  std::string doing_;
  ReceiverSets train_;
  ReceiverSets test_;
};

}  // namespace mmi::models::xrir

template <>
struct mmi::config::EnumNames<mmi::models::xrir::TrainOn> {
  static constexpr std::array<std::pair<const char*, mmi::models::xrir::TrainOn>, 2> names{{
      {"room", mmi::models::xrir::TrainOn::kRoom},
      {"three", mmi::models::xrir::TrainOn::kThree},
  }};
};
