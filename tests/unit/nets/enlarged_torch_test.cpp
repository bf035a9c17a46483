#include "cnf/nets/enlarged.hpp"

#include "cnf/nets/extractor.hpp"
#include "cnf/nets/rrdb.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf;
using B = libtorch::Backend;

at::Tensor enlarged(const at::Tensor& row) {
  return B::enlarge(row.view({1, 1, 1, -1})).select(2, 0).flatten();
}

}  // namespace

TEST_CASE("Enlarged gives the input at twice its size, then the maps of its extractor") {
  using Net = Enlarged<Rrdb<1, 2, 4, 2>>;
  using In = Shape<3, 4, 6>;
  CHECK(std::is_same_v<Net::On<In>::output, Features<Shape<3, 8, 12>, Shape<4, 4, 6>, Shape<4, 2, 3>>>);
  CHECK(Net::On<In>::parameters == Rrdb<1, 2, 4, 2>::On<In>::parameters);
  torch::nn::Module module, alone;
  const Net::Bound<B, In> net{Scope<B>(module, 1)};
  const Rrdb<1, 2, 4, 2>::Bound<B, In> inner{Scope<B>(alone, 1)};
  const auto x = random_batch<In>(2, 1);
  const auto maps = net(x);
  CHECK((maps.get<0>().data.sizes() == at::IntArrayRef({2, 3, 8, 12})));
  CHECK(maps.get<1>().data.equal(inner(x).get<0>().data));
  CHECK(maps.get<2>().data.equal(inner(x).get<1>().data));
}

TEST_CASE("bicubic enlargement keeps constants and, away from the border, parabolas") {
  CHECK(difference(B::enlarge(at::full({2, 3, 4, 5}, 0.7, at::kDouble)),
                   at::full({2, 3, 8, 10}, 0.7, at::kDouble)) < 1e-15);
  // pixel 2i + phase lies at i - 1/4 + phase/2
  const auto at_pixel = at::arange(12, at::kDouble), at_half = at::arange(24, at::kDouble) / 2 - 0.25;
  const auto parabola = [](const at::Tensor& t) { return 0.3 * t * t - 2 * t + 1; };
  CHECK(difference(enlarged(parabola(at_pixel)).narrow(0, 4, 16), parabola(at_half).narrow(0, 4, 16)) <
        1e-12);
}

TEST_CASE("bicubic enlargement replicates the border") {
  const auto row = random_tensor({5}, 1);
  const auto wide = at::cat({row.narrow(0, 0, 1).expand({3}), row, row.narrow(0, 4, 1).expand({3})});
  CHECK(difference(enlarged(row), enlarged(wide).narrow(0, 6, 10)) < 1e-15);
}
