#pragma once

#include <torch/types.h>

#include <memory>

#include "mmi/base/config.h"
#include "mmi/encoders/encoder.h"
#include "mmi/heads/head.h"
#include "mmi/models/audeo/frame_model.h"

namespace mmi::models::audeo {

struct EncoderHeadConfig {
  config::Component<encoders::Encoder> encoder;
  config::Component<heads::Head> head{"linear", nullptr};

  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<EncoderHeadConfig>("encoder_head", "an encoder and a head")
            .field("encoder", &EncoderHeadConfig::encoder, "image features")
            .field("head", &EncoderHeadConfig::head, "features to key logits");
    return made;
  }
};

/// (B,frames,H,W) → encoder features (B,T,D) → head logits (B,T,keys), averaged over T: (B,keys).
/// State names `encoder.*` and, for the head, `fc.*`, which is what its linear layer is called in
/// torchvision's networks.
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
    head_ = Registry<heads::Head>::get().create(config.head, {encoder_->feature_size(), args.keys});
    register_module("fc", head_);
  }

  torch::Tensor forward(const torch::Tensor& frames) override {
    return head_->forward(encoder_->forward(frames)).mean(1);
  }

 private:
  std::shared_ptr<encoders::Encoder> encoder_;
  std::shared_ptr<heads::Head> head_;
};

}  // namespace mmi::models::audeo
