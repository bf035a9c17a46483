#include "cnf/backend/libtorch/micro_batch.hpp"

#include "support/doctest.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using models::dynamic;

/// A model with ActNorm, InstanceNorm and dequantization noise.
using Step = Sequential<ActNorm, InvConv1x1, AffineCoupling<InstanceNormNet<4>>>;
using Flow = Sequential<Squeeze, Repeat<2, Step>, Prior>;
using Spec = ConditionalFlow<Shape<1, dynamic, dynamic>, Shape<3, dynamic, dynamic>, VggLike<4, 4, 4>, Flow,
                             Binary<Sequential<Squeeze, Step, Unsqueeze>>>;

std::map<std::string, at::Tensor> gradients(long rows) {
  libtorch::Model<Spec> model({.seed = 1, .placement = {.dtype = at::kDouble}});
  testing::perturb<libtorch::Backend>(model, 2, 0.1);
  const auto x = random_tensor({5, 3, 8, 8}, 3);
  const auto y = models::uniform_integers({5, 1, 8, 8}, 4, 2);
  const auto mean = libtorch::backward_in_pieces(model, 5, rows, [&](long first, long count) {
    return model.given(x.narrow(0, first, count))
        .bits_per_dim(y.narrow(0, first, count), {.seed = 5, .first_input = first})
        .values.mean();
  });
  std::map<std::string, at::Tensor> all{{"the mean", mean}};
  for (const auto& p : model.named_parameters()) all[p.key()] = p.value().grad();
  for (const auto& b : model.named_buffers()) all[b.key()] = b.value();
  return all;
}

}  // namespace

TEST_CASE("a batch in pieces has the gradient of the whole, from the very first step") {
  const auto whole = gradients(5);
  for (const long rows : {1L, 2L, 4L, 64L}) {
    CAPTURE(rows);
    const auto pieces = gradients(rows);
    REQUIRE(pieces.size() == whole.size());
    for (const auto& [name, gradient] : whole) {
      CAPTURE(name);
      REQUIRE(pieces.at(name).defined() == gradient.defined());
      if (!gradient.defined()) continue;  // the extractor's second map, which this flow doesn't read
      CHECK(difference(pieces.at(name), gradient) <= 1e-9 * std::max(1.0, largest(gradient)));
    }
  }
}

TEST_CASE("the size of the pieces settles on the smallest that is about as fast as the fastest") {
  const auto settled_on = [](long batch, const std::map<long, double>& seconds) {
    libtorch::MicroBatch pieces(batch);
    for (int step = 0; !pieces.settled(); ++step) {
      REQUIRE(step < 100);
      pieces.took(seconds.at(pieces.rows()));
    }
    return pieces.rows();
  };
  CHECK(settled_on(64, {{64, 3.5}, {32, 2.3}, {16, 2.31}, {8, 4.0}}) == 16);
  CHECK(settled_on(64, {{64, 2.0}, {32, 3.0}}) == 64);
  CHECK(settled_on(6, {{6, 2.0}, {3, 1.0}}) == 3);
  CHECK(settled_on(1, {}) == 1);
  CHECK(libtorch::MicroBatch(16, 4).rows() == 4);
  CHECK(libtorch::MicroBatch(16, 40).rows() == 16);
  CHECK(libtorch::MicroBatch(16, 4).settled());
}
