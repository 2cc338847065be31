#include "mmi/base/format.h"

#include <fmt/args.h>
#include <fmt/format.h>

namespace mmi {

FormatArg::FormatArg(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + std::to_string(shape[i]);
  }
  value_ = text + "]";
}

std::string vformat(std::string_view pattern, std::initializer_list<FormatArg> args) {
  fmt::dynamic_format_arg_store<fmt::format_context> store;
  for (const FormatArg& arg : args) {
    std::visit([&](const auto& value) { store.push_back(value); }, arg.value());
  }
  return fmt::vformat(fmt::string_view(pattern.data(), pattern.size()), store);
}

}  // namespace mmi
