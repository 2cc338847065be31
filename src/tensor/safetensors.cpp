#include "mmi/tensor/safetensors.h"

#include <cstring>

#include "mmi/base/errors.h"
#include "mmi/io/safetensors.h"

namespace mmi {
namespace {

constexpr std::pair<torch::ScalarType, io::DType> kTypes[] = {
    {torch::kFloat64, io::DType::kF64},
    {torch::kFloat32, io::DType::kF32},
    {torch::kFloat16, io::DType::kF16},
    {torch::kBFloat16, io::DType::kBF16},
    {torch::kInt64, io::DType::kI64},
    {torch::kInt32, io::DType::kI32},
    {torch::kInt16, io::DType::kI16},
    {torch::kInt8, io::DType::kI8},
    {torch::kUInt8, io::DType::kU8},
    {torch::kBool, io::DType::kBool},
};

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
    bool known = false;
    for (const auto& [ours, theirs] : kTypes) {
      if (plain.scalar_type() == ours) {
        entry.dtype = theirs;
        known = true;
      }
    }
    MMI_CHECK(
        CheckpointError,
        known,
        "{}: {} has the type {}, which safetensors cannot hold",
        path.string(),
        name,
        std::string(plain.dtype().name()));
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
    torch::ScalarType type = torch::kFloat32;
    for (const auto& [ours, theirs] : kTypes) {
      if (entry.dtype == theirs) {
        type = ours;
      }
    }
    torch::Tensor tensor = torch::empty(entry.shape, type);
    std::memcpy(tensor.mutable_data_ptr(), entry.bytes.data(), entry.bytes.size());
    tensors.emplace_back(entry.name, std::move(tensor));
  }
  return tensors;
}

}  // namespace mmi
