#include "models/xrir/folder_rooms.h"

#include <algorithm>
#include <map>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/base/log.h"
#include "mmi/base/progress.h"
#include "mmi/data/formats/acoustic_rooms.h"
#include "mmi/data/formats/acoustic_rooms_check.h"
#include "mmi/models/xrir/rir_rooms.h"
#include "models/xrir/receiver_inputs.h"

namespace mmi::models::xrir {
namespace {

using data::formats::AcousticRoom;
using data::formats::AcousticRoomFiles;
using data::formats::AcousticRoomsLayout;
using data::formats::RirPair;

/// The published scripts look for references under file names that sources from 10 on do not have.
constexpr std::int64_t kLegacySources = 9;

/// AcousticRooms as published. "test": the 17 unseen rooms; "valid": the last rooms of the rest;
/// "train": the others without the receivers of "seen", which seen_test_split.json names or,
/// without it, are the last 15 % of each room.
class FolderRooms : public RirRooms {
 public:
  FolderRooms(const FolderRoomsConfig& config, const BuildArgs& args)
      : config_(config), args_(args), layout_(config.root) {
    MMI_CHECK(
        DataError,
        std::filesystem::is_directory(config.root),
        "task.rooms.root: {} is not a folder; it must hold single_channel_ir/, metadata/ and "
        "depth_map/ of AcousticRooms, or run `mmi rooms make`",
        config.root.empty() ? "(empty)" : config.root);
  }

  const ReceiverSets& split(const std::string& name) override {
    const std::vector<AcousticRoom> rooms = rooms_of(name);
    ReceiverSets& sets = loaded_[name];
    if (sets.empty()) {
      Progress bar(format("reading {} rooms", name), static_cast<std::int64_t>(rooms.size()));
      std::size_t unplaced = 0;
      for (const AcousticRoom& room : rooms) {
        const AcousticRoomFiles files = layout_.files(room);
        unplaced += files.rirs.size() - files.pairs().size();
        add(files, name, sets);
        bar.advance();
      }
      if (unplaced > 0) {
        log::warning(
            "{} sounds have no positions and are left out; `mmi rooms check {}` lists them",
            unplaced,
            config_.root);
      }
    }
    MMI_CHECK(DataError, !sets.empty(), "{} has no response for \"{}\"", config_.root, name);
    return sets;
  }

  std::string fingerprint() const override {
    std::uint64_t hash = 0;
    for (const AcousticRoom& room : layout_.rooms()) {
      hash = fnv1a64(room.name, hash + layout_.files(room).rirs.size());
    }
    return format(
        "AcousticRooms {} valid {} depth {} x {}, {} samples{}",
        hex(hash),
        config_.valid_rooms,
        args_.height,
        args_.width,
        args_.samples,
        config_.legacy_ref_pool ? ", legacy references" : "");
  }

 private:
  std::vector<AcousticRoom> rooms_of(const std::string& split) const {
    std::vector<AcousticRoom> test;
    std::vector<AcousticRoom> rest;
    for (const AcousticRoom& room : layout_.rooms()) {
      (data::formats::is_unseen_test_room(room) ? test : rest).push_back(room);
    }
    const auto held = static_cast<std::size_t>(config_.valid_rooms);
    MMI_CHECK(
        DataError,
        rest.size() > held,
        "{} holds {} rooms besides the unseen test rooms; more than valid_rooms={} are needed",
        config_.root,
        rest.size(),
        held);
    const auto middle = rest.end() - static_cast<std::ptrdiff_t>(held);
    if (split == "test") {
      return test;
    }
    if (split == "valid") {
      return {middle, rest.end()};
    }
    MMI_CHECK(
        DataError,
        split == "train" || split == "seen",
        "AcousticRooms has no split \"{}\"; it has train, valid, test, seen",
        split);
    return {rest.begin(), middle};
  }

  std::set<std::int64_t> held_out(const AcousticRoomFiles& files) {
    if (layout_.has_seen_test()) {
      if (!listed_) {
        listed_ = std::map<AcousticRoom, std::set<std::int64_t>>();
        for (const auto& one : layout_.seen_test()) {
          (*listed_)[one.room].insert(one.pair.receiver);
        }
      }
      return (*listed_)[files.room];
    }
    const auto last = data::formats::seen_test_receivers(files.receivers());
    return {last.begin(), last.end()};
  }

  void add(const AcousticRoomFiles& files, const std::string& split, ReceiverSets& sets) {
    const std::set<std::int64_t> held = held_out(files);
    std::map<std::int64_t, std::vector<RirPair>> by_receiver;
    for (const RirPair pair : files.pairs()) {
      by_receiver[pair.receiver].push_back(pair);
    }
    for (const auto& [receiver, pairs] : by_receiver) {
      const bool is_held = held.contains(receiver);
      if ((split == "train" && is_held) || (split == "seen" && !is_held) || pairs.size() < 2) {
        continue;
      }
      ReceiverSet set{
          files.room.name,
          format("{}/R{:03d}", files.room.name, receiver),
          resized_depth(files.depth(receiver), args_.height, args_.width),
          torch::empty({static_cast<std::int64_t>(pairs.size()), 3}),
          torch::zeros({static_cast<std::int64_t>(pairs.size()), args_.samples})};
      if (config_.legacy_ref_pool) {
        set.pool = torch::empty({static_cast<std::int64_t>(pairs.size())}, torch::kBool);
      }
      for (std::size_t s = 0; s < pairs.size(); ++s) {
        const auto row = static_cast<std::int64_t>(s);
        if (config_.legacy_ref_pool) {
          set.pool[row] = pairs[s].source <= kLegacySources;
        }
        const auto places = files.positions(pairs[s]);
        for (std::size_t axis = 0; axis < 3; ++axis) {
          set.sources[row][static_cast<std::int64_t>(axis)] =
              places.source[axis] - places.receiver[axis];
        }
        const io::Audio rir = files.rir(pairs[s]);
        const std::int64_t length = std::min(args_.samples, rir.length());
        std::copy_n(
            rir.samples.begin(), length, set.responses.data_ptr<float>() + row * args_.samples);
      }
      sets.push_back(std::move(set));
    }
  }

  FolderRoomsConfig config_;
  BuildArgs args_;
  AcousticRoomsLayout layout_;
  std::optional<std::map<AcousticRoom, std::set<std::int64_t>>> listed_;
  std::map<std::string, ReceiverSets> loaded_;
};

}  // namespace

const config::Schema& FolderRoomsConfig::schema() {
  using C = FolderRoomsConfig;
  static const config::Schema made =
      config::Table<C>("acoustic_rooms", "AcousticRooms in its published layout")
          .field("root", &C::root, "folder of single_channel_ir, metadata and depth_map")
          .field(
              "valid_rooms",
              &C::valid_rooms,
              "last rooms of the training ones that choose the checkpoint",
              config::at_least(1))
          .field(
              "legacy_ref_pool",
              &C::legacy_ref_pool,
              "score with sources 1 to 9 alone as references, as the published scripts do");
  return made;
}

void register_folder_rooms() {
  Registry<RirRooms>::get().add<FolderRoomsConfig>(
      "acoustic_rooms",
      "AcousticRooms in its published layout",
      [](const FolderRoomsConfig& config, const RirRooms::BuildArgs& args) {
        return std::make_shared<FolderRooms>(config, args);
      });
}

}  // namespace mmi::models::xrir
