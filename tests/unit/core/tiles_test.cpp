#include "cnf/core/tiles.hpp"

#include <vector>

#include "support/doctest.hpp"

namespace {

using namespace cnf;

TEST_CASE("tiles cover an image once, and their halo ends with the image") {
  struct Case {
    long height, width, side, halo;
  };
  for (const Case& c : {Case{10, 7, 4, 2}, {1, 1, 5, 3}, {8, 8, 8, 1}, {9, 20, 3, 5}}) {
    std::vector<int> visits(std::size_t(c.height * c.width));
    for_each_tile(c.height, c.width, c.side, c.halo, [&](const Window& tile, const Window& seen) {
      for (long y = tile.top; y < tile.top + tile.height; ++y)
        for (long x = tile.left; x < tile.left + tile.width; ++x) ++visits[std::size_t(y * c.width + x)];
      CHECK(seen.top == std::max(0L, tile.top - c.halo));
      CHECK(seen.left == std::max(0L, tile.left - c.halo));
      CHECK(seen.top + seen.height == std::min(c.height, tile.top + tile.height + c.halo));
      CHECK(seen.left + seen.width == std::min(c.width, tile.left + tile.width + c.halo));
      const auto inside = tile.within(seen);
      CHECK(inside.top + seen.top == tile.top);
      CHECK(inside.left + seen.left == tile.left);
    });
    CHECK(visits == std::vector<int>(visits.size(), 1));
  }
}

TEST_CASE("a window of an image is the same place of another size") {
  const Window w = Window{8, 4, 6, 2}.scaled(1, 2);
  CHECK(w.top == 4);
  CHECK(w.left == 2);
  CHECK(w.height == 3);
  CHECK(w.width == 1);
}

TEST_CASE("a radius is unbounded where a part's is") {
  static_assert(radius_after(2, 3) == 5 && radius_after(unbounded, 3) == unbounded);
  static_assert(radius_beside(2, 3) == 3 && radius_beside(2, unbounded) == unbounded);
}

}  // namespace
