#include "cnf/dequantize/uniform.hpp"

#include "cnf/eigen.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using Torch = libtorch::Backend;
using S = Shape<3, 4, 5>;

template <int Bits, class B = Torch, class Target = S>
typename Uniform<Bits>::template Bound<B, Target, Features<>> bound() {
  static typename B::Module module;
  return typename Uniform<Bits>::template Bound<B, Target, Features<>>(Scope<B>(module, 0));
}

/// n samples of integers 0 .. levels - 1.
Batch<Torch, S> integers(long n, int levels, at::ScalarType dtype = at::kDouble) {
  return Batch<Torch, S>(
      at::remainder(at::arange(n * 60, at::kDouble).mul(7919), levels).view({n, 3, 4, 5}).to(dtype));
}

double number(const at::Tensor& x) { return x.item<double>(); }

template <int Bits>
void stays_in_its_bin() {
  CAPTURE(Bits);
  const auto y = integers(50, 1 << Bits);
  const auto d = bound<Bits>().dequantize(y, {}, {.seed = 1});
  const at::Tensor position = d.v.data * (1 << Bits) - y.data;
  CHECK(number(position.min()) >= 0);
  CHECK(number(position.max()) < 1);
  CHECK(number(position.mean()) == doctest::Approx(0.5).epsilon(0.05));
  CHECK(number(position.var()) == doctest::Approx(1.0 / 12).epsilon(0.05));
  CHECK(bound<Bits>().quantize(d.v).data.equal(y.data));
  CHECK(number(d.log_det) == doctest::Approx(-60 * Bits * std::numbers::ln2).epsilon(1e-14));
}

}  // namespace

TEST_CASE("uniform dequantization: v lies in the bin of y, quantize gives y back, log_det = -D Bits log 2") {
  stays_in_its_bin<1>();
  stays_in_its_bin<5>();
  stays_in_its_bin<8>();
  stays_in_its_bin<16>();
}

TEST_CASE("uniform dequantization in float: images come back, though y + u may round up to y + 1") {
  const auto y = integers(20000, 256, at::kFloat);  // 1.2 million numbers
  const auto d = bound<8>().dequantize(y, {}, {.seed = 3});
  CHECK((d.v.data.scalar_type() == at::kFloat));
  CHECK((bound<8>().quantize(d.v).data != y.data).sum().item<int>() == 0);
  const auto deep = integers(1000, 65536, at::kFloat);
  CHECK(bound<16>().quantize(bound<16>().dequantize(deep, {}, {.seed = 3}).v).data.equal(deep.data));
}

TEST_CASE("quantize clamps to the alphabet") {
  const auto v = Batch<Torch, Shape<6>>(
      at::tensor({-3.0, -1e-9, 0.0, 0.9999, 1.0, 7.0}, at::kDouble).view({1, 6, 1, 1}));
  CHECK(Torch::to_host(bound<8, Torch, Shape<6>>().quantize(v).data) ==
        std::vector<double>{0, 0, 0, 255, 255, 255});
  CHECK(Torch::to_host(bound<1, Torch, Shape<6>>().quantize(v).data) ==
        std::vector<double>{0, 0, 0, 1, 1, 1});
}

TEST_CASE("quantize does not hide what is not finite") {
  for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    const auto v = at::full({1, 1, 1, 1}, value, at::kDouble);
    CHECK(
        std::isnan(Torch::to_host(bound<8, Torch, Shape<1>>().quantize(Batch<Torch, Shape<1>>(v)).data)[0]));
  }
}

TEST_CASE("uniform dequantization rejects what is not in the alphabet") {
  const auto with = [](double value) {
    auto y = integers(2, 256);
    y.data[1][2][3][4] = value;
    return error_of([&] { bound<8>().dequantize(y, {}, {}); });
  };
  CHECK(with(255) == "no error");
  for (const double value : {-1.0, 256.0, 0.5, std::nan(""), HUGE_VAL}) {
    CAPTURE(value);
    CHECK(with(value) == "expected a target of integers from 0 to 255, got other values");
  }
  CHECK(error_of([] { bound<1>().dequantize(integers(1, 256), {}, {}); }) ==
        "expected a target of integers from 0 to 1, got other values");
}

TEST_CASE("uniform dequantization's noise depends on seed, input and draw alone") {
  const auto y = integers(4, 256);
  const auto v = [&](const NoiseRows& rows) { return bound<8>().dequantize(y, {}, rows).v.data; };
  const auto a = v({.seed = 1});
  CHECK(a.equal(v({.seed = 1})));
  CHECK_FALSE(a.equal(v({.seed = 2})));
  CHECK_FALSE(a[0].equal(a[1] + (y.data[0] - y.data[1]) / 256));  // not the same noise for all inputs

  // inputs 2 and 3, alone
  const Batch<Torch, S> part(y.data.narrow(0, 2, 2));
  CHECK(bound<8>().dequantize(part, {}, {.seed = 1, .first_input = 2}).v.data.equal(a.narrow(0, 2, 2)));

  // two draws of two inputs: draw 0 of input 0 is row 0
  const auto draws = v({.seed = 1, .draws = 2});
  CHECK(draws[0].equal(a[0]));
  CHECK_FALSE((draws[1] - a[1]).abs().max().item<double>() == 0);
}

TEST_CASE("uniform dequantization is the same on both backends") {
  using Eigen64 = eigen::Backend<double>;
  const auto y = integers(3, 256);
  const Batch<Eigen64, S> same(Eigen64::from_host(Torch::to_host(y.data), {3, 3, 4, 5}, 0));
  const auto a = bound<8>().dequantize(y, {}, {.seed = 5});
  const auto b = bound<8, Eigen64>().dequantize(same, {}, {.seed = 5});
  CHECK(Torch::to_host(a.v.data) == Eigen64::to_host(b.v.data));
  CHECK(Torch::to_host(a.log_det) == Eigen64::to_host(b.log_det));
}

TEST_CASE("targets that are real numbers pass untouched") {
  static torch::nn::Module module;
  const Continuous::Bound<Torch, S, Features<>> continuous{Scope<Torch>(module, 0)};
  const auto y = random_batch<S>(2, 1);
  const auto d = continuous.dequantize(y, {}, {});
  CHECK(d.v.data.equal(y.data));
  CHECK(d.log_det.item<double>() == 0);
  CHECK(continuous.quantize(y).data.equal(y.data));
}
