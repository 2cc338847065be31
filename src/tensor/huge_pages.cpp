#include "mmi/tensor/huge_pages.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstdint>

namespace mmi {

torch::Tensor in_huge_pages(torch::Tensor fresh) {
#ifdef MADV_HUGEPAGE
  constexpr std::uintptr_t kPage = std::uintptr_t{2} << 20;
  if (fresh.is_cpu() && fresh.nbytes() >= kPage) {
    const auto begin = reinterpret_cast<std::uintptr_t>(fresh.data_ptr()) / kPage * kPage;
    const auto end = reinterpret_cast<std::uintptr_t>(fresh.data_ptr()) + fresh.nbytes();
    // A hint, also to what else lies in the first and last page; what it answers does not matter.
    ::madvise(
        reinterpret_cast<void*>(begin), (end - begin + kPage - 1) / kPage * kPage, MADV_HUGEPAGE);
  }
#endif
  return fresh;
}

}  // namespace mmi
