#include "mmi/codecs/quantizer.h"

#include <torch/torch.h>

#include <algorithm>
#include <string>
#include <utility>

#include "codecs/codes.h"
#include "mmi/base/errors.h"

namespace mmi::codecs {
namespace {

/// |e|² - 2 x·e, which orders codes as the distance does, for a block of vectors that stays in the
/// cache.
torch::Tensor nearest(const torch::Tensor& vectors, const torch::Tensor& embed) {
  constexpr std::int64_t kBlock = 4096;
  const auto squares = embed.pow(2).sum(1);
  const auto turned = embed.t();
  std::vector<torch::Tensor> codes;
  for (const auto& block : vectors.split(kBlock)) {
    codes.push_back(at::addmm(squares, block, turned, 1, -2).argmin(1));
  }
  return codes.size() == 1 ? codes[0] : torch::cat(codes);
}

/// `count` rows; with repetition where there are fewer.
torch::Tensor some_rows(const torch::Tensor& vectors, std::int64_t count) {
  const std::int64_t rows = vectors.size(0);
  const auto options = torch::TensorOptions(torch::kInt64).device(vectors.device());
  const auto chosen = rows >= count ? torch::randperm(rows, options).slice(0, 0, count)
                                    : torch::randint(rows, {count}, options);
  return vectors.index_select(0, chosen);
}

torch::Tensor counts_of(const torch::Tensor& codes, std::int64_t size) {
  return at::bincount(codes, {}, size).to(torch::kFloat32);
}

torch::Tensor sums_of(const torch::Tensor& vectors, const torch::Tensor& codes, std::int64_t size) {
  return vectors.new_zeros({size, vectors.size(1)}).index_add_(0, codes, vectors);
}

torch::Tensor perplexity_of(const torch::Tensor& codes, std::int64_t size) {
  const auto share = counts_of(codes.flatten(), size) / static_cast<double>(codes.numel());
  return (-(share * share.clamp_min(1e-10).log()).sum()).exp();
}

}  // namespace

const config::Schema& CodebookTraining::schema() {
  using C = CodebookTraining;
  static const config::Schema made =
      config::Table<C>("codebook_training", "how codebooks follow their vectors")
          .field("decay", &C::decay, "of the running means", config::between(0, 1))
          .field("epsilon", &C::epsilon, "smoothing of the counts", config::above(0))
          .field(
              "kmeans_iterations", &C::kmeans_iterations, "on the first batch", config::at_least(1))
          .field(
              "restart_below",
              &C::restart_below,
              "running count below which a code becomes a vector of the batch",
              config::at_least(0));
  return made;
}

VectorQuantizer::VectorQuantizer(
    std::int64_t size, std::int64_t dim, const CodebookTraining& training)
    : training_(training),
      inited_(register_buffer("inited", torch::zeros({1}))),
      cluster_size_(register_buffer("cluster_size", torch::zeros({size}))),
      embed_(register_buffer("embed", torch::zeros({size, dim}))),
      embed_avg_(register_buffer("embed_avg", torch::zeros({size, dim}))) {}

torch::Tensor VectorQuantizer::encode(const torch::Tensor& vectors) const {
  return nearest(vectors, embed_);
}

torch::Tensor VectorQuantizer::decode(const torch::Tensor& codes) const {
  return at::embedding(embed_, codes);
}

bool VectorQuantizer::initialized() const {
  return inited_.item<float>() != 0;
}

void VectorQuantizer::initialize(const torch::Tensor& vectors) {
  const torch::NoGradGuard no_grad;
  auto means = some_rows(vectors, size()).clone();
  torch::Tensor counts;
  for (std::int64_t i = 0; i < training_.kmeans_iterations; ++i) {
    const auto codes = nearest(vectors, means);
    counts = counts_of(codes, size());
    const auto sums = sums_of(vectors, codes, size());
    const auto used = (counts > 0).unsqueeze(1);
    means = torch::where(used, sums / counts.clamp_min(1).unsqueeze(1), means);
  }
  embed_.copy_(means);
  embed_avg_.copy_(means * counts.unsqueeze(1));
  cluster_size_.copy_(counts);
  inited_.fill_(1);
}

void VectorQuantizer::learn(const torch::Tensor& vectors, const torch::Tensor& codes) {
  const torch::NoGradGuard no_grad;
  if (!initialized()) {
    initialize(vectors);
    return;
  }
  const double share = 1 - training_.decay;
  cluster_size_.lerp_(counts_of(codes, size()), share);
  embed_avg_.lerp_(sums_of(vectors, codes, size()), share);
  // A code that hardly anything chooses begins again as a vector of this batch. Its running means
  // begin with it: else the next line would put it back where it was.
  const auto dead = cluster_size_ < training_.restart_below;
  if (dead.any().item<bool>()) {
    const auto fresh = some_rows(vectors, size()) * training_.restart_below;
    embed_avg_.copy_(torch::where(dead.unsqueeze(1), fresh, embed_avg_));
    cluster_size_.masked_fill_(dead, training_.restart_below);
  }
  const auto total = cluster_size_.sum();
  const auto smooth = (cluster_size_ + training_.epsilon) /
                      (total + static_cast<double>(size()) * training_.epsilon) * total;
  embed_.copy_(embed_avg_ / smooth.unsqueeze(1));
}

ResidualQuantizer::ResidualQuantizer(
    std::int64_t levels, std::int64_t size, std::int64_t dim, const CodebookTraining& training) {
  const auto list = register_module("layers", std::make_shared<torch::nn::Module>("layers"));
  for (std::int64_t k = 0; k < levels; ++k) {
    const auto layer =
        list->register_module(std::to_string(k), std::make_shared<torch::nn::Module>("layer"));
    books_.push_back(
        layer->register_module("codebook", std::make_shared<VectorQuantizer>(size, dim, training)));
  }
}

std::int64_t ResidualQuantizer::count_of(std::int64_t levels) const {
  MMI_CHECK(
      ConfigError,
      levels <= this->levels(),
      "{} codebooks are asked for, but the codec has {}",
      levels,
      this->levels());
  return levels > 0 ? levels : this->levels();
}

torch::Tensor ResidualQuantizer::encode(const torch::Tensor& values, std::int64_t levels) const {
  const std::int64_t count = count_of(levels);
  auto rest = values.transpose(1, 2).reshape({-1, values.size(1)});
  std::vector<torch::Tensor> codes;
  for (std::int64_t k = 0; k < count; ++k) {
    const VectorQuantizer& book = *books_[static_cast<std::size_t>(k)];
    codes.push_back(book.encode(rest));
    if (k + 1 < count) {
      rest = rest - book.decode(codes.back());
    }
  }
  return torch::stack(codes).view({count, values.size(0), values.size(2)}).transpose(0, 1);
}

torch::Tensor ResidualQuantizer::decode(const torch::Tensor& codes) const {
  check_codes(codes, levels(), books_[0]->size());
  torch::Tensor sum;
  for (std::int64_t k = 0; k < codes.size(1); ++k) {
    const auto part = books_[static_cast<std::size_t>(k)]->decode(codes.select(1, k));
    sum = sum.defined() ? sum + part : part;
  }
  return sum.transpose(1, 2);
}

Quantized ResidualQuantizer::forward(const torch::Tensor& values, std::int64_t levels) {
  const std::int64_t count = count_of(levels);
  auto rest = values.transpose(1, 2).reshape({-1, values.size(1)});
  torch::Tensor sum = torch::zeros_like(rest);
  torch::Tensor commitment = torch::zeros({}, rest.options());
  std::vector<torch::Tensor> codes;
  std::vector<torch::Tensor> perplexity;
  for (std::int64_t k = 0; k < count; ++k) {
    VectorQuantizer& book = *books_[static_cast<std::size_t>(k)];
    const auto given = rest.detach();
    if (is_training() && !book.initialized()) {
      book.initialize(given);
    }
    const auto chosen = book.encode(given);
    const auto vectors = book.decode(chosen).detach();
    if (is_training()) {
      book.learn(given, chosen);
    }
    commitment = commitment + (rest - vectors).pow(2).mean();
    sum = sum + vectors;
    rest = rest - vectors;
    codes.push_back(chosen.view({values.size(0), values.size(2)}));
    perplexity.push_back(perplexity_of(chosen, book.size()));
  }
  const auto quantized = sum.view({values.size(0), values.size(2), -1}).transpose(1, 2);
  return {
      .values = values + (quantized - values).detach(),
      .codes = torch::stack(codes, 1),
      .commitment = commitment / static_cast<double>(count),
      .perplexity = torch::stack(perplexity)};
}

torch::Tensor ResidualQuantizer::vectors() const {
  std::vector<torch::Tensor> all;
  for (const auto& book : books_) {
    all.push_back(book->embed());
  }
  return torch::stack(all);
}

}  // namespace mmi::codecs
