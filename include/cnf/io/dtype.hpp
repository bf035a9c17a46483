// Element types of stored tensors, by the names that safetensors files use.
//
//     cnf::io::dtype_name(cnf::io::DType::bf16)    "BF16"
//     cnf::io::dtype_bytes(cnf::io::DType::bf16)   2
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace cnf::io {

enum class DType { boolean, u8, i8, u16, i16, f16, bf16, u32, i32, f32, u64, i64, f64 };

namespace detail {

struct DTypeEntry {
  std::string_view name;
  std::size_t bytes;
};

inline constexpr std::array<DTypeEntry, 13> dtypes{{{"BOOL", 1},
                                                    {"U8", 1},
                                                    {"I8", 1},
                                                    {"U16", 2},
                                                    {"I16", 2},
                                                    {"F16", 2},
                                                    {"BF16", 2},
                                                    {"U32", 4},
                                                    {"I32", 4},
                                                    {"F32", 4},
                                                    {"U64", 8},
                                                    {"I64", 8},
                                                    {"F64", 8}}};

}  // namespace detail

/// The name of a dtype in a file ("F32"), and the bytes of one element.
constexpr std::string_view dtype_name(DType dtype) {
  return detail::dtypes[static_cast<std::size_t>(dtype)].name;
}
constexpr std::size_t dtype_bytes(DType dtype) {
  return detail::dtypes[static_cast<std::size_t>(dtype)].bytes;
}

}  // namespace cnf::io
