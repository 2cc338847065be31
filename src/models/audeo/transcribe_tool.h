#pragma once

#include <optional>

#include "mmi/base/config.h"
#include "mmi/task/tool.h"

namespace mmi::models::audeo {

struct TranscribeConfig {
  std::optional<double> onset_threshold;
  std::optional<double> frame_threshold;
  double labels_fps = 0;

  static const config::Schema& schema();
};

/// `mmi audeo transcribe RUN a.wav [b.mp4 …]`: notes of piano sound as MIDI files, and as Audeo's
/// label files.
class TranscribeTool : public Tool {
 public:
  explicit TranscribeTool(const TranscribeConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<run> <sound or video> [more …]";
  }

  ToolResult run(const ToolCall& call) override;

 private:
  TranscribeConfig config_;
};

void register_transcribe_tool();

}  // namespace mmi::models::audeo
