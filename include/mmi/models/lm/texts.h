#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"

namespace mmi::models::lm {

/// The `texts` slot: what a language model learns from.
class MMI_API Texts {
 public:
  static constexpr const char* kRegistryKind = "texts";

  struct BuildArgs {};

  virtual ~Texts() = default;

  /// UTF-8 of "train", "valid" or "test"; the splits share no passage. DataError for an empty one.
  virtual std::string split(const std::string& name) const = 0;

  virtual std::string fingerprint() const = 0;
};

}  // namespace mmi::models::lm

MMI_DECLARE_REGISTRY(mmi::models::lm::Texts);
