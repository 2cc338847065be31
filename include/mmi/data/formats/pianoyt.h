#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/io/video.h"

/// PianoYT (Koepke et al., "Sight to Sound", 2020): a list of videos with the boxes of their
/// keyboards, and their transcriptions.
///   pianoyt.csv                         id, url, split, min y, max y, min x, max x; often without
///                                       a line of titles
///   pianoyt_MIDI/audio_<id>.0.midi
namespace mmi::data::formats {

enum class PianoYtSplit : int { kTrain = 1, kTest = 3 };

struct PianoYtVideo {
  std::string id;
  std::string url;
  PianoYtSplit split = PianoYtSplit::kTrain;
  io::CropBox crop;            ///< of the keyboard, in pixels of the video
  std::filesystem::path midi;  ///< need not exist
};

/// The videos of `root`/pianoyt.csv in their order. DataError with the line for what is malformed.
MMI_API std::vector<PianoYtVideo> read_pianoyt(const std::filesystem::path& root);

/// Writes `root`/pianoyt.csv, with a line of titles. The MIDI files are not touched.
MMI_API void write_pianoyt(
    const std::filesystem::path& root, const std::vector<PianoYtVideo>& videos);

}  // namespace mmi::data::formats
