// Every layer and network keeps its promises where its operations are kernels.
#include "cnf/core.hpp"
#include "cnf/testing/check_layer.hpp"
#include "place.hpp"

namespace {

using namespace cnf;
using F = Features<Shape<2, 4, 4>, Shape<3, 2, 2>>;
using In = Shape<4, 4, 4>;

template <class... Layer>
void check_all() {
  const auto one = [](const testing::CheckReport& report) { CHECK_MESSAGE(report.ok(), report.text()); };
  (one(testing::check_layer<Layer, In, F>({.device = Place::name()})), ...);
}

}  // namespace

TEST_CASE("layers") {
  const Place place;
  if (!place.is_there()) return;
  check_all<ActNorm, InvConv1x1, InvConv1x1Plu, Permute<3, 1, 0, 2>, Squeeze, Sequential<Squeeze, Unsqueeze>,
            Split, Prior>();
}

TEST_CASE("couplings of every scale, with every network") {
  const Place place;
  if (!place.is_there()) return;
  check_all<AffineCoupling<ConvNet<6>>, AffineCoupling<ConvNet<6>, SigmoidScale>,
            AffineCoupling<ConvNet<6>, BoundedScale<1>>, AdditiveCoupling<ConvNet<6>>,
            AffineCoupling<InstanceNormNet<6>>, AdditiveCoupling<InstanceNormNet<6>>,
            AffineCoupling<ResidualNet<6>>>();
  for (const auto& report :
       {testing::check_layer<AffineCoupling<Mlp<6>>, Shape<5>, Features<Shape<3>>>({.device = Place::name()}),
        testing::check_layer<AdditiveCoupling<Mlp<6>>, Shape<3>>({.device = Place::name()}),
        testing::check_layer<Residual, Shape<2, 3, 2>, Features<Shape<2, 3, 2>>>({.device = Place::name()})})
    CHECK_MESSAGE(report.ok(), report.text());
}

TEST_CASE("ActNorm and a mixing as one, in sequences that repeat") {
  const Place place;
  if (!place.is_there()) return;
  using Step = Sequential<ActNorm, InvConv1x1, AffineCoupling<ConvNet<6>>>;
  check_all<Step, Sequential<ActNorm, InvConv1x1>, Sequential<ActNorm, InvConv1x1Plu>, Repeat<3, Step>,
            Sequential<Squeeze, Repeat<2, Step>, Split>>();
}

TEST_CASE("splines, mixtures, checkerboards, and what else is not in the paper") {
  const Place place;
  if (!place.is_there()) return;
  check_all<SplineCoupling<ConvNet<6>>, MixtureCoupling<ConvNet<6>>, CheckerboardCoupling<ConvNet<6>>,
            AffineCoupling<ResidualMlp<6>>, Spline<>, Mixture<>, Sequential<Sigmoid, Logit<>>, HaarSqueeze,
            Orthogonal1x1<>, Swap>();
}
