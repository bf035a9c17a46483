// Samples are functions of the seed and of the numbers of input and draw, and of nothing else.
#include <ATen/Parallel.h>

#include "cnf/model/model.hpp"
#include "support/doctest.hpp"
#include "support/models.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;

template <class Spec>
struct Fixture {
  libtorch::Model<Spec> model{{.seed = 1, .placement = {.dtype = at::kDouble}}};
  at::Tensor x = random_tensor({4, 3, 3, 5}, 1);

  Fixture() { cnf::testing::make_ready(model); }

  at::Tensor sample(const SampleOptions& options) const { return model.given(x).sample(options); }
  at::Tensor sample_of(long input, const SampleOptions& options) const {
    return model.given(x.narrow(0, input, 1)).sample(options);
  }
};

#define EACH_MODEL models::Sr, models::ContinuousSr, models::Factorised

TEST_CASE_TEMPLATE("the same seed gives the same samples, another seed others", Spec, EACH_MODEL) {
  const Fixture<Spec> f;
  const auto s = f.sample({.count = 2, .seed = 7});
  CHECK(s.sizes() == at::IntArrayRef{8, 3, 6, 10});
  CHECK(at::equal(s, f.sample({.count = 2, .seed = 7})));
  CHECK(difference(s, f.sample({.count = 2, .seed = 8})) > 0.1);
}

TEST_CASE_TEMPLATE("a batch equals its inputs one by one", Spec, EACH_MODEL) {
  const Fixture<Spec> f;
  const auto together = f.sample({.count = 3, .seed = 7});
  for (long i = 0; i < 4; ++i) {
    const auto alone = f.sample_of(i, {.count = 3, .seed = 7, .first_input = i});
    CHECK(difference(alone, together.narrow(0, 3 * i, 3)) < 1e-9);
  }
  // without its number, an input gets the noise of the first
  CHECK(difference(f.sample_of(1, {.seed = 7}), f.sample({.seed = 7}).narrow(0, 1, 1)) > 0.1);
}

TEST_CASE_TEMPLATE("ten draws equal four and six", Spec, EACH_MODEL) {
  const Fixture<Spec> f;
  const auto ten = f.sample_of(0, {.count = 10, .seed = 7});
  CHECK(difference(f.sample_of(0, {.count = 4, .seed = 7}), ten.narrow(0, 0, 4)) < 1e-9);
  CHECK(difference(f.sample_of(0, {.count = 6, .seed = 7, .first_draw = 4}), ten.narrow(0, 4, 6)) < 1e-9);
  CHECK(difference(ten[0], ten[1]) > 0.1);
}

TEST_CASE_TEMPLATE("temperature 0 has no spread, and spread grows with temperature", Spec, EACH_MODEL) {
  const Fixture<Spec> f;
  const auto cold = f.sample_of(0, {.count = 3, .temperature = 0, .seed = 7});
  CHECK(difference(cold, f.sample_of(0, {.count = 3, .temperature = 0, .seed = 8})) < 1e-9);
  CHECK(difference(cold[0], cold[2]) < 1e-9);
  const auto spread = [&](double temperature) {
    const auto s = f.sample_of(0, {.count = 32, .temperature = temperature, .seed = 7});
    return s.std(0).mean().template item<double>();
  };
  const double quarter = spread(0.25), half = spread(0.5);
  CHECK(quarter > 0);
  CHECK(half > 1.3 * quarter);
}

TEST_CASE("samples don't depend on the number of threads") {
  const Fixture<models::ContinuousSr> f;
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = f.sample({.count = 4, .seed = 7});
  at::set_num_threads(3);
  const auto three = f.sample({.count = 4, .seed = 7});
  at::set_num_threads(threads);
  CHECK(difference(one, three) < 1e-9);
}

TEST_CASE_TEMPLATE("samples of a discrete target are in its alphabet", Spec, models::Sr, models::Factorised) {
  const Fixture<Spec> f;
  const auto s = f.sample({.count = 8, .temperature = 3, .seed = 7});
  CHECK(at::equal(s, s.floor()));
  CHECK(s.min().template item<double>() >= 0);
  CHECK(s.max().template item<double>() <= 255);
  CHECK(s.std().template item<double>() > 1);
}

TEST_CASE("a sample's latents are temperature times the noise of its seed, input, draw and level") {
  const Fixture<models::ContinuousSr> f;
  const auto x = random_tensor({2, 3, 2, 4}, 2);
  const auto p = f.model.given(x);
  const double temperature = 0.7;
  const auto z = p.encode(
      p.sample({.count = 2, .temperature = temperature, .seed = 7, .first_input = 5, .first_draw = 9}));
  for (long row = 0; row < 4; ++row)
    for (std::uint32_t level = 0; level < 2; ++level) {
      const auto latent = z.data[level][row].flatten();
      std::vector<double> expected(std::size_t(latent.numel()));
      NoiseKey{.seed = 7,
               .stream = Stream::latents,
               .input = std::uint32_t(5 + row / 2),
               .draw = std::uint32_t(9 + row % 2),
               .level = level}
          .fill(expected.data(), expected.size(), Distribution::normal, temperature);
      CHECK(difference(latent, at::tensor(expected, at::kDouble)) < 1e-9);
    }
}

TEST_CASE("samples keep no gradient, log_prob of the same model does") {
  const Fixture<models::ContinuousSr> f;
  CHECK_FALSE(f.sample({}).requires_grad());
  CHECK(f.model.given(f.x).log_prob(f.sample({})).requires_grad());
}

TEST_CASE("sampling sees parameters that have changed since the last sample") {
  const Fixture<models::ContinuousSr> f;
  const auto before = f.sample({.seed = 7});
  {
    at::NoGradGuard no_grad;
    f.model.named_parameters()["flow.2.1.0.1.weight"].mul_(2.0);
  }
  const auto p = f.model.given(f.x);
  const auto after = p.sample({.seed = 7});
  CHECK(difference(after, before) > 1e-3);
  const auto aligned = random_tensor({4, 3, 8, 12}, 3);
  const auto q = f.model.given(random_tensor({4, 3, 4, 6}, 4));
  CHECK(difference(q.decode(q.encode(aligned)), aligned) < 1e-9);
}

}  // namespace
