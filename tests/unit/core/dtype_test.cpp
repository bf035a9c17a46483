#include "cnf/core/dtype.hpp"

#include "support/doctest.hpp"

using namespace cnf;

TEST_CASE("a dtype and its name are each other's inverse") {
  for (const auto dtype :
       {DType::boolean, DType::u8, DType::i8, DType::u16, DType::i16, DType::f16, DType::bf16, DType::u32,
        DType::i32, DType::f32, DType::u64, DType::i64, DType::f64})
    CHECK(dtype_named(dtype_name(dtype)) == dtype);
  CHECK_FALSE(dtype_named("F8"));
  CHECK_FALSE(dtype_named(""));
  CHECK_FALSE(dtype_named("f32"));
  static_assert(dtype_bytes(DType::bf16) == 2 && dtype_bytes(DType::f64) == 8);
}
