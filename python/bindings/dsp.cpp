// Measures of room impulse responses.
#include <pybind11/stl.h>
#include <torch/csrc/utils/pybind.h>

#include <algorithm>

#include "bindings.h"
#include "mmi/base/errors.h"
#include "mmi/dsp/measures.h"
#include "mmi/dsp/room_measures.h"

namespace mmi::python {
namespace {

using dsp::RoomMeasureConfig;
using dsp::RoomMeasures;

RoomMeasureConfig room_config(
    const std::string& mode, int edt_db, int t60_db, const std::optional<std::string>& t60_fit) {
  MMI_CHECK(
      ConfigError, mode == "iso" || mode == "paper", "mode is \"iso\" or \"paper\", not {}", mode);
  RoomMeasureConfig cfg{.edt_db = edt_db, .t60_db = t60_db};
  cfg.mode = mode == "iso" ? dsp::RoomMode::kIso : dsp::RoomMode::kPaper;
  if (t60_fit) {
    MMI_CHECK(
        ConfigError,
        *t60_fit == "crossing" || *t60_fit == "regression",
        "t60_fit is \"crossing\" or \"regression\", not {}",
        *t60_fit);
    cfg.t60_fit = *t60_fit == "crossing" ? dsp::T60Fit::kCrossing : dsp::T60Fit::kRegression;
  }
  return cfg;
}

// Rows of a waveform (N) or (B,N).
std::vector<std::span<const float>> rows_of(const torch::Tensor& waveform) {
  const auto samples = dsp::samples_of(waveform);
  MMI_CHECK(
      ShapeError,
      waveform.dim() == 1 || waveform.dim() == 2,
      "a waveform (N) or waveforms (B,N) are needed, but this tensor has shape {}",
      waveform.sizes().vec());
  const auto length = static_cast<std::size_t>(waveform.size(-1));
  const std::int64_t count = waveform.dim() == 1 ? 1 : waveform.size(0);
  std::vector<std::span<const float>> rows;
  for (std::int64_t i = 0; i < count; ++i) {
    rows.push_back(samples.subspan(static_cast<std::size_t>(i) * length, length));
  }
  return rows;
}

// Results of `f` for each row, one below the other.
template <class F>
torch::Tensor each_row(const torch::Tensor& waveform, F f) {
  const auto rows = rows_of(waveform);
  torch::Tensor out = torch::empty(waveform.sizes(), torch::kFloat64);
  double* target = out.data_ptr<double>();
  for (const auto row : rows) {
    target = std::copy_n(f(row).begin(), row.size(), target);
  }
  return out;
}

std::map<std::string, torch::Tensor> room_measures(
    const torch::Tensor& rir,
    std::int64_t sample_rate_hz,
    const std::string& mode,
    const std::vector<double>& bands_hz,
    int edt_db,
    int t60_db,
    const std::optional<std::string>& t60_fit) {
  const py::gil_scoped_release unlocked;
  const RoomMeasureConfig cfg = room_config(mode, edt_db, t60_db, t60_fit);
  std::vector<RoomMeasures> all;
  for (const auto row : rows_of(rir)) {
    if (bands_hz.empty()) {
      all.push_back(dsp::room_measures(row, sample_rate_hz, cfg));
      continue;
    }
    const auto bands = dsp::octave_room_measures(row, sample_rate_hz, cfg, bands_hz);
    all.insert(all.end(), bands.begin(), bands.end());
  }
  auto shape = rir.sizes().slice(0, static_cast<std::size_t>(rir.dim() - 1)).vec();
  if (!bands_hz.empty()) {
    shape.push_back(static_cast<std::int64_t>(bands_hz.size()));
  }
  const auto column = [&](torch::ScalarType type, auto value_of) {
    torch::Tensor values = torch::empty({static_cast<std::int64_t>(all.size())}, torch::kFloat64);
    std::transform(all.begin(), all.end(), values.data_ptr<double>(), value_of);
    return values.to(type).reshape(shape);
  };
  std::map<std::string, torch::Tensor> result;
  for (const auto& measure : dsp::kRoomMeasures) {
    const auto member = measure.second;
    result[measure.first] =
        column(torch::kFloat64, [&](const RoomMeasures& m) { return (m.*member).value; });
    result[std::string(measure.first) + "_status"] = column(
        torch::kInt8, [&](const auto& m) { return static_cast<double>((m.*member).status); });
  }
  const auto plain = [&](double RoomMeasures::* member) {
    return column(torch::kFloat64, [&](const RoomMeasures& m) { return m.*member; });
  };
  result["arrival_s"] = plain(&RoomMeasures::arrival_s);
  result["inr_db"] = plain(&RoomMeasures::inr_db);
  result["t60_nonlinearity"] = plain(&RoomMeasures::t60_nonlinearity);
  result["curvature_percent"] = plain(&RoomMeasures::curvature_percent);
  return result;
}

torch::Tensor octave_filter(
    const torch::Tensor& waveform, std::int64_t sample_rate_hz, double centre_hz, bool backward) {
  const py::gil_scoped_release unlocked;
  const dsp::OctaveFilter band(centre_hz, sample_rate_hz);
  return each_row(waveform, [&](std::span<const float> row) {
    auto out = backward ? band.backward(row) : band.forward(row);
    if (backward) {
      out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(band.ring_samples()));
    }
    return out;
  });
}

std::vector<std::string> measure_statuses() {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(dsp::MeasureStatus::kNonlinear); ++i) {
    names.push_back(dsp::to_string(static_cast<dsp::MeasureStatus>(i)));
  }
  return names;
}

}  // namespace

void bind_dsp(py::module_& m) {
  m.def(
      "room_measures",
      &room_measures,
      py::arg("rir"),
      py::arg("sample_rate_hz"),
      py::arg("mode"),
      py::arg("bands_hz"),
      py::arg("edt_db"),
      py::arg("t60_db"),
      py::arg("t60_fit"),
      "Measures of responses (N) or (B,N) float32, by name; no bands_hz: broadband.");
  m.def(
      "describe_room_measures",
      [](const std::string& mode,
         int edt_db,
         int t60_db,
         const std::optional<std::string>& t60_fit) {
        return dsp::describe(room_config(mode, edt_db, t60_db, t60_fit));
      },
      py::arg("mode") = "iso",
      py::arg("edt_db") = 10,
      py::arg("t60_db") = 20,
      py::arg("t60_fit") = py::none(),
      "What room_measures of these settings are, in one line for the head of a table.");
  m.def(
      "energy_decay_curve",
      [](const torch::Tensor& rir) {
        const py::gil_scoped_release unlocked;
        return each_row(rir, &dsp::energy_decay_curve);
      },
      py::arg("rir"),
      "Schroeder's backward integral in dB of responses (N) or (B,N) float32, float64.");
  m.def(
      "octave_filter",
      &octave_filter,
      py::arg("waveform"),
      py::arg("sample_rate_hz"),
      py::arg("centre_hz"),
      py::arg("backward"),
      "The octave of waveforms (N) or (B,N) float32, float64.");
  m.def("measure_statuses", &measure_statuses, "Names of the statuses 0, 1, ….");
}

}  // namespace mmi::python
