#include "mmi/models/audeo/identification_task.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/base/log.h"
#include "mmi/base/progress.h"
#include "mmi/io/audio.h"
#include "mmi/models/audeo/sound.h"
#include "mmi/music/synth.h"
#include "mmi/worlds/piano/piece.h"
#include "models/audeo/world_recordings.h"

namespace mmi::models::audeo {
namespace {

namespace fs = std::filesystem;
namespace piano = worlds::piano;

constexpr double kLargestMargin = 10;
constexpr std::uint64_t kOtherWorld = 1000003;

/// How a reference differs from every query. Frozen, as LandmarkConfig's defaults are, before any
/// row of Table 3.2 was scored; `mmi audeo check-identification` shows what they lead to.
struct Rendition {
  double tempo;
  int velocity_low;
  int velocity_high;
  int program;
};

constexpr Rendition kRenditions[] = {{0.88, 40, 85, 0}, {1.12, 75, 120, 1}};

const WorldRecordingsConfig& world_of(const config::Component<Recordings>& recordings) {
  MMI_CHECK(
      ConfigError,
      recordings.name == "piano_world",
      "a library can only be made from piano_world; name a folder of sound files: "
      "task.library=DIR");
  static const WorldRecordingsConfig defaults;
  return recordings.config ? *static_cast<const WorldRecordingsConfig*>(recordings.config.get())
                           : defaults;
}

struct Reference {
  std::string work;
  piano::PieceSpec spec;
  int program;
};

std::vector<Reference> references_of(const piano::PieceSpec& work) {
  std::vector<Reference> references;
  for (std::size_t i = 0; i < std::size(kRenditions); ++i) {
    const Rendition& rendition = kRenditions[i];
    piano::PieceSpec spec = work;
    spec.performance_seed = mix64(work.performance_seed + 0x1000 * (i + 1));
    spec.perform.tempo_scale = rendition.tempo;
    spec.perform.velocity_low = rendition.velocity_low;
    spec.perform.velocity_high = rendition.velocity_high;
    references.push_back({work.name, spec, rendition.program});
  }
  return references;
}

torch::Tensor sound_of_reference(const Reference& reference) {
  music::SynthConfig synth;
  synth.sample_rate_hz = kSampleRateHz;
  synth.program = reference.program;
  return torch::tensor(music::render(piano::make_piece(reference.spec).notes, synth));
}

std::vector<Reference> all_references(const WorldRecordingsConfig& world, int distractors) {
  std::vector<Reference> list;
  const auto add = [&](const piano::PieceSpec& spec) {
    for (Reference& reference : references_of(spec)) {
      list.push_back(std::move(reference));
    }
  };
  for (const piano::PieceSpec& spec : world_pieces(world)) {
    if (spec.split == "test" || spec.split == "variant" || spec.split == "unseen") {
      add(spec);
    }
  }
  WorldRecordingsConfig other = world;
  other.seed += kOtherWorld;
  other.train_pieces = std::max(1, distractors);
  int count = 0;
  for (piano::PieceSpec spec : world_pieces(other)) {
    if (spec.split == "train" && count++ < distractors) {
      spec.name = format("distractor {}", count);
      add(spec);
    }
  }
  return list;
}

/// Rendering takes most of the time: a thread a core, added in order.
std::shared_ptr<LandmarkIndex> index_of(
    const std::vector<Reference>& references, const LandmarkConfig& landmarks) {
  std::vector<torch::Tensor> sounds(references.size());
  Progress bar("playing the library", static_cast<std::int64_t>(references.size()));
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  const auto work = [&] {
    for (std::size_t i = next++; i < references.size(); i = next++) {
      sounds[i] = sound_of_reference(references[i]);
      const std::lock_guard lock(mutex);
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
  auto index = std::make_shared<LandmarkIndex>(landmarks);
  for (std::size_t i = 0; i < references.size(); ++i) {
    index->add(references[i].work, sounds[i]);
    sounds[i].reset();
  }
  index->finish();
  return index;
}

}  // namespace

IdentificationTaskConfig::IdentificationTaskConfig() {
  recordings.name = "piano_world";
}

const config::Schema& IdentificationTaskConfig::schema() {
  using C = IdentificationTaskConfig;
  static const config::Schema made =
      config::Table<C>("audeo/identification", "is the music recognised? (thesis 3.3, Table 3.2)")
          .field("recordings", &C::recordings, "whose music is asked about")
          .field(
              "library",
              &C::library,
              "folder of sound files, <work>.wav; empty: made from the piano world")
          .field("landmarks", &C::landmarks, "the index")
          .field("segment_s", &C::segment_s, "length of a query", config::above(1))
          .field(
              "distractors",
              &C::distractors,
              "works of the library that nobody plays",
              config::between(0, 10000));
  return made;
}

IdentificationTask::IdentificationTask(
    const IdentificationTaskConfig& config, const BuildArgs& args)
    : config_(config) {
  Recordings::BuildArgs size;
  if (const auto player = args.parents.find("player"); player != args.parents.end()) {
    player_task_ = player->second;
    player_ = dynamic_cast<Performer*>(player_task_.get());
    MMI_CHECK(
        ConfigError,
        player_ != nullptr,
        "`player` must be audeo/video2roll, audeo/roll2midi or audeo/refinement");
    const Performer::Format input = player_->input_format();
    size = {input.height, input.width};
  }
  recordings_ = Registry<Recordings>::get().create(config_.recordings, size);
}

torch::nn::Module& IdentificationTask::module() {
  return *nothing_;
}

std::vector<Phase> IdentificationTask::phases() const {
  return {};
}

std::shared_ptr<data::BatchSource> IdentificationTask::source() {
  throw ConfigError("audeo/identification has nothing to train; score it with `mmi table`");
}

Loss IdentificationTask::loss(const std::string&, const TensorDict&, StepContext&) {
  throw InternalError("audeo/identification has no loss");
}

Task::ItemMetrics IdentificationTask::evaluate_items(const std::string& split) {
  const bool world = config_.recordings.name == "piano_world";
  const auto index = config_.library.empty()
                         ? world_library(config_.recordings, config_.landmarks, config_.distractors)
                         : folder_library(config_.library, config_.landmarks);
  std::vector<std::pair<std::shared_ptr<const Recording>, bool>> list;  // and: a variant
  const auto append = [&](const char* name) {
    for (const auto& recording : recordings_->split(name)) {
      list.emplace_back(recording, std::string_view(name) == "variant");
    }
  };
  if (world && split == "test") {
    append("variant");
    append("test");
    append("unseen");
  } else {
    append(split.c_str());
  }
  Progress bar("identifying", static_cast<std::int64_t>(list.size()));
  ItemMetrics items;
  for (const auto& [recording, variant] : list) {
    const torch::Tensor sound =
        player_ == nullptr ? recording->audio()
                           : sound_of(player_->perform(*recording), player_->input_format().keys);
    int number = 0;
    for (const torch::Tensor& segment : segments_of(sound, config_.segment_s)) {
      const LandmarkMatch match = index->identify(segment);
      const double right = match.work == recording->name() ? 100 : 0;
      items.push_back(
          {format("{}, segment {}", recording->name(), ++number),
           {{"total", right},
            {variant ? "variants" : "other", right},
            {"margin", std::min(match.margin, kLargestMargin)}}});
    }
    bar.advance();
  }
  return items;
}

Metrics IdentificationTask::evaluate(const std::string& split) {
  return mean_over_items(evaluate_items(split));
}

std::pair<std::string, bool> IdentificationTask::selection() const {
  return {"total", true};
}

void IdentificationTask::restore(const std::map<std::string, double>& calibration) {
  if (player_task_) {
    player_task_->restore(calibration);
  }
}

std::vector<Artifact> IdentificationTask::sample(
    const std::string& split, const std::filesystem::path& stem) {
  const auto recording = recordings_->split(split).front();
  if (player_ != nullptr) {
    return sample_performance(*player_, *recording, stem);
  }
  return {write_sample(recording->audio(), stem, recording->name())};
}

std::string IdentificationTask::data_fingerprint() const {
  return recordings_->fingerprint();
}

std::shared_ptr<const LandmarkIndex> world_library(
    const config::Component<Recordings>& world, const LandmarkConfig& landmarks, int distractors) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const LandmarkIndex>> made;
  const WorldRecordingsConfig& settings = world_of(world);
  const std::string key = config::write(settings).json() + config::write(landmarks).json() +
                          std::to_string(distractors);
  const std::lock_guard lock(mutex);
  std::shared_ptr<const LandmarkIndex>& index = made[key];
  if (!index) {
    index = index_of(all_references(settings, distractors), landmarks);
    log::info("library: {} performances, {} triplets", index->references(), index->triplets());
  }
  return index;
}

std::shared_ptr<const LandmarkIndex> folder_library(
    const fs::path& folder, const LandmarkConfig& landmarks) {
  MMI_CHECK(DataError, fs::is_directory(folder), "{} is not a folder", folder.string());
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    static constexpr std::string_view kEndings[] = {".wav", ".flac", ".mp3", ".ogg", ".m4a"};
    if (std::ranges::find(kEndings, entry.path().extension().string()) != std::end(kEndings)) {
      files.push_back(entry.path());
    }
  }
  MMI_CHECK(
      DataError,
      !files.empty(),
      "{} holds no sound files (.wav, .flac, .mp3, .ogg, .m4a), one a work",
      folder.string());
  std::ranges::sort(files);
  auto index = std::make_shared<LandmarkIndex>(landmarks);
  Progress bar("hearing the library", static_cast<std::int64_t>(files.size()));
  for (const fs::path& file : files) {
    const std::string stem = file.stem().string();
    index->add(stem.substr(0, stem.rfind("__")), read_mono(file));
    bar.advance();
  }
  index->finish();
  return index;
}

torch::Tensor read_mono(const fs::path& path) {
  const io::Audio mono = io::to_mono(io::read_audio(path));
  return torch::tensor(
      mono.sample_rate_hz == kSampleRateHz
          ? mono.samples
          : io::resample(mono, static_cast<int>(kSampleRateHz)).samples);
}

std::vector<IdentificationCheck> check_identification(
    const LandmarkConfig& landmarks,
    std::uint64_t seed,
    int works,
    double duration_s,
    double segment_s) {
  piano::SplitCounts counts;
  counts.train = 1;
  counts.val = 0;
  counts.variant = 0;
  counts.test = (works + 1) / 2;
  counts.unseen = works / 2;
  const auto pieces = [&](std::uint64_t world) {
    auto specs = piano::list_pieces(world, counts, duration_s, piano::Difficulty::kHard);
    specs.erase(specs.begin());
    return specs;
  };
  std::vector<Reference> library;
  for (const piano::PieceSpec& spec : pieces(seed)) {
    for (Reference& reference : references_of(spec)) {
      library.push_back(std::move(reference));
    }
  }
  LandmarkConfig open = landmarks;
  open.smallest_score = 0;
  const auto index = index_of(library, open);
  std::vector<double> known;
  std::vector<double> unknown;
  std::int64_t asked = 0;
  Progress bar("asking", 2 * works);
  for (const bool in_library : {true, false}) {
    for (const piano::PieceSpec& spec : pieces(in_library ? seed : seed + 1)) {
      for (const auto& segment : segments_of(sound_of_reference({"", spec, 0}), segment_s)) {
        const LandmarkMatch match = index->identify(segment);
        asked += in_library;
        if (in_library && match.work == spec.name) {
          known.push_back(match.score);
        } else if (!in_library) {
          unknown.push_back(match.work.empty() ? -1 : match.score);
        }
      }
      bar.advance();
    }
  }
  std::vector<IdentificationCheck> checks;
  for (const double threshold : {0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.11, 0.12, 0.14, 0.16}) {
    const auto above = [&](const std::vector<double>& scores) {
      return 100.0 * static_cast<double>(
                         std::ranges::count_if(scores, [&](double s) { return s >= threshold; }));
    };
    checks.push_back(
        {threshold,
         above(known) / static_cast<double>(std::max<std::int64_t>(1, asked)),
         above(unknown) / static_cast<double>(std::max<std::size_t>(1, unknown.size()))});
  }
  return checks;
}

std::vector<torch::Tensor> segments_of(const torch::Tensor& waveform, double seconds) {
  const auto length = static_cast<std::int64_t>(seconds * kSampleRateHz);
  std::vector<torch::Tensor> segments;
  for (std::int64_t start = 0; start + length / 2 <= waveform.size(0); start += length) {
    segments.push_back(waveform.slice(0, start, std::min(waveform.size(0), start + length)));
  }
  return segments;
}

}  // namespace mmi::models::audeo
