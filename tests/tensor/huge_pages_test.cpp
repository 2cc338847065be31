#include "mmi/tensor/huge_pages.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace mmi {
namespace {

/// Whether the system was asked for huge pages at `place`: "hg" among the flags of its mapping.
bool asked_for(const void* place) {
  const auto address = reinterpret_cast<std::uintptr_t>(place);
  std::ifstream maps("/proc/self/smaps");
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::istringstream head(line);
    if (head >> std::hex >> begin >> dash >> end && dash == '-') {
      here = begin <= address && address < end;
    } else if (here && line.starts_with("VmFlags:")) {
      return line.find(" hg") != std::string::npos;
    }
  }
  return false;
}

TEST(HugePages, AreAskedForLargeTensorsOfTheCpu) {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) {
    GTEST_SKIP() << "this system has no huge pages";
  }
  const auto large = in_huge_pages(torch::empty({16, 1 << 20}, torch::kChar));
  EXPECT_TRUE(asked_for(large.const_data_ptr()));
  EXPECT_TRUE(asked_for(static_cast<const char*>(large.const_data_ptr()) + large.nbytes() - 1));
  EXPECT_EQ(large.fill_(3).to(torch::kInt).sum().item<int>(), 3 * (16 << 20));
  EXPECT_EQ(in_huge_pages(torch::ones({3})).sum().item<float>(), 3);
  EXPECT_TRUE(in_huge_pages(torch::empty({1 << 22}, torch::kMeta)).is_meta());
}

}  // namespace
}  // namespace mmi
