#include "mmi/heads/head.h"

#include <torch/nn/functional/linear.h>
#include <torch/nn/modules/linear.h>

#include "mmi/heads/token_head.h"

MMI_DEFINE_REGISTRY(mmi::heads::Head)

namespace mmi::heads {
namespace {

struct LinearHeadConfig {
  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<LinearHeadConfig>("linear", "one linear layer");
    return made;
  }
};

/// Keys `weight` and `bias`, as of a torch.nn.Linear in its place.
class LinearHead : public Head {
 public:
  explicit LinearHead(const BuildArgs& args) {
    const torch::nn::Linear layer(args.in_features, args.out_features);
    weight_ = register_parameter("weight", layer->weight);
    bias_ = register_parameter("bias", layer->bias);
  }

  torch::Tensor forward(const torch::Tensor& features) override {
    return torch::nn::functional::linear(features, weight_, bias_);
  }

 private:
  torch::Tensor weight_;
  torch::Tensor bias_;
};

}  // namespace

void register_heads() {
  Registry<Head>::get().add<LinearHeadConfig>(
      "linear", "one linear layer, the same at every time", [](const auto&, const auto& args) {
        return std::make_shared<LinearHead>(args);
      });
  register_token_heads();
}

}  // namespace mmi::heads
