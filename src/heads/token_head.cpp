#include "mmi/heads/token_head.h"

#include <memory>

#include "mmi/heads/autoregressive_transformer.h"
#include "mmi/heads/masked_transformer.h"

MMI_DEFINE_REGISTRY(mmi::heads::TokenHead)

namespace mmi::heads {

void register_token_heads() {
  auto& registry = Registry<TokenHead>::get();
  registry.add<MaskedTransformerConfig>(
      "masked_transformer",
      "bidirectional transformer that fills in masked tokens (VATT, VAB)",
      [](const MaskedTransformerConfig& config, const TokenHead::BuildArgs& args) {
        return std::make_shared<MaskedTransformer>(config, args);
      });
  registry.add<AutoregressiveTransformerConfig>(
      "autoregressive_transformer",
      "causal transformer over a codebook pattern (AudioGen, MusicGen, FoleyGen)",
      [](const AutoregressiveTransformerConfig& config, const TokenHead::BuildArgs& args) {
        return std::make_shared<AutoregressiveTransformer>(config, args);
      });
}

}  // namespace mmi::heads
