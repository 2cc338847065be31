#include "mmi/io/safetensors.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "fuzz/fuzz.h"

namespace mmi::io {
namespace {

MMI_FUZZ(safetensors) {
  const auto folder = std::filesystem::temp_directory_path();
  const auto path = folder / format("mmi-fuzz-{}.safetensors", static_cast<std::int64_t>(getpid()));
  std::filesystem::remove(path);
  {
    std::ofstream(path, std::ios::binary) << fuzz::text_of(bytes);
  }
  const auto file = SafetensorsFile::open(path);
  write_safetensors(path, file.entries(), file.metadata());
  const auto again = SafetensorsFile::open(path);
  MMI_ASSERT(again.entries().size() == file.entries().size());
  for (const auto& entry : file.entries()) {
    const auto& twin = again.at(entry.name);
    MMI_ASSERT(twin.shape == entry.shape && std::ranges::equal(twin.bytes, entry.bytes));
  }
}

}  // namespace
}  // namespace mmi::io
