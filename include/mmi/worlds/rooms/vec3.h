#pragma once

#include <cmath>

namespace mmi::worlds::rooms {

/// A point or direction in metres, right-handed, z up.
struct Vec3 {
  double x = 0;
  double y = 0;
  double z = 0;

  bool operator==(const Vec3&) const = default;
};

constexpr Vec3 operator+(Vec3 a, Vec3 b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}

constexpr Vec3 operator-(Vec3 a, Vec3 b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}

constexpr Vec3 operator*(double s, Vec3 a) {
  return {s * a.x, s * a.y, s * a.z};
}

constexpr double dot(Vec3 a, Vec3 b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}

constexpr Vec3 cross(Vec3 a, Vec3 b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

inline double norm(Vec3 a) {
  return std::sqrt(dot(a, a));
}

/// Of length 1; the zero vector stays zero.
inline Vec3 unit(Vec3 a) {
  const double length = norm(a);
  return length > 0 ? (1 / length) * a : a;
}

}  // namespace mmi::worlds::rooms
