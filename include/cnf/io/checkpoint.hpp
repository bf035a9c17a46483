// A model as a safetensors file: parameters and buffers under their dotted names, and as metadata the
// architecture as text
// (`architecture`), the library's version (`cnf`) and whatever the program adds. Both backends read and write
// the same file.
//
//   io::save_checkpoint("model.safetensors", model, {.metadata = {{"step", "1200"}}});
//   Model<Spec, B> model({.blank = true});
//   io::load_checkpoint("model.safetensors", model);
//
// Extra tensors, such as an optimiser's state, are named with a colon (`adam:flow.0.bias`), which no
// parameter has. Loading compares the architecture before any number is read, then names, shapes and dtypes;
// what does not match is one Error, and the model is unchanged.
#pragma once

#include <bit>
#include <cstring>

#include "cnf/core/describe.hpp"
#include "cnf/io/safetensors.hpp"
#include "cnf/model/model.hpp"
#include "cnf/version.hpp"

namespace cnf::io {

/// Numbers as a tensor of a dtype, f32, f64 or bf16, and back from any float dtype but f16.
inline HostTensor encode_tensor(const std::vector<double>& values, std::vector<std::int64_t> shape,
                                DType dtype) {
  HostTensor t{dtype, std::move(shape), std::vector<std::byte>(values.size() * dtype_bytes(dtype))};
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::byte* to = t.data.data() + i * dtype_bytes(dtype);
    if (dtype == DType::f64) {
      std::memcpy(to, &values[i], sizeof(double));
    } else {
      const auto single = static_cast<float>(values[i]);
      auto bits = std::bit_cast<std::uint32_t>(single);
      if (dtype == DType::bf16) {
        if (single == single)
          bits += 0x7FFF + ((bits >> 16) & 1);  // to nearest, ties to even; a NaN stays one
        bits >>= 16;
      }
      std::memcpy(to, &bits, dtype_bytes(dtype));
    }
  }
  return t;
}

inline void check_decodes(const HostTensor& t, const std::string& name) {
  if (t.dtype != DType::f64 && t.dtype != DType::f32 && t.dtype != DType::bf16)
    throw Error("tensor \"" + name + "\": expected F32, F64 or BF16, got " +
                std::string(dtype_name(t.dtype)));
}

template <class T = double>
std::vector<T> decode_tensor(const HostTensor& t, const std::string& name) {
  check_decodes(t, name);
  const std::size_t width = dtype_bytes(t.dtype);
  std::vector<T> values(t.data.size() / width);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (t.dtype == DType::f64) {
      double wide = 0;
      std::memcpy(&wide, t.data.data() + i * width, width);
      values[i] = T(wide);
    } else {
      std::uint32_t bits = 0;
      std::memcpy(&bits, t.data.data() + i * width, width);
      values[i] = std::bit_cast<float>(t.dtype == DType::bf16 ? bits << 16 : bits);
    }
  }
  return values;
}

struct CheckpointExtras {
  std::map<std::string, std::string> metadata;
  std::map<std::string, HostTensor> tensors;  // names with a colon
};

namespace detail {

inline bool is_extra(const std::string& name) { return name.find(':') != std::string::npos; }

inline std::string shape_of(const std::vector<std::int64_t>& shape) { return nlohmann::json(shape).dump(); }

}  // namespace detail

/// The architecture that a checkpoint names; no number is read.
inline std::string architecture_of(const std::filesystem::path& path) {
  const auto metadata = read_safetensors_metadata(path);
  const auto found = metadata.find("architecture");
  if (found == metadata.end())
    throw Error("cannot load " + path.string() +
                ": expected a checkpoint of cnf, got a safetensors file without an architecture");
  return found->second;
}

template <class Spec, class B>
void save_checkpoint(const std::filesystem::path& path, const Model<Spec, B>& model,
                     CheckpointExtras extras = {}) {
  Safetensors file{std::move(extras.metadata), std::move(extras.tensors)};
  file.metadata["architecture"] = describe<Spec>();
  file.metadata["cnf"] = CNF_VERSION;
  B::for_each_parameter(model, [&](const std::string& name, const typename B::Parameter& p) {
    const auto sizes = B::sizes(p);
    file.tensors[name] = encode_tensor(B::to_host(p), {sizes.begin(), sizes.end()}, B::dtype(p));
  });
  write_safetensors(path, file);
}

/// Returns what the file holds beside the model.
template <class Spec, class B>
CheckpointExtras load_checkpoint(const std::filesystem::path& path, Model<Spec, B>& model) {
  const auto fail = [&](const std::string& why) { throw Error("cannot load " + path.string() + ": " + why); };
  if (const auto found = architecture_of(path); found != describe<Spec>())
    fail("expected the architecture " + describe<Spec>() + ", got " + found);
  auto file = read_safetensors(path);

  std::vector<std::pair<typename B::Parameter, typename decltype(file.tensors)::node_type>> found_for;
  B::for_each_parameter(model, [&](const std::string& name, const typename B::Parameter& p) {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end()) fail("expected a tensor \"" + name + "\", got none");
    const auto sizes = B::sizes(p);
    const std::vector<std::int64_t> expected(sizes.begin(), sizes.end());
    if (found->second.shape != expected)
      fail("expected tensor \"" + name + "\" of shape " + detail::shape_of(expected) + ", got " +
           detail::shape_of(found->second.shape));
    try {
      check_decodes(found->second, name);
    } catch (const Error& error) {
      fail(error.what());
    }
    found_for.emplace_back(p, file.tensors.extract(found));
  });
  for (const auto& [name, tensor] : file.tensors)
    if (!detail::is_extra(name)) fail("unexpected tensor \"" + name + "\"");
  for (auto& [parameter, found] : found_for) {
    const auto& tensor = found.mapped();
    if (tensor.dtype == DType::f64)
      B::assign(parameter, decode_tensor<double>(tensor, found.key()));
    else
      B::assign(parameter, decode_tensor<float>(tensor, found.key()));
    found = {};  // its bytes are not needed twice
  }
  return {std::move(file.metadata), std::move(file.tensors)};
}

}  // namespace cnf::io
