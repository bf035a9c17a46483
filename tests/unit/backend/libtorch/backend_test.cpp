// Every operation of both backends: the same numbers for the same inputs, in double.
#include "cnf/backend/libtorch/backend.hpp"

#include "cnf/backend/eigen/backend.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/random_tensor.hpp"

namespace {

using Torch = cnf::libtorch::Backend;
using Eigen64 = cnf::eigen::Backend<double>;

/// Values and sizes, on no backend.
struct Numbers {
  std::array<long, 4> sizes;
  std::vector<double> values;
};

Numbers random(const std::array<long, 4>& sizes, std::uint64_t seed, double scale = 1) {
  Numbers r{sizes, std::vector<double>(std::size_t(sizes[0] * sizes[1] * sizes[2] * sizes[3]))};
  cnf::NoiseKey{.seed = seed}.fill(r.values.data(), r.values.size(), cnf::Distribution::normal, scale);
  return r;
}

template <class B>
typename B::Tensor tensor(const Numbers& x) {
  return B::from_host(x.values, x.sizes, at::empty({0}, at::kDouble));
}

template <class B>
typename B::Parameter parameter(typename B::Module& module, const std::vector<long>& sizes,
                                std::uint64_t seed) {
  long n = 1;
  for (const long s : sizes) n *= s;
  static int name = 0;
  return B::add_parameter(module, "p" + std::to_string(name++), sizes, random({1, 1, 1, n}, seed).values,
                          true);
}

template <class B>
Numbers numbers(const typename B::Tensor& x) {
  return {{B::samples(x), B::channels(x), B::height(x), B::width(x)}, B::to_host(x)};
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size() || a.empty()) return HUGE_VAL;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    const double d = same ? 0 : std::abs(a[i] - b[i]) / std::max(1.0, std::abs(a[i]));
    largest = std::isnan(d) ? HUGE_VAL : std::max(largest, d);
  }
  return largest;
}

/// op(backend, tensors...) gives equal tensors on both backends.
template <class Op, class... Input>
void same_tensor(const std::string& name, const Op& op, const Input&... input) {
  CAPTURE(name);
  const auto a = numbers<Torch>(op(Torch{}, tensor<Torch>(input)...));
  const auto b = numbers<Eigen64>(op(Eigen64{}, tensor<Eigen64>(input)...));
  CHECK(a.sizes == b.sizes);
  CHECK(largest_difference(a.values, b.values) < 1e-12);
}

/// op(backend, module) gives the same list of numbers.
template <class Op>
void same_numbers(const std::string& name, const Op& op) {
  CAPTURE(name);
  torch::nn::Module torch_module;
  Eigen64::Module eigen_module;
  CHECK(largest_difference(op(Torch{}, torch_module), op(Eigen64{}, eigen_module)) < 1e-12);
}

const Numbers x = random({3, 4, 5, 6}, 1), y = random({3, 4, 5, 6}, 2), even = random({2, 3, 4, 6}, 3);
const Numbers wild{{1, 1, 2, 7}, {-1e4, -800, -40, -21, -1.5, -0.5, -1e-20, 0, 1e-9, 0.5, 2.5, 19, 38, 700}};

template <class B>
using T = typename B::Tensor;

}  // namespace

TEST_CASE("backends agree: elementwise") {
  for (const auto& in : {x, wild}) {
    same_tensor(
        "exp", []<class B>(B, const T<B>& a) { return B::exp(a); }, in);
    same_tensor(
        "tanh", []<class B>(B, const T<B>& a) { return B::tanh(a); }, in);
    same_tensor(
        "softplus", []<class B>(B, const T<B>& a) { return B::softplus(a); }, in);
    same_tensor(
        "relu", []<class B>(B, const T<B>& a) { return B::relu(a); }, in);
    same_tensor(
        "leaky_relu", []<class B>(B, const T<B>& a) { return B::leaky_relu(a, 0.2); }, in);
    same_tensor(
        "log of exp", []<class B>(B, const T<B>& a) { return B::log(B::exp(a) + 1.0); }, in);
    same_tensor(
        "log1m_exp", []<class B>(B, const T<B>& a) { return B::log1m_exp(-B::exp(B::clamp(a, -50, 50))); },
        in);
    same_tensor(
        "round", []<class B>(B, const T<B>& a) { return B::round(a); }, in);
    same_tensor(
        "floor", []<class B>(B, const T<B>& a) { return B::floor(a); }, in);
    same_tensor(
        "clamp", []<class B>(B, const T<B>& a) { return B::clamp(a, -0.5, 1.25); }, in);
    same_tensor(
        "-", []<class B>(B, const T<B>& a) -> T<B> { return -a; }, in);
    same_tensor(
        "numbers", []<class B>(B, const T<B>& a) -> T<B> { return 3.0 * (a * 0.5 + 2.0 - 1.5); }, in);
  }
  same_tensor(
      "+ - *", []<class B>(B, const T<B>& a, const T<B>& b) -> T<B> { return a * b + a - b; }, x, y);
  same_tensor(
      "at most", []<class B>(B, const T<B>& a, const T<B>& b) { return B::where_at_most(a, 0.3, b, a); }, x,
      y);
  same_tensor(
      "at least", []<class B>(B, const T<B>& a, const T<B>& b) { return B::where_at_least(a, 0.3, b, a); }, x,
      y);
}

TEST_CASE("a value that is not a number stays visible on both backends") {
  const Numbers bad{{1, 1, 2, 4}, {NAN, NAN, NAN, NAN, NAN, NAN, NAN, 1}};
  same_tensor(
      "relu", []<class B>(B, const T<B>& a) { return B::relu(a); }, bad);
  same_tensor(
      "leaky_relu", []<class B>(B, const T<B>& a) { return B::leaky_relu(a, 0.2); }, bad);
  same_tensor(
      "softplus", []<class B>(B, const T<B>& a) { return B::softplus(a); }, bad);
  same_tensor(
      "clamp", []<class B>(B, const T<B>& a) { return B::clamp(a, -1, 1); }, bad);
  CHECK_FALSE(Torch::all_finite(tensor<Torch>(bad)));
  CHECK_FALSE(Eigen64::all_finite(tensor<Eigen64>(bad)));
  CHECK(Torch::all_finite(tensor<Torch>(x)));
  CHECK(Eigen64::all_finite(tensor<Eigen64>(x)));
}

TEST_CASE("backends agree: sums and arithmetic of numbers per sample") {
  same_numbers("sum", []<class B>(B, typename B::Module&) { return B::to_host(B::sum(tensor<B>(x))); });
  same_numbers("total", []<class B>(B, typename B::Module& m) {
    return B::to_host(B::total(B::vector(parameter<B>(m, {7}, 1))));
  });
  same_numbers("arithmetic", []<class B>(B, typename B::Module& m) {
    const typename B::PerSample some = B::sum(tensor<B>(x)),
                                one = B::total(B::vector(parameter<B>(m, {7}, 1)));
    return B::to_host(typename B::PerSample(2.0 * (one + some * 0.5) + (some - one) - -some + 0.25 - 1.0));
  });
  same_numbers("per_sample", []<class B>(B, typename B::Module&) {
    auto list = B::to_host(B::per_sample(B::constant(1.5, tensor<B>(x)), 3));
    for (const double v : B::to_host(B::per_sample(B::sum(tensor<B>(x)), 3))) list.push_back(v);
    return list;
  });
}

TEST_CASE("backends agree: channels") {
  same_tensor(
      "channels_of", []<class B>(B, const T<B>& a) { return B::channels_of(a, 1, 2); }, x);
  same_tensor(
      "concat",
      []<class B>(B, const T<B>& a, const T<B>& b) { return B::concat(a, B::channels_of(b, 0, 3)); }, x, y);
  same_tensor(
      "permute",
      []<class B>(B, const T<B>& a) {
        return B::permute_channels(a, std::array<int, 4>{2, 0, 3, 1});
      },
      x);

  const auto with_vectors = [](const char* name, const auto& op) {
    same_numbers(name, [&]<class B>(B b, typename B::Module& m) {
      const auto scale = B::vector(parameter<B>(m, {4}, 5)), shift = B::vector(parameter<B>(m, {4}, 6));
      return B::to_host(op(b, tensor<B>(x), scale, shift));
    });
  };
  with_vectors("channel_affine", []<class B>(B, const T<B>& a, const auto& scale, const auto& shift) {
    return B::channel_affine(a, B::exp(scale), B::exp(scale) * shift);
  });
  with_vectors("add_channels", []<class B>(B, const T<B>& a, const auto&, const auto& shift) {
    return B::add_channels(a, -shift);
  });
  with_vectors("broadcast", []<class B>(B, const T<B>& a, const auto& scale, const auto&) {
    return B::broadcast_channels(scale, a);
  });
}

TEST_CASE("backends agree: space and depth, padding, repetition") {
  same_tensor(
      "space_to_depth", []<class B>(B, const T<B>& a) { return B::space_to_depth(a); }, even);
  same_tensor(
      "depth_to_space", []<class B>(B, const T<B>& a) { return B::depth_to_space(a); }, x);
  same_tensor(
      "pad", []<class B>(B, const T<B>& a) { return B::pad(a, 8, 7); }, x);
  same_tensor(
      "crop", []<class B>(B, const T<B>& a) { return B::crop(a, 3, 5); }, x);
  same_tensor(
      "repeat", []<class B>(B, const T<B>& a) { return B::repeat_samples(a, 3); }, x);
}

TEST_CASE("numbers that are too few for the sizes are an Error") {
  const std::vector<double> few(64);
  const std::string text = "expected 192 numbers, got 64";
  CHECK(error_of([&] { Torch::from_host(few, {1, 3, 8, 8}, at::Tensor()); }) == text);
  CHECK(error_of([&] { Eigen64::from_host(few, {1, 3, 8, 8}, 0); }) == text);
}

TEST_CASE("backends agree: conv2d") {
  struct Case {
    std::array<long, 4> input;
    long out, kernel;
    int stride, padding;
  };
  for (const auto& c : std::vector<Case>{{{1, 1, 1, 1}, 1, 1, 1, 0},
                                         {{3, 4, 5, 7}, 6, 1, 1, 0},
                                         {{3, 4, 5, 7}, 6, 3, 1, 1},
                                         {{2, 3, 1, 1}, 2, 3, 1, 1},
                                         {{2, 3, 1, 6}, 2, 3, 1, 1},
                                         {{2, 3, 6, 8}, 5, 2, 2, 0},
                                         {{2, 3, 7, 5}, 5, 2, 2, 0},
                                         {{2, 3, 6, 6}, 4, 5, 1, 2},
                                         {{2, 3, 7, 6}, 4, 3, 2, 1},
                                         {{2, 2, 5, 5}, 4, 1, 2, 0},
                                         {{2, 2, 40, 50}, 3, 3, 1, 1},
                                         {{2, 2, 80, 54}, 3, 2, 2, 0},
                                         {{1, 2, 3, 1300}, 3, 3, 1, 1}})
    for (const bool biased : {true, false}) {
      const auto in = random(c.input, 7);
      INFO("input " << c.input[0] << "x" << c.input[1] << "x" << c.input[2] << "x" << c.input[3]
                    << ", kernel " << c.kernel << ", stride " << c.stride);
      same_numbers("conv2d", [&]<class B>(B, typename B::Module& m) {
        const auto weight = parameter<B>(m, {c.out, c.input[1], c.kernel, c.kernel}, 8);
        const auto bias = parameter<B>(m, {c.out}, 9);
        const auto result =
            numbers<B>(B::conv2d(tensor<B>(in), weight, biased ? &bias : nullptr, c.stride, c.padding));
        auto list = result.values;
        for (const long s : result.sizes) list.push_back(double(s));
        return list;
      });
    }
}

TEST_CASE("backends agree: small matrices") {
  for (const long n : {1L, 2L, 5L, 24L}) {
    CAPTURE(n);
    const auto with_matrix = [&](const char* name, const auto& op) {
      same_numbers(name, [&]<class B>(B b, typename B::Module& m) {
        return op(b, m, B::matrix(parameter<B>(m, {n, n}, 3)));
      });
    };
    with_matrix("log_abs_det", []<class B>(B, typename B::Module&, const typename B::Matrix& w) {
      return B::to_host(B::log_abs_det(w));
    });
    with_matrix("mix by W", [&]<class B>(B, typename B::Module&, const typename B::Matrix& w) {
      return B::to_host(B::mix_channels(tensor<B>(random({2, n, 2, 3}, 4)), w));
    });
    with_matrix("mix by plu_product", [&]<class B>(B, typename B::Module& m, const typename B::Matrix& w) {
      const auto lower = B::matrix(parameter<B>(m, {n, n}, 5)), upper = B::matrix(parameter<B>(m, {n, n}, 6));
      return B::to_host(
          B::mix_channels(tensor<B>(random({2, n, 2, 3}, 4)),
                          B::plu_product(w, lower, upper, B::exp(B::vector(parameter<B>(m, {n}, 7))))));
    });
    with_matrix("W^-1 W", [&]<class B>(B, typename B::Module&, const typename B::Matrix& w) {
      const auto in = random({2, n, 2, 3}, 4);
      const auto out = B::to_host(B::mix_channels(B::mix_channels(tensor<B>(in), w), B::inverse(w)));
      CHECK(largest_difference(in.values, out) < 1e-10);
      return in.values;
    });
  }
}

TEST_CASE("backends agree: numbers in and out, and what a target may hold") {
  same_tensor(
      "from_host, to_host", []<class B>(B, const T<B>& a) { return a; }, x);
  CHECK(Torch::to_host(tensor<Torch>(x)) == x.values);
  CHECK(Eigen64::to_host(tensor<Eigen64>(x)) == x.values);
  same_numbers("all_integers_within", []<class B>(B, typename B::Module&) {
    std::vector<double> answers;
    for (const auto& v : std::vector<std::vector<double>>{{0, 255}, {0, 256}, {-1, 3}, {0.5, 1}, {NAN, 1}})
      answers.push_back(B::all_integers_within(tensor<B>({{1, 1, 1, 2}, v}), 0, 255));
    CHECK(answers == std::vector<double>{1, 0, 0, 0, 0});
    return answers;
  });
}

TEST_CASE("backends agree: modules, their names, and parameters") {
  const auto names_and_values = []<class B>(B, typename B::Module& m, std::vector<std::string>& names) {
    B::add_parameter(B::child(m, "a"), "w", {2, 3}, {1, 2, 3, 4, 5, 6}, true);
    B::add_parameter(B::child(B::child(m, "a"), "0"), "b", {1}, {7}, false);
    const auto p = B::add_parameter(B::child(m, "c"), "v", {2}, {8, 9}, true);
    B::set(p, 2.5);
    CHECK(B::first(p) == 2.5);
    CHECK(B::to_host(p) == std::vector<double>{2.5, 2.5});
    B::assign(p, {10, 11});
    std::vector<double> values;
    B::for_each_parameter(m, [&](const std::string& name, const typename B::Parameter& q) {
      names.push_back(name);
      CHECK(B::dtype(q) == cnf::DType::f64);
      for (const long s : B::sizes(q)) values.push_back(double(s));
      for (const double v : B::to_host(q)) values.push_back(v);
    });
    std::sort(names.begin(), names.end());
    std::sort(values.begin(), values.end());
    return values;
  };
  torch::nn::Module t;
  Eigen64::Module e;
  std::vector<std::string> on_torch, on_eigen;
  CHECK(names_and_values(Torch{}, t, on_torch) == names_and_values(Eigen64{}, e, on_eigen));
  CHECK(on_torch == std::vector<std::string>{"a.0.b", "a.w", "c.v"});
  CHECK(on_eigen == on_torch);
}

TEST_CASE_TEMPLATE("a cache computes again when its parameter changes, and only then", B, Torch, Eigen64) {
  typename B::Module module;
  const auto p = B::add_parameter(module, "p", {1}, {1}, true);
  typename B::template Cache<double> cache;
  int computed = 0;
  const auto value = [&] {
    const typename B::NoGradients no_gradients;
    return cache.get(p, [&] { return ++computed, 2 * B::first(p); });
  };
  CHECK(value() == 2);
  CHECK(value() == 2);
  CHECK(computed == 1);
  B::set(p, 3);
  CHECK(value() == 6);
  B::assign(p, {4});
  CHECK(value() == 8);
  CHECK(value() == 8);
  CHECK(computed == 3);
}

TEST_CASE("Eigen tensors of different size don't add") {
  const auto add = [](const Numbers& a, const Numbers& b) { return tensor<Eigen64>(a) + tensor<Eigen64>(b); };
  try {
    add(x, even);
    FAIL("tensors of different sizes were added");
  } catch (const cnf::Error& error) {
    CHECK(std::string(error.what()) == "expected two tensors of one size, got (3, 4, 5, 6) and (2, 3, 4, 6)");
  }
  // the same number of pixels in another shape
  CHECK_THROWS_AS(add(random({1, 2, 3, 4}, 1), random({1, 2, 4, 3}, 1)), cnf::Error);
}
