#pragma once

#include <cstdint>
#include <string>

namespace mmi::io {

/// What a reader does with the damaged parts of a file: packets that the decoder refuses, frames
/// that it marks as corrupt together with those predicted from them (up to the next keyframe), and
/// the missing end of a truncated file.
enum class OnError {
  kRaise,  ///< `DataError` with path, stream, time and the decoder's reason
  kSkip,   ///< leaves them out and counts them
  kPad,    ///< the last good frame (sound: silence) stands in, marked as invalid; a truncated file
           ///< gets its announced length, at most 600 s more than it holds
};

/// What a reader met so far under kSkip and kPad.
struct Damage {
  std::int64_t packets = 0;   ///< refused by the decoder, or decoded to a frame marked as corrupt
  std::int64_t left_out = 0;  ///< frames, of sound: samples per channel (kSkip)
  std::int64_t padded = 0;    ///< frames, of sound: samples per channel (kPad)
  bool truncated = false;     ///< the file holds less than it announces
  std::string first;          ///< the sentence that kRaise would have thrown, "" when undamaged

  bool any() const {
    return truncated || packets + left_out + padded > 0;
  }
};

}  // namespace mmi::io
