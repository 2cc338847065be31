#include "fuzz/fuzz.h"
#include "mmi/io/audio.h"

namespace mmi::io {
namespace {

MMI_FUZZ(wav) {
  constexpr OnError kPolicies[] = {OnError::kRaise, OnError::kSkip, OnError::kPad};
  AudioReadOptions options;
  // The bytes choose the policy and where to begin.
  options.on_error = kPolicies[bytes.size() % 3];
  options.start_s = bytes.empty() ? 0 : bytes.back() / 64.0;
  options.max_duration_s = 1;
  const Audio audio = parse_wav(bytes, "fuzz", options);
  const Audio again = parse_wav(encode_wav(audio, WavType::kFloat32), "written");
  MMI_ASSERT(again.samples == audio.samples && again.channels == audio.channels);
}

}  // namespace
}  // namespace mmi::io
