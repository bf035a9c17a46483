#include "cnf/io/checkpoint.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "cnf/eigen.hpp"
#include "cnf/libtorch.hpp"
#include "cnf/testing/models.hpp"
#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

using cnf::DType;
using cnf::io::decode_tensor;
using cnf::io::encode_tensor;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

using Step = cnf::Sequential<cnf::ActNorm, cnf::InvConv1x1Plu, cnf::AffineCoupling<cnf::ConvNet<4>>>;
using Flow = cnf::Sequential<cnf::Squeeze, cnf::Repeat<2, Step>, cnf::Split, cnf::Prior>;
using Spec = cnf::ConditionalFlow<cnf::Shape<2, 4, 4>, cnf::Shape<3, 2, 2>, cnf::Passthrough, Flow>;
using OtherFlow = cnf::Sequential<cnf::Squeeze, cnf::Repeat<3, Step>, cnf::Split, cnf::Prior>;
using OtherSpec = cnf::ConditionalFlow<cnf::Shape<2, 4, 4>, cnf::Shape<3, 2, 2>, cnf::Passthrough, OtherFlow>;

using TorchModel = cnf::libtorch::Model<Spec>;
template <class T>
using EigenModel = cnf::eigen::Model<Spec, T>;

using cnf::testing::numbers_of;
using Numbers = std::map<std::string, std::vector<double>>;

Numbers rounded_to_float(Numbers numbers) {
  for (auto& [name, values] : numbers)
    for (double& value : values) value = static_cast<double>(static_cast<float>(value));
  return numbers;
}

/// Gives every parameter and buffer numbers that no new model has, and marks ActNorm as initialised.
void fill(TorchModel& model) {
  cnf::testing::perturb<cnf::libtorch::Backend>(model, 7, 0.1);
  cnf::testing::mark_initialised<cnf::libtorch::Backend>(model);
}

struct Fixture {
  TemporaryFolder folder;
  std::filesystem::path path = folder / "model.safetensors";
  TorchModel model{{.seed = 1, .placement = {.dtype = at::kDouble}}};

  Fixture() { fill(model); }
};

std::uint16_t bf16_bits(double value) {
  const auto tensor = encode_tensor({value}, {1}, DType::bf16);
  REQUIRE(tensor.data.size() == 2);
  std::uint16_t bits = 0;
  std::memcpy(&bits, tensor.data.data(), sizeof bits);
  return bits;
}

/// The same bits: also tells 0 from -0.
bool same(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

}  // namespace

TEST_CASE("numbers as F64 and F32: back as they were, at most rounded to float") {
  const std::vector<double> values{0,     -0.0,     1.0 / 3,  -1e300,    1e-310,
                                   1e-42, 16777217, infinity, -infinity, not_a_number};
  for (const DType dtype : {DType::f64, DType::f32}) {
    const bool single = dtype == DType::f32;
    CAPTURE(single);
    const auto tensor = encode_tensor(values, {2, 5}, dtype);
    CHECK(tensor.dtype == dtype);
    CHECK(tensor.shape == std::vector<std::int64_t>{2, 5});
    CHECK(tensor.data.size() == values.size() * (single ? 4 : 8));
    const auto read = decode_tensor(tensor, "w");
    REQUIRE(read.size() == values.size());
    for (std::size_t i = 0; i + 1 < values.size(); ++i) {
      CAPTURE(values[i]);
      CHECK(same(read[i], single ? static_cast<double>(static_cast<float>(values[i])) : values[i]));
    }
    CHECK(std::isnan(read.back()));
  }
}

TEST_CASE("numbers as BF16: rounded to the nearest, ties to even") {
  const double ulp = 1.0 / 128;  // of bfloat16 at 1
  CHECK(bf16_bits(1) == 0x3F80);
  CHECK(bf16_bits(1 + ulp / 2) == 0x3F80);      // a tie: down to the even neighbour
  CHECK(bf16_bits(1 + ulp * 3 / 2) == 0x3F82);  // a tie: up to the even neighbour
  CHECK(bf16_bits(1 + ulp / 2 + ulp / 1024) == 0x3F81);
  CHECK(bf16_bits(1 + ulp / 2 - ulp / 1024) == 0x3F80);
  CHECK(bf16_bits(-1 - ulp * 3 / 2) == 0xBF82);
  CHECK(bf16_bits(2 - ulp / 2) == 0x4000);  // carries into the exponent
  CHECK(bf16_bits(0) == 0x0000);
  CHECK(bf16_bits(-0.0) == 0x8000);
  CHECK(bf16_bits(infinity) == 0x7F80);
  CHECK(bf16_bits(-infinity) == 0xFF80);
  CHECK(bf16_bits(std::numeric_limits<float>::max()) == 0x7F80);  // nearer to infinity than to the largest
  CHECK(std::isnan(decode_tensor(encode_tensor({not_a_number}, {}, DType::bf16), "w")[0]));
  CHECK(std::isnan(decode_tensor(encode_tensor({-not_a_number}, {}, DType::bf16), "w")[0]));
}

TEST_CASE("BF16 is LibTorch's, for numbers of every size") {
  std::vector<double> values(2000);
  cnf::NoiseKey{.seed = 3}.fill(values.data(), values.size(), cnf::Distribution::normal, 30);
  for (double& value : values) value = static_cast<double>(static_cast<float>(std::sinh(value)));
  const auto ours = decode_tensor(encode_tensor(values, {2000}, DType::bf16), "w");
  const auto theirs = at::tensor(values, at::kFloat).to(at::kBFloat16).to(at::kDouble);
  CHECK(at::tensor(ours, at::kDouble).equal(theirs));
}

TEST_CASE("a dtype that no parameter has is refused by name") {
  for (const auto& [dtype, name] : {std::pair{DType::f16, "F16"}, {DType::i64, "I64"}}) {
    const cnf::io::HostTensor tensor{dtype, {0}, {}};
    CHECK(error_of([&] { decode_tensor(tensor, "flow.w"); }) ==
          std::string("tensor \"flow.w\": expected F32, F64 or BF16, got ") + name);
  }
}

TEST_CASE_FIXTURE(Fixture, "a checkpoint of LibTorch is the same model on Eigen") {
  cnf::io::save_checkpoint(path, model);
  EigenModel<double> in_double({.seed = 2});
  EigenModel<float> in_float({.seed = 3});
  REQUIRE((numbers_of(in_double) != numbers_of(model)));
  cnf::io::load_checkpoint(path, in_double);
  cnf::io::load_checkpoint(path, in_float);
  CHECK((numbers_of(in_double) == numbers_of(model)));
  CHECK((numbers_of(in_float) == rounded_to_float(numbers_of(model))));

  // not only the same numbers: the same density
  std::vector<double> x(2 * 3 * 2 * 2), y(2 * 2 * 4 * 4);
  cnf::NoiseKey{.seed = 4}.fill(x.data(), x.size(), cnf::Distribution::normal, 1);
  cnf::NoiseKey{.seed = 5}.fill(y.data(), y.size(), cnf::Distribution::normal, 1);
  const auto log_prob = [&](const auto& any, const auto& like) {
    using B = typename std::remove_cvref_t<decltype(any)>::backend;
    return B::to_host(
        any.given(B::from_host(x, {2, 3, 2, 2}, like)).log_prob(B::from_host(y, {2, 2, 4, 4}, like)));
  };
  model.eval();
  const auto expected = log_prob(model, at::zeros({1}, at::kDouble));
  const auto got = log_prob(in_double, 0), got_in_float = log_prob(in_float, 0);
  for (std::size_t i = 0; i < 2; ++i) {
    CAPTURE(expected[i]);
    CHECK(std::abs(got[i] - expected[i]) < 1e-10);
    CHECK(got_in_float[i] == doctest::Approx(expected[i]).epsilon(1e-5));
  }
}

TEST_CASE_FIXTURE(Fixture, "a checkpoint of Eigen is the same model on LibTorch") {
  cnf::io::save_checkpoint(path, model);
  const auto check = [&]<class T>(T) {
    EigenModel<T> eigen({.seed = 2});
    cnf::io::load_checkpoint(path, eigen);
    const auto second = folder / "eigen.safetensors";
    cnf::io::save_checkpoint(second, eigen);
    TorchModel in_double({.seed = 3, .placement = {.dtype = at::kDouble}}), in_float({.seed = 4});
    cnf::io::load_checkpoint(second, in_double);
    cnf::io::load_checkpoint(second, in_float);
    CHECK((numbers_of(in_double) == numbers_of(eigen)));
    CHECK((numbers_of(in_float) == rounded_to_float(numbers_of(eigen))));
    // loading keeps precision and place of the model that loads
    for (const auto& p : in_float.parameters()) CHECK((p.scalar_type() == at::kFloat));
    for (const auto& p : in_double.parameters()) CHECK((p.scalar_type() == at::kDouble));
  };
  check(double{});
  check(float{});
}

TEST_CASE_FIXTURE(Fixture, "parameters are stored in their own dtype") {
  for (const auto& [torch_dtype, dtype] :
       {std::pair{at::kDouble, DType::f64}, {at::kFloat, DType::f32}, {at::kBFloat16, DType::bf16}}) {
    TorchModel stored({.seed = 5, .placement = {.dtype = torch_dtype}});
    cnf::io::save_checkpoint(path, stored);
    const auto file = cnf::io::read_safetensors(path);
    CHECK(file.tensors.size() == numbers_of(stored).size());
    for (const auto& [name, tensor] : file.tensors) {
      CAPTURE(name);
      CHECK(tensor.dtype == dtype);
    }
    EigenModel<double> loaded;
    cnf::io::load_checkpoint(path, loaded);
    CHECK((numbers_of(loaded) == numbers_of(stored)));
  }
}

TEST_CASE_FIXTURE(Fixture, "another architecture is told with both texts, before any tensor is looked at") {
  cnf::io::write_safetensors(path, {.metadata = {{"architecture", cnf::describe<OtherSpec>()}}});
  const auto expected = "cannot load " + path.string() + ": expected the architecture " +
                        cnf::describe<Spec>() + ", got " + cnf::describe<OtherSpec>();
  REQUIRE(cnf::describe<Spec>() != cnf::describe<OtherSpec>());
  const auto before = numbers_of(model);
  CHECK(error_of([&] { cnf::io::load_checkpoint(path, model); }) == expected);
  EigenModel<float> eigen;
  CHECK(error_of([&] { cnf::io::load_checkpoint(path, eigen); }) == expected);

  // A tensor of a tebibyte, which nobody can have read.
  const auto bytes = std::uint64_t{1} << 40;
  const nlohmann::json header{{"__metadata__", {{"architecture", cnf::describe<OtherSpec>()}}},
                              {"w", {{"dtype", "U8"}, {"shape", {bytes}}, {"data_offsets", {0, bytes}}}}};
  const auto text = header.dump();
  const std::uint64_t length = text.size();
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(&length), 8) << text;
  std::filesystem::resize_file(path, 8 + length + bytes);  // a hole: it takes no place on the disk
  CHECK(error_of([&] { cnf::io::load_checkpoint(path, model); }) == expected);
  CHECK((numbers_of(model) == before));
}

TEST_CASE_FIXTURE(Fixture, "a file that is no checkpoint of cnf") {
  cnf::io::write_safetensors(path, {.metadata = {{"format", "pt"}}});
  CHECK(error_of([&] { cnf::io::load_checkpoint(path, model); }) ==
        "cannot load " + path.string() +
            ": expected a checkpoint of cnf, got a safetensors file without an architecture");
}

TEST_CASE_FIXTURE(Fixture, "whichever tensor is wrong, it is named and the model stays as it was") {
  cnf::io::save_checkpoint(path, model);
  const auto good = cnf::io::read_safetensors(path);
  TorchModel torch({.seed = 8});
  EigenModel<double> eigen({.seed = 9});
  const auto torch_before = numbers_of(torch), eigen_before = numbers_of(eigen);

  const auto refused = [&](const cnf::io::Safetensors& file, const std::string& why) {
    cnf::io::write_safetensors(path, file);
    const auto message = error_of([&] { cnf::io::load_checkpoint(path, torch); });
    CHECK(message == error_of([&] { cnf::io::load_checkpoint(path, eigen); }));
    CHECK(message == "cannot load " + path.string() + ": " + why);
    CHECK((numbers_of(torch) == torch_before));
    CHECK((numbers_of(eigen) == eigen_before));
  };
  for (const auto& [name, tensor] : good.tensors) {
    CAPTURE(name);
    auto file = good;
    file.tensors.erase(name);
    refused(file, "expected a tensor \"" + name + "\", got none");

    // as many numbers, but not as they are expected
    file = good;
    file.tensors[name].shape.push_back(1);
    const auto shape = [](const auto& extents) { return nlohmann::json(extents).dump(); };
    refused(file, "expected tensor \"" + name + "\" of shape " + shape(tensor.shape) + ", got " +
                      shape(file.tensors[name].shape));

    file = good;
    file.tensors[name].dtype = DType::i64;
    refused(file, "tensor \"" + name + "\": expected F32, F64 or BF16, got I64");
  }
  auto file = good;
  file.tensors["flow.1.extra"] = encode_tensor({1}, {1}, DType::f32);
  refused(file, "unexpected tensor \"flow.1.extra\"");

  cnf::io::write_safetensors(path, good);
  cnf::io::load_checkpoint(path, torch);
  cnf::io::load_checkpoint(path, eigen);
  CHECK((numbers_of(torch) == rounded_to_float(numbers_of(model))));
  CHECK((numbers_of(eigen) == numbers_of(model)));
}

TEST_CASE_FIXTURE(Fixture, "a file that shrinks while it is read leaves the model as it was") {
  cnf::io::save_checkpoint(path, model);
  const cnf::io::SafetensorsReader file(path);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  const auto refused = [&](auto& other) {
    const auto before = numbers_of(other);
    CHECK(error_of([&] { cnf::io::load_checkpoint(file, other); }) ==
          "cannot read " + path.string() + ": truncated while it was read");
    CHECK((numbers_of(other) == before));
  };
  TorchModel torch({.seed = 8});
  EigenModel<float> eigen({.seed = 9});
  refused(torch);
  refused(eigen);
}

TEST_CASE_FIXTURE(Fixture, "what a program adds comes back beside the model, on both backends") {
  cnf::io::CheckpointExtras extras;
  extras.metadata = {{"step", "1200"}, {"note", "two\nlines, \u00fcml\u00e4uts"}};
  extras.tensors["adam:exp_avg:flow.0"] = encode_tensor({1, 2, 3, 4}, {2, 2}, DType::f32);
  extras.tensors["rng:state"] = {DType::i64, {1}, std::vector<std::byte>(8, std::byte{5})};
  cnf::io::save_checkpoint(path, model, extras);

  auto loaded = cnf::io::load_extras(path);
  CHECK((loaded.tensors == extras.tensors));
  CHECK(loaded.metadata["architecture"] == cnf::describe<Spec>());
  CHECK(loaded.metadata["cnf"] == CNF_VERSION);
  loaded.metadata.erase("architecture");
  loaded.metadata.erase("cnf");
  CHECK(loaded.metadata == extras.metadata);

  TorchModel torch;
  EigenModel<float> eigen;
  cnf::io::load_checkpoint(path, torch);
  cnf::io::load_checkpoint(path, eigen);
  CHECK((numbers_of(torch) == rounded_to_float(numbers_of(model))));
  CHECK((numbers_of(eigen) == rounded_to_float(numbers_of(model))));

  // a second save replaces the file and all that was in it
  cnf::io::save_checkpoint(path, model);
  CHECK(cnf::io::load_extras(path).tensors.empty());
  CHECK(folder.entries() == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "parameters that are not finite are neither written nor read, unless they are asked for") {
  using cnf::io::NonFinite;
  const auto path = folder / "broken.safetensors";
  TorchModel broken({.seed = 5});
  {
    const at::NoGradGuard no_grad;
    broken.named_parameters()["flow.1.0.2.net.conv2.bias"][1] = not_a_number;
  }
  CHECK(error_of([&] { cnf::io::save_checkpoint(path, broken); }) ==
        "cannot write " + path.string() +
            ": expected finite numbers in tensor \"flow.1.0.2.net.conv2.bias\", got others");
  CHECK_FALSE(std::filesystem::exists(path));

  cnf::io::save_checkpoint(path, broken, {}, {}, NonFinite::kept);
  const auto refuses = [&](auto& model) {
    const auto before = numbers_of(model);
    CHECK(error_of([&] { cnf::io::load_checkpoint(path, model); }) ==
          "cannot load " + path.string() +
              ": expected finite numbers in tensor \"flow.1.0.2.net.conv2.bias\", got others");
    CHECK(numbers_of(model) == before);
    cnf::io::load_checkpoint(path, model, NonFinite::kept);
    CHECK(std::isnan(numbers_of(model)["flow.1.0.2.net.conv2.bias"][1]));
  };
  TorchModel torch({.seed = 6});
  refuses(torch);
  EigenModel<double> eigen({.seed = 6});
  refuses(eigen);
}
