#include "cnf/io/safetensors.hpp"

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/doctest.hpp"
#include "support/file_size_limit.hpp"
#include "support/temporary_folder.hpp"

using cnf::DType;
using cnf::io::HostTensor;
using cnf::io::Safetensors;

namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Elements as the bytes of a tensor.
template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& elements) {
  const auto bytes = std::as_bytes(std::span(elements));
  return {bytes.begin(), bytes.end()};
}

/// The text of a safetensors file with this header and so many bytes of data.
std::string file_text(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string text(sizeof length, '\0');
  std::memcpy(text.data(), &length, sizeof length);
  return text + header + std::string(data_bytes, 'd');
}

/// What is said about a file of this text, without the path; it must be said by both ways to read it.
std::string error_of(const std::string& text) {
  TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  std::ofstream(path, std::ios::binary) << text;
  const std::string start = "cannot read " + path.string() + ": ";
  std::string messages[2] = {"no error", "no error"};
  try {
    cnf::io::read_safetensors(path);
  } catch (const cnf::Error& error) {
    messages[0] = error.what();
  }
  try {
    cnf::io::read_safetensors_metadata(path);
  } catch (const cnf::Error& error) {
    messages[1] = error.what();
  }
  CHECK(messages[0] == messages[1]);
  return messages[0].starts_with(start) ? messages[0].substr(start.size()) : messages[0];
}

std::string header_error(const std::string& header, std::size_t data_bytes) {
  return error_of(file_text(header, data_bytes));
}

std::string write_error(const std::filesystem::path& path, const Safetensors& file) {
  try {
    cnf::io::write_safetensors(path, file);
  } catch (const cnf::Error& error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every dtype, scalars, empty tensors and metadata come back as they were") {
  Safetensors file;
  file.metadata = {
      {"architecture", "Sequential<\"ActNorm\", \u00d7 8>\n"}, {"version", "0.1.0"}, {"empty", ""}};
  int seed = 0;
  for (const DType dtype :
       {DType::boolean, DType::u8, DType::i8, DType::u16, DType::i16, DType::f16, DType::bf16, DType::u32,
        DType::i32, DType::f32, DType::u64, DType::i64, DType::f64}) {
    HostTensor tensor{dtype, {3, 1, 5}, {}};
    for (std::size_t i = 0; i < 15 * cnf::dtype_bytes(dtype); ++i)
      tensor.data.push_back(static_cast<std::byte>(++seed * 37 % 256));
    file.tensors["layers." + std::string(cnf::dtype_name(dtype))] = tensor;
  }
  file.tensors["scalar"] = {DType::f64, {}, bytes_of<double>({0.1})};
  file.tensors["empty"] = {DType::f32, {4, 0, 2}, {}};

  TemporaryFolder folder;
  cnf::io::write_safetensors(folder / "model.safetensors", file);
  const auto read = cnf::io::read_safetensors(folder / "model.safetensors");
  CHECK(read.metadata == file.metadata);
  CHECK(read.tensors == file.tensors);
  CHECK(cnf::io::read_safetensors_metadata(folder / "model.safetensors") == file.metadata);
  CHECK(folder.entries() == 1);
}

TEST_CASE("a file without a tensor or metadata") {
  TemporaryFolder folder;
  cnf::io::write_safetensors(folder / "model.safetensors", {});
  CHECK(content(folder / "model.safetensors") == file_text("{}      ", 0));
  const auto read = cnf::io::read_safetensors(folder / "model.safetensors");
  CHECK(read.metadata.empty());
  CHECK(read.tensors.empty());
}

TEST_CASE("the bytes of a small file, as the specification says") {
  Safetensors file;
  file.metadata["format"] = "pt";
  file.tensors["b"] = {DType::u8, {3}, bytes_of<std::uint8_t>({1, 2, 255})};
  file.tensors["w"] = {DType::f32, {2, 1}, bytes_of<float>({1.0f, -2.0f})};
  TemporaryFolder folder;
  cnf::io::write_safetensors(folder / "model.safetensors", file);

  // The floats come first, so that they are aligned. 139 characters, and 5 spaces.
  const std::string header = R"({"__metadata__":{"format":"pt"},)"
                             R"("b":{"data_offsets":[8,11],"dtype":"U8","shape":[3]},)"
                             R"("w":{"data_offsets":[0,8],"dtype":"F32","shape":[2,1]}})";
  const std::string expected = std::string("\x90\0\0\0\0\0\0\0", 8) + header +
                               std::string(144 - header.size(), ' ') +
                               std::string("\0\0\x80\x3f\0\0\0\xc0\x01\x02\xff", 11);
  CHECK(content(folder / "model.safetensors") == expected);
}

TEST_CASE("a file of another writer: keys in any order, no padding, unused fields") {
  TemporaryFolder folder;
  std::ofstream(folder / "model.safetensors", std::ios::binary)
      << file_text(R"({"z":{"dtype":"I8","note":1,"shape":[2],"data_offsets":[0,2]},)"
                   R"("a":{"shape":[],"dtype":"BF16","data_offsets":[2,4]}})",
                   4);
  const auto read = cnf::io::read_safetensors(folder / "model.safetensors");
  CHECK(read.tensors.at("z").dtype == DType::i8);
  CHECK(read.tensors.at("z").shape == std::vector<std::int64_t>{2});
  CHECK(read.tensors.at("a").dtype == DType::bf16);
  CHECK(read.tensors.at("a").shape.empty());
}

TEST_CASE("files that are something else, or a part") {
  CHECK(error_of("") == "not a safetensors file: it has only 0 bytes");
  CHECK(error_of("1234567") == "not a safetensors file: it has only 7 bytes");
  CHECK(contains(error_of("\x89PNG\r\n\x1a\n a picture"), "not a safetensors file: a header of "));
  CHECK(error_of(std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)) ==
        "not a safetensors file: a header of 18446744073709551615 bytes");
  CHECK(error_of(std::string("\x10\0\0\0\0\0\0\0{}", 10)) ==
        "truncated, or not a safetensors file: a header of 16 bytes in a file of 10");
  CHECK(header_error("", 0) == "not a safetensors file: the header does not begin with {");
  CHECK(header_error("[]", 0) == "not a safetensors file: the header does not begin with {");
  CHECK(contains(header_error("{", 0), "the header is not valid JSON"));
  CHECK(contains(header_error("{} x", 0), "the header is not valid JSON"));
  CHECK(contains(header_error("{\"\xff\":1}", 0), "the header is not valid JSON"));
}

TEST_CASE("every truncation of a file is noticed") {
  const auto whole = file_text(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
  CHECK(error_of(whole) == "no error");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    CHECK(error_of(whole.substr(0, length)) != "no error");
  }
}

TEST_CASE("tensors that don't fill the data exactly") {
  auto two = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + a +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}";
  };
  CHECK(header_error(two("[0,4]", "[4,8]"), 8) == "no error");
  CHECK(header_error(two("[4,8]", "[0,4]"), 8) == "no error");
  CHECK(header_error(two("[0,4]", "[3,7]"), 8) == "tensor \"b\" overlaps \"a\"");
  CHECK(header_error(two("[0,4]", "[0,4]"), 4) == "tensor \"b\" overlaps \"a\"");
  CHECK(header_error(two("[0,4]", "[6,10]"), 10) == "a hole of 2 bytes before tensor \"b\"");
  CHECK(header_error(two("[1,5]", "[5,9]"), 9) == "a hole of 1 bytes before tensor \"a\"");
  CHECK(header_error(two("[0,4]", "[4,8]"), 9) == "1 bytes after the last tensor belong to none");
  CHECK(header_error(two("[0,4]", "[4,8]"), 7) ==
        "tensor \"b\" ends at byte 8 of the data, but the file has 7: truncated?");
  CHECK(header_error("{}", 3) == "3 bytes after the last tensor belong to none");
}

TEST_CASE("a tensor that contradicts itself") {
  auto one = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"w":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  CHECK(header_error(one(R"("F32")", "[2]", "[0,8]"), 8) == "no error");
  CHECK(header_error(one(R"("F32")", "[3]", "[0,8]"), 8) ==
        "tensor \"w\" of dtype F32 and shape [3] has 12 bytes, but its offsets span 8");
  CHECK(header_error(one(R"("F32")", "[2]", "[8,0]"), 8) == "tensor \"w\" ends before it begins");
  CHECK(header_error(one(R"("F31")", "[2]", "[0,8]"), 8) == "tensor \"w\" has an unknown dtype \"F31\"");
  CHECK(header_error(one("32", "[2]", "[0,8]"), 8) == "tensor \"w\" has no dtype");
  for (const char* shape : {"2", "[-2]", "[2.0]", R"(["2"])", "null", "[9223372036854775808]", "[1e3]"}) {
    CAPTURE(shape);
    CHECK(header_error(one(R"("F32")", shape, "[0,8]"), 8) == "tensor \"w\" has no valid shape");
  }
  for (const char* offsets : {"8", "[8]", "[0,8,8]", "[-8,0]", "[0,8.0]", "[0,18446744073709551616]", "{}"}) {
    CAPTURE(offsets);
    CHECK(header_error(one(R"("F32")", "[2]", offsets), 8) == "tensor \"w\" has no valid data_offsets");
  }
  // 2^32 * 2^30 * 4 = 2^64, which is 0 in 64 bits
  CHECK(header_error(one(R"("F32")", "[4294967296,1073741824]", "[0,0]"), 0) ==
        "the shape of tensor \"w\" overflows");
  CHECK(header_error(R"({"w":{}})", 0) == "tensor \"w\" has no dtype");
  CHECK(header_error(R"({"w":[0,8]})", 0) == "tensor \"w\" has no dtype");
  CHECK(header_error(R"({"w":{"dtype":"U8"}})", 0) == "tensor \"w\" has no valid shape");
  CHECK(header_error(R"({"w":{"dtype":"U8","shape":[]}})", 0) == "tensor \"w\" has no valid data_offsets");
}

TEST_CASE("duplicate keys, at any depth") {
  const std::string w = R"("w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  CHECK(header_error("{" + w + "," + w + "}", 4) == "duplicate key \"w\" in the header");
  CHECK(header_error(R"({"__metadata__":{"a":"1","a":"2"}})", 0) == "duplicate key \"a\" in the header");
  CHECK(header_error(R"({"w":{"dtype":"U8","shape":[4],"shape":[4],"data_offsets":[0,4]}})", 4) ==
        "duplicate key \"shape\" in the header");
  CHECK(header_error(R"({"__metadata__":{"w":"1"},)" + w + "}", 4) == "no error");
}

TEST_CASE("metadata is text") {
  CHECK(header_error(R"({"__metadata__":{"step":1}})", 0) == "__metadata__ is not a map from text to text");
  CHECK(header_error(R"({"__metadata__":["step"]})", 0) == "__metadata__ is not a map from text to text");
}

TEST_CASE("a path that cannot be read") {
  TemporaryFolder folder;
  for (auto [path, reason] :
       {std::pair{folder / "missing", "No such file or directory"}, {folder.path(), "Is a directory"}}) {
    std::string message;
    try {
      cnf::io::read_safetensors(path);
    } catch (const cnf::Error& error) {
      message = error.what();
    }
    CHECK(message == "cannot read " + path.string() + ": " + reason);
  }
}

TEST_CASE("tensors and parts of them are read where they lie, and a file that shrinks is noticed") {
  TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  cnf::io::write_safetensors(path, {.tensors = {{"a", {DType::u8, {4}, bytes_of<std::uint8_t>({1, 2, 3, 4})}},
                                                {"b", {DType::u8, {2}, bytes_of<std::uint8_t>({5, 6})}}}});
  const cnf::io::SafetensorsReader reader(path);
  REQUIRE(reader.places().size() == 2);
  const auto &a = reader.places()[0], &b = reader.places()[1];
  CHECK(reader.read(b).data == bytes_of<std::uint8_t>({5, 6}));
  std::vector<std::byte> part(2);
  reader.read(a, 1, part);
  CHECK(part == bytes_of<std::uint8_t>({2, 3}));

  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  CHECK(reader.read(a).data == bytes_of<std::uint8_t>({1, 2, 3, 4}));
  std::string message;
  try {
    reader.read(b);
  } catch (const cnf::Error& error) {
    message = error.what();
  }
  CHECK(message == "cannot read " + path.string() + ": truncated while it was read");
}

TEST_CASE("what cannot be written is refused before a file is touched") {
  TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  const std::string start = "cannot write " + path.string() + ": ";
  const HostTensor good{DType::u8, {2}, bytes_of<std::uint8_t>({1, 2})};
  CHECK(write_error(path, {.tensors = {{"w", {DType::f32, {2}, good.data}}}}) ==
        start + "tensor \"w\" of dtype F32 and shape [2] has 2 bytes");
  CHECK(write_error(path, {.tensors = {{"w", {DType::u8, {-1, -2}, good.data}}}}) ==
        start + "tensor \"w\" of dtype U8 and shape [-1,-2] has 2 bytes");
  CHECK(write_error(path, {.tensors = {{"__metadata__", good}}}) ==
        start + "a tensor cannot be named __metadata__");
  CHECK(write_error(path, {.metadata = {{"a", "\xff"}}}) ==
        start + "a name or the metadata is not valid UTF-8");
  CHECK(folder.entries() == 0);
}

TEST_CASE("a full disk leaves the old checkpoint and no temporary") {
  TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  const Safetensors old{.metadata = {{"step", "1"}},
                        .tensors = {{"w", {DType::u8, {1}, bytes_of<std::uint8_t>({7})}}}};
  cnf::io::write_safetensors(path, old);
  const auto before = content(path);

  Safetensors large = old;
  large.tensors["w"] = {DType::u8, {100'000}, std::vector<std::byte>(100'000)};
  std::string message;
  {
    FileSizeLimit full(50'000);
    message = write_error(path, large);
  }
  CHECK(message == "cannot write " + path.string() + ": File too large");
  CHECK(content(path) == before);
  CHECK(folder.entries() == 1);
}
