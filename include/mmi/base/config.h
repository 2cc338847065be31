#pragma once

#include <any>
#include <array>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config_node.h"
#include "mmi/base/errors.h"

/// Configuration structs: one field table per struct gives parsing, checks, help and documentation.
///
///   struct AdamConfig {
///     double lr = 1e-3;
///     static const config::Schema& schema() {
///       static const config::Schema made = config::Table<AdamConfig>("adam", "Adam (Kingma & Ba
///       2015)")
///           .field("lr", &AdamConfig::lr, "step size", config::above(0))
///           .check([](const AdamConfig& c, config::Problems& problems) { … });
///       return made;
///     }
///   };
///   auto adam = config::read<AdamConfig>(node);   // throws one ConfigError listing every problem
namespace mmi::config {

class Schema;

/// All problems found while reading one tree, reported together.
class MMI_API Problems {
 public:
  void add(const Origin& where, const std::string& path, const std::string& what);

  /// For checks inside a struct, which do not know their place in the tree.
  void add(const std::string& what);

  bool empty() const {
    return lines_.empty();
  }

  /// Throws ConfigError when there is any problem.
  void throw_if_any() const;

  Origin place;      ///< of the struct being checked
  std::string path;  ///< dotted path of the struct being checked

 private:
  std::vector<std::string> lines_;
};

struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool open_low = false;

  MMI_API std::string text() const;  ///< "[0, 1]", "> 0" or ""
  MMI_API bool contains(double value) const;
};

inline Range between(double low, double high) {
  return {low, high, false};
}

inline Range above(double low) {
  return {low, std::numeric_limits<double>::infinity(), true};
}

inline Range at_least(double low) {
  return {low, std::numeric_limits<double>::infinity(), false};
}

/// One row of a field table.
struct Field {
  std::string name;
  std::string doc;
  std::string type;  ///< "integer", "list of float", "adam | sgd", "slot encoder", …
  std::string slot;  ///< registry kind when the field is a Component
  Range range;
  const Schema* sub = nullptr;  ///< field table of a nested struct, see Nested
  bool cosmetic = false;        ///< does not change results: not part of the run id
  std::function<void(void*, const Node&, const std::string& path, Problems&)> read;
  std::function<Node(const void*, bool identity_only)> write;
};

/// Type-erased field table of one struct.
class MMI_API Schema {
 public:
  std::string name;
  std::string doc;
  std::vector<Field> fields;
  std::vector<std::function<void(const void*, Problems&)>> checks;
  std::function<std::shared_ptr<void>()> make;

  /// Sets the members named in `node`; everything wrong goes to `problems`.
  /// `ignore_below_layer`: unknown keys written in a lower layer belong to a part that a later
  /// layer replaced (`model: {name: other}`) and are dropped.
  void read(
      void* object,
      const Node& node,
      const std::string& path,
      Problems& problems,
      int ignore_below_layer = -1) const;

  /// The tree of all fields; with `identity_only` cosmetic fields are left out.
  Node write(const void* object, bool identity_only = false) const;

  std::vector<std::string> field_names() const;
};

/// A registered part chosen by name, with its own configuration: `encoder: {name: resnet18, width:
/// 0.5}`. `Interface` names its registry (mmi/base/registry.h).
template <class Interface>
struct Component {
  std::string name;
  std::shared_ptr<const void> config;  ///< of the type the named entry declares
};

// ---- how each member type is read and written
// ----------------------------------------------------

template <class T, class Enable = void>
struct Codec;

template <class T>
concept HasSchema = requires {
  { T::schema() } -> std::convertible_to<const Schema&>;
};

/// Specialise `names` for an enum: {{"linear", Mode::kLinear}, …}.
template <class E>
struct EnumNames;

MMI_API bool read_bool(const Node&, const std::string& path, Problems&, bool& value);
MMI_API bool read_int(
    const Node&, const std::string& path, const Range&, Problems&, std::int64_t& value);
MMI_API bool read_float(
    const Node&, const std::string& path, const Range&, Problems&, double& value);
MMI_API bool read_string(const Node&, const std::string& path, Problems&, std::string& value);
MMI_API bool expect(const Node&, Node::Kind kind, const std::string& path, Problems&);

template <>
struct Codec<bool> {
  static std::string type() {
    return "boolean";
  }

  static void read(bool& v, const Node& n, const std::string& path, const Range&, Problems& p) {
    read_bool(n, path, p, v);
  }

  static Node write(bool v, bool identity_only = false) {
    return Node::boolean(v);
  }
};

template <class T>
struct Codec<T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>>> {
  static std::string type() {
    return "integer";
  }

  static void read(T& v, const Node& n, const std::string& path, const Range& r, Problems& p) {
    std::int64_t wide = 0;
    if (read_int(n, path, r, p, wide)) {
      if (!std::in_range<T>(wide)) {
        p.add(n.origin, path, format("{} does not fit", wide));
      }
      v = static_cast<T>(wide);
    }
  }

  static Node write(T v, bool identity_only = false) {
    return Node::integer(static_cast<std::int64_t>(v));
  }
};

template <class T>
struct Codec<T, std::enable_if_t<std::is_floating_point_v<T>>> {
  static std::string type() {
    return "float";
  }

  static void read(T& v, const Node& n, const std::string& path, const Range& r, Problems& p) {
    double wide = 0;
    if (read_float(n, path, r, p, wide)) {
      v = static_cast<T>(wide);
    }
  }

  static Node write(T v, bool identity_only = false) {
    return Node::real(v);
  }
};

template <>
struct Codec<std::string> {
  static std::string type() {
    return "string";
  }

  static void read(
      std::string& v, const Node& n, const std::string& path, const Range&, Problems& p) {
    read_string(n, path, p, v);
  }

  static Node write(const std::string& v, bool identity_only = false) {
    return Node::text(v);
  }
};

template <class T>
struct Codec<std::optional<T>> {
  static std::string type() {
    return Codec<T>::type() + " or null";
  }

  static void read(
      std::optional<T>& v, const Node& n, const std::string& path, const Range& r, Problems& p) {
    if (n.kind == Node::Kind::kNull) {
      v.reset();
    } else {
      Codec<T>::read(v.emplace(), n, path, r, p);
    }
  }

  static Node write(const std::optional<T>& v, bool identity_only = false) {
    return v ? Codec<T>::write(*v, identity_only) : Node();
  }
};

template <class T>
struct Codec<std::vector<T>> {
  static std::string type() {
    return "list of " + Codec<T>::type();
  }

  static void read(
      std::vector<T>& v, const Node& n, const std::string& path, const Range& r, Problems& p) {
    if (!expect(n, Node::Kind::kList, path, p)) {
      return;
    }
    v.assign(n.items.size(), T{});
    for (std::size_t i = 0; i < v.size(); ++i) {
      if constexpr (std::is_same_v<T, bool>) {
        bool item = false;
        Codec<bool>::read(item, n.items[i], format("{}[{}]", path, i), r, p);
        v[i] = item;
      } else {
        Codec<T>::read(v[i], n.items[i], format("{}[{}]", path, i), r, p);
      }
    }
  }

  static Node write(const std::vector<T>& v, bool identity_only = false) {
    Node list = Node::list();
    for (const auto& item : v) {
      list.items.push_back(Codec<T>::write(item, identity_only));
    }
    return list;
  }
};

template <class T>
struct Codec<std::map<std::string, T>> {
  static std::string type() {
    return "map of " + Codec<T>::type();
  }

  static void read(
      std::map<std::string, T>& v,
      const Node& n,
      const std::string& path,
      const Range& r,
      Problems& p) {
    if (!expect(n, Node::Kind::kMap, path, p)) {
      return;
    }
    v.clear();
    for (const auto& [key, value] : n.members) {
      Codec<T>::read(v[key], value, path + "." + key, r, p);
    }
  }

  static Node write(const std::map<std::string, T>& v, bool identity_only = false) {
    Node map = Node::map();
    for (const auto& [key, value] : v) {
      map.set(key, Codec<T>::write(value, identity_only));
    }
    return map;
  }
};

template <class T>
struct Codec<T, std::enable_if_t<std::is_enum_v<T>>> {
  static std::string type() {
    std::string text;
    for (const auto& [name, value] : EnumNames<T>::names) {
      text += (text.empty() ? "" : " | ") + std::string(name);
    }
    return text;
  }

  static void read(T& v, const Node& n, const std::string& path, const Range&, Problems& p) {
    std::string text;
    if (!read_string(n, path, p, text)) {
      return;
    }
    for (const auto& [name, value] : EnumNames<T>::names) {
      if (text == name) {
        v = value;
        return;
      }
    }
    p.add(n.origin, path, format("must be one of {}, but is \"{}\"", type(), text));
  }

  static Node write(T v, bool identity_only = false) {
    for (const auto& [name, value] : EnumNames<T>::names) {
      if (v == value) {
        return Node::text(std::string(name));
      }
    }
    return {};
  }
};

template <HasSchema T>
struct Codec<T, void> {
  static std::string type() {
    return T::schema().name;
  }

  static void read(T& v, const Node& n, const std::string& path, const Range&, Problems& p) {
    T::schema().read(&v, n, path, p);
  }

  static Node write(const T& v, bool identity_only = false) {
    return T::schema().write(&v, identity_only);
  }
};

// ---- building a table
// ---------------------------------------------------------------------------------

template <class Interface>
struct ComponentSlot;  // mmi/base/registry.h

template <class T>
struct IsComponent : std::false_type {};

template <class I>
struct IsComponent<Component<I>> : std::true_type {
  using Interface = I;
};

template <class I>
struct IsComponent<std::optional<Component<I>>> : IsComponent<Component<I>> {};

/// The field table inside a struct, or an optional, list or map of structs; null for other types.
template <class T>
struct Nested {
  static const Schema* schema() {
    if constexpr (HasSchema<T>) {
      return &T::schema();
    } else {
      return nullptr;
    }
  }
};

template <class T>
struct Nested<std::optional<T>> : Nested<T> {};

template <class T>
struct Nested<std::vector<T>> : Nested<T> {};

template <class T>
struct Nested<std::map<std::string, T>> : Nested<T> {};

template <class C>
class Table {
 public:
  Table(std::string name, std::string doc) {
    schema_.name = std::move(name);
    schema_.doc = std::move(doc);
    schema_.make = [] { return std::make_shared<C>(); };
  }

  /// `member` is read and written under `name`.
  template <class T>
  Table& field(const char* name, T C::* member, const char* doc, Range range = {}) {
    Field made;
    made.name = name;
    made.doc = doc;
    made.range = range;
    made.type = Codec<T>::type();
    made.sub = Nested<T>::schema();
    if constexpr (IsComponent<T>::value) {
      made.slot = ComponentSlot<typename IsComponent<T>::Interface>::kind();
    }
    made.read = [member, range](
                    void* object, const Node& node, const std::string& path, Problems& p) {
      Codec<T>::read(static_cast<C*>(object)->*member, node, path, range, p);
    };
    made.write = [member](const void* object, bool identity_only) {
      return Codec<T>::write(static_cast<const C*>(object)->*member, identity_only);
    };
    schema_.fields.push_back(std::move(made));
    return *this;
  }

  /// The last field does not change results (logging, output places): it is not part of the run id.
  Table& cosmetic() {
    schema_.fields.back().cosmetic = true;
    return *this;
  }

  template <class Check>
  Table& check(Check check) {
    schema_.checks.push_back([check](const void* object, Problems& problems) {
      check(*static_cast<const C*>(object), problems);
    });
    return *this;
  }

  operator Schema() const {
    return schema_;
  }

 private:
  Schema schema_;
};

/// Reads a whole struct; throws one ConfigError that lists every problem.
template <HasSchema T>
T read(const Node& node) {
  T value;
  Problems problems;
  T::schema().read(&value, node, "", problems);
  problems.throw_if_any();
  return value;
}

template <HasSchema T>
Node write(const T& value, bool identity_only = false) {
  return T::schema().write(&value, identity_only);
}

}  // namespace mmi::config
