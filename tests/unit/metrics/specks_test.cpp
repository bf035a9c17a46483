#include "cnf/metrics/specks.hpp"

#include <vector>

#include "support/doctest.hpp"
#include "support/error_of.hpp"

namespace {

using namespace cnf::metrics;

struct Rgb {
  int height, width;
  std::vector<std::uint8_t> values = std::vector<std::uint8_t>(std::size_t(3 * height * width), 100);

  Rgb8View view() const { return {values.data(), height, width}; }
  void set(int y, int x, int channel, int value) {
    values[std::size_t(3 * (y * width + x) + channel)] = std::uint8_t(value);
  }
};

TEST_CASE("planted specks are counted, each of them") {
  const Rgb original{20, 30}, enlarged{20, 30};
  Rgb sample{20, 30};
  CHECK(specks(sample.view(), original.view(), enlarged.view()) == 0);
  sample.set(0, 0, 0, 255);    // a corner, one channel
  sample.set(10, 10, 1, 165);  // 65 levels off
  sample.set(10, 12, 2, 164);  // 64: not yet
  sample.set(19, 29, 2, 0);
  CHECK(specks(sample.view(), original.view(), enlarged.view()) == 3);
  CHECK(specks(sample.view(), original.view(), enlarged.view(), {.limit = 63}) == 4);
}

TEST_CASE("what the enlargement or an original pixel nearby explains is no speck") {
  Rgb original{20, 30}, enlarged{20, 30}, sample{20, 30};
  sample.set(5, 5, 0, 255);
  original.set(7, 3, 0, 250);  // two pixels away in both directions
  CHECK(specks(sample.view(), original.view(), enlarged.view()) == 0);
  CHECK(specks(sample.view(), original.view(), enlarged.view(), {.radius = 1}) == 1);
  sample.set(12, 12, 0, 255);
  original.set(12, 15, 0, 255);  // three: too far
  CHECK(specks(sample.view(), original.view(), enlarged.view()) == 1);
  enlarged.set(12, 12, 0, 200);
  CHECK(specks(sample.view(), original.view(), enlarged.view()) == 0);
  // right in red by one original pixel and in green by another is not right
  sample.set(17, 17, 0, 255), sample.set(17, 17, 1, 255);
  original.set(17, 18, 0, 255), original.set(18, 17, 1, 255);
  CHECK(specks(sample.view(), original.view(), enlarged.view()) == 1);
}

TEST_CASE("images of different sizes are an error") {
  const Rgb a{20, 30}, b{20, 31};
  CHECK(error_of([&] { specks(a.view(), b.view(), a.view()); }) ==
        "specks: expected two images of the same size (height x width), got 20x30 and 20x31");
}

}  // namespace
