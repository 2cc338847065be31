#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <mutex>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/base/parallel.h"
#include "mmi/worlds/rooms/simulate.h"
#include "worlds/room_paths.h"
#include "worlds/room_rays.h"
#include "worlds/room_synthesis.h"

namespace mmi::worlds::rooms {
namespace {

constexpr std::int64_t kRaysAtOnce = 1000;

void check_options(const SimulateOptions& o) {
  const auto need = [](bool good, const char* what, double value) {
    MMI_CHECK(ConfigError, good, "{}, but it is {}", what, value);
  };
  need(o.sample_rate_hz >= 1000, "sample_rate_hz must be at least 1000", o.sample_rate_hz);
  need(
      o.samples >= 1 && o.samples <= (1 << 24),
      "samples must be in [1, 16777216]",
      static_cast<double>(o.samples));
  need(o.speed_of_sound > 0, "speed_of_sound must be above 0 m/s", o.speed_of_sound);
  need(o.image_order >= -1, "image_order must be -1 (all, in a shoebox) or more", o.image_order);
  need(o.sequence_rays >= 0, "sequence_rays must not be negative", o.sequence_rays);
  need(o.rays >= 0, "rays must not be negative", o.rays);
  need(o.bin_s > 0, "bin_s must be above 0", o.bin_s);
  need(o.sphere_radius_m > 0, "sphere_radius_m must be above 0", o.sphere_radius_m);
  need(o.quietest_db < 0, "quietest_db must be below 0", o.quietest_db);
  need(
      o.high_pass_hz >= 0 && o.high_pass_hz < o.sample_rate_hz / 2,
      "high_pass_hz must be from 0 to below half the sample rate",
      o.high_pass_hz);
}

void check_place(const Scene& scene, Vec3 place, const char* what, std::size_t index) {
  MMI_CHECK(
      ConfigError,
      scene.contains(place),
      "{} {} at ({:.3f}, {:.3f}, {:.3f}) is not in the air of the room",
      what,
      index,
      place.x,
      place.y,
      place.z);
}

// Rays and signs of a receiver are a function of where it is, not of its place in a list.
std::uint64_t key_of(Vec3 place) {
  std::uint64_t key = 0xcbf29ce484222325ULL;
  for (const double v : {place.x, place.y, place.z}) {
    key = (key ^ std::bit_cast<std::uint64_t>(v)) * 0x100000001b3ULL;
    key ^= key >> 31;
  }
  return key;
}

/// Histograms of all rays; parts of fixed size are summed in order, so that threads do not matter.
Histograms all_rays(
    const Geometry& geometry,
    const std::vector<Source>& sources,
    Vec3 receiver,
    const SimulateOptions& options) {
  const Rng random = Rng(options.seed).stream("rays", key_of(receiver));
  const std::int64_t parts = (options.rays + kRaysAtOnce - 1) / kRaysAtOnce;
  std::vector<Histograms> made(static_cast<std::size_t>(parts));
  parallel_for(parts, at::get_num_threads(), [&](std::int64_t part) {
    made[static_cast<std::size_t>(part)] = trace_rays(
        geometry,
        sources,
        receiver,
        options,
        random,
        part * kRaysAtOnce,
        std::min<std::int64_t>((part + 1) * kRaysAtOnce, options.rays));
  });
  Histograms sum = std::move(made.front());
  for (std::size_t part = 1; part < made.size(); ++part) {
    for (std::size_t i = 0; i < sum.energy.size(); ++i) {
      sum.energy[i] += made[part].energy[i];
    }
  }
  return sum;
}

void dampen(Histograms& histograms, std::size_t sources, const SimulateOptions& options) {
  const auto bins = static_cast<std::size_t>(histograms.bins);
  for (std::size_t bin = 0; bin < bins && options.air; ++bin) {
    const double metres = (static_cast<double>(bin) + 0.5) * options.bin_s * options.speed_of_sound;
    F8 kept;
    for (int b = 0; b < 8; ++b) {
      kept[b] =
          static_cast<float>(std::exp(-metres * air_attenuation()[static_cast<std::size_t>(b)]));
    }
    for (std::size_t s = 0; s < sources; ++s) {
      histograms.energy[s * bins + bin] *= kept;
    }
  }
}

void add_pulses(const std::vector<Path>& paths, PulseTrain& train) {
  for (const Path& path : paths) {
    F8 amplitude;
    for (int b = 0; b < 8; ++b) {
      amplitude[b] = path.amplitude[static_cast<std::size_t>(b)];
    }
    train.add(path.distance_m, amplitude);
  }
}

/// What depends on the format of the responses alone.
struct Tables {
  AirTable air;
  BandMixer mixer;

  explicit Tables(const SimulateOptions& o)
      : air(static_cast<double>(o.samples) / o.sample_rate_hz * o.speed_of_sound, o.air),
        mixer(o.samples, o.sample_rate_hz, o.high_pass_hz) {}
};

// The tables of the last format are kept: whoever simulates, simulates many of one format.
std::shared_ptr<const Tables> tables_for(const SimulateOptions& o) {
  static std::mutex lock;
  static std::shared_ptr<const Tables> last;
  static std::array<double, 5> last_format{};
  const std::array<double, 5> format{
      o.sample_rate_hz,
      static_cast<double>(o.samples),
      o.speed_of_sound,
      o.air ? 1.0 : 0.0,
      o.high_pass_hz};
  const std::lock_guard<std::mutex> guard(lock);
  if (!last || format != last_format) {
    last = std::make_shared<const Tables>(o);
    last_format = format;
  }
  return last;
}

/// Memory that a thread keeps for its next response: fresh pages would cost more than the filters.
struct Workspace {
  std::shared_ptr<const Tables> tables;
  std::optional<PulseTrain> train;
  BandMixer::Space space;

  static Workspace& of_this_thread(
      const std::shared_ptr<const Tables>& tables, const SimulateOptions& options) {
    static thread_local Workspace kept;
    if (kept.tables != tables) {
      kept.tables = tables;
      kept.train.emplace(options.samples, options.sample_rate_hz / options.speed_of_sound);
      kept.space = tables->mixer.make_space();
    }
    return kept;
  }
};

bool has_direct(const std::vector<Path>& paths) {
  return !paths.empty() && paths.front().order == 0;
}

}  // namespace

Simulator::Simulator(const Scene& scene) : scene_(scene) {
  MMI_CHECK(ConfigError, !scene.polygons.empty(), "the scene has no polygons");
  const auto known = static_cast<int>(scene.materials.size());
  for (const Polygon& polygon : scene.polygons) {
    MMI_CHECK(
        ConfigError,
        polygon.material >= 0 && polygon.material < known,
        "a polygon names material {}, but the scene has {}",
        polygon.material,
        known);
  }
  geometry_ = std::make_shared<const Geometry>(scene_);
}

Responses Simulator::run(
    const std::vector<Source>& sources, Vec3 receiver, const SimulateOptions& options) const {
  check(sources, {receiver}, options);
  return respond(sources, receiver, options);
}

void Simulator::check(
    const std::vector<Source>& sources,
    const std::vector<Vec3>& receivers,
    const SimulateOptions& options) const {
  check_options(options);
  MMI_CHECK(
      ConfigError,
      as_shoebox(scene_, *geometry_) ||
          (options.image_order >= 0 && options.image_order <= kMaxOrder),
      "image_order {} is only for an empty shoebox; other rooms take 0 to {}",
      options.image_order,
      kMaxOrder);
  for (std::size_t r = 0; r < receivers.size(); ++r) {
    check_place(scene_, receivers[r], "receiver", r);
  }
  for (std::size_t s = 0; s < sources.size(); ++s) {
    check_place(scene_, sources[s].position, "source", s);
  }
}

Responses Simulator::respond(
    const std::vector<Source>& sources, Vec3 receiver, const SimulateOptions& options) const {
  const std::optional<Shoebox> shoebox = as_shoebox(scene_, *geometry_);
  Responses made;
  made.sources = static_cast<std::int64_t>(sources.size());
  made.samples = options.samples;
  made.waveforms.resize(sources.size() * static_cast<std::size_t>(options.samples));
  made.visible.resize(sources.size());
  made.paths.resize(options.keep_paths ? sources.size() : 0);
  const std::shared_ptr<const Tables> tables = tables_for(options);
  std::vector<Sequence> sequences;
  if (!shoebox) {
    sequences = find_sequences(*geometry_, receiver, options.image_order, options.sequence_rays);
  }
  Histograms late;
  // All images of a shoebox leave nothing to the mirrors of the rays, but scattering to the rain.
  if (options.rays > 0) {
    SimulateOptions own = options;
    own.image_order = options.image_order < 0 ? 1 << 30 : options.image_order;
    late = all_rays(*geometry_, sources, receiver, own);
    dampen(late, sources.size(), options);
  }
  std::vector<char> visible(sources.size());
  parallel_for(made.sources, at::get_num_threads(), [&](std::int64_t s) {
    Workspace& mine = Workspace::of_this_thread(tables, options);
    PulseTrain& train = *mine.train;
    const auto at = static_cast<std::size_t>(s);
    train.clear();
    std::vector<Path> paths;
    if (shoebox) {
      lattice_paths(
          *geometry_,
          *shoebox,
          sources[at],
          receiver,
          options,
          tables->air,
          train,
          options.keep_paths ? &paths : nullptr);
      visible[at] = 1;
    } else {
      paths = specular_paths(*geometry_, sequences, sources[at], receiver, tables->air);
      add_pulses(paths, train);
      visible[at] = has_direct(paths) ? 1 : 0;
    }
    if (options.rays > 0) {
      Rng signs =
          Rng(options.seed).stream("signs", key_of(receiver) ^ (key_of(sources[at].position) << 1));
      train.add_late(
          late.energy.data() + s * late.bins,
          late.bins,
          options.bin_s * options.sample_rate_hz,
          signs);
    }
    tables->mixer.mix(train, mine.space, made.waveforms.data() + s * options.samples);
    if (options.keep_paths) {
      made.paths[at] = std::move(paths);
    }
  });
  std::copy(visible.begin(), visible.end(), made.visible.begin());
  if (options.keep_histograms) {
    made.bins = late.bins;
    made.histograms.resize(late.energy.size() * kBands);
    std::memcpy(made.histograms.data(), late.energy.data(), made.histograms.size() * sizeof(float));
  }
  return made;
}

std::vector<std::vector<Path>> Simulator::paths(
    const std::vector<Source>& sources, Vec3 receiver, const SimulateOptions& options) const {
  check(sources, {receiver}, options);
  MMI_CHECK(
      ConfigError,
      options.image_order >= 0 && options.image_order <= kMaxOrder,
      "paths with surfaces take an image_order of 0 to {}, not {}",
      kMaxOrder,
      options.image_order);
  const std::shared_ptr<const Tables> tables = tables_for(options);
  const std::vector<Sequence> sequences =
      find_sequences(*geometry_, receiver, options.image_order, options.sequence_rays);
  std::vector<std::vector<Path>> made;
  for (const Source& source : sources) {
    made.push_back(specular_paths(*geometry_, sequences, source, receiver, tables->air));
  }
  return made;
}

std::int64_t Simulator::surfaces() const {
  return static_cast<std::int64_t>(geometry_->normals.size());
}

std::vector<Responses> Simulator::run(
    const std::vector<Source>& sources,
    const std::vector<Vec3>& receivers,
    const SimulateOptions& options,
    const std::function<void(std::int64_t)>& done) const {
  check(sources, receivers, options);
  std::vector<Responses> made(receivers.size());
  std::int64_t finished = 0;
  std::mutex lock;
  const auto simulate = [&](std::int64_t r) {
    const auto at = static_cast<std::size_t>(r);
    made[at] = respond(sources, receivers[at], options);
    const std::lock_guard<std::mutex> guard(lock);
    ++finished;
    if (done) {
      done(finished);
    }
  };
  // Fewer receivers than threads: each is done by all threads.
  const int threads = at::get_num_threads();
  const auto count = static_cast<std::int64_t>(receivers.size());
  parallel_for(count, count < threads ? 1 : threads, simulate);
  return made;
}

}  // namespace mmi::worlds::rooms
