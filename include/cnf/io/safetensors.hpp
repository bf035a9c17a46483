// safetensors files: named tensors and text metadata in a public, pickle-free format
// (github.com/huggingface/safetensors).
//
//     8 bytes      N, the length of the header, little-endian
//     N bytes      JSON: {"__metadata__": {...},
//                         "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
//     the rest     the tensors' bytes, little-endian, row-major, without a gap; offsets count from here
//
//     cnf::io::Safetensors file;
//     file.metadata["architecture"] = "Sequential<...>";
//     file.tensors["flow.0.log_scale"] = {cnf::DType::f32, {12}, bytes};
//     cnf::io::write_safetensors("model.safetensors", file);
//
//     cnf::io::SafetensorsReader reader("model.safetensors");   // the header; tensors, or parts, when asked
//     for (const auto& place : reader.places()) auto tensor = reader.read(place);
//
// Writing is atomic (atomic_file.hpp). Reading trusts nothing: whatever is wrong with a file is one cnf::Error
// (`cannot read model.safetensors: tensor "flow.0.log_scale" overlaps "flow.0.bias"`), before any tensor is
// read.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cnf/core/dtype.hpp"
#include "cnf/core/error.hpp"
#include "cnf/io/atomic_file.hpp"
#include "cnf/io/input_file.hpp"

namespace cnf::io {

static_assert(std::endian::native == std::endian::little, "cnf: tensors are written as they lie in memory");

/// Row-major, without strides.
struct HostTensor {
  /// Of its elements.
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;  // empty: a scalar
  /// Little-endian, row-major.
  std::vector<std::byte> data;

  bool operator==(const HostTensor&) const = default;
};

struct Safetensors {
  /// Texts by name.
  std::map<std::string, std::string> metadata;
  /// Tensors by name.
  std::map<std::string, HostTensor> tensors;
};

/// Where a tensor lies in the data part.
struct Place {
  /// Of the tensor.
  std::string name;
  /// Of its elements.
  DType dtype;
  /// Of the tensor.
  std::vector<std::int64_t> shape;
  /// First byte.
  std::uint64_t begin;
  /// Byte after the last.
  std::uint64_t end;
};

namespace detail {

inline constexpr std::uint64_t max_header_bytes = 100'000'000;  // as in the reference implementation
inline constexpr std::string_view metadata_key = "__metadata__";

inline std::string tensor_text(std::string_view name) { return "tensor \"" + std::string(name) + "\""; }

/// The bytes that a tensor of this shape has; nothing when an extent is negative or the product overflows.
inline std::optional<std::uint64_t> byte_count(DType dtype, const std::vector<std::int64_t>& shape) {
  std::uint64_t bytes = dtype_bytes(dtype);
  for (const std::int64_t extent : shape) {
    const auto factor = static_cast<std::uint64_t>(extent);
    if (extent < 0 || (factor != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / factor)) return {};
    bytes *= factor;
  }
  return bytes;
}

struct Header {
  std::map<std::string, std::string> metadata;
  std::vector<Place> places;  // in the order of their bytes
};

/// Sees a JSON text once, to find an object with two equal keys.
struct UniqueKeys : nlohmann::json_sax<nlohmann::json> {
  std::vector<std::set<std::string>> open;  // keys of the objects that are being read

  bool start_object(std::size_t) override { return open.emplace_back(), true; }
  bool end_object() override { return open.pop_back(), true; }
  bool key(std::string& name) override {
    if (!open.back().insert(name).second)
      throw Error("duplicate key " + nlohmann::json(name).dump() + " in the header");
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) override {
    throw Error(std::string("the header is not valid JSON: ") + error.what());
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(nlohmann::json::binary_t&) override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
};

inline std::map<std::string, std::string> parse_metadata(const nlohmann::json& entry) {
  const bool is_text = entry.is_object() && std::all_of(entry.begin(), entry.end(),
                                                        [](const auto& value) { return value.is_string(); });
  if (!is_text) throw Error("__metadata__ is not a map from text to text");
  return entry.get<std::map<std::string, std::string>>();
}

inline Place parse_place(const std::string& name, const nlohmann::json& entry) {
  auto is_naturals = [](const nlohmann::json& list) {
    return list.is_array() && std::all_of(list.begin(), list.end(), [](const auto& value) {
             return value.is_number_unsigned() &&
                    std::in_range<std::int64_t>(value.template get<std::uint64_t>());
           });
  };
  auto has = [&](const char* key) { return entry.is_object() && entry.contains(key); };

  if (!has("dtype") || !entry["dtype"].is_string()) throw Error(tensor_text(name) + " has no dtype");
  const auto dtype = entry["dtype"].get<std::string>();
  const auto known = dtype_named(dtype);
  if (!known) throw Error(tensor_text(name) + " has an unknown dtype \"" + dtype + "\"");
  if (!has("shape") || !is_naturals(entry["shape"])) throw Error(tensor_text(name) + " has no valid shape");
  if (!has("data_offsets") || !is_naturals(entry["data_offsets"]) || entry["data_offsets"].size() != 2)
    throw Error(tensor_text(name) + " has no valid data_offsets");

  Place place{.name = name,
              .dtype = *known,
              .shape = entry["shape"].get<std::vector<std::int64_t>>(),
              .begin = entry["data_offsets"][0].get<std::uint64_t>(),
              .end = entry["data_offsets"][1].get<std::uint64_t>()};
  if (place.begin > place.end) throw Error(tensor_text(name) + " ends before it begins");
  const auto bytes = byte_count(place.dtype, place.shape);
  if (!bytes) throw Error("the shape of " + tensor_text(name) + " overflows");
  if (*bytes != place.end - place.begin)
    throw Error(tensor_text(name) + " of dtype " + dtype + " and shape " + entry["shape"].dump() + " has " +
                std::to_string(*bytes) + " bytes, but its offsets span " +
                std::to_string(place.end - place.begin));
  return place;
}

/// The tensors must fill the data part, without a hole and without an overlap.
inline void check_places(std::vector<Place>& places, std::uint64_t data_bytes) {
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t filled = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Place& place = places[i];
    if (place.end > data_bytes)
      throw Error(tensor_text(place.name) + " ends at byte " + std::to_string(place.end) +
                  " of the data, but the file has " + std::to_string(data_bytes) + ": truncated?");
    if (place.begin < filled)
      throw Error(tensor_text(place.name) + " overlaps \"" + places[i - 1].name + "\"");
    if (place.begin > filled)
      throw Error("a hole of " + std::to_string(place.begin - filled) + " bytes before " +
                  tensor_text(place.name));
    filled = place.end;
  }
  if (filled != data_bytes)
    throw Error(std::to_string(data_bytes - filled) + " bytes after the last tensor belong to none");
}

inline Header parse_header(const std::string& text, std::uint64_t data_bytes) {
  if (!text.starts_with('{')) throw Error("not a safetensors file: the header does not begin with {");
  UniqueKeys unique;
  nlohmann::json::sax_parse(text, &unique);
  Header header;
  const auto entries = nlohmann::json::parse(text);
  for (const auto& [name, entry] : entries.items()) {
    if (name == metadata_key)
      header.metadata = parse_metadata(entry);
    else
      header.places.push_back(parse_place(name, entry));
  }
  check_places(header.places, data_bytes);
  return header;
}

/// The header's text: sorted by name, padded so that the data begins at a multiple of 8 bytes. Large elements
/// come first in the data, so that every tensor is aligned; `order` receives the tensors in that order.
inline std::string header_text(const Safetensors& file, std::vector<const HostTensor*>& order) {
  std::vector<const std::pair<const std::string, HostTensor>*> entries;
  for (const auto& entry : file.tensors) entries.push_back(&entry);
  std::stable_sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) {
    return dtype_bytes(a->second.dtype) > dtype_bytes(b->second.dtype);
  });

  auto header = nlohmann::json::object();
  if (!file.metadata.empty()) header[std::string(metadata_key)] = file.metadata;
  std::uint64_t offset = 0;
  for (const auto* entry : entries) {
    const auto& [name, tensor] = *entry;
    if (name == metadata_key) throw Error("a tensor cannot be named " + name);
    if (byte_count(tensor.dtype, tensor.shape) != tensor.data.size())
      throw Error(tensor_text(name) + " of dtype " + std::string(dtype_name(tensor.dtype)) + " and shape " +
                  nlohmann::json(tensor.shape).dump() + " has " + std::to_string(tensor.data.size()) +
                  " bytes");
    const std::uint64_t end = offset + tensor.data.size();
    header[name] = {
        {"dtype", dtype_name(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
    order.push_back(&tensor);
  }

  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    throw Error("a name or the metadata is not valid UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > max_header_bytes)
    throw Error("a header of " + std::to_string(text.size()) + " bytes is too long");
  return text;
}

}  // namespace detail

/// Replaces the file, or throws and leaves it as it was.
inline void write_safetensors(const std::filesystem::path& path, const Safetensors& file) {
  std::vector<const HostTensor*> order;
  std::string header;
  try {
    header = detail::header_text(file, order);
  } catch (const Error& error) {
    throw Error("cannot write " + path.string() + ": " + error.what());
  }
  const std::array<std::uint64_t, 1> length{header.size()};
  AtomicFile output(path);
  output.write(std::as_bytes(std::span(length)));
  output.write(header);
  for (const HostTensor* tensor : order) output.write(std::span(tensor->data));
  output.commit();
}

/// A file's header, and its tensors' bytes.
class SafetensorsReader {
 public:
  /// Reads and checks the header.
  explicit SafetensorsReader(const std::filesystem::path& path) : file_(path) {
    std::uint64_t length = 0;
    if (file_.size() < sizeof length)
      file_.fail("not a safetensors file: it has only " + std::to_string(file_.size()) + " bytes");
    file_.read(0, std::as_writable_bytes(std::span(&length, 1)));
    if (length > detail::max_header_bytes)
      file_.fail("not a safetensors file: a header of " + std::to_string(length) + " bytes");
    data_ = sizeof length + length;
    if (data_ > file_.size())
      file_.fail("truncated, or not a safetensors file: a header of " + std::to_string(length) +
                 " bytes in a file of " + std::to_string(file_.size()));
    std::string text(length, '\0');
    file_.read(sizeof length, std::as_writable_bytes(std::span(text)));
    try {
      header_ = detail::parse_header(text, file_.size() - data_);
    } catch (const Error& error) {
      file_.fail(error.what());
    }
  }

  /// Of the file.
  const std::filesystem::path& path() const { return file_.path(); }
  /// Texts by name.
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  /// In the order of their bytes.
  const std::vector<Place>& places() const { return header_.places; }

  /// Fills `bytes` with those of one of the places, from its byte `first` on. Safe to call from several threads.
  void read(const Place& place, std::uint64_t first, std::span<std::byte> bytes) const {
    file_.read(data_ + place.begin + first, bytes);
  }
  /// The bytes of a tensor.
  HostTensor read(const Place& place) const {
    HostTensor tensor{place.dtype, place.shape, std::vector<std::byte>(place.end - place.begin)};
    read(place, 0, tensor.data);
    return tensor;
  }

 private:
  InputFile file_;
  detail::Header header_;
  std::uint64_t data_ = 0;  // where they begin
};

/// Reads the header alone: cheap, however large the tensors are.
inline std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path) {
  return SafetensorsReader(path).metadata();
}

/// All of a file.
inline Safetensors read_safetensors(const std::filesystem::path& path) {
  SafetensorsReader reader(path);
  Safetensors file{.metadata = reader.metadata()};
  for (const Place& place : reader.places()) file.tensors.emplace(place.name, reader.read(place));
  return file;
}

}  // namespace cnf::io
