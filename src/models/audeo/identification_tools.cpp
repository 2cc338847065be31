#include "models/audeo/identification_tools.h"

#include <cstdint>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/progress.h"
#include "mmi/models/audeo/identification_task.h"
#include "mmi/task/tool.h"

namespace mmi::models::audeo {
namespace {

struct IdentifyConfig {
  LandmarkConfig landmarks;
  double segment_s = 20;

  static const config::Schema& schema() {
    using C = IdentifyConfig;
    static const config::Schema made =
        config::Table<C>("identify", "recognises works in recordings")
            .field("landmarks", &C::landmarks, "the index")
            .field("segment_s", &C::segment_s, "length of a query", config::above(1));
    return made;
  }
};

class Identify : public Tool {
 public:
  explicit Identify(const IdentifyConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<library folder> <sound> [sound …] [--out answers.csv]";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        call.inputs.size() >= 2,
        "identify needs a folder of references (<work>.wav, further performances <work>__2.wav) "
        "and "
        "at least one sound file to ask about");
    const auto index = folder_library(call.inputs[0], config_.landmarks);
    std::string table = "file,start_s,answer,best,score,margin\n";
    ToolResult result;
    std::int64_t found = 0;
    std::int64_t asked = 0;
    for (std::size_t i = 1; i < call.inputs.size() && !call.stop(); ++i) {
      double start = 0;
      for (const auto& segment : segments_of(read_mono(call.inputs[i]), config_.segment_s)) {
        const LandmarkMatch match = index->identify(segment);
        ++asked;
        found += !match.work.empty();
        const std::string name = call.inputs[i].filename().string();
        result.lines.push_back(format(
            "{}  {:6.1f} s  {}  (score {:.4f}, {:.2f} times the next work's)",
            name,
            start,
            match.work.empty() ? format("nothing found, nearest {}", match.best) : match.work,
            match.score,
            match.margin));
        table += format(
            "\"{}\",{},\"{}\",\"{}\",{:.6f},{:.4f}\n",
            name,
            start,
            match.work,
            match.best,
            match.score,
            match.margin);
        start += config_.segment_s;
      }
    }
    MMI_CHECK(
        DataError,
        asked > 0,
        "{} is shorter than half a segment of {:g} s; ask with segment_s=…",
        call.inputs[1].string(),
        config_.segment_s);
    result.values = {
        {"segments", static_cast<double>(asked)}, {"recognised", static_cast<double>(found)}};
    if (!call.out.empty()) {
      atomic_write(call.out, table);
      result.files.push_back({call.out, "every answer"});
    }
    return result;
  }

 private:
  IdentifyConfig config_;
};

struct CheckIdentificationConfig {
  LandmarkConfig landmarks;
  std::uint64_t seed = 77;
  int works = 60;
  double duration_s = 40;
  double segment_s = 20;

  static const config::Schema& schema() {
    using C = CheckIdentificationConfig;
    static const config::Schema made =
        config::Table<C>("check_identification", "rates of the index over its threshold")
            .field("landmarks", &C::landmarks, "the index")
            .field("seed", &C::seed, "of worlds that no table uses")
            .field(
                "works", &C::works, "in the library, and as many outside", config::between(2, 1000))
            .field("duration_s", &C::duration_s, "of a work", config::above(1))
            .field("segment_s", &C::segment_s, "length of a query", config::above(1));
    return made;
  }
};

class CheckIdentification : public Tool {
 public:
  explicit CheckIdentification(const CheckIdentificationConfig& config) : config_(config) {}

  std::string usage() const override {
    return "";
  }

  ToolResult run(const ToolCall& call) override {
    ToolResult result;
    result.lines.emplace_back("score    known works recognised    unknown works accepted");
    for (const IdentificationCheck& check : check_identification(
             config_.landmarks,
             config_.seed,
             config_.works,
             config_.duration_s,
             config_.segment_s)) {
      result.lines.push_back(
          format("{:.3f}   {:6.1f} %   {:6.1f} %", check.threshold, check.right, check.wrong));
    }
    return result;
  }

 private:
  CheckIdentificationConfig config_;
};

}  // namespace

void register_identification_tools() {
  auto& tools = Registry<Tool>::get();
  tools.add<IdentifyConfig>(
      "audeo/identify",
      "which work is played? against a folder of references",
      [](const IdentifyConfig& config, const Tool::BuildArgs&) {
        return std::make_shared<Identify>(config);
      });
  tools.add<CheckIdentificationConfig>(
      "audeo/check-identification",
      "how often procedural works are recognised, rightly and wrongly",
      [](const CheckIdentificationConfig& config, const Tool::BuildArgs&) {
        return std::make_shared<CheckIdentification>(config);
      });
}

}  // namespace mmi::models::audeo
