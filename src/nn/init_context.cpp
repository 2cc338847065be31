#include "mmi/nn/init_context.h"

namespace mmi::nn {
namespace {

thread_local const InitOptions* innermost = nullptr;

}  // namespace

InitContext::InitContext(const InitOptions& options) : options_(options), outer_(innermost) {
  innermost = &options_;
}

InitContext::~InitContext() {
  innermost = outer_;
}

const InitOptions& InitContext::current() {
  static const InitOptions plain;
  return innermost != nullptr ? *innermost : plain;
}

torch::TensorOptions InitContext::tensors() {
  return torch::TensorOptions().device(current().device).dtype(current().dtype);
}

}  // namespace mmi::nn
