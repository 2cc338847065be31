#include "mmi/data/formats/acoustic_rooms_check.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "mmi/base/errors.h"

namespace mmi::data::formats {
namespace {

constexpr double kSilence = 1e-6;
constexpr double kFullScale = 1 - 0x1p-15;

std::string place_of(const AcousticRoom& room) {
  return room.category + "/" + room.name;
}

std::string place_of(const AcousticRoom& room, RirPair pair) {
  return format("{}/S{:03}_R{:03}", place_of(room), pair.source, pair.receiver);
}

class Checker {
 public:
  Checker(const AcousticRoomsCheckOptions& options, AcousticRoomsReport& report)
      : options_(options), report_(report) {}

  void add(AcousticRoomsFinding& finding, const std::string& name) const {
    ++finding.count;
    if (finding.names.size() < options_.names) {
      finding.names.push_back(name);
    }
  }

  /// What the listing alone shows.
  void files(const AcousticRoomFiles& files) const {
    std::set<std::int64_t> receivers;
    for (const auto& [pair, name] : files.rirs) {
      receivers.insert(pair.receiver);
      if (!files.metadata.contains(pair)) {
        add(report_.rir_without_metadata, place_of(files.room, pair));
      }
    }
    for (const auto& [pair, name] : files.metadata) {
      if (!files.rirs.contains(pair)) {
        add(report_.metadata_without_rir, place_of(files.room, pair));
      }
    }
    for (const std::int64_t receiver : receivers) {
      if (!files.depths.contains(receiver)) {
        add(report_.receiver_without_depth, format("{}/R{:03}", place_of(files.room), receiver));
      }
    }
    report_.rirs += static_cast<std::int64_t>(files.rirs.size());
    report_.metadata += static_cast<std::int64_t>(files.metadata.size());
    report_.depths += static_cast<std::int64_t>(files.depths.size());
  }

  /// Files of one pair, as far as there are any.
  void decode(const AcousticRoomFiles& files, RirPair pair) {
    ++report_.decoded;
    attempt([&] { sound(io::read_audio(files.rir_path(pair)), place_of(files.room, pair)); });
    if (files.metadata.contains(pair)) {
      attempt([&] {
        const auto [source, receiver] = files.positions(pair);
        report_.distance_m.add(
            std::hypot(source[0] - receiver[0], source[1] - receiver[1], source[2] - receiver[2]));
      });
    }
    if (files.depths.contains(pair.receiver) &&
        seen_depths_.insert({files.room, pair.receiver}).second) {
      attempt([&] { depth(files, pair.receiver); });
    }
  }

 private:
  template <class Action>
  void attempt(const Action& action) const {
    try {
      action();
    } catch (const DataError& error) {
      add(report_.unreadable, error.what());
    }
  }

  void sound(const io::Audio& rir, const std::string& place) const {
    if (rir.sample_rate_hz != AcousticRoomsLayout::kSampleRateHz) {
      add(report_.other_sample_rate, format("{} ({} Hz)", place, rir.sample_rate_hz));
    }
    if (rir.channels != 1) {
      add(report_.not_mono, format("{} ({} channels)", place, rir.channels));
    }
    report_.length.add(static_cast<double>(rir.length()));
    double peak = 0;
    double energy = 0;
    std::int64_t full = 0;
    for (const float sample : rir.samples) {
      const double size = std::abs(static_cast<double>(sample));
      peak = std::max(peak, size);
      energy += size * size;
      full += size >= kFullScale ? 1 : 0;
    }
    // A float file that was divided by its peak touches full scale once.
    if (full > 1) {
      add(report_.clipped, place);
    }
    if (!(peak > kSilence)) {
      add(report_.silent, place);
      return;
    }
    report_.peak_db.add(20 * std::log10(peak));
    report_.level_db.add(10 * std::log10(energy));
  }

  void depth(const AcousticRoomFiles& files, std::int64_t receiver) const {
    const torch::Tensor map = files.depth(receiver);
    const bool rays = map.isfinite().logical_and(map.gt(0)).all().item<bool>();
    if (map.size(0) != 256 || !rays) {
      add(report_.odd_depth, format("{}/R{:03}", place_of(files.room), receiver));
    }
  }

  const AcousticRoomsCheckOptions& options_;
  AcousticRoomsReport& report_;
  std::set<std::pair<AcousticRoom, std::int64_t>> seen_depths_;
};

std::vector<AcousticRoom> all_rooms(const AcousticRoomsLayout& layout) {
  std::vector<AcousticRoom> rooms = layout.rooms();
  if (std::filesystem::is_directory(layout.root() / "metadata")) {
    const std::set<AcousticRoom> known(rooms.begin(), rooms.end());
    for (AcousticRoom& room : layout.rooms("metadata")) {
      if (!known.contains(room)) {
        rooms.push_back(std::move(room));
      }
    }
  }
  return rooms;
}

}  // namespace

const std::array<AcousticRoom, 17>& unseen_test_rooms() {
  static const std::array<AcousticRoom, 17> rooms{{
      {"Apartments", "Apartments_idx_50"},
      {"Apartments", "Apartments_idx_42"},
      {"Bathrooms", "Bathrooms_idx_18"},
      {"Bathrooms", "Bathrooms_idx_14"},
      {"Cafe", "Cafe_idx_1"},
      {"LivingRoomsWithHallway", "LivingRoomsWithHallway_idx_25"},
      {"LivingRoomsWithHallway", "LivingRoomsWithHallway_idx_30"},
      {"Office", "Office_idx_11"},
      {"Office", "Office_idx_10"},
      {"Auditorium", "Auditorium_idx_1"},
      {"Bedrooms", "Bedrooms_idx_18"},
      {"Bedrooms", "Bedrooms_idx_33"},
      {"ListeningRoom", "ListeningRoom_idx_2"},
      {"MeetingRoom", "MeetingRoom_idx_20"},
      {"MeetingRoom", "MeetingRoom_idx_32"},
      {"Restaurants", "Restaurants_idx_24"},
      {"Restaurants", "Restaurants_idx_22"},
  }};
  return rooms;
}

bool is_unseen_test_room(const AcousticRoom& room) {
  const auto& rooms = unseen_test_rooms();
  return std::find(rooms.begin(), rooms.end(), room) != rooms.end();
}

std::vector<std::int64_t> seen_test_receivers(
    const std::vector<std::int64_t>& receivers, int percent) {
  MMI_CHECK(
      ConfigError,
      percent >= 0 && percent <= 100,
      "the seen test split must hold out 0..100 % of the receivers, but is told {} %",
      percent);
  std::vector<std::int64_t> sorted = receivers;
  std::sort(sorted.begin(), sorted.end());
  // In integers: 0.15 * 100 must not become 16.
  const std::size_t count = (sorted.size() * static_cast<std::size_t>(percent) + 99) / 100;
  return {sorted.end() - static_cast<std::ptrdiff_t>(count), sorted.end()};
}

std::vector<std::string> AcousticRoomsReport::problems() const {
  const std::pair<const AcousticRoomsFinding&, const char*> all[] = {
      {rir_without_metadata, "sounds without positions"},
      {metadata_without_rir, "positions without sound"},
      {receiver_without_depth, "receivers without depth map"},
      {room_without_mesh, "rooms without mesh"},
      {unreadable, "files that cannot be read"},
      {silent, "silent sounds"},
      {clipped, "clipped sounds"},
      {other_sample_rate, "sounds not at 22050 Hz"},
      {not_mono, "sounds not mono"},
      {odd_depth, "depth maps not 256 x 512 or with rays that are not finite and positive"},
  };
  std::vector<std::string> lines;
  for (const auto& [finding, what] : all) {
    if (finding.count == 0) {
      continue;
    }
    std::string names;
    for (const std::string& name : finding.names) {
      names += (names.empty() ? "" : ", ") + name;
    }
    const bool more = finding.count > static_cast<std::int64_t>(finding.names.size());
    lines.push_back(format("{}: {} ({}{})", what, finding.count, names, more ? ", ..." : ""));
  }
  return lines;
}

AcousticRoomsReport check_acoustic_rooms(
    const AcousticRoomsLayout& layout, const AcousticRoomsCheckOptions& options) {
  AcousticRoomsReport report;
  Checker checker(options, report);
  std::vector<AcousticRoomFiles> listed;
  for (const AcousticRoom& room : all_rooms(layout)) {
    ++report.rooms;
    if (!std::filesystem::exists(layout.mesh_path(room))) {
      checker.add(report.room_without_mesh, place_of(room));
    }
    try {
      listed.push_back(layout.files(room));
      checker.files(listed.back());
    } catch (const DataError& error) {
      checker.add(report.unreadable, error.what());
    }
  }
  const std::int64_t limit = options.limit > 0 ? std::min(options.limit, report.rirs) : report.rirs;
  std::int64_t at = 0;
  for (const AcousticRoomFiles& files : listed) {
    for (const auto& [pair, name] : files.rirs) {
      // `limit` of all, evenly spread: where the running share passes a whole number.
      if ((at + 1) * limit / report.rirs > at * limit / report.rirs) {
        checker.decode(files, pair);
      }
      ++at;
    }
  }
  return report;
}

}  // namespace mmi::data::formats
