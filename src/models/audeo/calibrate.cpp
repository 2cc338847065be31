#include <nlohmann/json.hpp>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/csv.h"
#include "mmi/metrics/multipitch.h"
#include "mmi/models/audeo/performance.h"
#include "mmi/models/audeo/roll2midi_task.h"
#include "mmi/models/audeo/video2roll_task.h"
#include "mmi/music/midi.h"
#include "mmi/music/roll.h"
#include "models/audeo/tools.h"

namespace mmi::models::audeo {
namespace {

/// Probabilities (F,K), their keys, and the threshold that the run would use.
struct Estimate {
  torch::Tensor probabilities;
  KeyRange range;
  double threshold = 0;
};

Estimate estimate(Task& task, const GenerateRequest& request) {
  auto* refined = dynamic_cast<Roll2MidiTask*>(&task);
  auto* seen = refined ? &refined->video2roll() : dynamic_cast<Video2RollTask*>(&task);
  MMI_CHECK(
      ConfigError,
      seen,
      "mmi audeo calibrate takes a run of audeo/video2roll or audeo/roll2midi, not of another "
      "task");
  const Video2RollTaskConfig& config = seen->config();
  const auto clip = read_clip(request, config.height, config.width);
  const torch::Tensor probabilities = seen->predict(*clip);
  return refined ? Estimate{refined->refine(probabilities), config.range(), refined->threshold()}
                 : Estimate{probabilities, config.range(), seen->threshold()};
}

void write_curve(
    const std::filesystem::path& path,
    const metrics::ThresholdCalibration& calibration,
    const std::vector<double>& percent) {
  if (path.extension() == ".json") {
    const nlohmann::ordered_json all = {
        {"threshold", calibration.threshold},
        {"f1", 100 * calibration.f1},
        {"thresholds", calibration.grid},
        {"f1_curve", percent}};
    atomic_write(path, all.dump(1) + "\n");
    return;
  }
  io::CsvTable table;
  table.header = {"threshold", "f1"};
  for (std::size_t i = 0; i < percent.size(); ++i) {
    table.rows.push_back({format("{:.3f}", calibration.grid[i]), format("{:.4f}", percent[i])});
  }
  io::write_csv(path, table);
}

class Calibrate : public Tool {
 public:
  explicit Calibrate(const CalibrateConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<run> <clip> <notes.mid> [--out curve.csv|curve.json]";
  }

  ToolResult run(const ToolCall& call) override {
    const std::string suffix = call.out.extension().string();
    MMI_CHECK(
        ConfigError,
        call.inputs.size() == 3 && (call.out.empty() || suffix == ".csv" || suffix == ".json"),
        "mmi audeo calibrate takes a run, a clip and the MIDI file of what is played in it; --out "
        "ends in .csv or .json");
    // First what is quick to read.
    music::Notes notes = music::read_notes(call.inputs[2], config_.sustain);
    for (music::Note& note : notes) {
      note.onset_s -= config_.start_s;
      note.offset_s -= config_.start_s;
    }
    GenerateRequest request;
    request.input = call.inputs[1];
    request.options["crop"] = config_.crop;
    const auto task = call.open(call.inputs[0].string());
    const Estimate found = estimate(*task, request);
    music::RollConfig roll;
    roll.fps = kFps;
    roll.frames = found.probabilities.size(0);
    roll.low_pitch = found.range.low_pitch();
    roll.keys = static_cast<int>(found.range.count());
    const torch::Tensor truth = music::notes_to_roll(notes, roll);
    std::vector<double> grid;
    for (double at = config_.step; at < 0.9999; at += config_.step) {
      grid.push_back(at);
    }
    const auto calibration = metrics::calibrate_threshold(found.probabilities, truth, grid);
    return report(call, calibration, found, truth);
  }

 private:
  static ToolResult report(
      const ToolCall& call,
      const metrics::ThresholdCalibration& calibration,
      const Estimate& found,
      const torch::Tensor& truth) {
    ToolResult result;
    result.values = {{"threshold", calibration.threshold}, {"f1", 100 * calibration.f1}};
    metrics::FrameMeter own;
    own.add(found.probabilities >= found.threshold, truth);
    result.values.emplace_back("threshold_of_the_run", found.threshold);
    result.values.emplace_back("f1_of_the_run", 100 * own.per_frame().f1);
    std::vector<double> percent;
    for (std::size_t i = 0; i < calibration.grid.size(); ++i) {
      percent.push_back(100 * calibration.curve[i]);
      result.values.emplace_back(format("f1_at_{:.3g}", calibration.grid[i]), percent.back());
    }
    if (!call.out.empty()) {
      if (call.out.has_parent_path()) {
        mmi::create_directories(call.out.parent_path());
      }
      write_curve(call.out, calibration, percent);
      result.files.push_back({call.out, "F1 at each threshold"});
    }
    return result;
  }

  CalibrateConfig config_;
};

}  // namespace

const config::Schema& CalibrateConfig::schema() {
  using C = CalibrateConfig;
  static const config::Schema made =
      config::Table<C>("audeo/calibrate", "threshold with the best frame F1 (official averages)")
          .field("crop", &C::crop, "region of the clip: auto, none or x1,y1,x2,y2 in pixels")
          .field("sustain", &C::sustain, "notes sound as long as the pedal holds them")
          .field("start_s", &C::start_s, "second of the MIDI file at which the clip begins")
          .field("step", &C::step, "between thresholds", config::between(0.001, 0.5));
  return made;
}

std::shared_ptr<Tool> make_calibrate(const CalibrateConfig& config) {
  return std::make_shared<Calibrate>(config);
}

}  // namespace mmi::models::audeo
