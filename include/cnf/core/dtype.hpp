// Element types of tensors, by the names that safetensors files use.
//
//     cnf::dtype_name(cnf::DType::bf16)    "BF16"
//     cnf::dtype_bytes(cnf::DType::bf16)   2
//     cnf::dtype_named("BF16")             cnf::DType::bf16; nothing for a name that is none
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace cnf {

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

/// The dtype of a name.
constexpr std::optional<DType> dtype_named(std::string_view name) {
  const auto known = std::ranges::find(detail::dtypes, name, &detail::DTypeEntry::name);
  if (known == detail::dtypes.end()) return {};
  return static_cast<DType>(known - detail::dtypes.begin());
}

}  // namespace cnf
