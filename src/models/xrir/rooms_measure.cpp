#include <cmath>
#include <cstdio>

#include "mmi/base/errors.h"
#include "mmi/base/progress.h"
#include "mmi/dsp/octave_filter.h"
#include "mmi/io/audio.h"
#include "models/xrir/rooms_tools.h"

namespace mmi::models::xrir {
namespace {

using dsp::RoomMeasures;

constexpr std::array<std::pair<const char*, int>, 7> kColumns{
    {{"edt_s", 3},
     {"t20_s", 3},
     {"t30_s", 3},
     {"c50_db", 2},
     {"c80_db", 2},
     {"d50", 3},
     {"drr_db", 2}}};

const dsp::RoomMeasure& measure_of(const RoomMeasures& measures, const std::string& name) {
  for (const auto& [known, member] : dsp::kRoomMeasures) {
    if (known == name) {
      return measures.*member;
    }
  }
  throw InternalError("no room measure " + name);
}

/// One channel of a file.
struct Response {
  std::string name;
  std::vector<float> samples;
  int sample_rate_hz;
};

std::vector<Response> read_channels(const std::filesystem::path& path) {
  const io::Audio audio = io::read_audio(path);
  std::vector<Response> made;
  for (int c = 0; c < audio.channels; ++c) {
    Response one{path.filename().string(), {}, audio.sample_rate_hz};
    if (audio.channels > 1) {
      one.name += format(":{}", c + 1);
    }
    for (std::int64_t i = 0; i < audio.length(); ++i) {
      one.samples.push_back(audio.samples[static_cast<std::size_t>(i * audio.channels + c)]);
    }
    made.push_back(std::move(one));
  }
  return made;
}

// The octaves that a sample rate can carry.
std::vector<double> octaves_of(int sample_rate_hz) {
  std::vector<double> centres;
  for (const double centre : dsp::kOctaveCentresHz) {
    if (centre * 1.42 < 0.5 * sample_rate_hz) {
      centres.push_back(centre);
    }
  }
  return centres;
}

class RoomsMeasure : public Tool {
 public:
  explicit RoomsMeasure(const RoomsMeasureConfig& config) : config_(config) {
    measure_.mode = config.mode;
    measure_.edt_db = static_cast<int>(config.edt_db);
    measure_.t60_db = static_cast<int>(config.t60_db);
  }

  std::string usage() const override {
    return "<response.wav> [response.wav …] [--out TABLE.csv]";
  }

  std::string examples() const override {
    return "mmi rooms measure responses/*.wav --out measures.csv\n"
           "mmi rooms measure hall.wav bands=true\n"
           "mmi rooms measure estimate.wav truth.wav compare=true mode=paper";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        !call.inputs.empty(),
        "mmi rooms measure needs at least one sound file with an impulse response");
    MMI_CHECK(
        ConfigError,
        !config_.compare || call.inputs.size() == 2,
        "compare=true takes two files, an estimate and the truth, not {}",
        call.inputs.size());
    rows_ = {{"response"}};
    if (config_.bands) {
      rows_[0].emplace_back("band_hz");
    }
    for (const auto& [name, decimals] : kColumns) {
      rows_[0].emplace_back(name);
    }
    std::vector<RoomMeasures> broadband;
    Progress bar("measuring", static_cast<std::int64_t>(call.inputs.size()));
    for (const auto& input : call.inputs) {
      MMI_CHECK(Interrupted, !call.stop(), "interrupted; nothing was written");
      const std::vector<Response> channels = read_channels(input);
      MMI_CHECK(
          ConfigError,
          !config_.compare || channels.size() == 1,
          "{}: compare=true takes files of one channel, but this one has {}",
          input.string(),
          channels.size());
      for (const Response& response : channels) {
        broadband.push_back(measure(response));
      }
      bar.advance();
    }
    ToolResult result;
    result.lines = lines_of(rows_);
    if (const std::string marks = legend(rows_); !marks.empty()) {
      result.lines.push_back(marks);
    }
    result.lines.push_back(dsp::describe(measure_));
    nlohmann::ordered_json json{{"mode", dsp::describe(measure_)}, {"responses", json_}};
    if (config_.compare) {
      compare(broadband, result, json);
    }
    result.json = json.dump();
    if (!call.out.empty()) {
      Outputs outputs;
      outputs.add(call.out, csv_, "measures with their statuses");
      outputs.write(result);
    }
    return result;
  }

 private:
  RoomMeasures measure(const Response& response) {
    const RoomMeasures all =
        dsp::room_measures(response.samples, response.sample_rate_hz, measure_);
    nlohmann::ordered_json entry{
        {"response", response.name},
        {"sample_rate_hz", response.sample_rate_hz},
        {"samples", response.samples.size()},
        {"measures", json_of(all)}};
    add_row(response.name, "all", all);
    if (config_.bands) {
      const std::vector<double> centres = octaves_of(response.sample_rate_hz);
      const auto octaves =
          dsp::octave_room_measures(response.samples, response.sample_rate_hz, measure_, centres);
      for (std::size_t b = 0; b < centres.size(); ++b) {
        add_row("", format("{:g}", centres[b]), octaves[b], response.name);
        entry["octaves"][format("{:g}", centres[b])] = json_of(octaves[b]);
      }
    }
    json_.push_back(std::move(entry));
    return all;
  }

  void add_row(
      const std::string& shown,
      const std::string& band,
      const RoomMeasures& measures,
      const std::string& name = "") {
    std::vector<std::string> row{shown};
    if (config_.bands) {
      row.push_back(band);
    }
    if (csv_.empty()) {
      csv_ = "response,band_hz";
      for (const auto& [title, decimals] : kColumns) {
        csv_ += format(",{},{}_status", title, title);
      }
      csv_ += "\n";
    }
    csv_ += format("\"{}\",{}", name.empty() ? shown : name, band);
    for (const auto& [title, decimals] : kColumns) {
      const dsp::RoomMeasure& measure = measure_of(measures, title);
      row.push_back(cell(measure, decimals));
      csv_ += format(
          ",{},{}",
          measure.has_value() ? format("{:.6g}", measure.value) : "",
          dsp::to_string(measure.status));
    }
    csv_ += "\n";
    rows_.push_back(std::move(row));
  }

  static void compare(
      const std::vector<RoomMeasures>& both, ToolResult& result, nlohmann::ordered_json& json) {
    const dsp::RoomErrors errors = dsp::room_errors(both.at(0), both.at(1));
    result.lines.emplace_back("the first against the second, as in tables 8.1 and 8.2:");
    const auto add = [&](const char* name, const dsp::RoomMeasure& error) {
      json["errors"][name] = {
          {"value", error.has_value() ? nlohmann::ordered_json(error.value) : nullptr},
          {"status", dsp::to_string(error.status)}};
      if (error.has_value()) {
        result.values.emplace_back(name, error.value);
      } else {
        result.lines.push_back(format("{}: no value ({})", name, dsp::to_string(error.status)));
      }
    };
    add("edt_error_s", errors.edt_s);
    add("c50_error_db", errors.c50_db);
    add("t60_error_percent", errors.t60_percent);
  }

  RoomsMeasureConfig config_;
  dsp::RoomMeasureConfig measure_;
  std::vector<std::vector<std::string>> rows_;
  nlohmann::ordered_json json_ = nlohmann::ordered_json::array();
  std::string csv_;
};

}  // namespace

const config::Schema& RoomsMeasureConfig::schema() {
  using C = RoomsMeasureConfig;
  static const config::Schema made =
      config::Table<C>("rooms/measure", "measures of impulse responses")
          .field("mode", &C::mode, "ISO 3382-1, or as xRIR's evaluation script")
          .field("edt_db", &C::edt_db, "range of the early decay: 10 or 5", config::between(5, 10))
          .field("t60_db", &C::t60_db, "range of T60: 20 or 30", config::between(20, 30))
          .field("bands", &C::bands, "octaves as well")
          .field("compare", &C::compare, "errors of the first file against the second");
  return made;
}

std::shared_ptr<Tool> make_rooms_measure(const RoomsMeasureConfig& config) {
  return std::make_shared<RoomsMeasure>(config);
}

}  // namespace mmi::models::xrir
