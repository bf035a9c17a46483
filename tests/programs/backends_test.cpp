// A checkpoint that a program trained says the same on Eigen as on LibTorch: likelihood, latents, samples.
#include "cnf/eigen.hpp"
#include "cnf/io/checkpoint.hpp"
#include "cnf/libtorch.hpp"
#include "programs/super_resolution.hpp"
#include "programs/vessel_segmentation.hpp"
#include "super_resolution/photographs.hpp"
#include "super_resolution/specs.hpp"
#include "support/doctest.hpp"
#include "vessel_segmentation/augment.hpp"
#include "vessel_segmentation/specs.hpp"

namespace {

using namespace vessel_segmentation;
using super_resolution::SmallFactorised;
using super_resolution::SmallFlow;
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
void check_agreement(const std::filesystem::path& checkpoint, const at::Tensor& x, const at::Tensor& y,
                     double bound) {
  using Eigen = cnf::eigen::Backend<T>;
  cnf::libtorch::Model<Spec> torch(
      {.placement = {.dtype = std::is_same_v<T, double> ? at::kDouble : at::kFloat}});
  cnf::eigen::Model<Spec, T> eigen({.blank = true});
  cnf::io::load_checkpoint(checkpoint, torch);
  cnf::io::load_checkpoint(checkpoint, eigen);
  torch.eval();
  const at::NoGradGuard no_grad;

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
  std::size_t different = 0, drawn = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    different += s[i] != t[i];
    drawn += s[i] > 0;
  }
  CHECK(drawn > s.size() / 100);
  // an integer is another one where rounding crosses it: more often in float, never far
  CHECK(double(different) <= double(s.size()) * (std::is_same_v<T, double> ? 0 : 0.002));
}

template <class Spec>
void check_vessels(const std::filesystem::path& checkpoint) {
  const auto f = synthesize({.height = 46, .width = 43, .seed = 5}, 1);
  const auto x = to_input(f.image, f.field_of_view).to(at::kDouble), y = to_target(f.label).to(at::kDouble);
  check_agreement<Spec, float>(checkpoint, x, y, 1e-4);
  check_agreement<Spec, double>(checkpoint, x, y, 1e-10);
}

template <class Spec>
void check_photographs(const std::filesystem::path& checkpoint) {
  const auto bytes = [](int height, int width) {
    return super_resolution::to_tensor(photograph(height, width, 3)).to(at::kDouble);
  };
  const auto x = super_resolution::normalised(bytes(13, 18)), y = bytes(25, 36);
  check_agreement<Spec, float>(checkpoint, x, y, 1e-4);
  check_agreement<Spec, double>(checkpoint, x, y, 1e-10);
}

}  // namespace

TEST_CASE("trained vessel models agree in float and in double") {
  check_vessels<Cnf<PaperLevels, Vgg>>(trained_vessels().cnf);
  check_vessels<Bernoulli<Vgg>>(trained_vessels().bernoulli);
}

TEST_CASE("trained super-resolution models agree in float and in double") {
  check_photographs<SmallFlow>(trained().cnf);
  check_photographs<SmallFactorised>(trained().factorised);
}
