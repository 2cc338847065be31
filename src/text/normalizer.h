#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace mmi::text {

/// Changes a text (valid UTF-8) before it is split. Const and safe for concurrent use.
class Normalizer {
 public:
  virtual ~Normalizer() = default;

  /// `at_start` becomes false when the first character goes without a successor: what begins the
  /// text then is not what began the user's.
  virtual void apply(std::string& text, bool& at_start) const = 0;
};

/// Replace, Prepend, Lowercase, NFC, NFD, NFKC, NFKD, Strip, StripAccents, BertNormalizer,
/// Sequence; `DataError` for any other. Never nullptr.
std::unique_ptr<const Normalizer> read_normalizer(
    const nlohmann::json& description, const std::string& where);

}  // namespace mmi::text
