#include "cnf/layers/invconv1x1.hpp"

#include <torch/optim/sgd.h>
#include <torch/serialize.h>

#include <sstream>

#include "cnf/testing/check_layer.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using B = cnf::libtorch::Backend;
using S = cnf::Shape<4, 3, 2>;
using None = cnf::Features<>;

template <class Spec>
struct Bound {
  torch::nn::Module module;
  cnf::bound_t<Spec, B, S, None> layer;
  explicit Bound(std::uint64_t seed) : layer(cnf::Scope<B>(module, seed).child("mix")) {}
};

/// W^-1 y per pixel, computed by LibTorch.
at::Tensor solved(const at::Tensor& w, const at::Tensor& y) {
  return at::einsum("ij,njhw->nihw", {at::inverse(w.detach()), y});
}

}  // namespace

TYPE_TO_STRING(cnf::InvConv1x1);
TYPE_TO_STRING(cnf::InvConv1x1Plu);
TEST_CASE_TEMPLATE("1x1 convolutions keep the layer contract", Spec, cnf::InvConv1x1, cnf::InvConv1x1Plu) {
  using cnf::testing::check_layer;
  for (const auto& report : {check_layer<Spec, cnf::Shape<1, 2, 2>>(), check_layer<Spec, cnf::Shape<5>>(),
                             check_layer<Spec, S>(), check_layer<Spec, cnf::Shape<12, 2, 1>>(),
                             check_layer<Spec, S, cnf::Features<cnf::Shape<2, 3, 2>>>()})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("1x1 convolutions start as the same rotation for the same seed and name") {
  const Bound<cnf::InvConv1x1> dense(7), other(8);
  const Bound<cnf::InvConv1x1Plu> plu(7);
  const auto w = dense.layer.weight.matrix();
  CHECK(difference(w.matmul(w.t()), at::eye(4, at::kDouble)) < 1e-14);
  CHECK(difference(plu.layer.weight.matrix(), w) < 1e-14);
  CHECK(difference(other.layer.weight.matrix(), w) > 0.1);
  CHECK(std::abs(dense.layer.weight.log_abs_det().template item<double>()) < 1e-13);
}

TEST_CASE("PLU is the same function as dense for the same W") {
  Bound<cnf::InvConv1x1Plu> plu(3);
  cnf::testing::perturb<cnf::libtorch::Backend>(plu.module, 5, 0.3);
  const Bound<cnf::InvConv1x1> dense(4);
  B::assign(dense.layer.weight.weight, B::to_host(plu.layer.weight.matrix()));

  const auto x = random_batch<S>(3, 1);
  const auto a = dense.layer.forward(x, {});
  const auto b = plu.layer.forward(x, {});
  CHECK(difference(a.y.data, b.y.data) < 1e-13);
  CHECK(difference(a.log_det, b.log_det) < 1e-12);
  CHECK(std::abs(a.log_det.item<double>()) > 0.1);
  CHECK(difference(dense.layer.inverse(x, {}, {}).data, plu.layer.inverse(x, {}, {}).data) < 1e-12);

  // log|det| = H W log|det W|
  CHECK(difference(a.log_det, 6 * std::get<1>(at::slogdet(dense.layer.weight.matrix()))) < 1e-12);
}

TEST_CASE("plu() of a dense W gives the factors of the same W") {
  const Bound<cnf::InvConv1x1> dense(1);
  cnf::testing::perturb<cnf::libtorch::Backend>(const_cast<torch::nn::Module&>(dense.module), 2, 0.5);
  const auto f = cnf::plu(B::to_host(dense.layer.weight.weight), 4);
  const Bound<cnf::InvConv1x1Plu> plu(9);
  const auto& p = plu.layer.weight;
  B::assign(p.lower, f.lower);
  B::assign(p.upper, f.upper);
  B::assign(p.log_s, f.log_s);
  B::assign(p.sign, f.sign);
  B::assign(p.permutation, f.permutation);
  CHECK(difference(p.matrix(), dense.layer.weight.weight) < 1e-14);
}

TEST_CASE("the cached inverse follows every change of the weight") {
  Bound<cnf::InvConv1x1> bound(1);
  auto& layer = bound.layer;
  auto& w = layer.weight.weight;
  const auto y = random_batch<S>(2, 2);
  const auto inverse_is_right = [&] {
    at::NoGradGuard no_grad;
    return difference(layer.inverse(y, {}, {}).data, solved(w, y.data)) < 1e-10;
  };
  const auto loss = [&] {
    const auto out = layer.forward(y, {});
    return out.y.data.pow(2).sum() - out.log_det;
  };
  CHECK(inverse_is_right());

  SUBCASE("an optimiser step: Adam") {
    torch::optim::Adam optimiser(bound.module.parameters(), 0.05);
    loss().backward();
    optimiser.step();
  }
  SUBCASE("an optimiser step: SGD") {
    torch::optim::SGD optimiser(bound.module.parameters(), 0.01);
    loss().backward();
    optimiser.step();
  }
  SUBCASE("in place, without gradient") {
    at::NoGradGuard no_grad;
    w.add_(0.1 * at::eye(4, at::kDouble));
  }
  SUBCASE("through data()") { w.data().mul_(1.5); }
  SUBCASE("loading numbers") { B::assign(w, B::to_host(random_tensor({4, 4}, 6))); }
  SUBCASE("loading a module") {
    const Bound<cnf::InvConv1x1> other(2);
    torch::serialize::OutputArchive out;
    other.module.save(out);
    std::stringstream file;
    out.save_to(file);
    torch::serialize::InputArchive in;
    in.load_from(file);
    bound.module.load(in);
    CHECK(difference(w, other.layer.weight.weight) == 0);
  }
  const auto before = w.detach().clone();
  CHECK(inverse_is_right());
  CHECK(inverse_is_right());  // and from the cache
  CHECK(w.equal(before));
}

TEST_CASE("the cached inverse follows a change of precision") {
  Bound<cnf::InvConv1x1> bound(1);
  const auto y = random_batch<S>(2, 2);
  at::NoGradGuard no_grad;
  bound.layer.inverse(y, {}, {});
  bound.module.to(at::kFloat);
  const auto x = bound.layer.inverse(cnf::Batch<B, S>(y.data.to(at::kFloat)), {}, {}).data;
  CHECK((x.scalar_type() == at::kFloat));
  CHECK(difference(x.to(at::kDouble), solved(bound.layer.weight.weight.to(at::kDouble), y.data)) < 1e-5);
}

TEST_CASE("the inverse is differentiable when gradients are on") {
  Bound<cnf::InvConv1x1> bound(1);
  const auto y = random_batch<S>(2, 2);
  {
    at::NoGradGuard no_grad;
    bound.layer.inverse(y, {}, {});  // fills the cache
  }
  bound.layer.inverse(y, {}, {}).data.sum().backward();
  const auto w = bound.layer.weight.weight.detach().clone().requires_grad_();
  at::einsum("ij,njhw->nihw", {at::inverse(w), y.data}).sum().backward();
  REQUIRE(bound.layer.weight.weight.grad().defined());
  CHECK(difference(bound.layer.weight.weight.grad(), w.grad()) < 1e-11);
}
