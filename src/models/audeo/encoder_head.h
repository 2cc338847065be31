#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <memory>

#include "mmi/base/config.h"
#include "mmi/encoders/encoder.h"
#include "mmi/models/audeo/frame_model.h"

namespace mmi::models::audeo {

struct EncoderHeadConfig {
  config::Component<encoders::Encoder> encoder;

  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<EncoderHeadConfig>("encoder_head", "an encoder and a linear layer")
            .field("encoder", &EncoderHeadConfig::encoder, "image features");
    return made;
  }
};

/// (B,frames,H,W) → encoder features (B,T,D) averaged over T → logits (B,keys); keys `encoder.*`,
/// `fc.*`.
class EncoderHead : public nn::UnaryModule {
 public:
  EncoderHead(const EncoderHeadConfig& config, const FrameModel::BuildArgs& args) {
    MMI_CHECK(
        ConfigError,
        !config.encoder.name.empty(),
        "encoder_head needs an encoder, e.g. model: {{name: encoder_head, encoder: resnet18}}");
    encoder_ = Registry<encoders::Encoder>::get().create(
        config.encoder, {args.frames, args.height, args.width});
    register_module("encoder", encoder_);
    fc_ = register_module("fc", torch::nn::Linear(encoder_->feature_size(), args.keys));
  }

  torch::Tensor forward(const torch::Tensor& frames) override {
    return fc_->forward(encoder_->forward(frames).mean(1));
  }

 private:
  std::shared_ptr<encoders::Encoder> encoder_;
  torch::nn::Linear fc_{nullptr};
};

}  // namespace mmi::models::audeo
