#include <gtest/gtest.h>

#include <cstdlib>

#include "../../support/oracle.h"
#include "mmi/models/audeo/perfnet.h"
#include "mmi/models/audeo/roll2midi.h"
#include "mmi/models/audeo/video2roll.h"

namespace mmi::models::audeo {
namespace {

testing::Oracle oracle(const std::string& network) {
  return {std::filesystem::path(MMI_TEST_DATA) / "audeo", network};
}

// Tolerances: about ten times what the official code differs from its own float64 run; 1e-10 in
// float64, which finds a wrong epsilon that float32 hides.
struct Tolerance {
  double output;
  double intermediate;
};

template <class Net>
void prepare(Net& net, const testing::Oracle& expected, torch::Dtype dtype) {
  ASSERT_EQ(nn::parameter_count(net), expected.parameters());
  testing::fill_by_rule(net, expected.keys());
  net.eval();
  net.to(dtype);
}

void check_video2roll(torch::Dtype dtype, Tolerance tolerance) {
  torch::NoGradGuard no_grad;
  const auto expected = oracle("video2roll");
  Video2RollNet net({});
  ASSERT_NO_FATAL_FAILURE(prepare(net, expected, dtype));
  const auto a = net.activations(expected.input("frames").to(dtype));
  expected.expect("layer1", a.layer1, tolerance.intermediate);
  expected.expect("toplayer_relu", a.toplayer_relu, tolerance.intermediate);
  expected.expect("p4", a.p4, tolerance.intermediate);
  expected.expect("p3", a.p3, tolerance.intermediate);
  expected.expect("p2", a.p2, tolerance.intermediate);
  expected.expect("softmax_times_p4", a.softmax_times_p4, tolerance.intermediate);
  expected.expect("before_fc", a.before_fc, tolerance.intermediate);
  expected.expect("logits", a.logits, tolerance.output);
}

void check_generator(torch::Dtype dtype, Tolerance tolerance) {
  torch::NoGradGuard no_grad;
  const auto expected = oracle("roll2midi_generator");
  Roll2MidiGenerator net({});
  ASSERT_NO_FATAL_FAILURE(prepare(net, expected, dtype));
  const auto a = net.activations(expected.input("roll").to(dtype));
  expected.expect("down3", a.down[2], tolerance.intermediate);
  expected.expect("down6", a.down[5], tolerance.intermediate);
  expected.expect("up1", a.up[0], tolerance.intermediate);
  expected.expect("before_sigmoid", a.before_sigmoid, tolerance.intermediate);
  expected.expect("midi", a.midi, tolerance.output);
}

void check_discriminator(torch::Dtype dtype, Tolerance tolerance) {
  torch::NoGradGuard no_grad;
  const auto expected = oracle("roll2midi_discriminator");
  Roll2MidiDiscriminator net({});
  ASSERT_NO_FATAL_FAILURE(prepare(net, expected, dtype));
  const auto a = net.activations(expected.input("midi").to(dtype));
  expected.expect("after_block1", a.block[0], tolerance.intermediate);
  expected.expect("after_block2", a.block[1], tolerance.intermediate);
  expected.expect("after_block4", a.block[3], tolerance.intermediate);
  expected.expect("patch", a.patch, tolerance.output);
}

void check_perfnet(torch::Dtype dtype, Tolerance tolerance) {
  torch::NoGradGuard no_grad;
  const auto expected = oracle("perfnet");
  PerfNet net({});
  ASSERT_NO_FATAL_FAILURE(prepare(net, expected, dtype));
  const auto a =
      net.activations(expected.input("score").to(dtype), expected.input("onoff").to(dtype));
  expected.expect("down4", a.down[4], tolerance.intermediate);
  expected.expect("cond2", a.onoff[1], tolerance.intermediate);
  expected.expect("up0", a.up[0], tolerance.intermediate);
  expected.expect("up3", a.up[3], tolerance.intermediate);
  expected.expect("mbr4", a.bands[3], tolerance.intermediate);
  expected.expect("spectrogram", a.spectrogram, tolerance.output);
}

TEST(FillRule, GivesThePublishedTestValues) {
  const auto u = testing::rule_u01("input:frames", 3);
  EXPECT_EQ(u[0].item<float>(), 0.36271965503692627F);
  EXPECT_EQ(u[1].item<float>(), 0.8301120400428772F);
  EXPECT_EQ(u[2].item<float>(), 0.26405400037765503F);
  const auto weight = testing::rule_tensor("conv1.weight", {64, 5, 11, 11}, "matrix").flatten();
  EXPECT_FLOAT_EQ(weight[0].item<float>(), 0.00634816336F);
  EXPECT_FLOAT_EQ(weight[-1].item<float>(), -0.0611669868F);
  const auto transposed =
      testing::rule_tensor("up1.model.0.weight", {1024, 512, 3, 3}, "matrix_t").flatten();
  EXPECT_FLOAT_EQ(transposed[0].item<float>(), 0.0148867266F);
}

TEST(Video2RollParity, EqualsTheOfficialNetworkInFloat32) {
  check_video2roll(torch::kFloat, {5e-6, 5e-5});
}

TEST(Video2RollParity, EqualsTheOfficialNetworkInFloat64) {
  check_video2roll(torch::kDouble, {1e-10, 1e-10});
}

TEST(Roll2MidiParity, GeneratorEqualsTheOfficialNetworkInFloat32) {
  check_generator(torch::kFloat, {5e-6, 5e-5});
}

TEST(Roll2MidiParity, GeneratorEqualsTheOfficialNetworkInFloat64) {
  if (std::getenv("MMI_FULL_TESTS") == nullptr) {
    GTEST_SKIP() << "half a TFLOP in float64: set MMI_FULL_TESTS=1";
  }
  check_generator(torch::kDouble, {1e-10, 1e-10});
}

TEST(Roll2MidiParity, DiscriminatorEqualsTheOfficialNetworkInFloat32) {
  check_discriminator(torch::kFloat, {5e-5, 5e-5});
}

TEST(Roll2MidiParity, DiscriminatorEqualsTheOfficialNetworkInFloat64) {
  check_discriminator(torch::kDouble, {1e-10, 1e-10});
}

TEST(PerfNetParity, EqualsTheOfficialNetworkInFloat32) {
  check_perfnet(torch::kFloat, {5e-5, 5e-5});
}

}  // namespace
}  // namespace mmi::models::audeo
