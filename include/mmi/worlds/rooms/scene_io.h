#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/data/formats/acoustic_rooms.h"
#include "mmi/io/obj.h"
#include "mmi/worlds/rooms/scene.h"

/// Scenes as files; metres, z up.
///
/// `.obj` (Wavefront): `usemtl` names the material of a face. Materials come from
/// `<stem>.materials.json` beside the file, else from material_library(). Parts are the objects of
/// a file that has two or more, else its groups. Which part is the room itself: the one called
/// "room"; without it, the part of the largest bounding box when it is closed by itself, else all
/// parts that are open (a group for each wall) together. Every other part is a piece of furniture.
/// Fronts of the room are turned inwards, those of furniture outwards, part by part. Faces that are
/// bent or not convex are cut; faces without area are dropped.
///
/// `.materials.json`: a list of AcousticRooms' rows {"name", "category", "description",
/// "absorption_coef": [8], "scatter_coef"}; "reflection_coef" may be there and is not used.
///
/// `.yaml`, for people:
///   shoebox: [6, 4, 3]             # or plan: [[0, 0], [6, 0], …] and height: 3
///   walls: [brick, glass, brick, {absorption: 0.2, scattering: 0.1}]    # or one for all
///   floor: parquet
///   ceiling: {absorption: [.1, .1, .2, .3, .4, .5, .6, .6]}
///   furniture: [{name: table, low: [2, 1, 0.7], high: [3, 2, 0.75], material: cabinet}]
/// Walls are counted along the plan (of a shoebox: y = 0, x = length, y = width, x = 0). Defaults:
/// plasterboard, parquet, plaster_ceiling, furniture cabinet.
namespace mmi::worlds::rooms {

struct SceneReadOptions {
  double scale = 1;  ///< metres a unit of the file
  /// Of the library; for faces of an `.obj` without a material or with one that is unknown. Empty:
  /// an error.
  std::string default_material = {};
};

/// DataError or, in YAML, ConfigError with the place of what is wrong; both for a scene whose
/// longest side is not 0.5 to 200 m, with the scale that may help.
MMI_API Scene read_scene(const std::filesystem::path& path, const SceneReadOptions& options = {});

/// `.obj` with its `.materials.json`, each atomically. Reading gives the same polygons, materials
/// and objects as long as check() finds nothing, names are unique and objects[0] is "room"; names
/// that occur twice get a number. ConfigError for another suffix or a name that cannot be written.
MMI_API void write_scene(const std::filesystem::path& path, const Scene& scene);

/// What read_scene does with an `.obj`; `name` begins the texts of errors, which are DataError.
/// `known`: all become materials of the scene.
MMI_API Scene scene_of(
    const io::ObjMesh& mesh,
    const std::vector<Material>& known,
    const std::string& name,
    const SceneReadOptions& options = {});

/// A room of AcousticRooms. The materials of its parts are those that its simulation.json assigns
/// to the layer of that name, from the material library; otherwise, and for a room without
/// simulation.json, as in scene_of(). Which names the published meshes hold is not documented:
/// give a default material where they do not fit.
MMI_API Scene read_acoustic_room(
    const data::formats::AcousticRoomsLayout& layout,
    const data::formats::AcousticRoom& room,
    const SceneReadOptions& options = {});

/// Rows of a material library, read as YAML, of which JSON is a part. ConfigError.
MMI_API std::vector<Material> read_materials(const std::filesystem::path& path);

/// The text of such a file, a row a line.
MMI_API std::string encode_materials(const std::vector<Material>& materials);

}  // namespace mmi::worlds::rooms
