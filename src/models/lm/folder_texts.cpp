#include "models/lm/folder_texts.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <sstream>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/hash.h"
#include "mmi/models/lm/texts.h"

namespace mmi::models::lm {
namespace {

namespace fs = std::filesystem;

/// The next place at or behind `at` where a line begins.
std::size_t line_from(const std::string& text, double share) {
  const auto at = static_cast<std::size_t>(std::floor(share * static_cast<double>(text.size())));
  const auto end = text.find('\n', at);
  return end == std::string::npos ? text.size() : end + 1;
}

class FolderTexts : public Texts {
 public:
  explicit FolderTexts(const FolderTextsConfig& config) {
    MMI_CHECK(
        DataError,
        !config.path.empty() && fs::is_directory(config.path),
        "texts.path is \"{}\", which is no folder",
        config.path);
    std::istringstream list(config.endings);
    std::set<std::string> endings;
    for (std::string ending; list >> ending;) {
      endings.insert(ending);
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(config.path)) {
      if (entry.is_regular_file() && endings.contains(entry.path().extension().string())) {
        files.push_back(entry.path());
      }
    }
    std::ranges::sort(files);
    std::string all;
    for (const fs::path& file : files) {
      const std::string text = read_text(file);
      const std::size_t valid = line_from(text, 1 - config.valid_share - config.test_share);
      const std::size_t test = std::max(valid, line_from(text, 1 - config.test_share));
      train_ += text.substr(0, valid);
      valid_ += text.substr(valid, test - valid);
      test_ += text.substr(test);
      all += text;
    }
    MMI_CHECK(DataError, !train_.empty(), "{} holds no text in {}", config.path, config.endings);
    fingerprint_ =
        format("texts {} {} {} {}", hex(fnv1a64(all)), train_.size(), valid_.size(), test_.size());
  }

  std::string split(const std::string& name) const override {
    const std::string* text = name == "train"   ? &train_
                              : name == "valid" ? &valid_
                              : name == "test"  ? &test_
                                                : nullptr;
    MMI_CHECK(DataError, text != nullptr && !text->empty(), "the texts have no \"{}\"", name);
    return *text;
  }

  std::string fingerprint() const override {
    return fingerprint_;
  }

 private:
  std::string train_, valid_, test_, fingerprint_;
};

}  // namespace

const config::Schema& FolderTextsConfig::schema() {
  using C = FolderTextsConfig;
  static const config::Schema made =
      config::Table<C>("folder_texts", "text files of a folder")
          .field("path", &C::path, "the folder")
          .field("endings", &C::endings, "of the files that are read")
          .field("valid_share", &C::valid_share, "of each file", config::between(0, 0.5))
          .field("test_share", &C::test_share, "the end of each file", config::between(0, 0.5));
  return made;
}

void register_folder_texts() {
  Registry<Texts>::get().add<FolderTextsConfig>(
      "folder",
      "text files of a folder",
      [](const FolderTextsConfig& config, const Texts::BuildArgs&) {
        return std::make_shared<FolderTexts>(config);
      });
}

}  // namespace mmi::models::lm
