#include "mmi/runs/page.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/base/format.h"
#include "runs/chart.h"
#include "runs/page_style.h"

namespace fs = std::filesystem;

namespace mmi::runs {
namespace {

constexpr std::uintmax_t kMostPictureBytes = 1'000'000;

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  MMI_CHECK(DataError, file.good(), "{} cannot be read: check its permissions", path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string base64(const std::string& bytes) {
  static constexpr char kLetters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= count ? kLetters[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

std::string media_type(const fs::path& path) {
  static const std::map<std::string, std::string> known = {
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".jpeg", "image/jpeg"},
      {".gif", "image/gif"},
      {".webp", "image/webp"},
      {".svg", "image/svg+xml"},
      {".wav", "audio/wav"},
      {".mp3", "audio/mpeg"},
      {".flac", "audio/flac"},
      {".ogg", "audio/ogg"},
      {".m4a", "audio/mp4"},
      {".mp4", "video/mp4"},
      {".webm", "video/webm"},
      {".mov", "video/quicktime"},
  };
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  const auto found = known.find(extension);
  return found == known.end() ? "application/octet-stream" : found->second;
}

/// Percent-encodes what has a meaning in a URL or HTML attribute.
std::string url_of(const fs::path& relative) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : relative.generic_string()) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::string_view("-._~/!$()*+,;=@").find(c) != std::string::npos) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  // "a:b.png" was encoded above; "//host" would be a URL of another machine.
  return out.starts_with("//") ? "/." + out : out;
}

/// Where the page finds the file: a relative URL.
std::string link_to(const fs::path& file, const fs::path& folder, fs::path& found) {
  const fs::path home = fs::absolute(folder).lexically_normal();
  found = file.is_absolute() ? file : home / file;
  MMI_CHECK(
      DataError,
      fs::is_regular_file(found),
      "{} is missing, which the page in {} shows: write the file before the page",
      found,
      home);
  return url_of(found.lexically_normal().lexically_relative(home));
}

std::string source_of(const fs::path& file, const fs::path& folder, Embed embed, bool picture) {
  fs::path found;
  const std::string link = link_to(file, folder, found);
  const bool inside = embed == Embed::kAll || (embed == Embed::kPictures && picture &&
                                               fs::file_size(found) <= kMostPictureBytes);
  return inside ? format("data:{};base64,{}", media_type(found), base64(read_bytes(found))) : link;
}

/// Escaped text in which `backticks` set code.
std::string prose(const std::string& text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t open = text.find('`', at);
    const std::size_t close = open == std::string::npos ? open : text.find('`', open + 1);
    if (close == std::string::npos) {
      break;
    }
    out += escape_html(text.substr(at, open - at));
    out += "<code>" + escape_html(text.substr(open + 1, close - open - 1)) + "</code>";
    at = close + 1;
  }
  return out + escape_html(text.substr(at));
}

std::string anchor_of(const std::string& text, std::size_t number) {
  std::string out = format("s{}", number);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte)) {
      out += out.size() == 2 ? "-" : "";
      out += static_cast<char>(std::tolower(byte));
    } else if (out.back() != '-') {
      out += '-';
    }
  }
  return out.back() == '-' ? out.substr(0, out.size() - 1) : out;
}

}  // namespace

std::string escape_html(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Page::Page(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

Page& Page::add(std::string html) {
  blocks_.push_back([html = std::move(html)](const fs::path&, Embed) { return html; });
  return *this;
}

Page& Page::heading(const std::string& text, int level) {
  MMI_CHECK(ConfigError, level == 2 || level == 3, "a heading has level 2 or 3, but is {}", level);
  if (level == 3) {
    return add(format("<h3>{}</h3>\n", prose(text)));
  }
  sections_.emplace_back(anchor_of(text, sections_.size() + 1), text);
  return add(format("<h2 id=\"{}\">{}</h2>\n", sections_.back().first, prose(text)));
}

Page& Page::paragraph(const std::string& text) {
  return add("<p>" + prose(text) + "</p>\n");
}

Page& Page::stats(const std::vector<Stat>& stats) {
  std::string out = "<div class=\"stats\">";
  for (const Stat& stat : stats) {
    out += format("<div><b>{}</b><span>{}</span>", escape_html(stat.value), prose(stat.label));
    out += stat.note.empty() ? "</div>" : format("<small>{}</small></div>", prose(stat.note));
  }
  return add(out + "</div>\n");
}

Page& Page::table(
    const std::vector<Column>& columns,
    const std::vector<std::vector<std::string>>& rows,
    const std::vector<std::size_t>& highlight_rows,
    const std::string& caption) {
  const auto cell = [&](const char* tag, std::size_t column, const std::string& text) {
    const char* numeric = columns[column].numeric ? " class=\"num\"" : "";
    return format("<{}{}>{}</{}>", tag, numeric, prose(text), tag);
  };
  std::string out = "<div class=\"card scroll\"><table>";
  if (!caption.empty()) {
    out += "<caption>" + prose(caption) + "</caption>";
  }
  out += "<thead><tr>";
  for (std::size_t c = 0; c < columns.size(); ++c) {
    out += cell("th", c, columns[c].name);
  }
  out += "</tr></thead><tbody>\n";
  const std::set<std::size_t> best(highlight_rows.begin(), highlight_rows.end());
  for (std::size_t r = 0; r < rows.size(); ++r) {
    MMI_CHECK(
        ConfigError,
        rows[r].size() == columns.size(),
        "table row {} has {} cells, but there are {} columns",
        r,
        rows[r].size(),
        columns.size());
    out += best.contains(r) ? "<tr class=\"best\">" : "<tr>";
    for (std::size_t c = 0; c < columns.size(); ++c) {
      out += cell("td", c, rows[r][c]);
    }
    out += "</tr>\n";
  }
  return add(out + "</tbody></table></div>\n");
}

Page& Page::curve(
    const std::string& title, const std::vector<Series>& series, const CurveOptions& options) {
  return add(curve_figure(title, series, options, narrow_));
}

Page& Page::bars(
    const std::string& title, const std::vector<Bar>& bars, const BarsOptions& options) {
  return add(bars_figure(title, bars, options, narrow_));
}

Page& Page::add_media(const char* kind, const fs::path& file, const std::string& caption) {
  const std::string tag = kind;
  blocks_.push_back([tag, file, caption](const fs::path& folder, Embed embed) {
    const std::string source = source_of(file, folder, embed, tag == "img");
    std::string out = "<figure class=\"card\">";
    if (tag == "img") {
      out += format("<img src=\"{}\" alt=\"{}\">", source, escape_html(caption));
    } else {
      out += format("<{} controls preload=\"metadata\" src=\"{}\"></{}>", tag, source, tag);
    }
    if (!caption.empty()) {
      out += "<figcaption>" + prose(caption) + "</figcaption>";
    }
    return out + "</figure>\n";
  });
  return *this;
}

Page& Page::picture(const fs::path& file, const std::string& caption) {
  return add_media("img", file, caption);
}

Page& Page::audio(const fs::path& file, const std::string& caption) {
  return add_media("audio", file, caption);
}

Page& Page::video(const fs::path& file, const std::string& caption) {
  return add_media("video", file, caption);
}

Page& Page::artifact(const std::filesystem::path& file, const std::string& caption) {
  const std::string ending = file.extension().string();
  if (ending == ".mp4") {
    return video(file, caption);
  }
  if (ending == ".wav") {
    return audio(file, caption);
  }
  if (ending == ".png" || ending == ".svg") {
    return picture(file, caption);
  }
  return download(file, caption);
}

Page& Page::download(const fs::path& file, const std::string& text) {
  blocks_.push_back([file, text](const fs::path& folder, Embed) {
    fs::path found;
    const std::string link = link_to(file, folder, found);
    const std::string shown = text.empty() ? escape_html(file.filename().string()) : prose(text);
    return format("<p class=\"download\"><a href=\"{}\">{}</a></p>\n", link, shown);
  });
  return *this;
}

Page& Page::code(const std::string& text) {
  return add("<pre>" + escape_html(text) + "</pre>\n");
}

Page& Page::details(const std::string& summary, const std::string& text) {
  return add(format(
      "<details><summary>{}</summary><pre>{}</pre></details>\n",
      prose(summary),
      escape_html(text)));
}

Page& Page::side_by_side(const std::function<void(Page&)>& fill) {
  Page inner("");
  inner.narrow_ = true;
  inner.sections_ = sections_;
  fill(inner);
  sections_ = inner.sections_;
  blocks_.push_back([blocks = std::move(inner.blocks_)](const fs::path& folder, Embed embed) {
    std::string out = "<div class=\"side\">\n";
    for (const Block& block : blocks) {
      out += block(folder, embed);
    }
    return out + "</div>\n";
  });
  return *this;
}

std::string Page::html(const fs::path& folder, Embed embed) const {
  std::string out = format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n<header><h1>{}</h1>",
      escape_html(title_),
      kPageStyle,
      prose(title_));
  if (!subtitle_.empty()) {
    out += "<p class=\"subtitle\">" + prose(subtitle_) + "</p>";
  }
  if (sections_.size() >= 3) {
    out += "<nav>";
    for (const auto& [anchor, text] : sections_) {
      out += format("<a href=\"#{}\">{}</a>", anchor, prose(text));
    }
    out += "</nav>";
  }
  out += "</header>\n";
  for (const Block& block : blocks_) {
    out += block(folder, embed);
  }
  return out + "</main>\n</body>\n</html>\n";
}

void Page::save(const fs::path& path, Embed embed) const {
  const fs::path folder = fs::absolute(path).parent_path();
  std::error_code failed;
  fs::create_directories(folder, failed);
  const std::string page = html(folder, embed);
  fs::path half = path;
  half += ".part";
  {
    std::ofstream file(half, std::ios::binary | std::ios::trunc);
    file.write(page.data(), static_cast<std::streamsize>(page.size()));
    file.close();
    MMI_CHECK(DataError, file.good(), "{} cannot be written: is the disk full or read-only?", path);
  }
  fs::rename(half, path, failed);
  MMI_CHECK(DataError, !failed, "{} cannot be written: {}", path, failed.message());
}

}  // namespace mmi::runs
