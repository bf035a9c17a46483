// A trained model where LibTorch can't go: this program needs cnf::eigen alone.
#include <cstring>

#include "cnf/version.hpp"
#include "run.hpp"

namespace {

constexpr const char* usage =
    R"(deploy CHECKPOINT IMAGE FOLDER [OPTION VALUE]...

Reads a checkpoint of super_resolution or vessel_segmentation and an image (PGM or PPM), and writes samples and, of
several, their mean and uncertainty into the folder.

  --count N              how many samples (4)
  --temperature T        0: the mode-like decode; 1: the model's own spread (0.8 for photographs, 1 for masks)
  --seed S               same seed, same samples as the program that trained the model (0)
  --target FILE          says what this photograph or mask costs: bits per dimension
  --field-of-view FILE   white inside (the bright disc of the photograph; vessels only)

deploy --version names the versions of this program and of Eigen.

Exit status: 0; 2 after a bad command line or bad input.
)";

/// A number of least .. most, all of the text.
template <class T, class Parse>
T number(const std::string& option, const std::string& text, T least, T most, const Parse& parse) {
  std::size_t used = 0;
  try {
    const auto value = parse(text, &used);
    if (used == text.size() && T(value) >= least && T(value) <= most && text[0] != '-') return T(value);
  } catch (const std::exception&) {
  }
  throw cnf::Error(option + ": expected a number of " + std::to_string(least) + " .. " +
                   std::to_string(most) + ", got " + text);
}

deploy::Options parsed(int argc, char** argv) {
  deploy::Options o{
      .start = std::chrono::steady_clock::now(), .checkpoint = argv[1], .image = argv[2], .out = argv[3]};
  for (int i = 4; i < argc; i += 2) {
    const std::string option = argv[i];
    if (i + 1 == argc) throw cnf::Error(option + ": expected a value");
    const std::string value = argv[i + 1];
    if (option == "--count")
      o.count = number(option, value, 1L, 1000000L, [](auto... a) { return std::stol(a...); });
    else if (option == "--temperature")
      o.temperature = number(option, value, 0.0, 100.0, [](auto... a) { return std::stod(a...); });
    else if (option == "--seed")
      o.seed = number(option, value, std::uint64_t{0}, ~std::uint64_t{0},
                      [](auto... a) { return std::stoull(a...); });
    else if (option == "--target")
      o.target = value;
    else if (option == "--field-of-view")
      o.field_of_view = value;
    else
      throw cnf::Error("no option " + option + ": see deploy --help");
  }
  return o;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 2 && (std::strcmp(argv[1], "--help") == 0 || std::strcmp(argv[1], "-h") == 0))
    return std::fputs(usage, stdout) < 0;
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0)
    return std::printf("deploy (cnf) %s\nEigen %d.%d.%d\n", CNF_VERSION, EIGEN_WORLD_VERSION,
                       EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION) < 0;
  if (argc < 4) return std::fputs(usage, stderr), 2;
  const auto o = parsed(argc, argv);
  const deploy::Checkpoint checkpoint(o.checkpoint);
  if (!deploy::super_resolution(o, checkpoint) && !deploy::vessel_segmentation(o, checkpoint))
    throw cnf::Error("cannot load " + o.checkpoint.string() +
                     ": expected a model of super_resolution or vessel_segmentation, got " +
                     cnf::io::architecture_of(checkpoint));
  return 0;
} catch (const std::bad_alloc&) {
  std::fprintf(
      stderr,
      "deploy: out of memory for %s: expected an image for which there is enough; cut it into parts\n",
      argv[2]);
  return 2;
} catch (const std::exception& error) {
  std::fprintf(stderr, "deploy: %s\n", error.what());
  return 2;
}
