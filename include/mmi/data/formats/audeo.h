#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/io/audio.h"
#include "mmi/music/note.h"

/// The on-disk layout that the Audeo authors published (github.com/shlizee/Audeo), reader and
/// writer:
///   input_images/{training,testing}/<video>/frame<N>.jpg   keyboard crops; N is not zero padded
///   labels/{training,testing}/<video>.npz                  key velocities per frame
///   audio/{training,testing}/<video>.wav                   the sound of the video (our addition)
///   midi/{training,testing}/<video>/<a>-<b>.npz            `midi` (<=50, 88), frames a..b-1
///   estimate_Roll/{...}/<video>/<a>-<b>.npz                `logit`, `roll` (<=50, 88)
///   Roll2Midi_results/{...}/<video>/<a>-<b>.npz            `midi` (<=50, keys of the range)
///   OF_midi_files/<video>.mid                              notes transcribed from the sound
///   Midi_Synth/<video>.wav                                 rendered sound
/// Published labels are pickles, which run code when read; we read and write their twin of the same
/// stem: an .npz with `frame` (N) int64 and `label` (N, 88) float32.
namespace mmi::data::formats {

/// A still of one video.
struct AudeoFrame {
  std::int64_t number = 0;  ///< N of frame<N>.jpg
  std::filesystem::path path;
};

/// Labels of one video, ascending by frame.
struct AudeoLabels {
  torch::Tensor frame;  ///< (N) int64
  torch::Tensor label;  ///< (N, 88) float32: 0 or 1, or 0..127 velocities; key 0 is MIDI 21
};

/// Consecutive frames first..first + F - 1 of one array.
struct AudeoSegment {
  std::int64_t first = 0;
  torch::Tensor values;  ///< (F, K)
};

/// Stills that have labels, the training examples of one video.
struct AudeoVideo {
  std::vector<AudeoFrame> frames;  ///< ascending
  torch::Tensor label;             ///< (frames.size(), 88) float32
};

/// One folder in the published layout. Errors are DataError with the path. `split` is the folder
/// name, "training" or "testing".
class MMI_API AudeoLayout {
 public:
  static constexpr std::int64_t kKeys = 88;
  static constexpr std::int64_t kSegmentFrames = 50;

  explicit AudeoLayout(std::filesystem::path root);

  // ---- reading

  /// Names under input_images/<split> (labels/<split> when there are no stills), sorted by the
  /// number after "No.", then by name.
  std::vector<std::string> videos(const std::string& split) const;

  /// Sorted by number; N may start anywhere and have gaps. .jpg, .jpeg and .png are accepted.
  std::vector<AudeoFrame> frames(const std::string& split, const std::string& video) const;

  AudeoLabels labels(const std::string& split, const std::string& video) const;

  /// Frames that have both a still and a label.
  AudeoVideo video(const std::string& split, const std::string& name) const;

  /// The sound of a video, from its frame 0 on; the file need not exist.
  std::filesystem::path audio(const std::string& split, const std::string& video) const;

  /// Segments of `folder` ("midi", "estimate_Roll", "Roll2Midi_results") in order of frames.
  std::vector<AudeoSegment> segments(
      const std::string& folder,
      const std::string& split,
      const std::string& video,
      const std::string& key) const;

  /// Notes of OF_midi_files/<video>.mid.
  music::Notes transcription(const std::string& video) const;

  /// Sound of Midi_Synth/<video>.wav.
  io::Audio sound(const std::string& video) const;

  // ---- writing (folders are made, files replaced atomically)

  /// image (H, W) uint8 gray.
  void write_frame(
      const std::string& split,
      const std::string& video,
      std::int64_t number,
      const torch::Tensor& image,
      int jpeg_quality = 95) const;

  void write_labels(
      const std::string& split, const std::string& video, const AudeoLabels& labels) const;

  /// Cuts rolls that start at frame `first` into segments of 50 frames (the last may be shorter).
  /// `arrays`: key and (F, K) of each array in a file, equal F.
  void write_segments(
      const std::string& folder,
      const std::string& split,
      const std::string& video,
      std::int64_t first,
      const std::vector<std::pair<std::string, torch::Tensor>>& arrays) const;

  void write_transcription(const std::string& video, const music::Notes& notes) const;
  void write_sound(const std::string& video, const io::Audio& audio) const;

  const std::filesystem::path& root() const {
    return root_;
  }

 private:
  std::filesystem::path root_;
};

/// The still as (H, W) uint8 gray (PIL's "L").
MMI_API torch::Tensor read_frame(const AudeoFrame& frame);

/// One roll from segments that follow each other without a gap: (sum of F, K). Throws DataError
/// where a segment is missing, naming the frames.
MMI_API torch::Tensor join_segments(
    const std::vector<AudeoSegment>& segments, const std::string& source);

}  // namespace mmi::data::formats
