#include "mmi/data/formats/acoustic_rooms.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "data/formats/acoustic_json.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/json.h"
#include "mmi/io/npy.h"
#include "mmi/tensor/array.h"

namespace mmi::data::formats {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kRirs = "single_channel_ir";
const std::string kMetadata = "metadata";
const std::string kDepths = "depth_map";
const std::string kMeshes = "room_mesh_obj_format";
const std::string kMaterials = "material_library";
const std::string kSimulations = "simulation_info";
const std::string kSeenTest = "seen_test_split";

/// Sorted; nothing where there is no folder. Hidden entries and what macOS packs are left out.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  if (!fs::is_directory(folder)) {
    return entries;
  }
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with('.') && !name.starts_with("__")) {
      entries.push_back(it->path());
    }
  }
  MMI_CHECK(DataError, !error, "{}: cannot be listed: {}", folder, error.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// Takes a number of any padding from the front of `text`.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || text.starts_with('-')) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, std::string_view wanted) {
  if (!text.starts_with(wanted)) {
    return false;
  }
  text.remove_prefix(wanted.size());
  return true;
}

/// S<source>_R<receiver>, then one of `endings`.
std::optional<RirPair> pair_of(
    std::string_view name, std::initializer_list<std::string_view> endings) {
  if (!take(name, "S")) {
    return std::nullopt;
  }
  const auto source = take_number(name);
  if (!source || !take(name, "_R")) {
    return std::nullopt;
  }
  const auto receiver = take_number(name);
  if (!receiver || std::find(endings.begin(), endings.end(), name) == endings.end()) {
    return std::nullopt;
  }
  return RirPair{*source, *receiver};
}

std::optional<RirPair> pair_of_rir(const std::string& name) {
  return pair_of(name, {"_hybrid_IR.wav", ".wav"});
}

template <class Key>
void add_file(std::map<Key, std::string>& files, const Key& key, const fs::path& path) {
  const auto [found, added] = files.emplace(key, path.filename().string());
  MMI_CHECK(DataError, added, "{}: has the numbers of {} as well; remove one", path, found->second);
}

std::string pair_text(RirPair pair) {
  return format("S{:03}_R{:03}", pair.source, pair.receiver);
}

/// Number after the last '_', for sorting.
std::int64_t room_number(const std::string& name) {
  std::string_view digits = name;
  digits.remove_prefix(digits.rfind('_') + 1);
  const auto number = take_number(digits);
  return number && digits.empty() ? *number : std::numeric_limits<std::int64_t>::max();
}

void write_json(const fs::path& path, const json& value) {
  mmi::create_directories(path.parent_path());
  atomic_write(path, value.dump(2) + "\n");
}

/// One of them is published as simulation_info.json.
std::optional<fs::path> simulation_file(const fs::path& folder) {
  for (const char* name : {"simulation.json", "simulation_info.json"}) {
    if (fs::exists(folder / name)) {
      return folder / name;
    }
  }
  return std::nullopt;
}

void check_depth(const torch::Tensor& depth, const std::string& place) {
  MMI_CHECK(
      DataError,
      depth.dim() == 2 && depth.size(0) > 0 && depth.size(1) == 2 * depth.size(0) &&
          depth.is_floating_point(),
      "{}: a depth map must be (H, 2H) floating-point numbers, but is {} {} instead",
      place,
      depth.sizes().vec(),
      std::string(depth.dtype().name()));
}

void check_rir(const io::Audio& rir, const std::string& place) {
  MMI_CHECK(
      DataError,
      rir.sample_rate_hz == AcousticRoomsLayout::kSampleRateHz && rir.channels == 1,
      "{}: a room impulse response must have 1 channel at {} Hz, but has {} at {} Hz: resample it "
      "first",
      place,
      AcousticRoomsLayout::kSampleRateHz,
      rir.channels,
      rir.sample_rate_hz);
}

}  // namespace

// ---- files of a room

std::vector<RirPair> AcousticRoomFiles::pairs() const {
  std::vector<RirPair> found;
  for (const auto& [pair, path] : rirs) {
    if (metadata.contains(pair)) {
      found.push_back(pair);
    }
  }
  return found;
}

std::vector<std::int64_t> AcousticRoomFiles::receivers() const {
  std::set<std::int64_t> found;
  for (const RirPair& pair : pairs()) {
    found.insert(pair.receiver);
  }
  return {found.begin(), found.end()};
}

fs::path AcousticRoomFiles::rir_path(RirPair pair) const {
  const auto found = rirs.find(pair);
  const fs::path folder = root / kRirs / room.category / room.name;
  MMI_CHECK(DataError, found != rirs.end(), "{}: has no sound of {}", folder, pair_text(pair));
  return folder / found->second;
}

io::Audio AcousticRoomFiles::rir(RirPair pair) const {
  const fs::path path = rir_path(pair);
  io::Audio found = io::read_audio(path);
  check_rir(found, path.string());
  return found;
}

RirPositions AcousticRoomFiles::positions(RirPair pair) const {
  const auto name = metadata.find(pair);
  const fs::path folder = root / kMetadata / room.category / room.name;
  MMI_CHECK(
      DataError, name != metadata.end(), "{}: has no positions of {}", folder, pair_text(pair));
  const std::string place = (folder / name->second).string();
  const json found = io::read_json(place);
  return {point_at(found, "src_loc", place), point_at(found, "rec_loc", place)};
}

torch::Tensor AcousticRoomFiles::depth(std::int64_t receiver) const {
  const auto name = depths.find(receiver);
  const fs::path folder = root / kDepths / room.category / room.name;
  MMI_CHECK(
      DataError, name != depths.end(), "{}: has no depth map of receiver {}", folder, receiver);
  const fs::path path = folder / name->second;
  const torch::Tensor found = to_tensor(io::read_npy(path, {.max_bytes = 64ULL << 20}));
  check_depth(found, path.string());
  return found.to(torch::kFloat);
}

// ---- reading

AcousticRoomsLayout::AcousticRoomsLayout(fs::path root) : root_(std::move(root)) {}

std::vector<AcousticRoom> AcousticRoomsLayout::rooms(const std::string& folder) const {
  MMI_CHECK(
      DataError,
      fs::is_directory(root_ / folder),
      "{}: has no {}; point it at a folder in the layout of AcousticRooms",
      root_,
      folder);
  std::vector<AcousticRoom> found;
  for (const fs::path& category : entries_of(root_ / folder)) {
    for (const fs::path& room : entries_of(category)) {
      if (folder == kMeshes ? room.extension() == ".obj" : fs::is_directory(room)) {
        const fs::path name = folder == kMeshes ? room.stem() : room.filename();
        found.push_back({category.filename().string(), name.string()});
      }
    }
  }
  std::sort(found.begin(), found.end(), [](const AcousticRoom& a, const AcousticRoom& b) {
    return std::tuple(a.category, room_number(a.name), a.name) <
           std::tuple(b.category, room_number(b.name), b.name);
  });
  return found;
}

AcousticRoomFiles AcousticRoomsLayout::files(const AcousticRoom& room) const {
  AcousticRoomFiles found;
  found.root = root_;
  found.room = room;
  for (const fs::path& path : entries_of(root_ / kRirs / room.category / room.name)) {
    if (const auto pair = pair_of_rir(path.filename().string())) {
      add_file(found.rirs, *pair, path);
    }
  }
  for (const fs::path& path : entries_of(root_ / kMetadata / room.category / room.name)) {
    if (const auto pair = pair_of(path.filename().string(), {".json"})) {
      add_file(found.metadata, *pair, path);
    }
  }
  for (const fs::path& path : entries_of(root_ / kDepths / room.category / room.name)) {
    const std::string name = path.filename().string();
    std::string_view rest = name;
    const auto receiver = take_number(rest);
    if (receiver && rest == ".npy") {
      add_file(found.depths, *receiver, path);
    }
  }
  return found;
}

fs::path AcousticRoomsLayout::mesh_path(const AcousticRoom& room) const {
  return root_ / kMeshes / room.category / (room.name + ".obj");
}

io::ObjMesh AcousticRoomsLayout::mesh(const AcousticRoom& room) const {
  return io::read_obj(mesh_path(room));
}

std::vector<std::string> AcousticRoomsLayout::material_kinds() const {
  std::vector<std::string> kinds;
  for (const fs::path& path : entries_of(root_ / kMaterials)) {
    if (path.extension() == ".json") {
      kinds.push_back(path.stem().string());
    }
  }
  return kinds;
}

std::vector<AcousticMaterial> AcousticRoomsLayout::materials(const std::string& kind) const {
  const fs::path path = root_ / kMaterials / (kind + ".json");
  return materials_of(io::read_json(path), path.string());
}

bool AcousticRoomsLayout::has_simulation(const AcousticRoom& room) const {
  return simulation_file(root_ / kSimulations / room.category / room.name).has_value();
}

AcousticSimulation AcousticRoomsLayout::simulation(const AcousticRoom& room) const {
  const fs::path folder = root_ / kSimulations / room.category / room.name;
  const auto path = simulation_file(folder);
  MMI_CHECK(DataError, path, "{}: has no simulation.json", folder);
  const json found = io::read_json(*path);
  return simulation_of(found, path->string());
}

bool AcousticRoomsLayout::has_seen_test() const {
  return fs::exists(root_ / (kSeenTest + ".json")) || fs::exists(root_ / (kSeenTest + ".pkl"));
}

std::vector<SeenRir> AcousticRoomsLayout::seen_test() const {
  const fs::path path = root_ / (kSeenTest + ".json");
  MMI_CHECK(
      DataError,
      fs::exists(path) || !fs::exists(root_ / (kSeenTest + ".pkl")),
      "{0}/{1}.pkl is a Python pickle, which is not read: `mmi convert {0}/{1}.pkl` makes {1}.json "
      "of it",
      root_.string(),
      kSeenTest);
  std::vector<SeenRir> found;
  for_each(io::read_json(path), path.string(), [&](const json& entry, const std::string& place) {
    MMI_CHECK(
        DataError, entry.is_string(), "{}: must be a path, but is {}", place, entry.type_name());
    const fs::path file = entry.get<std::string>();
    const fs::path room = file.parent_path();
    const auto pair = pair_of_rir(file.filename().string());
    MMI_CHECK(
        DataError,
        pair && room.has_filename() && room.parent_path().has_filename(),
        "{}: must be <category>/<room>/S<sss>_R<rrr>_hybrid_IR.wav, but is \"{}\"",
        place,
        file);
    found.push_back({{room.parent_path().filename().string(), room.filename().string()}, *pair});
  });
  return found;
}

// ---- writing

void AcousticRoomsLayout::write_rir(
    const AcousticRoom& room, RirPair pair, const io::Audio& rir, io::WavType type) const {
  const fs::path folder = root_ / kRirs / room.category / room.name;
  const fs::path path = folder / (pair_text(pair) + "_hybrid_IR.wav");
  check_rir(rir, path.string());
  mmi::create_directories(folder);
  io::write_wav(path, rir, type);
}

void AcousticRoomsLayout::write_positions(
    const AcousticRoom& room, RirPair pair, const RirPositions& positions) const {
  // The zeros are literal: S0010 is source 10.
  write_json(
      root_ / kMetadata / room.category / room.name /
          format("S00{}_R00{}.json", pair.source, pair.receiver),
      {{"src_loc", positions.source}, {"rec_loc", positions.receiver}});
}

void AcousticRoomsLayout::write_depth(
    const AcousticRoom& room, std::int64_t receiver, const torch::Tensor& depth) const {
  const fs::path folder = root_ / kDepths / room.category / room.name;
  const fs::path path = folder / format("{}.npy", receiver);
  check_depth(depth, path.string());
  mmi::create_directories(folder);
  io::write_npy(path, to_array(depth.to(torch::kFloat)));
}

void AcousticRoomsLayout::write_mesh(const AcousticRoom& room, const io::ObjMesh& mesh) const {
  mmi::create_directories(mesh_path(room).parent_path());
  io::write_obj(mesh_path(room), mesh);
}

void AcousticRoomsLayout::write_materials(
    const std::string& kind, const std::vector<AcousticMaterial>& materials) const {
  json list = json::array();
  for (const AcousticMaterial& material : materials) {
    list.push_back(json_of(material));
  }
  write_json(root_ / kMaterials / (kind + ".json"), list);
}

void AcousticRoomsLayout::write_simulation(
    const AcousticRoom& room, const AcousticSimulation& simulation) const {
  write_json(
      root_ / kSimulations / room.category / room.name / "simulation.json", json_of(simulation));
}

void AcousticRoomsLayout::write_seen_test(const std::vector<SeenRir>& test) const {
  json list = json::array();
  for (const auto& [room, pair] : test) {
    list.push_back(room.category + "/" + room.name + "/" + pair_text(pair) + "_hybrid_IR.wav");
  }
  write_json(root_ / (kSeenTest + ".json"), list);
}

}  // namespace mmi::data::formats
