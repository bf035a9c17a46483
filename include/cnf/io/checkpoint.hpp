// A model as a safetensors file: parameters and buffers under their dotted names, and as metadata the architecture as
// text (`architecture`), the library's version (`cnf`) and whatever the program adds. Both backends read and write the
// same file.
//
//   io::save_checkpoint("model.safetensors", model, {.metadata = {{"step", "1200"}}});
//   Model<Spec, B> model({.blank = true});
//   io::load_checkpoint("model.safetensors", model);
//
// Extra tensors, such as an optimiser's state, are named with a colon (`adam:flow.0.bias`), which no parameter has;
// load_extras reads them. Loading compares the architecture before any number is read, then names, shapes and dtypes;
// what does not match, or can't be read, is one Error, and the model is unchanged. So are numbers that are not finite, in
// both directions, unless NonFinite::kept asks for them.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "cnf/core/describe.hpp"
#include "cnf/io/safetensors.hpp"
#include "cnf/model/model.hpp"
#include "cnf/version.hpp"

namespace cnf::io {

/// Parameters that are NaN or infinite: a model that broke.
enum class NonFinite { refused, kept };

/// Numbers as a tensor of a dtype, f32, f64 or bf16, and back.
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

namespace detail {

template <class T>
void check_finite(const std::string& action, const std::string& name, const T* values, long count,
                  NonFinite nonfinite) {
  if (nonfinite == NonFinite::refused &&
      !std::all_of(values, values + count, [](T v) { return std::isfinite(v); }))
    throw Error(action + ": expected finite numbers in tensor \"" + name + "\", got others");
}

inline void check_decodes(DType dtype, const std::string& name) {
  if (dtype != DType::f64 && dtype != DType::f32 && dtype != DType::bf16)
    throw Error("tensor \"" + name + "\": expected F32, F64 or BF16, got " + std::string(dtype_name(dtype)));
}

/// Numbers from their bytes.
template <class T>
void decode(DType dtype, std::span<const std::byte> bytes, T* to) {
  const std::size_t width = dtype_bytes(dtype);
  for (std::size_t i = 0; i < bytes.size() / width; ++i) {
    if (dtype == DType::f64) {
      double wide = 0;
      std::memcpy(&wide, bytes.data() + i * width, width);
      to[i] = T(wide);
    } else {
      std::uint32_t bits = 0;
      std::memcpy(&bits, bytes.data() + i * width, width);
      to[i] = std::bit_cast<float>(dtype == DType::bf16 ? bits << 16 : bits);
    }
  }
}

/// The numbers of a tensor in a file: fill(first, count, to) reads some.
struct StoredNumbers {
  const SafetensorsReader& reader;
  const Place& place;
  NonFinite nonfinite;

  template <class T>
  void operator()(long first, long count, T* to) const {
    const auto width = dtype_bytes(place.dtype);
    const auto begin = std::uint64_t(first) * width;
    if (place.dtype == (sizeof(T) == 8 ? DType::f64 : DType::f32)) {
      reader.read(place, begin, std::as_writable_bytes(std::span(to, std::size_t(count))));
    } else {
      std::vector<std::byte> bytes(std::size_t(count) * width);
      reader.read(place, begin, bytes);
      decode(place.dtype, bytes, to);
    }
    check_finite("cannot load " + reader.path().string(), place.name, to, count, nonfinite);
  }
};

}  // namespace detail

/// Its numbers. Error where they are no floating point.
inline std::vector<double> decode_tensor(const HostTensor& t, const std::string& name) {
  detail::check_decodes(t.dtype, name);
  std::vector<double> values(t.data.size() / dtype_bytes(t.dtype));
  detail::decode(t.dtype, t.data, values.data());
  return values;
}

/// What a checkpoint holds beside the model.
struct CheckpointExtras {
  /// Texts by name.
  std::map<std::string, std::string> metadata;
  std::map<std::string, HostTensor> tensors;  // names with a colon
};

namespace detail {

inline bool is_extra(const std::string& name) { return name.find(':') != std::string::npos; }

inline std::string shape_of(const std::vector<std::int64_t>& shape) { return nlohmann::json(shape).dump(); }

}  // namespace detail

/// The architecture that a checkpoint names; no number is read.
inline std::string architecture_of(const SafetensorsReader& file) {
  const auto found = file.metadata().find("architecture");
  if (found == file.metadata().end())
    throw Error("cannot load " + file.path().string() +
                ": expected a checkpoint of cnf, got a safetensors file without an architecture");
  return found->second;
}
/// What describe() said of the model.
inline std::string architecture_of(const std::filesystem::path& path) {
  return architecture_of(SafetensorsReader(path));
}

/// `dtype`: of the stored numbers, where it is not the model's own; bf16 makes a file of half the size, to hand on.
template <class Spec, class B>
void save_checkpoint(const std::filesystem::path& path, const Model<Spec, B>& model,
                     CheckpointExtras extras = {}, std::optional<DType> dtype = {},
                     NonFinite nonfinite = NonFinite::refused) {
  Safetensors file{std::move(extras.metadata), std::move(extras.tensors)};
  file.metadata["architecture"] = describe<Spec>();
  file.metadata["cnf"] = CNF_VERSION;
  B::for_each_parameter(model, [&](const std::string& name, const typename B::Parameter& p) {
    const auto sizes = B::sizes(p);
    const auto values = B::to_host(p);
    detail::check_finite("cannot write " + path.string(), name, values.data(), long(values.size()),
                         nonfinite);
    file.tensors[name] = encode_tensor(values, {sizes.begin(), sizes.end()}, dtype.value_or(B::dtype(p)));
  });
  write_safetensors(path, file);
}

/// What a file holds beside the model.
inline CheckpointExtras load_extras(const std::filesystem::path& path) {
  const SafetensorsReader reader(path);
  CheckpointExtras extras{.metadata = reader.metadata(), .tensors = {}};
  for (const Place& place : reader.places())
    if (detail::is_extra(place.name)) extras.tensors[place.name] = reader.read(place);
  return extras;
}

/// Extra tensors are not read: load_extras.
template <class Spec, class B>
void load_checkpoint(const SafetensorsReader& file, Model<Spec, B>& model,
                     NonFinite nonfinite = NonFinite::refused) {
  const auto fail = [&](const std::string& why) {
    throw Error("cannot load " + file.path().string() + ": " + why);
  };
  if (const auto found = architecture_of(file); found != describe<Spec>())
    fail("expected the architecture " + describe<Spec>() + ", got " + found);

  std::map<std::string, const Place*> places;
  for (const auto& place : file.places()) places[place.name] = &place;
  std::map<std::string, typename B::Parameter> parameters;
  B::for_each_parameter(model, [&](const std::string& name, const typename B::Parameter& p) {
    const auto found = places.find(name);
    if (found == places.end()) fail("expected a tensor \"" + name + "\", got none");
    const auto sizes = B::sizes(p);
    const std::vector<std::int64_t> expected(sizes.begin(), sizes.end());
    if (found->second->shape != expected)
      fail("expected tensor \"" + name + "\" of shape " + detail::shape_of(expected) + ", got " +
           detail::shape_of(found->second->shape));
    try {
      detail::check_decodes(found->second->dtype, name);
    } catch (const Error& error) {
      fail(error.what());
    }
    parameters.emplace(name, p);
  });
  for (const auto& [name, place] : places)
    if (!detail::is_extra(name) && !parameters.contains(name)) fail("unexpected tensor \"" + name + "\"");

  // The model changes when all has been read.
  std::vector<std::pair<typename B::Parameter, typename B::Numbers>> loaded;
  for (const Place& place : file.places())
    if (const auto p = parameters.find(place.name); p != parameters.end())
      loaded.emplace_back(p->second, B::numbers(p->second, detail::StoredNumbers{file, place, nonfinite}));
  for (auto& [parameter, numbers] : loaded) B::assign(parameter, std::move(numbers));
}
template <class Spec, class B>
void load_checkpoint(const std::filesystem::path& path, Model<Spec, B>& model,
                     NonFinite nonfinite = NonFinite::refused) {
  load_checkpoint(SafetensorsReader(path), model, nonfinite);
}

}  // namespace cnf::io
