#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::runs {

/// What of the pictures, sounds and videos goes into the page itself, as data URIs.
enum class Embed {
  kNothing,   ///< all are links relative to the page
  kPictures,  ///< pictures of at most 1 MB
  kAll,       ///< everything: one file to send by mail
};

struct Column {
  std::string name = {};
  bool numeric = false;  ///< right-aligned, figures of equal width
};

/// One line of a chart. Points that are not finite (or not positive on a logarithmic axis) are
/// gaps.
struct Series {
  std::string name = {};
  std::vector<double> x = {};
  std::vector<double> y = {};  ///< as long as x
};

struct CurveOptions {
  std::string x_label = {};
  std::string y_label = {};
  bool log_x = false;
  bool log_y = false;
  /// Weight of the past in a moving average (0.9: about ten points) of lines of 200 points or more;
  /// their values stay visible as a faint line. 0 draws the values alone.
  double smoothing = 0;
  std::optional<double> mark_x = {};  ///< a vertical line, for example at the best checkpoint
  std::string mark_label = {};
};

struct Bar {
  std::string name = {};
  double value = 0;
  std::optional<std::pair<double, double>> interval = {};  ///< low, high
  bool highlight = false;
};

struct BarsOptions {
  std::string label = {};                ///< what the bars measure
  std::optional<double> reference = {};  ///< a dashed line, for example chance
  std::string reference_label = {};
};

/// A headline number.
struct Stat {
  std::string value = {};
  std::string label = {};
  std::string note = {};  ///< small print, "" for none
};

/// A static HTML page: no script, no font and no style from elsewhere; light or dark as the
/// reader's system; readable on a phone. All texts are escaped; `backticks` in prose set code.
///
///   Page page("video2roll");
///   page.heading("Training").curve("loss", {{"train", steps, losses}}, {.x_label = "step"});
///   page.save(run / "report.html");
class MMI_API Page {
 public:
  explicit Page(std::string title, std::string subtitle = "");

  /// `level` 2 (a section, listed at the top of a page that has three or more) or 3.
  Page& heading(const std::string& text, int level = 2);
  Page& paragraph(const std::string& text);
  Page& stats(const std::vector<Stat>& stats);

  /// Throws ConfigError when a row has not one cell per column.
  Page& table(
      const std::vector<Column>& columns,
      const std::vector<std::vector<std::string>>& rows,
      const std::vector<std::size_t>& highlight_rows = {},
      const std::string& caption = "");
  Page& curve(
      const std::string& title, const std::vector<Series>& series, const CurveOptions& = {});
  Page& bars(const std::string& title, const std::vector<Bar>& bars, const BarsOptions& = {});

  /// Media files are absolute, or relative to the folder of the page, and must exist when it is
  /// saved.
  Page& picture(const std::filesystem::path& file, const std::string& caption = "");
  Page& audio(const std::filesystem::path& file, const std::string& caption = "");
  Page& video(const std::filesystem::path& file, const std::string& caption = "");

  /// By its ending: a picture, a player, or a link.
  Page& artifact(const std::filesystem::path& file, const std::string& caption = "");

  /// A link to a file, never embedded.
  Page& download(const std::filesystem::path& file, const std::string& text = "");

  Page& code(const std::string& text);

  /// Opens on a click; `text` keeps its line breaks.
  Page& details(const std::string& summary, const std::string& text);

  /// What `fill` adds stands in columns where the screen is wide enough.
  Page& side_by_side(const std::function<void(Page&)>& fill);

  /// The page as it would be saved into `folder`. Throws DataError for a media file that is
  /// missing.
  std::string html(const std::filesystem::path& folder, Embed embed = Embed::kPictures) const;

  /// Writes the page, making its folder when missing; a reader never sees half of it.
  void save(const std::filesystem::path& path, Embed embed = Embed::kPictures) const;

 private:
  using Block = std::function<std::string(const std::filesystem::path& folder, Embed)>;

  Page& add(std::string html);
  Page& add_media(const char* kind, const std::filesystem::path& file, const std::string& caption);

  std::string title_;
  std::string subtitle_;
  std::vector<std::pair<std::string, std::string>> sections_;  ///< anchor, text
  std::vector<Block> blocks_;
  bool narrow_ = false;  ///< charts are drawn for half the width
};

/// For HTML text and attribute values.
MMI_API std::string escape_html(const std::string& text);

}  // namespace mmi::runs
