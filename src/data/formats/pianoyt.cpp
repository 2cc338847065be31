#include "mmi/data/formats/pianoyt.h"

#include <charconv>
#include <optional>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/csv.h"

namespace mmi::data::formats {
namespace {

const std::vector<std::string> kTitles = {
    "videoID", "url", "split", "min_y", "max_y", "min_x", "max_x"};

std::optional<int> number_of(const std::string& cell) {
  const std::size_t begin = cell.find_first_not_of(" \t");
  const std::size_t end = cell.find_last_not_of(" \t");
  if (begin == std::string::npos) {
    return std::nullopt;
  }
  int value = 0;
  const char* last = cell.data() + end + 1;
  const auto [stop, error] = std::from_chars(cell.data() + begin, last, value);
  return error == std::errc() && stop == last ? std::optional(value) : std::nullopt;
}

PianoYtVideo video_of(
    const std::vector<std::string>& row, const std::filesystem::path& root, const std::string& at) {
  int numbers[5] = {};
  for (std::size_t i = 0; i < 5; ++i) {
    const auto value = number_of(row[i + 2]);
    MMI_CHECK(
        DataError,
        value,
        "{}: {} must be a whole number, but is \"{}\"",
        at,
        kTitles[i + 2],
        row[i + 2]);
    numbers[i] = *value;
  }
  const auto [split, min_y, max_y, min_x, max_x] = numbers;
  MMI_CHECK(
      DataError,
      split == 1 || split == 3,
      "{}: split must be 1 (training) or 3 (testing), but is {}",
      at,
      split);
  MMI_CHECK(
      DataError,
      0 <= min_x && min_x < max_x && 0 <= min_y && min_y < max_y,
      "{}: the box must be min y, max y, min x, max x, but is {}, {}, {}, {}",
      at,
      min_y,
      max_y,
      min_x,
      max_x);
  MMI_CHECK(
      DataError,
      !row[0].empty() && row[0].find('/') == std::string::npos,
      "{}: \"{}\" is no id of a video",
      at,
      row[0]);
  return {
      row[0],
      row[1],
      static_cast<PianoYtSplit>(split),
      {min_x, min_y, max_x, max_y},
      root / "pianoyt_MIDI" / ("audio_" + row[0] + ".0.midi")};
}

}  // namespace

std::vector<PianoYtVideo> read_pianoyt(const std::filesystem::path& root) {
  const std::filesystem::path file = root / "pianoyt.csv";
  io::CsvTable table = io::read_csv(file);
  MMI_CHECK(
      DataError,
      table.header.size() == kTitles.size(),
      "{}: must have the columns id, url, split, min y, max y, min x, max x, but has {}",
      file.string(),
      table.header.size());
  const bool titles = !number_of(table.header[2]);
  if (!titles) {
    table.rows.insert(table.rows.begin(), table.header);
  }
  std::vector<PianoYtVideo> videos;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const std::string at = format("{}, row {}", file.string(), i + (titles ? 2 : 1));
    videos.push_back(video_of(table.rows[i], root, at));
  }
  return videos;
}

void write_pianoyt(const std::filesystem::path& root, const std::vector<PianoYtVideo>& videos) {
  io::CsvTable table;
  table.header = kTitles;
  for (const PianoYtVideo& video : videos) {
    table.rows.push_back(
        {video.id,
         video.url,
         format("{}", static_cast<int>(video.split)),
         format("{}", video.crop.y1),
         format("{}", video.crop.y2),
         format("{}", video.crop.x1),
         format("{}", video.crop.x2)});
  }
  mmi::create_directories(root);
  io::write_csv(root / "pianoyt.csv", table);
}

}  // namespace mmi::data::formats
