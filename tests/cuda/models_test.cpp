// Every kind of model, where its operations are kernels: the numbers of the CPU.
#include "support/models.hpp"
#include "cnf/io/checkpoint.hpp"
#include "place.hpp"
#include "super_resolution/specs.hpp"
#include "support/random_tensor.hpp"
#include "support/temporary_folder.hpp"
#include "vessel_segmentation/specs.hpp"

namespace {

using namespace cnf;

template <class Spec>
void check_same(int channels, int factor, int levels) {
  CAPTURE(describe<Spec>());
  libtorch::Model<Spec> host({.seed = 1, .placement = {.dtype = at::kDouble}});
  libtorch::Model<Spec> there({.seed = 1, .placement = {.dtype = at::kDouble, .device = Place::device()}});
  cnf::testing::make_ready(host, 0.02);  // well-conditioned: both ways round differently
  cnf::testing::make_ready(there, 0.02);
  const at::NoGradGuard no_grad;
  // odd sizes are padded; the input is that much smaller than the target
  const auto y = models::uniform_integers({2, channels, 12, 20}, 3, levels);
  const auto x = random_tensor({2, Spec::input::channels, 12 / factor, 20 / factor}, 4, 0.3);
  const auto result = [&](const libtorch::Model<Spec>& model) {
    const auto p = model.given(x);
    std::vector<at::Tensor> all{p.log_prob(y, {.seed = 5}),
                                p.bits_per_dim(y, {.seed = 5, .draws = 3}).values};
    const auto z = p.encode(y, {.seed = 6});
    for (const auto& latent : z.data) all.push_back(latent);
    all.push_back(p.decode(z));
    all.push_back(p.sample({.count = 2, .temperature = 0.7, .seed = 7}));
    for (auto& t : all) t = t.to(at::kCPU);
    return all;
  };
  libtorch::fusing() = libtorch::Fusing::nowhere;
  const auto expected = result(host);
  libtorch::fusing() = libtorch::Fusing::everywhere;
  const auto got = result(there);
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(difference(got[i], expected[i]) <= 1e-9 * std::max(1.0, largest(expected[i])));
  }
}

}  // namespace

TEST_CASE("super-resolution") {
  const Place place;
  if (!place.is_there()) return;
  check_same<models::Sr>(3, 2, 256);
  check_same<models::Factorised>(3, 2, 256);
  check_same<super_resolution::SmallFlow>(3, 2, 256);
}

TEST_CASE("vessels") {
  const Place place;
  if (!place.is_there()) return;
  vessel_segmentation::for_each_spec([]<class Spec>(const auto&...) { check_same<Spec>(1, 1, 2); });
}

TEST_CASE("what one device saves, the other loads") {
  const Place place;
  if (!place.is_there()) return;
  const TemporaryFolder folder;
  using Model = libtorch::Model<models::Sr>;
  Model there({.seed = 1, .placement = {.device = Place::device()}});
  cnf::testing::make_ready(there);
  io::save_checkpoint(folder / "there", there);
  Model here({.blank = true});
  io::load_checkpoint(folder / "there", here);
  CHECK(cnf::testing::numbers_of(here) == cnf::testing::numbers_of(there));
  cnf::testing::make_ready(here, 0.2, 5);
  io::save_checkpoint(folder / "here", here);
  io::load_checkpoint(folder / "here", there);
  CHECK(cnf::testing::numbers_of(here) == cnf::testing::numbers_of(there));
}

TEST_CASE("a target outside the alphabet is refused on the CPU, and NaN where a check would wait") {
  const Place place;
  if (!place.is_gpu()) return;
  libtorch::Model<models::Sr> model({.seed = 1, .placement = {.device = at::kCUDA}});
  cnf::testing::make_ready(model);
  const at::NoGradGuard no_grad;
  auto y = models::uniform_integers({2, 3, 8, 8}, 1);
  y[1][0][0][0] = 256;
  const auto bits = model.given(at::zeros({2, 3, 4, 4})).bits_per_dim(y).values.to(at::kCPU);
  CHECK(std::isfinite(bits[0].item<float>()));
  CHECK(std::isnan(bits[1].item<float>()));
}
