#include <algorithm>

#include "fuzz/fuzz.h"
#include "helpers.h"
#include "mmi/base/files.h"

namespace mmi::fuzz {
namespace {

/// What once broke a parser, or leads into its corners, is tried in every build.
TEST(Corpus, EveryFileOfEveryTargetGivesAResultOrAnError) {
  const std::filesystem::path root = std::filesystem::path(MMI_SOURCE_DIR) / "tests/fuzz/corpus";
  ASSERT_GE(targets().size(), 16U);
  for (const auto& [name, target] : targets()) {
    std::size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator(root / name)) {
      ++n;
      try {
        run(target, read_bytes(entry.path()));
      } catch (const std::exception& error) {
        ADD_FAILURE() << entry.path() << ": " << error.what();
      }
    }
    EXPECT_GT(n, 0U) << "no files for " << name;
  }
}

/// Cut and with a changed byte, each of them must still give a result or an error.
TEST(Corpus, NeighboursOfItsFilesDoToo) {
  const std::filesystem::path root = std::filesystem::path(MMI_SOURCE_DIR) / "tests/fuzz/corpus";
  for (const auto& [name, target] : targets()) {
    for (const auto& entry : std::filesystem::directory_iterator(root / name)) {
      auto bytes = read_bytes(entry.path());
      for (std::size_t i = 0; i < 8 && !bytes.empty(); ++i) {
        const std::size_t at = (i * 2654435761U) % bytes.size();
        bytes[at] ^= static_cast<std::uint8_t>(1U << i);
        EXPECT_NO_THROW(run(target, Bytes(bytes).first(bytes.size() - i * bytes.size() / 16)))
            << entry.path() << " " << i;
      }
    }
  }
}

}  // namespace
}  // namespace mmi::fuzz
