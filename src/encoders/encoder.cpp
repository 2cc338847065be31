#include "mmi/encoders/encoder.h"

#include "mmi/encoders/resnet.h"

MMI_DEFINE_REGISTRY(mmi::encoders::Encoder)

namespace mmi::encoders {
namespace {

struct ResNet18EncoderConfig {
  double width = 1;

  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<ResNet18EncoderConfig>("resnet18", "ResNet18 without its classifier")
            .field("width", &ResNet18EncoderConfig::width, "channel multiplier", config::above(0));
    return made;
  }
};

class ResNet18Encoder : public Encoder {
 public:
  ResNet18Encoder(const ResNet18EncoderConfig& config, const BuildArgs& args) {
    ResNetConfig body;
    body.in_channels = args.in_channels;
    body.width = config.width;
    body_ = register_module("body", std::make_shared<ResNet18>(body));
  }

  torch::Tensor forward(const torch::Tensor& input) override {
    return body_->forward(input).unsqueeze(1);
  }

  std::int64_t feature_size() const override {
    return body_->feature_size();
  }

 private:
  std::shared_ptr<ResNet18> body_;
};

}  // namespace

void register_encoders() {
  Registry<Encoder>::get().add<ResNet18EncoderConfig>(
      "resnet18",
      "ResNet18 features of the last stage, globally averaged (He et al., CVPR 2016)",
      [](const ResNet18EncoderConfig& config, const Encoder::BuildArgs& args) {
        return std::make_shared<ResNet18Encoder>(config, args);
      });
}

}  // namespace mmi::encoders
