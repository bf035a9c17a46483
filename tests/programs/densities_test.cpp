// The densities that flows are measured against are what they say: they integrate to one, and their samples are theirs.
#include "density/densities.hpp"

#include "support/doctest.hpp"
#include "support/files.hpp"
#include "support/run.hpp"

namespace {

/// The integral of p, and of -p log p, on a grid of cells around 0, middle by middle.
std::pair<double, double> integrals(const density::Density& d, double half, long cells) {
  const double side = 2 * half / double(cells);
  const auto at_middle = (at::arange(cells, at::kDouble) + 0.5) * side - half;
  double mass = 0, entropy = 0;
  for (const auto& rows : at_middle.split(50)) {
    const auto x = at_middle.repeat({rows.size(0)}), y = rows.repeat_interleave(cells);
    const auto log_p = d.log_density(density::points(x, y));
    const auto p = log_p.exp() * side * side;
    mass += p.sum().item<double>();
    entropy -= (p * log_p.clamp_min(-700)).sum().item<double>();
  }
  return {mass, entropy};
}

}  // namespace

TEST_CASE("densities of the plane integrate to one, and their samples have their entropy") {
  for (const auto& d : density::all()) {
    if (d.dimensions != 2) continue;
    CAPTURE(d.name);
    const auto [mass, entropy] = integrals(d, 8, 800);
    CHECK(std::abs(mass - 1) < 1e-3);
    const auto drawn = density::entropy(d, 50'000);
    CHECK(std::abs(drawn.mean - entropy) < 4 * drawn.error + 1e-3);
    CHECK(d.sample(3, 7).sizes() == at::IntArrayRef({3, 2, 1, 1}));
    CHECK(d.sample(100, 7).narrow(0, 0, 3).equal(d.sample(3, 7)));
  }
}

TEST_CASE("a checkerboard's entropy is log 32") {
  CHECK(density::entropy(density::checkerboard(), 1000).mean == doctest::Approx(std::log(32.0)));
}

TEST_CASE("the entropy of mixtures is the mean of -log p, with less noise") {
  for (const int dimensions : {6, 21, 63}) {
    CAPTURE(dimensions);
    const auto d = density::mixture(dimensions);
    const auto plain = density::estimate(-d.log_density(d.sample(50'000, 5)));
    const auto known = density::entropy(d);
    CHECK(std::abs(plain.mean - known.mean) < 4 * plain.error);
    CHECK(known.error < 0.001);
  }
}

TEST_CASE("the benchmark of densities prints a row, with the entropy's own error") {
  const auto done = run({CNF_BIN_DIR "/densities", "run", "--seconds", "0.2", "--only", "mixture of 6"});
  CAPTURE(done.out);
  CHECK(done.status == 0);
  CHECK(contains(done.out, "mixture of 6"));
  CHECK(contains(done.out, "+- 0.00"));
}

TEST_CASE("the mixture's density is a mean of Gaussians: under wide normal noise it integrates to one") {
  for (const auto& [d, wide] : {std::pair(density::mixture(6), 3.0)}) {
    const auto x = wide * density::numbers(400'000, 3, 0, cnf::Distribution::normal, 6);
    const auto log_q = density::log_gaussian(x, wide).sum(1);
    const auto weight = density::estimate((d.log_density(x.view({-1, 6, 1, 1})) - log_q).exp());
    CHECK(std::abs(weight.mean - 1) < 5 * weight.error);
    CHECK(weight.error < 0.05);
  }
}
