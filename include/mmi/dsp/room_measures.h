#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/dsp/octave_filter.h"

namespace mmi::dsp {

enum class RoomMode {
  kIso,    ///< ISO 3382-1: times count from the direct arrival, decays are regressions
  kPaper,  ///< as xRIR's evaluation script: from sample 0, first samples below a level
};

enum class T60Fit {
  kCrossing,    ///< (60 / range) * (t(-5 - range) - t(-5)), t: first sample below the level
  kRegression,  ///< least squares over the levels from -5 to -5 - range dB
};

struct RoomMeasureConfig {
  RoomMode mode = RoomMode::kIso;
  int edt_db = 10;  ///< range of the early decay: 10 (ISO, xRIR's code) or 5 (thesis' wording)
  int t60_db = 20;  ///< range of T60 below -5 dB: 20, or 30 (xRIR's script for HAA's rooms)
  std::optional<T60Fit> t60_fit = {};  ///< of T20, T30 and T60; empty: as the mode has it
};

/// Why a measure should not be taken at face value. kSilent and kNoDecay have no value (NaN).
enum class MeasureStatus : std::uint8_t {
  kOk,
  kSilent,     ///< nothing but zeros
  kNoDecay,    ///< too short, infinite, not a number, or the level is never reached
  kLowInr,     ///< impulse-to-noise ratio below range + 10 dB (T20: 35, T30: 45; EDT: 20 or 15)
  kNonlinear,  ///< 1000 (1 - r^2) > 10, or T30 differs from T20 by more than 10 %
};

/// "ok", "silent", "no_decay", "low_inr" or "nonlinear".
MMI_API std::string to_string(MeasureStatus status);

struct RoomMeasure {
  double value = std::numeric_limits<double>::quiet_NaN();
  MeasureStatus status = MeasureStatus::kSilent;

  bool has_value() const {
    return status != MeasureStatus::kSilent && status != MeasureStatus::kNoDecay;
  }
};

/// Measures of one room impulse response, or of one octave of it.
struct RoomMeasures {
  RoomMeasure edt_s;   ///< early decay time, as time for 60 dB
  RoomMeasure t20_s;   ///< from the levels -5 to -25 dB
  RoomMeasure t30_s;   ///< from the levels -5 to -35 dB
  RoomMeasure t60_s;   ///< the one of them that t60_db chooses
  RoomMeasure c50_db;  ///< clarity: energy before over energy after 50 ms
  RoomMeasure c80_db;
  RoomMeasure d50;     ///< definition: share of the energy before 50 ms, 0..1
  RoomMeasure drr_db;  ///< energy within 2.5 ms of the direct arrival over all that follows

  double arrival_s = 0;  ///< direct arrival, broadband: first sample within 20 dB of the peak
  /// Level of a pure decay of this energy and rate at its start, above the mean level of the last
  /// tenth or of the noise. A response that is cut off has a low one as well.
  double inr_db = std::numeric_limits<double>::quiet_NaN();
  double t60_nonlinearity = std::numeric_limits<double>::quiet_NaN();   ///< 1000 (1 - r^2) of t60_s
  double curvature_percent = std::numeric_limits<double>::quiet_NaN();  ///< 100 (T30 / T20 - 1)
};

/// Names and members, in the order of columns.
inline constexpr std::array<std::pair<const char*, RoomMeasure RoomMeasures::*>, 8> kRoomMeasures{{
    {"edt_s", &RoomMeasures::edt_s},
    {"t20_s", &RoomMeasures::t20_s},
    {"t30_s", &RoomMeasures::t30_s},
    {"t60_s", &RoomMeasures::t60_s},
    {"c50_db", &RoomMeasures::c50_db},
    {"c80_db", &RoomMeasures::c80_db},
    {"d50", &RoomMeasures::d50},
    {"drr_db", &RoomMeasures::drr_db},
}};

/// What the numbers mean, in one line for the head of a table.
MMI_API std::string describe(const RoomMeasureConfig& cfg);

/// Index of the first sample within 20 dB of the largest absolute one (ISO 3382-1, annex A); 0 for
/// silence.
MMI_API std::size_t direct_arrival(std::span<const float> rir);

/// Schroeder's backward integral in dB: L(t) = 10 log10(sum_{u >= t} h^2 / sum h^2), (N) -> (N)
/// with L(0) = 0; -infinity behind the last sample that is not 0, NaN for silence.
MMI_API std::vector<double> energy_decay_curve(std::span<const float> rir);

/// Broadband measures of an impulse response (N), any level. Mode kIso integrates up to where the
/// decay meets the noise (or the end of the response) and adds what an exponential decay would have
/// behind it (ISO 3382-1, 5.3.3). A bad response gives a status, never an error; ConfigError for a
/// rate or a configuration that is none.
MMI_API RoomMeasures room_measures(
    std::span<const float> rir, std::int64_t sample_rate_hz, const RoomMeasureConfig& cfg = {});

/// The same for each octave. Decays come from the time-reversed filter, whose ringing does not
/// lengthen them; what it moves in front of the first sample counts as energy of that sample. For
/// early and late energies the response is cut first and filtered then, so that no ringing crosses
/// the border. Throws ConfigError as OctaveFilter does.
MMI_API std::vector<RoomMeasures> octave_room_measures(
    std::span<const float> rir,
    std::int64_t sample_rate_hz,
    const RoomMeasureConfig& cfg = {},
    std::span<const double> centres_hz = kOctaveCentresHz);

/// Differences as tables 8.1 and 8.2 have them; a pair without both values has none, its status is
/// that of the worse.
struct RoomErrors {
  RoomMeasure edt_s;        ///< |difference|
  RoomMeasure c50_db;       ///< |difference|
  RoomMeasure t60_percent;  ///< 100 |difference| / truth
};

MMI_API RoomErrors room_errors(const RoomMeasures& estimate, const RoomMeasures& truth);

}  // namespace mmi::dsp
