// A folder of photographs as training and evaluation data: pairs of high resolution and its MATLAB-bicubic
// half.
//
// Crops are aligned: the low-resolution crop is cut out of the image's low resolution, so it has no border of
// its own. Decoded images are kept as bytes up to a limit, on the model's device if all fit there; beyond it they
// are read again when they are drawn. Every crop is a pure function of its key.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <vector>

#include "cnf/noise/noise.hpp"
#include "support/image.hpp"
#include "views.hpp"

namespace super_resolution {

struct Pair {
  support::Image low;   // ceil(H/2) x ceil(W/2)
  support::Image high;  // H x W
};

/// A photograph, and its low resolution where there is a file of it.
struct PairFiles {
  std::filesystem::path high, low = {};
};

/// The images of a folder tree, sorted. With `low`, a folder of their low resolutions: of the same name, or of one that
/// begins with it (baby.png, babyx2.png). A folder with HR/ and LR_x2/ (or LR/, LRx2/) is both. An image without its partner:
/// Error. `others`: the files that are no images.
std::vector<PairFiles> find_pairs(const std::filesystem::path& folder, const std::filesystem::path& low = {},
                                  std::vector<std::filesystem::path>* others = nullptr);

/// The images of the files; `low` is empty where there is no file of it. Smaller than `smallest` in height or width, or a low
/// resolution of another size than half: Error naming the file.
Pair read_files(const PairFiles& files, int smallest);

/// Reads an image, cuts out its middle where it is larger than `largest` (0: never), and halves it, or takes the same part
/// of its low resolution. Errors: those of read_files.
Pair read_pair(const PairFiles& files, int smallest, int largest = 0);

/// Images of one size as (N, 3, H, W), 0 .. 255 in bytes, and back.
at::Tensor to_tensor(const support::Image& image);
support::Image to_image(const at::Tensor& chw);

struct CropOptions {
  bool mirror = false;  // half of them
  bool views =
      false;  // four in five are views (views.hpp), of which one in six is of a drawn picture at its own size
  int first = 0, batch = 0;  // these are part of a batch of so many crops, from this one on; 0: all of it
};

class Photographs {
 public:
  /// All images of `paths`, each at least `smallest` pixels in height and width.
  Photographs(std::vector<std::filesystem::path> paths, int smallest, at::Device device = at::kCPU);

  std::size_t count() const { return paths_.size(); }
  const std::filesystem::path& path(std::size_t index) const { return paths_[index]; }

  /// `count` random crops of an even size. (seed, step) and their places in the batch decide which. On the device where the images are, else on the
  /// CPU.
  Crops random_crops(int count, int size, std::uint64_t seed, std::uint32_t step, CropOptions options = {});

 private:
  /// (H, W, 3), bytes.
  at::Tensor stored(std::size_t index);
  /// Drawn when it is first asked for, of one seed.
  at::Tensor graphic(std::size_t index, std::uint64_t seed);

  std::vector<std::filesystem::path> paths_;
  std::vector<at::Tensor> kept_;  // undefined beyond the limit
  std::vector<at::Tensor> graphics_;
  int smallest_;
  std::size_t kept_bytes_ = 0;
};

}  // namespace super_resolution
