#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mmi::text {

/// One step from tokens back to text: what it leaves is joined in the end. Const and safe for
/// concurrent use.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};

/// ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace, WordPiece, BPEDecoder, Sequence;
/// `DataError` for any other. Never nullptr.
std::unique_ptr<const Decoder> read_decoder(
    const nlohmann::json& description, const std::string& where);

}  // namespace mmi::text
