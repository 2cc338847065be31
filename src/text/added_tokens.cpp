#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"
#include "text/utf8.h"

namespace mmi::text {
namespace {

bool ends_with_word(std::string_view text) {
  std::size_t at = text.size();
  return !text.empty() && is_word(previous_char(text, at));
}

bool begins_with_word(std::string_view text) {
  std::size_t at = 0;
  return !text.empty() && is_word(next_char(text, at));
}

}  // namespace

void TokenFinder::add(std::string_view text, const AddedToken& token) {
  std::int32_t node = 0;
  for (const char c : text) {
    const auto [found, added] = nodes_[node].next.try_emplace(
        static_cast<unsigned char>(c), static_cast<std::int32_t>(nodes_.size()));
    node = found->second;
    if (added) {
      nodes_.emplace_back();
    }
  }
  if (nodes_[node].token < 0) {
    nodes_[node].token = static_cast<std::int32_t>(tokens_.size());
    tokens_.push_back(token);
  }
  const auto first = static_cast<unsigned char>(text.front());
  first_[first] = nodes_[0].next[first];
}

const AddedToken* TokenFinder::longest(
    std::string_view text, std::size_t at, std::size_t& end) const {
  std::int32_t node = first_[static_cast<unsigned char>(text[at])];
  std::int32_t token = -1;
  while (node != 0) {
    ++at;
    if (nodes_[node].token >= 0) {
      token = nodes_[node].token;
      end = at;
    }
    if (at == text.size()) {
      break;
    }
    const auto next = nodes_[node].next.find(static_cast<unsigned char>(text[at]));
    node = next == nodes_[node].next.end() ? 0 : next->second;
  }
  return token < 0 ? nullptr : &tokens_[token];
}

void TokenFinder::split(std::string_view text, std::vector<Segment>& segments) const {
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size() && !empty();) {
    std::size_t end = at;
    const AddedToken* token = longest(text, at, end);
    if (token == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    at = end;
    if (token->single_word &&
        (ends_with_word(text.substr(0, begin)) || begins_with_word(text.substr(end)))) {
      continue;
    }
    while (token->lstrip && begin > done) {
      std::size_t before = begin;
      if (!is_space(previous_char(text, before))) {
        break;
      }
      begin = before;
    }
    while (token->rstrip && end < text.size()) {
      std::size_t after = end;
      if (!is_space(next_char(text, after))) {
        break;
      }
      end = after;
    }
    // Taking white space along may have reached into what is taken already.
    begin = std::max(begin, done);
    if (done < begin) {
      segments.push_back({done, begin, -1});
    }
    segments.push_back({begin, end, token->id});
    done = end;
    at = std::max(at, end);
  }
  if (done < text.size()) {
    segments.push_back({done, text.size(), -1});
  }
}

}  // namespace mmi::text
