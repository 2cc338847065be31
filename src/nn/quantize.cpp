#include "mmi/nn/quantize.h"

#include <algorithm>

#include "mmi/nn/layers.h"
#include "mmi/nn/state.h"

namespace mmi::nn {

void quantize_int8(torch::nn::Module& module, const std::vector<std::string>& except) {
  for (const auto& item : module.named_modules("", /*include_self=*/false)) {
    auto* layer = dynamic_cast<Linear*>(item.value().get());
    if (layer != nullptr && std::none_of(except.begin(), except.end(), [&](const auto& glob) {
          return glob_match(glob, item.key());
        })) {
      layer->quantize_int8();
    }
  }
}

}  // namespace mmi::nn
