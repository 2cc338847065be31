#include "mmi/base/progress.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>

#include "mmi/base/format.h"

namespace mmi {
namespace {

std::atomic<bool> g_enabled{false};

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 60) {
    return format("{:.1f} s", seconds);
  }
  const auto whole = static_cast<std::int64_t>(seconds);
  if (whole < 3600) {
    return format("{} min {:02d} s", whole / 60, whole % 60);
  }
  return format("{} h {:02d} min", whole / 3600, whole % 3600 / 60);
}

Progress::Progress(std::string label, std::int64_t total)
    : label_(std::move(label)),
      total_(total),
      start_(std::chrono::steady_clock::now()),
      drawn_(start_),
      terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_) {
    draw(true);
  }
}

void Progress::set_enabled(bool enabled) {
  g_enabled = enabled;
}

void Progress::update(std::int64_t done, const std::string& note) {
  done_ = done;
  note_ = note;
  const auto now = std::chrono::steady_clock::now();
  const double since = std::chrono::duration<double>(now - drawn_).count();
  if (g_enabled && since >= (terminal_ ? 0.1 : 10.0)) {
    drawn_ = now;
    draw(false);
  }
}

void Progress::draw(bool last) {
  shown_ = true;
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double share =
      total_ > 0 ? std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_)) : 0;
  std::string time = duration_text(elapsed);
  if (!last && share > 0) {
    time += ", " + duration_text(elapsed / share - elapsed) + " left";
  }
  std::string text = format("{} {}/{}", label_, done_, total_);
  if (terminal_) {
    constexpr int kWidth = 24;
    const int filled = static_cast<int>(share * kWidth);
    text = format(
        "\r{} |{}{}| {}/{}",
        label_,
        std::string(static_cast<std::size_t>(filled), '#'),
        std::string(static_cast<std::size_t>(kWidth - filled), '.'),
        done_,
        total_);
  }
  text += format("  {}{}{}", time, note_.empty() ? "" : "  ", note_);
  if (terminal_) {
    text += "\x1b[K";
  }
  if (!terminal_ || last) {
    text += "\n";
  }
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace mmi
