#include "mmi/tensor/safetensors.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "mmi/base/errors.h"
#include "mmi/io/safetensors.h"
#include "mmi/tensor/array.h"

namespace mmi {
namespace {

/// Memory in large pages where the system has them, which take far fewer faults to fill.
std::shared_ptr<std::byte> large_block(std::size_t bytes) {
  constexpr std::size_t kLargePage = std::size_t{2} << 20;
  const std::size_t rounded = (bytes + kLargePage - 1) / kLargePage * kLargePage;
  void* const memory = std::aligned_alloc(kLargePage, rounded);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  ::madvise(memory, rounded, MADV_HUGEPAGE);
  return {static_cast<std::byte*>(memory), std::free};
}

}  // namespace

void save_tensors(
    const std::filesystem::path& path,
    const std::vector<std::pair<std::string, torch::Tensor>>& tensors,
    const std::map<std::string, std::string>& metadata) {
  std::vector<torch::Tensor> held;
  std::vector<io::SafetensorsEntry> entries;
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor plain = tensor.detach().to(torch::kCPU).contiguous();
    held.push_back(plain);
    io::SafetensorsEntry entry;
    entry.name = name;
    const auto type = dtype_of(plain.scalar_type());
    MMI_CHECK(
        CheckpointError,
        type.has_value(),
        "{}: {} has the type {}, which safetensors cannot hold",
        path.string(),
        name,
        std::string(plain.dtype().name()));
    entry.dtype = *type;
    entry.shape = plain.sizes().vec();
    entry.bytes = {static_cast<const std::uint8_t*>(plain.const_data_ptr()), plain.nbytes()};
    entries.push_back(std::move(entry));
  }
  io::write_safetensors(path, entries, metadata);
}

std::vector<std::pair<std::string, torch::Tensor>> load_tensors(const std::filesystem::path& path) {
  const auto file = io::SafetensorsFile::open(path);
  // One block for all: tensors begin at multiples of 64 bytes, as torch's own do.
  const auto padded = [](std::size_t bytes) { return (bytes + 63) / 64 * 64; };
  std::size_t total = 0;
  for (const io::SafetensorsEntry& entry : file.entries()) {
    total += padded(entry.bytes.size());
  }
  const std::shared_ptr<std::byte> block = large_block(std::max<std::size_t>(total, 1));
  std::byte* place = block.get();
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const io::SafetensorsEntry& entry : file.entries()) {
    std::memcpy(place, entry.bytes.data(), entry.bytes.size());
    tensors.emplace_back(
        entry.name,
        torch::from_blob(
            place, entry.shape, [block](void*) {}, torch::dtype(scalar_type_of(entry.dtype))));
    place += padded(entry.bytes.size());
  }
  return tensors;
}

}  // namespace mmi
