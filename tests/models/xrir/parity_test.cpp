#include <gtest/gtest.h>

#include "../../support/oracle.h"
#include "mmi/models/xrir/spectrum.h"
#include "mmi/models/xrir/xrir.h"

namespace mmi::models::xrir {
namespace {

struct Tolerance {
  double output;
  double intermediate;
};

XRirConfig published(std::int64_t depth) {
  XRirConfig config;
  config.vit.depth = depth;
  return config;
}

XRirConfig reduced() {
  XRirConfig config;
  config.vit = {
      .height = 64,
      .width = 128,
      .patch_height = 4,
      .patch_width = 8,
      .dim = 64,
      .depth = 2,
      .heads = 2,
      .mlp_dim = 96};
  config.frames = 32;
  return config;
}

void check(
    const std::string& network,
    const XRirConfig& config,
    torch::Dtype dtype,
    Tolerance tolerance,
    bool in_full) {
  const torch::NoGradGuard no_grad;
  const testing::Oracle expected(std::filesystem::path(MMI_TEST_DATA) / "xrir", network);
  const std::string suffix = network == "xrir_small" ? "_small" : "";
  XRir net(config);
  ASSERT_EQ(nn::parameter_count(net), expected.parameters());
  ASSERT_NO_FATAL_FAILURE(testing::fill_by_rule(net, expected.keys()));
  // Powers of two differ by a last bit between processors.
  for (const auto& entry : nn::state_of(net)) {
    if (entry.name.ends_with("_embedder.freqs")) {
      const auto published = expected.constant(entry.name);
      ASSERT_TRUE(torch::allclose(entry.tensor, published, 1e-6, 0)) << entry.name;
      torch::Tensor(entry.tensor).copy_(published);
    }
  }
  net.eval();
  net.to(dtype);
  const auto input = [&](const char* name) { return expected.input(name + suffix).to(dtype); };
  const auto a = net.activations(
      {input("depth_coord"), input("src_loc"), input("ref_src_locs"), input("ref_irs")});
  expected.expect("vit", a.vit, tolerance.intermediate);
  expected.expect("geometry_256", a.geometry.unsqueeze(2), tolerance.intermediate);
  expected.expect("ref_fused", a.references, tolerance.intermediate);
  expected.expect("tgt_fused", a.target.unsqueeze(1), tolerance.intermediate);
  if (in_full || network == "xrir_small") {
    expected.expect("patch_embedding", a.patch_embedding, tolerance.intermediate);
    expected.expect("audio_feature0", a.audio, tolerance.intermediate);
    expected.expect("tgt_spec", magnitudes(input("tgt_wav")), tolerance.output);
  }
  if (in_full) {
    expected.expect("block0_attention", a.block0_attention, tolerance.intermediate);
    expected.expect("aligned_spec0", a.aligned.narrow(1, 0, 1), tolerance.intermediate);
    expected.expect("time_features", a.time.unsqueeze(0), tolerance.intermediate);
  }
  expected.expect("log_spec", a.log_spectrum.unsqueeze(3), tolerance.output);
}

TEST(XRirParity, Depth6EqualsTheOfficialNetworkInFloat32) {
  check("xrir_depth6", published(6), torch::kFloat, {1e-4, 5e-5}, true);
}

TEST(XRirParity, Depth6EqualsTheOfficialNetworkInFloat64) {
  check("xrir_depth6", published(6), torch::kDouble, {1e-10, 1e-10}, true);
}

TEST(XRirParity, Depth12EqualsTheOfficialNetworkInFloat32) {
  check("xrir_depth12", published(12), torch::kFloat, {1e-4, 2e-5}, false);
}

TEST(XRirParity, ASmallOneEqualsTheOfficialNetworkInBothTypes) {
  check("xrir_small", reduced(), torch::kFloat, {5e-5, 1e-5}, false);
  check("xrir_small", reduced(), torch::kDouble, {1e-10, 1e-10}, false);
}

}  // namespace
}  // namespace mmi::models::xrir
