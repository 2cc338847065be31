#pragma once

#include <cstdint>

#include "mmi/base/config.h"

namespace mmi::models::lm {

/// Captions of sounds, one a line, from a small grammar: who or what sounds, how, where, how often,
/// and what is heard behind it. Plurals agree, and a thing is only where it can be.
struct CaptionWorldConfig {
  std::int64_t train_captions = 20000;
  std::int64_t valid_captions = 500;
  std::int64_t test_captions = 500;

  static const config::Schema& schema();
};

void register_caption_world();

}  // namespace mmi::models::lm
