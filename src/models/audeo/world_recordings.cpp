#include "models/audeo/world_recordings.h"

#include <ATen/Parallel.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "mmi/base/errors.h"
#include "mmi/base/progress.h"
#include "mmi/models/audeo/clip.h"
#include "mmi/music/synth.h"
#include "mmi/worlds/piano/renderer.h"

namespace mmi::models::audeo {
namespace {

namespace piano = worlds::piano;

torch::Tensor roll_tensor(const std::vector<std::uint8_t>& roll, std::int64_t frames) {
  return torch::from_blob(
             const_cast<std::uint8_t*>(roll.data()), {frames, kPianoKeys}, torch::kUInt8)
      .clone();
}

/// A played piece without its pictures.
class PieceRecording : public Recording {
 public:
  explicit PieceRecording(const piano::Piece& piece)
      : name_(piece.spec.name),
        labels_(roll_tensor(piece.pseudo, piece.frames)),
        held_(roll_tensor(piece.vision, piece.frames)),
        notes_(piece.notes) {}

  const std::string& name() const override {
    return name_;
  }

  std::int64_t frames() const override {
    return labels_.size(0);
  }

  torch::Tensor labels() const override {
    return labels_;
  }

  torch::Tensor held() const override {
    return held_;
  }

  /// The performance with its velocities.
  torch::Tensor audio() const override {
    music::SynthConfig synth;
    synth.sample_rate_hz = kSampleRateHz;
    synth.duration_s = static_cast<double>(frames()) / kFps;
    return torch::tensor(music::render(notes_, synth));
  }

 private:
  std::string name_;
  torch::Tensor labels_;
  torch::Tensor held_;
  music::Notes notes_;
};

/// Renders all frames when made; small sizes fit in memory and are read many times.
class RenderedRecording : public PieceRecording {
 public:
  RenderedRecording(const piano::Piece& piece, const piano::RenderConfig& size)
      : PieceRecording(piece),
        frame_bytes_(static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height)),
        pixels_(frame_bytes_ * static_cast<std::size_t>(piece.frames)) {
    piano::Renderer renderer(piece, size);
    for (std::int64_t t = 0; t < piece.frames; ++t) {
      renderer.render(t, pixels_.data() + static_cast<std::size_t>(t) * frame_bytes_);
    }
  }

  void read(std::int64_t t, std::uint8_t* out) const override {
    const std::uint8_t* from = pixels_.data() + static_cast<std::size_t>(t) * frame_bytes_;
    std::copy(from, from + frame_bytes_, out);
  }

 private:
  std::size_t frame_bytes_;
  std::vector<std::uint8_t> pixels_;
};

/// Renders at every read: for sizes at which a split would not fit in memory.
class LazyRecording : public PieceRecording {
 public:
  LazyRecording(piano::Piece piece, const piano::RenderConfig& size)
      : PieceRecording(piece), piece_(std::move(piece)), size_(size) {}

  void read(std::int64_t t, std::uint8_t* out) const override {
    std::unique_ptr<piano::Renderer> renderer;
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        renderer = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (!renderer) {
      renderer = std::make_unique<piano::Renderer>(piece_, size_);
    }
    renderer->render(t, out);
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(renderer));
  }

 private:
  piano::Piece piece_;
  piano::RenderConfig size_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<piano::Renderer>> idle_;
};

class WorldRecordings : public Recordings {
 public:
  WorldRecordings(const WorldRecordingsConfig& config, const BuildArgs& args)
      : config_(config), args_(args) {
    size_.width = static_cast<int>(args.width);
    size_.height = static_cast<int>(args.height);
  }

  RecordingList split(const std::string& name) const override {
    const std::lock_guard lock(mutex_);
    RecordingList& list = loaded_[name];
    if (list.empty()) {
      list = load(name);
    }
    return list;
  }

  std::string fingerprint() const override {
    return format("piano world {} {}x{}", piano::world_version(), args_.width, args_.height);
  }

 private:
  RecordingList load(const std::string& name) const {
    std::vector<piano::PieceSpec> specs;
    std::string known;
    for (const piano::PieceSpec& spec : world_pieces(config_)) {
      if (known.find(spec.split) == std::string::npos) {
        known += (known.empty() ? "" : ", ") + spec.split;
      }
      if (spec.split == name) {
        specs.push_back(spec);
      }
    }
    MMI_CHECK(
        DataError, !specs.empty(), "the piano world has no split \"{}\"; it has {}", name, known);
    const double bytes = config_.duration_s * kFps * static_cast<double>(specs.size()) *
                         static_cast<double>(args_.height * args_.width);
    const bool in_memory = bytes < config_.memory_mb * 1e6;
    RecordingList list(specs.size());
    Progress bar(format("rendering {} pieces", name), static_cast<std::int64_t>(specs.size()));
    std::atomic<std::size_t> next{0};
    std::mutex bar_mutex;
    const auto work = [&] {
      for (std::size_t i = next++; i < specs.size(); i = next++) {
        piano::Piece piece = piano::make_piece(specs[i]);
        if (in_memory) {
          list[i] = std::make_shared<RenderedRecording>(piece, size_);
        } else {
          list[i] = std::make_shared<LazyRecording>(std::move(piece), size_);
        }
        const std::lock_guard lock(bar_mutex);
        bar.advance();
      }
    };
    std::vector<std::thread> threads;
    for (int i = 1; i < at::get_num_threads(); ++i) {
      threads.emplace_back(work);
    }
    work();
    for (std::thread& thread : threads) {
      thread.join();
    }
    return list;
  }

  WorldRecordingsConfig config_;
  BuildArgs args_;
  piano::RenderConfig size_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, RecordingList> loaded_;
};

}  // namespace

const config::Schema& WorldRecordingsConfig::schema() {
  static const config::Schema made =
      config::Table<WorldRecordingsConfig>("piano_world", "procedural piano videos")
          .field("seed", &WorldRecordingsConfig::seed, "of all compositions, performances, cameras")
          .field("train_pieces", &WorldRecordingsConfig::train_pieces, "", config::at_least(1))
          .field("valid_pieces", &WorldRecordingsConfig::valid_pieces, "", config::at_least(1))
          .field("test_pieces", &WorldRecordingsConfig::test_pieces, "", config::at_least(1))
          .field(
              "variant_pieces",
              &WorldRecordingsConfig::variant_pieces,
              "train pieces played again by someone else (split \"variant\")",
              config::at_least(0))
          .field(
              "unseen_pieces",
              &WorldRecordingsConfig::unseen_pieces,
              "in styles that are not trained on (split \"unseen\")",
              config::at_least(0))
          .field("duration_s", &WorldRecordingsConfig::duration_s, "per piece", config::above(1))
          .field("hard", &WorldRecordingsConfig::hard, "sound decays fast and has a long tail")
          .field(
              "one_studio",
              &WorldRecordingsConfig::one_studio,
              "one camera, light, keyboard and player for all pieces, as in the published videos")
          .field(
              "memory_mb",
              &WorldRecordingsConfig::memory_mb,
              "a split larger than this is rendered at every read",
              config::at_least(0))
          .cosmetic();
  return made;
}

std::vector<piano::PieceSpec> world_pieces(const WorldRecordingsConfig& config) {
  piano::SplitCounts counts;
  counts.train = config.train_pieces;
  counts.val = config.valid_pieces;
  counts.test = config.test_pieces;
  counts.variant = std::min(config.variant_pieces, config.train_pieces);
  counts.unseen = config.unseen_pieces;
  std::vector<piano::PieceSpec> specs = piano::list_pieces(
      config.seed,
      counts,
      config.duration_s,
      config.hard ? piano::Difficulty::kHard : piano::Difficulty::kEasy);
  for (piano::PieceSpec& spec : specs) {
    if (spec.split == "val") {
      spec.split = "valid";
    }
    if (config.one_studio) {
      spec.camera_seed = specs.front().camera_seed;
    }
  }
  return specs;
}

std::optional<std::uint64_t> studio_seed(const config::Component<Recordings>& recordings) {
  if (recordings.name != "piano_world" || !recordings.config) {
    return {};
  }
  const auto& world = *static_cast<const WorldRecordingsConfig*>(recordings.config.get());
  if (!world.one_studio) {
    return {};
  }
  return world_pieces(world).front().camera_seed;
}

void register_world_recordings() {
  Registry<Recordings>::get().add<WorldRecordingsConfig>(
      "piano_world",
      "the procedural piano world: rendered hands on a keyboard with pseudo ground truth that "
      "decays",
      [](const WorldRecordingsConfig& config, const Recordings::BuildArgs& args) {
        return std::make_shared<WorldRecordings>(config, args);
      });
}

}  // namespace mmi::models::audeo
