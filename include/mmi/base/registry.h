#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mmi/base/config.h"
#include "mmi/base/errors.h"

namespace mmi {

namespace config {
template <class Interface>
Component<Interface> component(const std::string& name);
}

/// Configuration of a part registered from Python: any map, handed over as keyword arguments.
struct OpenConfig {
  config::Node options = config::Node::map();
};

/// What all registries share: names, documentation, field tables. Registries are filled by
/// `register_<room>()` functions, listed explicitly, never by static initialisers.
class MMI_API RegistryBase {
 public:
  struct Entry {
    std::string name;
    std::string doc;
    const config::Schema* schema = nullptr;  ///< null: options are free (registered from Python)
  };

  explicit RegistryBase(std::string kind);
  virtual ~RegistryBase();
  RegistryBase(const RegistryBase&) = delete;
  RegistryBase& operator=(const RegistryBase&) = delete;

  const std::string& kind() const {
    return kind_;
  }

  const std::vector<Entry>& entries() const {
    return entries_;
  }

  /// Null when unknown.
  const Entry* find(const std::string& name) const;

  /// Throws ConfigError listing the known names and the nearest one.
  const Entry& at(const std::string& name) const;

  /// Reads `{name: …, options…}` (or just a name) into a component's two members.
  void read_component(
      std::string& name,
      std::shared_ptr<const void>& config,
      const config::Node& node,
      const std::string& path,
      config::Problems& problems) const;
  config::Node write_component(
      const std::string& name, const void* config, bool identity_only) const;

  /// Every registry that exists, by kind.
  static const std::map<std::string, RegistryBase*>& all();

 protected:
  void add_entry(Entry entry, bool replace);

 private:
  std::string kind_;
  std::vector<Entry> entries_;
};

/// What the factories of an interface return: `Interface::Pointer` where declared, else shared_ptr.
template <class Interface, class Enable = void>
struct RegistryPointer {
  using Type = std::shared_ptr<Interface>;
};

template <class Interface>
struct RegistryPointer<Interface, std::void_t<typename Interface::Pointer>> {
  using Type = typename Interface::Pointer;
};

/// Names → factories of one interface. `Interface` declares what its factories receive besides
/// their configuration, and its name:
///   struct Dataset { static constexpr const char* kRegistryKind = "dataset"; struct BuildArgs {…};
///   … }; Registry<Dataset>::get().add<FolderConfig>("folder", "images of a folder",
///       [](const FolderConfig& c, const Dataset::BuildArgs& a) { return
///       std::make_shared<Folder>(c); });
template <class Interface>
class Registry : public RegistryBase {
 public:
  using BuildArgs = typename Interface::BuildArgs;
  using Pointer = typename RegistryPointer<Interface>::Type;
  using Create = std::function<Pointer(const void* config, const BuildArgs&)>;

  static Registry& get();

  template <config::HasSchema Config, class Factory>
  void add(const std::string& name, const std::string& doc, Factory factory) {
    add_entry({name, doc, &Config::schema()}, false);
    creators_[name] = [factory](const void* config, const BuildArgs& args) -> Pointer {
      return factory(*static_cast<const Config*>(config), args);
    };
  }

  /// For parts defined outside C++; replaces an entry of the same name (notebook cells run twice).
  void add_open(
      const std::string& name,
      const std::string& doc,
      std::function<Pointer(const OpenConfig&, const BuildArgs&)> factory) {
    add_entry({name, doc, nullptr}, true);
    creators_[name] = [factory](const void* config, const BuildArgs& args) {
      return factory(*static_cast<const OpenConfig*>(config), args);
    };
  }

  /// A component that only names its part gets the part's default options.
  Pointer create(const config::Component<Interface>& component, const BuildArgs& args) const {
    at(component.name);
    const auto options =
        component.config ? component.config : config::component<Interface>(component.name).config;
    return creators_.at(component.name)(options.get(), args);
  }

 private:
  Registry() : RegistryBase(Interface::kRegistryKind) {}

  std::map<std::string, Create> creators_;
};

/// In exactly one .cpp per interface, so that one registry exists in the process.
#define MMI_DEFINE_REGISTRY(Interface)                                    \
  template <>                                                             \
  MMI_API ::mmi::Registry<Interface>& ::mmi::Registry<Interface>::get() { \
    static Registry<Interface> instance;                                  \
    return instance;                                                      \
  }

/// Beside the interface's declaration.
#define MMI_DECLARE_REGISTRY(Interface) \
  template <>                           \
  MMI_API ::mmi::Registry<Interface>& ::mmi::Registry<Interface>::get()

namespace config {

template <class Interface>
struct ComponentSlot {
  static std::string kind() {
    return Interface::kRegistryKind;
  }
};

template <class Interface>
struct Codec<Component<Interface>> {
  static std::string type() {
    return std::string(Interface::kRegistryKind) + ": {name, options}";
  }

  static void read(
      Component<Interface>& v, const Node& n, const std::string& path, const Range&, Problems& p) {
    Registry<Interface>::get().read_component(v.name, v.config, n, path, p);
  }

  static Node write(const Component<Interface>& v, bool identity_only = false) {
    return Registry<Interface>::get().write_component(v.name, v.config.get(), identity_only);
  }
};

/// A component with the default options of `name`, for use as a struct default.
template <class Interface>
Component<Interface> component(const std::string& name) {
  Component<Interface> made;
  Problems problems;
  Registry<Interface>::get().read_component(made.name, made.config, Node::text(name), "", problems);
  problems.throw_if_any();
  return made;
}

}  // namespace config
}  // namespace mmi
