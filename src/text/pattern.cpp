#include "text/pattern.h"

#include "text/fields.h"

namespace mmi::text {

Pattern::Pattern(const nlohmann::json& description, const std::string& where) {
  if (description.is_string()) {  // as old files have it
    literal_ = description.get<std::string>();
    return;
  }
  Fields fields(description, where + ": pattern");
  if (fields.find("Regex") != nullptr) {
    regex_.emplace(fields.text("Regex"), where);
  } else {
    literal_ = fields.text("String");
  }
  fields.done();
}

void Pattern::find_all(
    std::string_view piece, std::uint32_t offset, std::vector<Range>& found) const {
  if (regex_) {
    regex_->find_all(piece, offset, found);
    return;
  }
  if (literal_.empty()) {
    return;
  }
  for (std::size_t at = piece.find(literal_); at != std::string_view::npos;
       at = piece.find(literal_, at + literal_.size())) {
    const auto begin = offset + static_cast<std::uint32_t>(at);
    found.push_back({begin, begin + static_cast<std::uint32_t>(literal_.size())});
  }
}

bool Pattern::begins(std::string_view text) const {
  std::vector<Range> found;
  find_all(text, 0, found);
  return !found.empty() && found.front().begin == 0;
}

std::string Pattern::replace_all(std::string_view text, std::string_view content) const {
  std::vector<Range> found;
  find_all(text, 0, found);
  if (found.empty()) {
    return std::string(text);
  }
  std::string out;
  out.reserve(text.size() + found.size() * content.size());
  std::size_t done = 0;
  for (const Range& range : found) {
    out.append(text.substr(done, range.begin - done));
    out.append(content);
    done = range.end;
  }
  out.append(text.substr(done));
  return out;
}

}  // namespace mmi::text
