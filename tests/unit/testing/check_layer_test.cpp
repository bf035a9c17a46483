#include "cnf/testing/check_layer.hpp"

#include <algorithm>

#include "support/doctest.hpp"

// The example of core/layer.hpp, word for word.
// clang-format off
struct Shift {                                        // y = x + b, log|det| = 0
  static std::string describe() { return "Shift"; }

  // 1. What it does to shapes; F = Features<...>. Elementwise: output = In, no latents, nothing to reject.
  template <class In, class F>
  struct On : cnf::Elementwise<In> {
    static constexpr bool volume_preserving = true;
    static constexpr long parameters = In::channels;
  };

  // 2. What it does to numbers, on any backend B.
  template <class B, class In, class F>
  struct Bound {
    typename B::Parameter b;
    explicit Bound(cnf::Scope<B> scope) : b(scope.parameter("b", {In::channels}, cnf::initial::zeros)) {}

    cnf::Forward<B, Shift, In, F> forward(const cnf::Batch<B, In>& x, const cnf::Maps<B, F>&) const {
      return {.y = cnf::Batch<B, In>(B::add_channels(x.data, B::vector(b)))};
    }
    cnf::Batch<B, In> inverse(const cnf::Batch<B, In>& y, const cnf::Maps<B, cnf::Latents<>>&,
                              const cnf::Maps<B, F>&) const {
      return cnf::Batch<B, In>(B::add_channels(y.data, -B::vector(b)));
    }
  };
};
// clang-format on

namespace {

using cnf::testing::check_layer;
using cnf::testing::CheckReport;

enum class Fault {
  none,
  singular,
  not_injective,
  wrong_log_det,
  log_det_of_batch,
  log_det_per_element,
  not_finite,
  inverse_forgets_features,
  forward_ignores_features,
  ignores_features,
  reads_one_feature,
  mixes_samples,
  wrong_gradient,
  miscounts_parameters,
  throws,
};

/// y = exp(h / 4) x + b, with a fault.
template <Fault fault>
struct Scaled {
  static std::string describe() { return "Scaled"; }

  template <class In, class F>
  struct On : cnf::Elementwise<In> {
    static constexpr long parameters = In::channels + (fault == Fault::miscounts_parameters);
  };

  template <class B, class In, class F>
  struct Bound {
    typename B::Parameter b;
    explicit Bound(cnf::Scope<B> scope) : b(scope.parameter("b", {In::channels}, cnf::initial::zeros)) {}

    static at::Tensor log_scale(const cnf::Maps<B, F>& h, bool ignore) {
      const auto s = h.data[0] / 4;
      if (fault == Fault::reads_one_feature) return s.narrow(1, 0, 1).expand_as(s);
      return ignore || fault == Fault::ignores_features ? at::zeros_like(s) : s;
    }

    cnf::Forward<B, Scaled, In, F> forward(const cnf::Batch<B, In>& x, const cnf::Maps<B, F>& h) const {
      const auto log_s = log_scale(h, fault == Fault::forward_ignores_features);
      auto y = log_s.exp() * x.data + b.view({1, -1, 1, 1});
      auto log_det = log_s.flatten(1).sum(1);
      switch (fault) {
        case Fault::singular:
          y = y.mean(1, true).expand_as(y);
          break;
        case Fault::not_injective:
          y = y.abs();
          break;
        case Fault::wrong_log_det:
          log_det = 1.01 * log_det;
          break;
        case Fault::log_det_of_batch:
          log_det = log_det.sum();
          break;
        case Fault::log_det_per_element:
          log_det = log_s;
          break;
        case Fault::not_finite:
          y = (y - 100).log();
          break;
        case Fault::mixes_samples:
          y = y + 0.01 * y.mean(0, true).detach();
          break;
        case Fault::wrong_gradient:
          y = y + (b - b.detach()).view({1, -1, 1, 1});
          break;
        case Fault::throws:
          throw cnf::Error("Scaled: expected nothing, got a sample");
        default:
          break;
      }
      return {.y = cnf::Batch<B, In>(y), .log_det = log_det};
    }
    cnf::Batch<B, In> inverse(const cnf::Batch<B, In>& y, const cnf::Maps<B, cnf::Latents<>>&,
                              const cnf::Maps<B, F>& h) const {
      const auto log_s = log_scale(h, fault == Fault::inverse_forgets_features);
      return cnf::Batch<B, In>((y.data - b.view({1, -1, 1, 1})) * (-log_s).exp());
    }
  };
};

template <Fault fault>
CheckReport check(bool expect_conditional = false) {
  using S = cnf::Shape<2, 2, 2>;
  return check_layer<Scaled<fault>, S, cnf::Features<S>>({.expect_conditional = expect_conditional});
}

/// y = [x0] alone: a number is lost.
struct Lossy {
  static std::string describe() { return "Lossy"; }
  template <class In, class F>
  struct On : cnf::Elementwise<In> {
    using output = cnf::with_channels<In, 1>;
    static constexpr bool volume_preserving = true;
  };
  template <class B, class In, class F>
  struct Bound {
    explicit Bound(cnf::Scope<B>) {}
    cnf::Forward<B, Lossy, In, F> forward(const cnf::Batch<B, In>& x, const cnf::Maps<B, F>&) const {
      return {.y = cnf::Batch<B, cnf::with_channels<In, 1>>(B::channels_of(x.data, 0, 1))};
    }
    cnf::Batch<B, In> inverse(const cnf::Batch<B, cnf::with_channels<In, 1>>& y,
                              const cnf::Maps<B, cnf::Latents<>>&, const cnf::Maps<B, F>&) const {
      return cnf::Batch<B, In>(y.data.expand({-1, In::channels, -1, -1}));
    }
  };
};

/// y = 2 x, and claims to preserve volume.
struct FalselyVolumePreserving {
  static std::string describe() { return "FalselyVolumePreserving"; }
  template <class In, class F>
  struct On : cnf::Elementwise<In> {
    static constexpr bool volume_preserving = true;
  };
  template <class B, class In, class F>
  struct Bound {
    explicit Bound(cnf::Scope<B>) {}
    cnf::Forward<B, FalselyVolumePreserving, In, F> forward(const cnf::Batch<B, In>& x,
                                                            const cnf::Maps<B, F>&) const {
      return {.y = cnf::Batch<B, In>(x.data * 2.0)};
    }
    cnf::Batch<B, In> inverse(const cnf::Batch<B, In>& y, const cnf::Maps<B, cnf::Latents<>>&,
                              const cnf::Maps<B, F>&) const {
      return cnf::Batch<B, In>(y.data * 0.5);
    }
  };
};

/// Returns a struct of its own whose log_det is a number, against its declaration.
struct OwnResult {
  static std::string describe() { return "OwnResult"; }
  template <class In, class F>
  struct On : cnf::Elementwise<In> {
    static constexpr bool volume_preserving = true;
  };
  template <class B, class In, class F>
  struct Bound {
    struct Result {
      cnf::Batch<B, In> y;
      typename B::PerSample log_det;
      cnf::Maps<B, cnf::Latents<>> latents;
    };
    explicit Bound(cnf::Scope<B>) {}
    Result forward(const cnf::Batch<B, In>& x, const cnf::Maps<B, F>&) const {
      return {.y = x, .log_det = B::constant(0, x.data), .latents = {}};
    }
    cnf::Batch<B, In> inverse(const cnf::Batch<B, In>& y, const cnf::Maps<B, cnf::Latents<>>&,
                              const cnf::Maps<B, F>&) const {
      return y;
    }
  };
};

/// Some finding says `words`.
bool says(const CheckReport& report, const std::string& words) {
  return std::any_of(report.findings.begin(), report.findings.end(),
                     [&](const std::string& f) { return f.find(words) != std::string::npos; });
}

}  // namespace

TEST_CASE("check_layer accepts correct user layers") {
  const auto shift = check_layer<Shift, cnf::Shape<3, 2, 2>>();
  CHECK_MESSAGE(shift.ok(), shift.text());
  CHECK(shift.parameters == 3);
  CHECK(shift.round_trip < 1e-14);

  const auto scaled = check<Fault::none>(true);
  CHECK_MESSAGE(scaled.ok(), scaled.text());
  CHECK(scaled.maps_read == std::vector<bool>{true});
}

TEST_CASE("check_layer reports what is not invertible") {
  CHECK(says(check<Fault::singular>(), "the Jacobian of sample 0 is singular"));
  CHECK(says(check<Fault::singular>(), "inverse(forward(x)) differs"));
  // |y| has a regular Jacobian and a right log_det: only the round trip can tell
  const auto folded = check<Fault::not_injective>();
  CHECK(says(folded, "inverse(forward(x)) differs"));
  CHECK(folded.log_det < 1e-8);
  CHECK(says(check<Fault::not_finite>(), "inverse(forward(x)) differs from x: inf above"));
  CHECK(says(check_layer<Lossy, cnf::Shape<2, 2, 2>>(), "8 numbers in, 4 out"));
}

TEST_CASE("check_layer reports a wrong log_det") {
  const auto wrong = check<Fault::wrong_log_det>();
  CHECK(says(wrong, "wrong log_det"));
  CHECK(wrong.log_det > 1e-4);
  CHECK(wrong.round_trip < 1e-14);
  CHECK(says(check<Fault::log_det_of_batch>(), "log_det is summed over the batch"));
  CHECK(says(check<Fault::log_det_per_element>(), "log_det has 16 numbers"));
  CHECK(says(check_layer<FalselyVolumePreserving, cnf::Shape<2>>(), "wrong log_det: 1.4 above"));
  CHECK(says(check_layer<OwnResult, cnf::Shape<2>>(), "log_det must be NoLogDet if, and only if"));
}

TEST_CASE("check_layer reports lost conditioning") {
  const auto forgets = check<Fault::inverse_forgets_features>();
  CHECK(says(forgets, "inverse ignores them"));
  CHECK(says(forgets, "inverse(forward(x)) differs"));
  CHECK(says(check<Fault::forward_ignores_features>(), "forward ignores them"));

  // a layer may leave the features alone, unless it was expected to read them
  CHECK(check<Fault::ignores_features>().ok());
  CHECK(check<Fault::ignores_features>().maps_read == std::vector<bool>{false});
  CHECK(says(check<Fault::ignores_features>(true), "expected a conditional layer"));

  const auto one = check<Fault::reads_one_feature>();
  CHECK(says(one, "channel 1 of feature map 0 changes no output"));
  CHECK(one.findings.size() == 1);
}

TEST_CASE("check_layer reports samples that influence each other") {
  const auto mixed = check<Fault::mixes_samples>();
  CHECK(says(mixed, "samples influence each other"));
  CHECK(mixed.independence > 1e-4);
  CHECK(says(check<Fault::log_det_of_batch>(), "samples influence each other"));
}

TEST_CASE("check_layer reports a wrong gradient by the tensor's name") {
  const auto report = check<Fault::wrong_gradient>();
  CHECK(says(report, "wrong gradient of parameter b"));
  CHECK(report.findings.size() == 1);
  CHECK(report.gradient_of_input < 1e-8);
}

TEST_CASE("check_layer reports exceptions and a wrong parameter count") {
  CHECK(says(check<Fault::throws>(), "throws: Scaled: expected nothing, got a sample"));
  CHECK(says(check<Fault::miscounts_parameters>(), "On::parameters says 3, trained are 2"));
}

TEST_CASE("a report is readable") {
  const auto text = check<Fault::wrong_log_det>().text();
  CHECK(text.find("check_layer Scaled on 2x2x2: FAILED\n") == 0);
  CHECK(text.find("\n  finding: wrong log_det: ") != std::string::npos);
  CHECK(text.find("feature maps read: 1 of 1") != std::string::npos);
  CHECK(check<Fault::none>().text().find("check_layer Scaled on 2x2x2: ok\n") == 0);
}

TEST_CASE("perturb moves every trained parameter, by seed and name, and no buffer") {
  torch::nn::Module module;
  const cnf::Scope<cnf::libtorch::Backend> scope(module, 0);
  const auto a = scope.parameter("a", {100}, cnf::initial::zeros);
  const auto b = scope.child("part").parameter("b", {100}, cnf::initial::zeros);
  const auto c = scope.buffer("c", {100}, cnf::initial::zeros);
  cnf::testing::perturb<cnf::libtorch::Backend>(module, 3, 0.1);
  CHECK(a.std().item<double>() == doctest::Approx(0.1).epsilon(0.3));
  CHECK(b.std().item<double>() == doctest::Approx(0.1).epsilon(0.3));
  CHECK_FALSE(a.equal(b));
  CHECK(c.equal(at::zeros_like(c)));
  const auto once = a.detach().clone();
  cnf::testing::perturb<cnf::libtorch::Backend>(module, 3, 0.1);
  CHECK((a - 2 * once).abs().max().item<double>() < 1e-15);
  cnf::testing::perturb<cnf::libtorch::Backend>(module, 4, 0.1);
  CHECK((a - 3 * once).abs().max().item<double>() > 0.01);
}
