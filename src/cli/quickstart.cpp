// `mmi quickstart`: the whole chain on the piano world, then an unseen real composition.
#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "cli/command.h"
#include "cli/real_piece.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/log.h"
#include "mmi/base/progress.h"
#include "mmi/dsp/measures.h"
#include "mmi/io/audio.h"
#include "mmi/metrics/bootstrap.h"
#include "mmi/metrics/multipitch.h"
#include "mmi/models/audeo/clip.h"
#include "mmi/models/audeo/performance.h"
#include "mmi/models/audeo/references.h"
#include "mmi/models/audeo/roll2midi_task.h"
#include "mmi/models/audeo/video2roll_task.h"
#include "mmi/music/midi.h"
#include "mmi/runs/page.h"
#include "mmi/runs/store.h"
#include "mmi/worlds/piano/piece.h"

namespace mmi::cli {
namespace {

namespace audeo = models::audeo;
namespace fs = std::filesystem;

/// F1 of one piece, percent, official per-frame averages.
struct PieceScores {
  std::string name;
  double chance = 0;
  double resnet = 0;
  double video2roll = 0;
  double roll2midi = 0;
  double repair = 0;   ///< the hand-written rule on Video2Roll's roll
  double perfect = 0;  ///< what the fingers hold, without error
};

double f1(const torch::Tensor& predicted, const torch::Tensor& truth) {
  metrics::FrameMeter meter;
  meter.add(predicted, truth);
  return 100 * meter.per_frame().f1;
}

struct Models {
  std::shared_ptr<runs::Run> resnet_run;
  std::shared_ptr<runs::Run> roll2midi_run;
  audeo::Video2RollTask* resnet = nullptr;
  audeo::Roll2MidiTask* roll2midi = nullptr;

  audeo::Video2RollTask& video2roll() const {
    return roll2midi->video2roll();
  }
};

PieceScores score(
    const Models& models,
    const audeo::Recording& video,
    const torch::Tensor& labels,
    const torch::Tensor& held) {
  const audeo::KeyRange range = models.video2roll().config().range();
  const auto keys = [&](const torch::Tensor& roll) {
    return roll.slice(1, range.min_key, range.max_key + 1);
  };
  const torch::Tensor truth = keys(labels);
  const torch::Tensor seen = models.video2roll().predict(video);
  const torch::Tensor roll = seen >= models.video2roll().threshold();
  Rng rng(1);
  PieceScores scores;
  scores.name = video.name();
  scores.chance = f1(audeo::shuffled_frames(truth, rng), truth);
  scores.resnet = f1(models.resnet->predict(video) >= models.resnet->threshold(), truth);
  scores.video2roll = f1(roll, truth);
  scores.roll2midi = f1(models.roll2midi->refine(seen) >= models.roll2midi->threshold(), truth);
  scores.repair = f1(audeo::repair_rule(roll, range.low_pitch()), truth);
  scores.perfect = f1(keys(held), truth);
  return scores;
}

PieceScores mean(const std::vector<PieceScores>& pieces, const std::string& name) {
  PieceScores sum;
  for (const PieceScores& piece : pieces) {
    sum.chance += piece.chance;
    sum.resnet += piece.resnet;
    sum.video2roll += piece.video2roll;
    sum.roll2midi += piece.roll2midi;
    sum.repair += piece.repair;
    sum.perfect += piece.perfect;
  }
  const auto n = static_cast<double>(pieces.size());
  return {
      name,
      sum.chance / n,
      sum.resnet / n,
      sum.video2roll / n,
      sum.roll2midi / n,
      sum.repair / n,
      sum.perfect / n};
}

std::vector<std::string> row(const PieceScores& piece) {
  std::vector<std::string> cells{piece.name};
  for (const double value :
       {piece.chance,
        piece.resnet,
        piece.video2roll,
        piece.roll2midi,
        piece.repair,
        piece.perfect}) {
    cells.push_back(format("{:.1f}", value));
  }
  return cells;
}

const std::vector<std::string> kColumns = {
    "frame F1, %", "chance", "ResNet", "Video2Roll", "Roll2Midi", "repair rule", "perfect vision"};

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::printf("%-24s", kColumns[0].c_str());
  for (std::size_t i = 1; i < kColumns.size(); ++i) {
    std::printf(" %14s", kColumns[i].c_str());
  }
  std::printf("\n");
  for (const auto& cells : rows) {
    std::printf("%-24s", cells[0].c_str());
    for (std::size_t i = 1; i < cells.size(); ++i) {
      std::printf(" %14s", cells[i].c_str());
    }
    std::printf("\n");
  }
}

Models train_chain(const Command& command, const fs::path& out) {
  std::vector<std::string> overrides = {"preset=quickstart"};
  const std::vector<std::string> given = command.rest(0);
  overrides.insert(overrides.end(), given.begin(), given.end());
  runs::Store store(out / "runs");
  runs::TrainOptions options;
  options.stop = command.interrupted;
  Models models;
  models.roll2midi_run = store.train(*runs::resolve("audeo/roll2midi.yaml", overrides), options);
  models.resnet_run = store.train(*runs::resolve("audeo/resnet.yaml", overrides), options);
  models.resnet = dynamic_cast<audeo::Video2RollTask*>(models.resnet_run->task.get());
  models.roll2midi = dynamic_cast<audeo::Roll2MidiTask*>(models.roll2midi_run->task.get());
  MMI_ASSERT(models.resnet && models.roll2midi);
  return models;
}

std::string sound_check(const fs::path& stem) {
  const io::Audio audio = io::read_audio(stem.string() + ".wav");
  const auto notes = music::read_notes(stem.string() + ".mid");
  std::vector<double> expected;
  for (const music::Note& note : notes) {
    expected.push_back(note.onset_s);
  }
  const auto found = dsp::detect_onsets(audio.samples, audio.sample_rate_hz);
  const auto match = dsp::match_onsets(found, expected);
  return format(
      "{} notes, RMS {:.1f} dBFS; {} of the sound's onsets lie within 40 ms of a MIDI onset "
      "({:.0f} %)",
      notes.size(),
      dsp::rms_dbfs(audio.samples),
      match.matched,
      100 * match.precision);
}

void write_page(
    const fs::path& path,
    const Models& models,
    const std::vector<std::vector<std::string>>& rows,
    const std::string& gain,
    const std::vector<Artifact>& artifacts,
    const std::string& sound) {
  runs::Page page(
      "A silent piano video becomes music",
      "mmi quickstart: Audeo's chain trained on the piano world, then an unseen composition");
  page.heading("What the networks heard by looking");
  for (const Artifact& artifact : artifacts) {
    page.artifact(artifact.path, artifact.caption);
  }
  page.paragraph(sound);
  page.heading("Scores");
  std::vector<runs::Column> columns;
  for (const std::string& name : kColumns) {
    columns.push_back({name, !columns.empty()});
  }
  page.table(columns, rows, {rows.size() - 2});
  page.paragraph(gain);
  page.paragraph(
      "Chance is the truth with its frames shuffled within each piece. The repair rule cuts and "
      "extends Video2Roll's notes by hand-written rules. Perfect vision is what the fingers hold: "
      "the truth is transcribed from sound, so even perfect eyes disagree with it.");
  page.heading("Training");
  page.side_by_side([&](runs::Page& columns_page) {
    for (const auto& run :
         {models.resnet_run,
          models.roll2midi_run->parents.at("video2roll"),
          models.roll2midi_run}) {
      columns_page.download(
          run->info.path / "report.html",
          format(
              "{} ({} {:.4f})",
              run->info.path.filename().string(),
              run->info.best_metric,
              run->info.best_value));
    }
  });
  page.save(path);
}

}  // namespace

int run_quickstart(const Command& command) {
  const auto start = std::chrono::steady_clock::now();
  // Absolute: the page looks for relative names in its own folder.
  const fs::path out = fs::absolute(command.value("--out", "quickstart"));
  mmi::create_directories(out);
  at::set_num_threads(static_cast<int>(std::thread::hardware_concurrency()));
  const Models models = train_chain(command, out);
  const torch::NoGradGuard no_grad;

  std::vector<PieceScores> pieces;
  for (const auto& recording : models.video2roll().recordings().split("test")) {
    pieces.push_back(score(models, *recording, recording->labels(), recording->held()));
  }
  std::vector<double> refined;
  std::vector<double> raw;
  for (const PieceScores& piece : pieces) {
    refined.push_back(piece.roll2midi);
    raw.push_back(piece.video2roll);
  }
  const auto gain = metrics::paired_bootstrap(refined, raw, Rng(1));

  // A new piece by the player whom the networks have watched.
  const RealPiece film =
      film_real_piece(out, audeo::studio_seed(models.video2roll().config().recordings));
  GenerateRequest request;
  request.input = film.clip;
  request.out = out / "bwv772";
  request.options["truth"] = film.truth.string();
  const std::vector<Artifact> artifacts = models.roll2midi->generate(request);
  const auto& config = models.video2roll().config();
  const auto decoded = audeo::read_clip(request, config.height, config.width);
  const auto rolls = audeo::truth_rolls(film.piece, decoded->frames());
  PieceScores real = score(models, *decoded, rolls.heard, rolls.held);
  real.name = film.piece.spec.name;

  std::vector<std::vector<std::string>> rows;
  for (const PieceScores& one : pieces) {
    rows.push_back(row(one));
  }
  rows.push_back(row(mean(pieces, "mean of held-out pieces")));
  rows.push_back(row(real));
  print_table(rows);
  const std::string gain_text = format(
      "Roll2Midi − Video2Roll on the {} held-out pieces: {:+.1f} F1, 95 % interval {:+.1f} … "
      "{:+.1f} (paired bootstrap over pieces)",
      pieces.size(),
      gain.mean,
      gain.low,
      gain.high);
  const std::string sound = sound_check(request.out);
  std::printf("%s\n%s\n", gain_text.c_str(), sound.c_str());
  const fs::path page = out / "report.html";
  write_page(page, models, rows, gain_text, artifacts, sound);
  std::printf("%s\n", fs::absolute(page).lexically_normal().string().c_str());
  log::info(
      "quickstart took {}",
      duration_text(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()));
  return kExitOk;
}

}  // namespace mmi::cli
