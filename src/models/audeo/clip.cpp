#include "mmi/models/audeo/clip.h"

#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/progress.h"
#include "mmi/data/formats/audeo.h"
#include "mmi/io/audio.h"
#include "mmi/io/video.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/music/roll.h"
#include "mmi/worlds/piano/renderer.h"

namespace mmi::models::audeo {
namespace {

torch::Tensor fitted(const std::vector<std::uint8_t>& roll, std::int64_t frames) {
  const auto own = static_cast<std::int64_t>(roll.size()) / kPianoKeys;
  torch::Tensor result = torch::zeros({frames, kPianoKeys}, torch::kUInt8);
  const torch::Tensor all =
      torch::from_blob(const_cast<std::uint8_t*>(roll.data()), {own, kPianoKeys}, torch::kUInt8);
  const std::int64_t count = std::min(own, frames);
  result.slice(0, 0, count).copy_(all.slice(0, 0, count));
  return result;
}

}  // namespace

void write_clip(const worlds::piano::Piece& piece, const std::filesystem::path& path) {
  const worlds::piano::RenderConfig size;
  worlds::piano::Renderer renderer(piece, size);
  io::VideoWriterOptions options;
  options.color = io::Color::kGray;
  io::VideoWriter writer(path, size.width, size.height, kFps, options);
  std::vector<std::uint8_t> frame(static_cast<std::size_t>(size.width * size.height));
  Progress bar("filming " + piece.spec.name, piece.frames);
  for (std::int64_t t = 0; t < piece.frames; ++t) {
    renderer.render(t, frame.data());
    writer.write(frame);
    bar.advance();
  }
  writer.finish();
}

TruthRolls truth_rolls(const worlds::piano::Piece& piece, std::int64_t frames) {
  return {fitted(piece.pseudo, frames), fitted(piece.vision, frames)};
}

music::Notes heard_notes(const worlds::piano::Piece& piece) {
  return music::roll_to_notes(fitted(piece.pseudo, piece.frames), kLowestPitch, kFps);
}

void write_layout(
    const Recordings& recordings,
    std::int64_t height,
    std::int64_t width,
    const std::filesystem::path& out) {
  namespace fs = std::filesystem;
  // A folder that is not complete says what it is to become.
  const fs::path plan = out / ".mmi-making";
  const std::string content = format("{} {} x {}\n", recordings.fingerprint(), height, width);
  const bool begun = fs::exists(plan) && read_text(plan) == content;
  MMI_CHECK(
      DataError,
      begun || !fs::exists(out) || fs::is_empty(out),
      "{} holds something else already: name a new folder",
      out.string());
  mmi::create_directories(out);
  atomic_write(plan, content);
  const data::formats::AudeoLayout layout(out);
  for (const char* split : {"train", "valid", "test"}) {
    const std::string folder = std::string(split) == "test" ? "testing" : "training";
    remove_leftovers(out / "labels" / folder);
    for (const auto& recording : recordings.split(split)) {
      const std::string name = recording->name();
      // Labels come last: a recording that has them is finished.
      if (fs::exists(out / "labels" / folder / (name + ".npz"))) {
        continue;
      }
      fs::remove_all(out / "input_images" / folder / name);
      fs::remove_all(out / "midi" / folder / name);
      torch::Tensor image = torch::empty({height, width}, torch::kUInt8);
      Progress bar("writing " + name, recording->frames());
      for (std::int64_t t = 0; t < recording->frames(); ++t) {
        recording->read(t, image.mutable_data_ptr<std::uint8_t>());
        layout.write_frame(folder, name, t, image);
        bar.advance();
      }
      const torch::Tensor sound = recording->audio();
      const fs::path sound_file = layout.audio(folder, name);
      mmi::create_directories(sound_file.parent_path());
      io::write_wav(
          sound_file,
          {sound.const_data_ptr<float>(), static_cast<std::size_t>(sound.numel())},
          1,
          static_cast<int>(kSampleRateHz));
      const torch::Tensor labels = recording->labels().to(torch::kFloat32);
      layout.write_segments("midi", folder, name, 0, {{"midi", labels}});
      layout.write_labels(folder, name, {torch::arange(recording->frames()), labels});
    }
  }
  fs::remove(plan);
}

}  // namespace mmi::models::audeo
