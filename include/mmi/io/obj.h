#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::io {

struct ObjLimits {
  std::uint64_t max_bytes = 64ULL << 20;  ///< of the text; memory stays below 16 times that
  std::size_t max_names = 100'000;        ///< objects, groups and materials, each
};

/// A polygon: corners `begin` <= i < `begin` + `count` of the mesh. Names are indices into the
/// lists of the mesh, -1 where the file gives none.
struct ObjFace {
  std::int64_t begin = 0;
  std::int32_t count = 0;
  std::int32_t object = -1;
  std::int32_t group = -1;
  std::int32_t material = -1;

  bool operator==(const ObjFace&) const = default;
};

/// The polygons of a Wavefront OBJ file.
struct ObjMesh {
  std::vector<std::array<double, 3>> vertices;  ///< x, y, z in the unit of the file
  std::vector<std::int32_t> corners;  ///< 0-based vertices of all faces, one after another
  std::vector<ObjFace> faces;         ///< in the order of the file

  /// In the order in which faces first use them, each name once. "g a b" is one group "a b".
  std::vector<std::string> objects;
  std::vector<std::string> groups;
  std::vector<std::string> materials;

  std::vector<std::string> libraries;  ///< of materials (`mtllib`); they are not read

  bool operator==(const ObjMesh&) const = default;

  /// 0-based vertices of one face, at least 3.
  std::span<const std::int32_t> corners_of(const ObjFace& face) const {
    return std::span(corners).subspan(
        static_cast<std::size_t>(face.begin), static_cast<std::size_t>(face.count));
  }

  /// Adds a polygon between existing vertices. `object`, `group` and `material` are looked up by
  /// name and added when new; empty: none.
  MMI_API void add_face(
      std::span<const std::int32_t> polygon,
      const std::string& object = {},
      const std::string& group = {},
      const std::string& material = {});
};

/// Wavefront OBJ (Wavefront's "Object Files", appendix B1), its polygons: `v` (further numbers,
/// such as colours, are dropped), `f` in the forms v, v/vt, v//vn and v/vt/vn with 1-based indices
/// or negative ones that count back from the last element, `o`, `g`, `usemtl`, `mtllib`, comments
/// and lines continued by a backslash. Faces may repeat vertices; texture coordinates and normals
/// are counted, not kept; lines, curves, surfaces and display settings are skipped. Errors are
/// `DataError` with `name` or the path and the line: an unknown keyword, a number that is none or
/// not finite, an index outside the file, a polygon of less than 3 corners, no face at all, more
/// than the limits.
MMI_API ObjMesh
parse_obj(std::string_view text, const std::string& name, const ObjLimits& limits = {});
MMI_API ObjMesh read_obj(const std::filesystem::path& path, const ObjLimits& limits = {});

/// All vertices, then the faces, with `o`, `g` and `usemtl` wherever they change; reading gives the
/// same mesh, to the last bit. `ShapeError` for corners that do not exist and for faces of less
/// than 3 corners, `ConfigError` for a name that a line cannot hold, `NumericError` for a
/// coordinate that is not finite.
MMI_API std::string encode_obj(const ObjMesh& mesh);

/// Atomic.
MMI_API void write_obj(const std::filesystem::path& path, const ObjMesh& mesh);

}  // namespace mmi::io
