#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mmi/worlds/rooms/scene.h"

/// A scene compiled for ray tracing: flat faces and axis-aligned boxes in blocks of eight, which
/// one vector instruction tests together.
// Vectors pass functions by value only where those are always inlined.
#pragma GCC diagnostic ignored "-Wpsabi"

#define MMI_INLINE __attribute__((always_inline)) inline

namespace mmi::worlds::rooms {

/// One value for each of eight lanes or octave bands.
using F8 = float __attribute__((vector_size(32)));
using I8 = std::int32_t __attribute__((vector_size(32)));

/// Eight parallelograms or triangles. A point p of the plane n p = d lies inside when u = U p + u0
/// and v = V p + v0 are in [0, 1] and u + v <= limit (1 for a triangle, 2 for a parallelogram).
struct FaceBlock {
  F8 nx, ny, nz, d;
  F8 ux, uy, uz, u0;
  F8 vx, vy, vz, v0;
  F8 limit;
  I8 surface;
  I8 polygon;  ///< -1 in an unused lane, which nothing hits
};

/// Eight solid boxes.
struct BoxBlock {
  F8 low_x, low_y, low_z;
  F8 high_x, high_y, high_z;
  I8 box;
};

struct Node {
  Vec3 low;
  Vec3 high;
  int left = -1;  ///< children, or -1 in a leaf
  int right = -1;
  int block = -1;  ///< of a leaf
};

/// Where a ray starts: nothing that lies in this surface, nor this box, can be hit at once.
struct Skip {
  int surface = -1;
  int box = -1;
};

struct Hit {
  float distance = 0;
  int polygon = -1;  ///< -1: nothing was hit
  Skip from;         ///< for the ray that goes on from here
};

struct Geometry {
  explicit Geometry(const Scene& scene);

  struct Face {
    Vec3 normal;      ///< unit, towards the air
    double offset;    ///< normal p = offset
    int surface = 0;  ///< faces of one plane share a surface
    int material = 0;
  };

  std::vector<Face> faces;         ///< of each polygon of the scene
  std::vector<Vec3> normals;       ///< of each surface
  std::vector<double> offsets;     ///< of each surface
  std::vector<FaceBlock> blocks;   ///< all faces but those of boxes
  std::vector<Node> nodes;         ///< over `blocks`; empty when a loop over them is faster
  std::vector<FaceBlock> screens;  ///< faces that can hide one point of the room from another
  std::vector<BoxBlock> boxes;
  std::vector<std::array<int, 6>> box_polygons;  ///< -x, +x, -y, +y, -z, +z
  std::vector<F8> reflected;                     ///< 1 - absorption of each material
  std::vector<float> scattering;                 ///< of each material
  Vec3 low;                                      ///< bounding box
  Vec3 high;
};

/// Direction i of `count` on a Fibonacci spiral from +z to -z, turned about z by `turn` radians.
Vec3 spiral_direction(std::int64_t i, std::int64_t count, double turn = 0);

/// Nearest hit along a unit direction within `limit` metres.
Hit trace(const Geometry& geometry, Vec3 origin, Vec3 direction, float limit, Skip skip = {});

/// Nothing lies between the points.
bool sees(const Geometry& geometry, Vec3 from, Vec3 to, Skip skip = {});

}  // namespace mmi::worlds::rooms
