// A convolution's weight comes back as it was given, whatever its sizes.
#include "cnf/backend/eigen/conv_weight.hpp"

#include <cstdint>
#include <vector>

#include "support/doctest.hpp"
#include "support/random_numbers.hpp"

namespace {

using cnf::eigen::ConvWeight;

// less than a vector of outputs, one vector, more, two, a rest of each kind; pieces of rows with and without a rest
const std::vector<std::vector<long>> all_sizes{{1, 1, 1, 1},  {3, 5, 3, 3},  {16, 16, 1, 1}, {17, 2, 3, 3},
                                               {32, 7, 5, 5}, {33, 4, 1, 1}, {70, 40, 3, 3}};

template <class T>
void check_round_trip() {
  for (const auto& sizes : all_sizes) {
    CAPTURE(sizes[0]);
    const long count = sizes[0] * sizes[1] * sizes[2] * sizes[3];
    const auto numbers = random_numbers<T>(count, 1);
    const auto back = ConvWeight<T>(sizes, numbers.data()).to_host();
    CHECK(back == std::vector<double>(numbers.begin(), numbers.end()));
    CHECK(ConvWeight<T>(sizes).to_host() == std::vector<double>(std::size_t(count), 0.0));
  }
}

TEST_CASE("numbers come back in row-major order") {
  check_round_trip<float>();
  check_round_trip<double>();
}

TEST_CASE("tiles start at a cache line, and outputs that do not exist are 0") {
  const std::vector<float> ones(3 * 2 * 9, 1);
  const ConvWeight<float> weight({3, 2, 3, 3}, ones.data());
  CHECK(weight.tiles() == 1);
  CHECK(reinterpret_cast<std::uintptr_t>(weight.tile(0)) % 64 == 0);
  const long lanes = cnf::eigen::detail::ConvKernel<float>::best().lanes;
  for (long i = 0; i < 2 * 9 * lanes; ++i) CHECK(weight.tile(0)[i] == (i % lanes < 3 ? 1 : 0));
}

}  // namespace
