// Not a test of behaviour: writes frames and rolls of one piece for looking at, when asked to by
// MMI_PIANO_DUMP=<folder>.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "mmi/worlds/piano/keyboard.h"
#include "mmi/worlds/piano/piece.h"
#include "mmi/worlds/piano/renderer.h"

namespace mmi::worlds::piano {
namespace {

const char* setting(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

void write(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
}

TEST(PianoDump, WritesFramesAndRollsWhenAFolderIsGiven) {
  const std::string folder = setting("MMI_PIANO_DUMP", "");
  if (folder.empty()) {
    GTEST_SKIP() << "set MMI_PIANO_DUMP to a folder, and MMI_PIANO_{STYLE,SEED,SIZE,SECONDS}";
  }
  PieceSpec spec;
  spec.style = parse_style(setting("MMI_PIANO_STYLE", "counterpoint"));
  const auto seed = static_cast<std::uint64_t>(std::atoi(setting("MMI_PIANO_SEED", "1")));
  spec.composition_seed = spec.performance_seed = spec.camera_seed = seed;
  spec.duration_s = std::atof(setting("MMI_PIANO_SECONDS", "20"));
  const Piece piece = make_piece(spec);
  RenderConfig config;
  const std::string size = setting("MMI_PIANO_SIZE", "900x100");
  config.width = std::stoi(size);
  config.height = std::stoi(size.substr(size.find('x') + 1));
  Renderer renderer(piece, config);
  const auto pixels = static_cast<std::size_t>(config.width * config.height);
  std::vector<std::uint8_t> frames(pixels * static_cast<std::size_t>(piece.frames));
  for (std::int64_t f = 0; f < piece.frames; ++f) {
    renderer.render(f, frames.data() + static_cast<std::size_t>(f) * pixels);
  }
  write(folder + "/frames.raw", frames);
  write(folder + "/vision.raw", piece.vision);
  write(folder + "/pseudo.raw", piece.pseudo);
  write(folder + "/hidden.raw", piece.hidden);
  std::ofstream(folder + "/shape.txt")
      << piece.frames << " " << config.height << " " << config.width << "\n";
  std::ofstream notes(folder + "/notes.txt");
  for (const PlayedNote& n : piece.hands->notes()) {
    notes << n.note.onset_s << " " << n.note.offset_s << " " << n.note.pitch << " "
          << n.note.velocity << " " << n.hand << " " << n.finger << "\n";
  }
}

}  // namespace
}  // namespace mmi::worlds::piano
