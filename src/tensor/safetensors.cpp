#include "mmi/tensor/safetensors.h"

#include <cstring>

#include "mmi/base/errors.h"
#include "mmi/io/safetensors.h"
#include "mmi/tensor/array.h"

namespace mmi {
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
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const io::SafetensorsEntry& entry : file.entries()) {
    torch::Tensor tensor = torch::empty(entry.shape, scalar_type_of(entry.dtype));
    std::memcpy(tensor.mutable_data_ptr(), entry.bytes.data(), entry.bytes.size());
    tensors.emplace_back(entry.name, std::move(tensor));
  }
  return tensors;
}

}  // namespace mmi
