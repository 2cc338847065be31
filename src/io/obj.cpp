#include "mmi/io/obj.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"

namespace mmi::io {
namespace {

constexpr std::string_view kBlank = " \t\r\f\v";
constexpr std::size_t kMaxName = 1024;
constexpr std::int32_t kNone = -1;
constexpr std::int32_t kNotLookedUp = -2;

// Of the format, but no polygons.
constexpr std::array<std::string_view, 34> kSkipped{
    {"vp",   "s",     "mg",       "l",        "p",          "cstype",    "deg",    "bmat", "step",
     "curv", "curv2", "surf",     "parm",     "trim",       "hole",      "scrv",   "sp",   "end",
     "con",  "bevel", "c_interp", "d_interp", "lod",        "maplib",    "usemap", "call", "csh",
     "res",  "cdc",   "cdp",      "bzp",      "shadow_obj", "trace_obj", "ctech"}};

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

/// The next word of `rest`, which becomes shorter; empty at the end and where a comment begins.
std::string_view next_word(std::string_view& rest) {
  rest = trimmed(rest);
  if (rest.starts_with('#')) {
    rest = {};
  }
  const std::string_view word = rest.substr(0, std::min(rest.find_first_of(kBlank), rest.size()));
  rest.remove_prefix(word.size());
  return word;
}

std::string printable(std::string_view text) {
  std::string shown(text.substr(0, 60));
  for (char& c : shown) {
    c = c >= 32 && c < 127 ? c : '?';
  }
  return shown;
}

/// Logical lines with the number of their first physical one.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}

  bool next() {
    if (used_ >= text_.size()) {
      return false;
    }
    number_ = next_number_;
    line_ = physical();
    if (!continues(line_)) {
      return true;
    }
    joined_.clear();
    for (;;) {
      const bool more = continues(line_);
      joined_ += more ? line_.substr(0, line_.size() - 1) : line_;
      if (!more || used_ >= text_.size()) {
        break;
      }
      joined_ += ' ';
      line_ = physical();
    }
    line_ = joined_;
    return true;
  }

  std::string_view line() const {
    return line_;
  }

  std::int64_t number() const {
    return number_;
  }

 private:
  static bool continues(std::string_view line) {
    return line.ends_with('\\');
  }

  std::string_view physical() {
    const std::size_t end = std::min(text_.find('\n', used_), text_.size());
    std::string_view line = text_.substr(used_, end - used_);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    used_ = end + 1;
    ++next_number_;
    return line;
  }

  std::string_view text_;
  std::string_view line_;
  std::string joined_;
  std::size_t used_ = 0;
  std::int64_t number_ = 0;
  std::int64_t next_number_ = 1;
};

/// Vertices, texture coordinates or normals: how many there are, and the furthest that a face uses.
struct Counted {
  const char* what;
  std::int64_t count = 0;
  std::int64_t highest = 0;
  std::int64_t line = 0;  ///< of the face that uses `highest`
};

/// A list of names, and the one that holds for the faces that follow.
class Names {
 public:
  Names(std::vector<std::string>& list, std::size_t limit) : list_(list), limit_(limit) {}

  void set(std::string_view name) {
    current_ = name;
    index_ = name.empty() ? kNone : kNotLookedUp;
  }

  /// Of the current name; false when the list would grow beyond its limit.
  bool index(std::int32_t& index) {
    if (index_ == kNotLookedUp) {
      const auto [at, added] =
          known_.try_emplace(current_, static_cast<std::int32_t>(list_.size()));
      if (added) {
        if (list_.size() >= limit_) {
          return false;
        }
        list_.push_back(current_);
      }
      index_ = at->second;
    }
    index = index_;
    return true;
  }

 private:
  std::vector<std::string>& list_;
  std::size_t limit_;
  std::string current_;
  std::int32_t index_ = kNone;
  std::unordered_map<std::string, std::int32_t> known_;
};

class Parser {
 public:
  Parser(std::string_view text, const std::string& name, const ObjLimits& limits)
      : lines_(text),
        name_(name),
        limits_(limits),
        objects_(mesh_.objects, limits.max_names),
        groups_(mesh_.groups, limits.max_names),
        materials_(mesh_.materials, limits.max_names) {}

  ObjMesh parse() {
    while (lines_.next()) {
      std::string_view rest = lines_.line();
      const std::string_view keyword = next_word(rest);
      if (!keyword.empty()) {
        statement(keyword, rest);
      }
    }
    for (const Counted& kind : kinds_) {
      MMI_CHECK(
          DataError,
          kind.highest <= kind.count,
          "{}: line {}: a face uses {} {}, but the file has {}",
          name_,
          kind.line,
          kind.what,
          kind.highest,
          kind.count);
    }
    MMI_CHECK(
        DataError, !mesh_.faces.empty(), "{}: has no face: is it a Wavefront OBJ file?", name_);
    return std::move(mesh_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(format("{}: line {}: {}", name_, lines_.number(), what));
  }

  void statement(std::string_view keyword, std::string_view rest) {
    if (keyword == "v") {
      vertex(rest);
    } else if (keyword == "f" || keyword == "fo") {
      face(rest);
    } else if (keyword == "vt" || keyword == "vn") {
      ++kinds_[keyword == "vt" ? 1 : 2].count;
    } else if (keyword == "o") {
      objects_.set(name_of(rest));
    } else if (keyword == "g") {
      groups_.set(name_of(rest));
    } else if (keyword == "usemtl") {
      materials_.set(name_of(rest));
    } else if (keyword == "mtllib") {
      library(name_of(rest));
    } else if (std::find(kSkipped.begin(), kSkipped.end(), keyword) == kSkipped.end()) {
      fail(format("'{}' is no keyword of Wavefront OBJ", printable(keyword)));
    }
  }

  std::string_view name_of(std::string_view rest) const {
    const std::string_view text = trimmed(rest);
    if (text.size() > kMaxName || text.find('\0') != std::string_view::npos) {
      fail(format("a name must have at most {} characters, none of them NUL", kMaxName));
    }
    return text;
  }

  void library(std::string_view text) {
    if (text.empty()) {
      return;
    }
    if (mesh_.libraries.size() >= limits_.max_names) {
      fail(format("more than {} libraries of materials", limits_.max_names));
    }
    mesh_.libraries.emplace_back(text);
  }

  double coordinate(std::string_view word) const {
    const std::string_view digits = word.starts_with('+') ? word.substr(1) : word;
    double value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    // A number too small for a double is zero, one too large is an error.
    const bool tiny = error == std::errc::result_out_of_range && digits.find('-', 1) != digits.npos;
    if ((error != std::errc() && !tiny) || stop != end || !std::isfinite(value)) {
      fail(format("a coordinate must be a finite number, but is '{}'", printable(word)));
    }
    return value;
  }

  void vertex(std::string_view rest) {
    std::array<double, 3> position{};
    std::size_t n = 0;
    for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest), ++n) {
      const double value = coordinate(word);
      if (n < 3) {
        position[n] = value;
      }
    }
    // x y z, then nothing, w, or a colour (with w).
    if (n < 3 || n > 8) {
      fail(format("a vertex has 3 coordinates, but {} numbers are given", n));
    }
    if (mesh_.vertices.size() >= std::numeric_limits<std::int32_t>::max()) {
      fail("more than 2^31 vertices");
    }
    mesh_.vertices.push_back(position);
    ++kinds_[0].count;
  }

  /// 1-based, of one of the up to three parts of a corner.
  std::int64_t index(std::string_view part, Counted& kind) {
    std::int64_t value = 0;
    const char* const end = part.data() + part.size();
    const auto [stop, error] = std::from_chars(part.data(), end, value);
    const std::int64_t absolute = value < 0 ? kind.count + 1 + value : value;
    if (error != std::errc() || stop != end || absolute < 1 ||
        absolute > std::numeric_limits<std::int32_t>::max()) {
      fail(format(
          "'{}' is no {}: indices are 1, 2, ... or -1, -2, ... for the last of the {} so far",
          printable(part),
          kind.what,
          kind.count));
    }
    if (absolute > kind.highest) {
      kind.highest = absolute;
      kind.line = lines_.number();
    }
    return absolute;
  }

  void corner(std::string_view word) {
    std::string_view parts[3];
    std::size_t n = 0;
    for (std::string_view left = word;; ++n) {
      const std::size_t slash = left.find('/');
      if (n == 3) {
        fail(format("a corner must be v, v/vt, v//vn or v/vt/vn, but is '{}'", printable(word)));
      }
      parts[n] = left.substr(0, std::min(slash, left.size()));
      if (slash == std::string_view::npos) {
        break;
      }
      left.remove_prefix(slash + 1);
    }
    mesh_.corners.push_back(static_cast<std::int32_t>(index(parts[0], kinds_[0]) - 1));
    for (std::size_t i = 1; i < 3; ++i) {
      if (!parts[i].empty()) {
        index(parts[i], kinds_[i]);
      }
    }
  }

  void face(std::string_view rest) {
    ObjFace face;
    face.begin = static_cast<std::int64_t>(mesh_.corners.size());
    for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
      corner(word);
    }
    const std::size_t count = mesh_.corners.size() - static_cast<std::size_t>(face.begin);
    if (count < 3) {
      fail(format("a face needs at least 3 corners, but has {}", count));
    }
    face.count = static_cast<std::int32_t>(count);
    if (!objects_.index(face.object) || !groups_.index(face.group) ||
        !materials_.index(face.material)) {
      fail(format("more than {} names of objects, groups or materials", limits_.max_names));
    }
    mesh_.faces.push_back(face);
  }

  Lines lines_;
  const std::string& name_;
  ObjLimits limits_;
  ObjMesh mesh_;
  Names objects_;
  Names groups_;
  Names materials_;
  std::array<Counted, 3> kinds_{{{"vertex"}, {"texture coordinate"}, {"normal"}}};
};

void check_name(const std::string& name) {
  MMI_CHECK(
      ConfigError,
      !name.empty() && name.size() <= kMaxName && trimmed(name) == name && !name.ends_with('\\') &&
          name.find_first_of(std::string_view("\n\0", 2)) == std::string::npos,
      "'{}' cannot be a name in an OBJ file: it must be one line of 1 to {} characters without "
      "blanks around it and without a backslash at its end",
      printable(name),
      kMaxName);
}

void put(std::string& out, double value) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  out.append(digits, end);
}

/// "keyword name" where the name differs from that of the face before.
void put_name(
    std::string& out,
    const char* keyword,
    const std::vector<std::string>& names,
    std::int32_t index,
    std::int32_t& current) {
  if (index == current) {
    return;
  }
  MMI_CHECK(
      ShapeError,
      index >= kNone && index < static_cast<std::int64_t>(names.size()),
      "a face has the name {} of {}",
      index,
      names.size());
  out += keyword;
  if (index != kNone) {
    check_name(names[static_cast<std::size_t>(index)]);
    out += ' ';
    out += names[static_cast<std::size_t>(index)];
  }
  out += '\n';
  current = index;
}

void put_face(std::string& out, const ObjMesh& mesh, const ObjFace& face) {
  const auto n = static_cast<std::int64_t>(mesh.corners.size());
  MMI_CHECK(
      ShapeError,
      face.count >= 3 && face.begin >= 0 && face.begin <= n && face.count <= n - face.begin,
      "a face must have at least 3 of the {} corners, but has {} from {} on",
      n,
      face.count,
      face.begin);
  out += 'f';
  for (const std::int32_t corner : mesh.corners_of(face)) {
    MMI_CHECK(
        ShapeError,
        corner >= 0 && corner < static_cast<std::int64_t>(mesh.vertices.size()),
        "a face uses vertex {} of {}",
        corner,
        mesh.vertices.size());
    out += ' ';
    out += std::to_string(corner + std::int64_t{1});
  }
  out += '\n';
}

std::int32_t index_of(std::vector<std::string>& names, const std::string& name) {
  if (name.empty()) {
    return kNone;
  }
  // From the back: faces of one name usually follow each other.
  const auto found = std::find(names.rbegin(), names.rend(), name);
  if (found != names.rend()) {
    return static_cast<std::int32_t>(names.rend() - found - 1);
  }
  names.push_back(name);
  return static_cast<std::int32_t>(names.size() - 1);
}

}  // namespace

void ObjMesh::add_face(
    std::span<const std::int32_t> polygon,
    const std::string& object,
    const std::string& group,
    const std::string& material) {
  ObjFace face;
  face.begin = static_cast<std::int64_t>(corners.size());
  face.count = static_cast<std::int32_t>(polygon.size());
  face.object = index_of(objects, object);
  face.group = index_of(groups, group);
  face.material = index_of(materials, material);
  corners.insert(corners.end(), polygon.begin(), polygon.end());
  faces.push_back(face);
}

ObjMesh parse_obj(std::string_view text, const std::string& name, const ObjLimits& limits) {
  MMI_CHECK(
      DataError,
      text.size() <= limits.max_bytes,
      "{}: {} of OBJ, but at most {} are read",
      name,
      human_size(text.size()),
      human_size(limits.max_bytes));
  return Parser(text, name, limits).parse();
}

ObjMesh read_obj(const std::filesystem::path& path, const ObjLimits& limits) {
  return parse_obj(read_text(path, limits.max_bytes), path.string(), limits);
}

std::string encode_obj(const ObjMesh& mesh) {
  std::string out = "# libmmi\n";
  for (const std::string& library : mesh.libraries) {
    check_name(library);
    out += "mtllib " + library + '\n';
  }
  for (const auto& vertex : mesh.vertices) {
    out += 'v';
    for (const double value : vertex) {
      MMI_CHECK(NumericError, std::isfinite(value), "OBJ: a coordinate is {}, not finite", value);
      out += ' ';
      put(out, value);
    }
    out += '\n';
  }
  ObjFace current;
  for (const ObjFace& face : mesh.faces) {
    put_name(out, "o", mesh.objects, face.object, current.object);
    put_name(out, "g", mesh.groups, face.group, current.group);
    put_name(out, "usemtl", mesh.materials, face.material, current.material);
    put_face(out, mesh, face);
  }
  return out;
}

void write_obj(const std::filesystem::path& path, const ObjMesh& mesh) {
  atomic_write(path, encode_obj(mesh));
}

}  // namespace mmi::io
