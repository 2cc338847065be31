#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/worlds/rooms/scene.h"

namespace mmi::worlds::rooms {

/// First-order directivity with gain omni + (1 - omni) cos(angle to `facing`): omni 1 radiates
/// equally, 0.5 is a cardioid, 0 a figure of eight.
struct Source {
  Vec3 position;
  Vec3 facing{1, 0, 0};
  double omni = 1;
};

struct SimulateOptions {
  double sample_rate_hz = 22050;
  std::int64_t samples = 9600;
  double speed_of_sound = 343;  ///< m/s

  /// Specular reflections that are placed exactly. At most 4, except in an empty shoebox, where -1
  /// means all that arrive within the response.
  int image_order = 4;
  int sequence_rays = 50000;  ///< rays that look for sequences of surfaces
  int rays = 20000;           ///< of the stochastic part; 0 leaves it out
  double bin_s = 0.004;       ///< of the energy histograms
  double sphere_radius_m = 0.4;
  double quietest_db = -80;  ///< a ray that is weaker in every band is given up
  bool air = true;           ///< air absorption
  double high_pass_hz = 60;  ///< second-order Butterworth; 0: none
  std::uint64_t seed = 1;    ///< of the rays and of the late signs

  bool keep_paths = false;
  bool keep_histograms = false;
};

/// A specular path from a source to the receiver.
struct Path {
  double distance_m = 0;
  int order = 0;              ///< reflections; 0 is the direct sound
  Bands amplitude{};          ///< 1 / distance times what walls, air and directivity left
  Vec3 arrival;               ///< unit vector from the receiver to where the sound comes from
  std::vector<int> surfaces;  ///< planes from the receiver to the source; empty for the lattice
};

/// Responses of every source at one receiver. The sound pressure 1 m from an omnidirectional source
/// in the free field is an impulse of height 1 (before the high-pass); sample n is time n / rate
/// and no delay is added.
struct Responses {
  std::int64_t sources = 0;
  std::int64_t samples = 0;
  std::vector<float> waveforms;          ///< (S, L) row-major
  std::vector<bool> visible;             ///< (S) the direct sound arrives
  std::vector<std::vector<Path>> paths;  ///< (S), with keep_paths
  std::vector<float> histograms;         ///< (S, bins, 8) energy a bin, with keep_histograms
  std::int64_t bins = 0;

  const float* waveform(std::int64_t source) const {
    return waveforms.data() + source * samples;
  }
};

struct Geometry;

/// Room impulse responses by image sources and stochastic rays with diffuse rain (Schröder 2011,
/// "Physically based real-time auralization", ch. 5; Vorländer 2008): rays start once at the
/// receiver and serve all sources, which reciprocity allows. Geometrical acoustics: no diffraction,
/// no waves below the Schroeder frequency.
///   Simulator simulator(scene);
///   Responses h = simulator.run({{4, 3, 1.5}}, {1, 1, 1.2});
/// Results depend on scene, positions and options alone, not on the number of threads. Safe to call
/// from several threads.
class MMI_API Simulator {
 public:
  /// Throws ConfigError for a scene without polygons or with a material index that is unknown.
  explicit Simulator(const Scene& scene);

  /// Throws ConfigError for options out of range and for a source or receiver outside of the room
  /// or inside an object.
  Responses run(
      const std::vector<Source>& sources, Vec3 receiver, const SimulateOptions& options = {}) const;

  /// One result a receiver, in parallel. `done` hears how many are finished.
  std::vector<Responses> run(
      const std::vector<Source>& sources,
      const std::vector<Vec3>& receivers,
      const SimulateOptions& options = {},
      const std::function<void(std::int64_t)>& done = {}) const;

  /// Direct sound and specular reflections alone, for each source, with `surfaces` also in an empty
  /// shoebox. image_order is 0 to 4; paths that arrive after the response are left out.
  std::vector<std::vector<Path>> paths(
      const std::vector<Source>& sources, Vec3 receiver, const SimulateOptions& options = {}) const;

  /// Planes that Path::surfaces names by number.
  std::int64_t surfaces() const;

  const Scene& scene() const {
    return scene_;
  }

 private:
  void check(
      const std::vector<Source>& sources,
      const std::vector<Vec3>& receivers,
      const SimulateOptions& options) const;
  Responses respond(
      const std::vector<Source>& sources, Vec3 receiver, const SimulateOptions& options) const;

  Scene scene_;
  std::shared_ptr<const Geometry> geometry_;
};

}  // namespace mmi::worlds::rooms
