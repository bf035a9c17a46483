// Invertible 1x1 convolution: mixes the channels of every pixel by one matrix (Kingma and Dhariwal, Glow,
// 2018, section 3.2).
//
//   y = W x per pixel,   log|det| = H W log|det W|  nats,   x = W^-1 y
//
// InvConv1x1 learns W itself; InvConv1x1Plu learns the factors of W = P L (U + diag(sign * exp(log_s))),
// whose determinant is a sum: the same function for the same W. Both start as the same random rotation for
// the same seed and name.
#pragma once

#include "cnf/core/layer.hpp"
#include "cnf/layers/plu.hpp"

namespace cnf {

namespace detail {

/// A channel mixing layer by a parametrisation of its matrix: matrix(), log_abs_det().
template <class Spec, class B, class In, class F, class Weight>
struct Mixing {
  Weight weight;

  explicit Mixing(Scope<B> scope) : weight(scope) {}

  Forward<B, Spec, In, F> forward(Batch<B, In> x, const Maps<B, F>&) const {
    const double area = double(x.area());
    return {.y = Batch<B, In>(B::mix_channels(std::move(x.data), weight.matrix())),
            .log_det = area * weight.log_abs_det()};
  }

  Batch<B, In> inverse(Batch<B, In> y, const Maps<B, Latents<>>&, const Maps<B, F>&) const {
    return Batch<B, In>(B::mix_channels(std::move(y.data), weight.inverse()));
  }
};

template <class B, int C>
struct DenseWeight {
  typename B::Parameter weight;
  typename B::template Cache<typename B::Matrix> cached_inverse;

  explicit DenseWeight(Scope<B> scope) : weight(scope.parameter("weight", {C, C}, initial::rotation(C))) {}

  const typename B::Parameter& dense() const { return weight; }
  auto matrix() const { return B::matrix(weight); }
  auto log_abs_det() const { return B::log_abs_det(B::matrix(weight)); }
  auto inverse() const {
    return cached_inverse.get(weight, [&] { return B::inverse(B::matrix(weight)); });
  }
};

template <class B, int C>
struct PluWeight {
  typename B::Parameter lower, upper, log_s, sign, permutation;

  explicit PluWeight(Scope<B> scope)
      : PluWeight(scope, plu(initial::random_rotation(C, scope.key("weight")), C)) {}

  PluWeight(Scope<B> scope, const Plu& start)
      : lower(scope.parameter("lower", {C, C}, initial::values(start.lower))),
        upper(scope.parameter("upper", {C, C}, initial::values(start.upper))),
        log_s(scope.parameter("log_s", {C}, initial::values(start.log_s))),
        sign(scope.buffer("sign", {C}, initial::values(start.sign))),
        permutation(scope.buffer("permutation", {C, C}, initial::values(start.permutation))) {}

  auto matrix() const {
    return B::plu_product(B::matrix(permutation), B::matrix(lower), B::matrix(upper),
                          B::exp(B::vector(log_s)) * B::vector(sign));
  }
  auto log_abs_det() const { return B::total(B::vector(log_s)); }
  auto inverse() const { return B::inverse(matrix()); }
};

}  // namespace detail

struct InvConv1x1 {
  static std::string describe() { return "InvConv1x1"; }

  template <class In, class F>
  struct On : Elementwise<In> {
    static constexpr long parameters = long{In::channels} * In::channels;
    static constexpr long multiply_adds = parameters * area<In>;
  };

  template <class B, class In, class F>
  using Bound = detail::Mixing<InvConv1x1, B, In, F, detail::DenseWeight<B, In::channels>>;
};

struct InvConv1x1Plu {
  static std::string describe() { return "InvConv1x1Plu"; }

  template <class In, class F>
  struct On : Elementwise<In> {
    static constexpr long parameters = long{In::channels} * (2 * In::channels + 1);
    static constexpr long multiply_adds = long{In::channels} * In::channels * area<In>;
  };

  template <class B, class In, class F>
  using Bound = detail::Mixing<InvConv1x1Plu, B, In, F, detail::PluWeight<B, In::channels>>;
};

}  // namespace cnf
