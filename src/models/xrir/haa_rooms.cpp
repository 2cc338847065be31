#include "models/xrir/haa_rooms.h"

#include <algorithm>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/data/formats/haa.h"
#include "mmi/dsp/resample.h"
#include "mmi/models/xrir/spectrum.h"
#include "mmi/worlds/rooms/depth.h"
#include "mmi/worlds/rooms/measured.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

using data::formats::HaaFolder;
using data::formats::HaaRoom;

constexpr std::int64_t kRate_hz = static_cast<std::int64_t>(kSampleRateHz);
constexpr std::int64_t kMargin = 4800;  // 0.1 s: no filter of the resampler reaches that far

rooms::Vec3 speaker_of(const HaaRoom& room) {
  return {room.speaker[0], room.speaker[1], room.speaker[2]};
}

// The surfaces as published, planes without thickness: enough to look at, not to simulate in.
rooms::Scene planes_of(const std::string& room) {
  rooms::Scene scene;
  scene.materials = {rooms::Material::flat(0.1)};
  for (const auto& plane : data::formats::haa_planes(room)) {
    rooms::Polygon polygon;
    for (const auto& corner : plane.corners) {
      polygon.corners.push_back({corner[0], corner[1], corner[2]});
    }
    scene.polygons.push_back(std::move(polygon));
  }
  return scene;
}

HaaFolder open_room(const std::string& root, const HaaRoom& room) {
  const auto path = data::formats::haa_folder(root, room.name);
  HaaFolder folder(path);
  MMI_CHECK(
      DataError,
      folder.count() == room.count,
      "{}: the {} of Hearing Anything Anywhere has {} RIRs, but there are {}: is it another setup?",
      path,
      room.name,
      room.count,
      folder.count());
  return folder;
}

/// Hearing Anything Anywhere as published: the twelve RIRs that its authors train on are known, and
/// those that xRIR is scored on are asked about. RIRs are divided by the largest |sample| of the
/// known ones, then resampled to 22,050 Hz (spec ch08 §5.2).
class HaaRooms : public KnownRooms {
 public:
  HaaRooms(const HaaRoomsConfig& config, const BuildArgs& args)
      : KnownRooms(config.room, config.train_on, args, "reading measured rooms"), config_(config) {
    MMI_CHECK(
        DataError,
        std::filesystem::is_directory(config.root),
        "task.rooms.root: {} is not a folder; it must hold classroomBase, dampenedBase, "
        "hallwayBase and complexBase of Hearing Anything Anywhere (Zenodo 11195833)",
        config.root.empty() ? "(empty)" : config.root);
  }

  /// The same room of closed solids, which a simulator needs.
  Place place(const ReceiverSet& set) const override {
    const rooms::MeasuredRoom room = rooms::make_measured_room(set.room, 1, 1);
    return {room.scene, room.speaker.position};
  }

  std::string fingerprint() const override {
    const HaaRoom& room = data::formats::haa_room(config_.room);
    const HaaFolder folder = open_room(config_.root, room);
    const torch::Tensor places = folder.positions().contiguous();
    const std::uint64_t hash = fnv1a64(std::string_view(
        static_cast<const char*>(places.const_data_ptr()),
        static_cast<std::size_t>(places.nbytes())));
    return format(
        "Hearing Anything Anywhere: {} {} x {} at {} trained on {}, depth {} x {}, {} samples",
        room.name,
        folder.count(),
        folder.length(),
        hex(hash),
        trained_on(),
        args_.height,
        args_.width,
        args_.samples);
  }

 protected:
  ReceiverSet load(const std::string& name) const override {
    using data::formats::haa_split;
    using data::formats::HaaSplit;
    const HaaRoom& room = data::formats::haa_room(name);
    const HaaFolder folder = open_room(config_.root, room);
    std::vector<std::int64_t> rows = haa_split(room, HaaSplit::kTrain);
    const auto known = std::ssize(rows);
    const double peak = folder.peak(rows);
    for (const std::int64_t row : haa_split(room, HaaSplit::kXrirTest)) {
      rows.push_back(row);
    }
    const rooms::Vec3 speaker = speaker_of(room);
    const auto origin = torch::tensor({speaker.x, speaker.y, speaker.z}, torch::kFloat64);
    return {
        name,
        name + "/speaker",
        rooms::DepthRenderer(planes_of(name)).depth(speaker, args_.height, args_.width),
        (folder.positions().index_select(0, torch::tensor(rows)) - origin).to(torch::kFloat32),
        responses(folder, rows, peak),
        torch::arange(std::ssize(rows)).lt(known)};
  }

 private:
  torch::Tensor responses(
      const HaaFolder& folder, const std::vector<std::int64_t>& rows, double peak) const {
    const std::int64_t wanted =
        dsp::resampled_length(args_.samples, kRate_hz, HaaFolder::kSampleRateHz) + kMargin;
    auto waves = torch::zeros({std::ssize(rows), wanted});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const io::Audio rir = folder.rir(rows[i], wanted);
      std::copy(
          rir.samples.begin(),
          rir.samples.end(),
          waves.data_ptr<float>() + static_cast<std::int64_t>(i) * wanted);
    }
    MMI_CHECK(
        DataError,
        waves.isfinite().all().item<bool>(),
        "{}: of {} RIRs that were read some have samples that are no numbers",
        config_.root,
        rows.size());
    return dsp::resample(waves.div_(peak), HaaFolder::kSampleRateHz, kRate_hz)
        .narrow(1, 0, args_.samples)
        .contiguous();
  }

  HaaRoomsConfig config_;
};

}  // namespace

const config::Schema& HaaRoomsConfig::schema() {
  using C = HaaRoomsConfig;
  static const config::Schema made =
      config::Table<C>("haa", "Hearing Anything Anywhere in its published layout")
          .field("root", &C::root, "folder of classroomBase, dampenedBase, …")
          .field("room", &C::room, "that is scored: classroom, dampened, hallway or complex")
          .field(
              "train_on",
              &C::train_on,
              "known responses of the room, or of three: all but the dampened one");
  return made;
}

void register_haa_rooms() {
  Registry<RirRooms>::get().add<HaaRoomsConfig>(
      "haa",
      "Hearing Anything Anywhere in its published layout",
      [](const HaaRoomsConfig& config, const RirRooms::BuildArgs& args) {
        return std::make_shared<HaaRooms>(config, args);
      });
}

}  // namespace mmi::models::xrir
