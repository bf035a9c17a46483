// A checkpoint that the program trained says the same on Eigen as on LibTorch: likelihood, latents, samples.
#include "cnf/eigen.hpp"
#include "cnf/io/checkpoint.hpp"
#include "cnf/libtorch.hpp"
#include "programs/vessel_segmentation.hpp"
#include "support/doctest.hpp"
#include "vessel_segmentation/augment.hpp"
#include "vessel_segmentation/specs.hpp"

namespace {

using namespace vessel_segmentation;
using Torch = cnf::libtorch::Backend;

/// Largest difference, relative where numbers are larger than 1.
template <class A, class B>
double apart(const A& a, const B& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(a[i] - b[i]) / std::max(1.0, std::abs(a[i])));
  return worst;
}

template <class Spec, class T>
void check_agreement(const std::filesystem::path& checkpoint, double bound) {
  using Eigen = cnf::eigen::Backend<T>;
  cnf::libtorch::Model<Spec> torch(
      {.placement = {.dtype = std::is_same_v<T, double> ? at::kDouble : at::kFloat}});
  cnf::eigen::Model<Spec, T> eigen;
  cnf::io::load_checkpoint(checkpoint, torch);
  cnf::io::load_checkpoint(checkpoint, eigen);
  torch.eval();
  const at::NoGradGuard no_grad;

  const auto f = synthesize({.height = 46, .width = 43, .seed = 5}, 1);
  const auto x = to_input(f.image, f.field_of_view).to(at::kDouble), y = to_target(f.label).to(at::kDouble);
  const auto on_eigen = [](const at::Tensor& t) {
    return Eigen::from_host(Torch::to_host(t), {t.size(0), t.size(1), t.size(2), t.size(3)}, 0);
  };
  const auto p = torch.given(x);
  const auto q = eigen.given(on_eigen(x));
  CHECK(apart(Torch::to_host(p.log_prob(y, {.seed = 1})),
              Eigen::to_host(q.log_prob(on_eigen(y), {.seed = 1}))) < bound);
  const auto z = p.encode(y, {.seed = 1});
  const auto w = q.encode(on_eigen(y), {.seed = 1});
  for (std::size_t i = 0; i < z.data.size(); ++i)
    CHECK(apart(Torch::to_host(z.data[i]), Eigen::to_host(w.data[i])) < bound);

  const auto s = Torch::to_host(p.sample({.count = 3, .seed = 2}));
  const auto t = Eigen::to_host(q.sample({.count = 3, .seed = 2}));
  REQUIRE(s.size() == t.size());
  std::size_t different = 0, vessels = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    different += s[i] != t[i];
    vessels += s[i] == 1;
  }
  CHECK(vessels > s.size() / 100);
  CHECK(different <= s.size() / 1000);  // pixels whose v lies on the threshold up to rounding
}

}  // namespace

TEST_CASE("the trained flow with its dequantizer agrees in float and in double") {
  check_agreement<Cnf<PaperLevels, Vgg>, float>(trained_vessels().cnf, 1e-4);
  check_agreement<Cnf<PaperLevels, Vgg>, double>(trained_vessels().cnf, 1e-10);
}

TEST_CASE("the trained Bernoulli model agrees in float and in double") {
  check_agreement<Bernoulli<Vgg>, float>(trained_vessels().bernoulli, 1e-4);
  check_agreement<Bernoulli<Vgg>, double>(trained_vessels().bernoulli, 1e-10);
}
