#pragma once

#include <cstddef>
#include <limits>
#include <span>

namespace mmi::dsp {

/// How a decay ends.
struct DecayTail {
  bool decays = false;   ///< a falling line could be fitted
  std::size_t knee = 0;  ///< first sample where the decay is below the noise
  double rest = 0;       ///< energy that the noise-free decay would have from there on
  double rate = 0;       ///< of the decay of energy, in nepers a sample
  double inr_db = std::numeric_limits<double>::quiet_NaN();
};

/// energy: squared samples (N) of a response from its origin on, the last one not 0. After
/// Lundeby et al., "Uncertainties of measurements in room acoustics", Acustica 81 (1995).
DecayTail find_tail(std::span<const double> energy, double sample_rate_hz);

}  // namespace mmi::dsp
