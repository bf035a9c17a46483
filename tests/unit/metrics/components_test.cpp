#include "cnf/metrics/components.hpp"

#include <string>

#include "support/doctest.hpp"
#include "support/error_of.hpp"

namespace {

using namespace cnf::metrics;

Components of(const std::vector<std::string>& rows, std::int64_t smallest = 10) {
  std::vector<std::uint8_t> mask;
  for (const auto& row : rows)
    for (const char c : row) mask.push_back(c == '#');
  return components(mask, int(rows.size()), int(rows[0].size()), smallest);
}

TEST_CASE("pixels of small components, eight neighbours connected") {
  const std::vector<std::string> rows{"#..........#",  //
                                      ".#........#.",  //
                                      "..#.....##..",  //
                                      "....####....",  //
                                      "#..........#"};
  const auto parts = of(rows);
  CHECK(parts.pixels == 13);
  // the diagonals of 3 on the left, and the two corners below; the line of 4 + 2 + 1 + 1 = 8 on the right
  CHECK(parts.pixels_in_small == 13);
  CHECK(of(rows, 8).pixels_in_small == 5);
  CHECK(of(rows, 3).pixels_in_small == 2);
  CHECK(of(rows, 8).share() == doctest::Approx(5.0 / 13));
}

TEST_CASE("nine pixels are few, ten are not; rows do not continue on the next line") {
  CHECK(of({"#########"}).pixels_in_small == 9);
  CHECK(of({"##########"}).pixels_in_small == 0);
  CHECK(of({"...##", "#...."}, 3).pixels_in_small == 3);
  CHECK(of({"...##", "#...."}, 2).pixels_in_small == 1);
}

TEST_CASE("an empty mask has no share; masks add up") {
  CHECK(of({"....", "...."}).share() == 0);
  auto sum = of({"##"});
  sum += of({"##########"});
  CHECK(sum.share() == doctest::Approx(2.0 / 12));
}

TEST_CASE("a mask of another size is an error") {
  const std::vector<std::uint8_t> mask(5);
  CHECK(error_of([&] { components(mask, 2, 3); }) == "components: expected 2 x 3 values, got 5");
}

}  // namespace
