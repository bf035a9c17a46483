#include "cnf/shape/shape.hpp"

#include "support/doctest.hpp"

namespace {

using namespace cnf;

TEST_CASE("shape_text reads as channels x height x width, with H and W for unknown extents") {
  CHECK(shape_text<Shape<3, 32, 48>>() == "3x32x48");
  CHECK(shape_text<Shape<7>>() == "7x1x1");
  CHECK(shape_text<Shape<3, dynamic, dynamic>>() == "3xHxW");
  CHECK(shape_text<Shape<12, dynamic / 2, dynamic / 4>>() == "12xH/2xW/4");
  CHECK(shape_text<Shape<0, 16, dynamic>>() == "0x16xW");
}

}  // namespace
