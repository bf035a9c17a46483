#include "photographs.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "cnf/core/error.hpp"
#include "cnf/training/out_of_memory.hpp"
#include "resize.hpp"

namespace super_resolution {
namespace {

constexpr std::size_t memory_limit = std::size_t{4} << 30;  // bytes of decoded images

/// (H, W, 3).
at::Tensor to_bytes(const support::Image& image) {
  return at::from_blob(const_cast<std::uint8_t*>(image.rgb.data()), {image.height, image.width, 3}, at::kByte)
      .clone();
}

/// (3, size, size) of such an image.
at::Tensor cut(const at::Tensor& image, int top, int left, int size, bool mirrored) {
  const auto part = image.narrow(0, top, size).narrow(1, left, size).permute({2, 0, 1});
  return mirrored ? part.flip(2) : part;
}

}  // namespace

Pair read_pair(const std::filesystem::path& path, int smallest, int largest) {
  Pair pair{.low = {}, .high = support::read_image(path)};
  if (pair.high.height < smallest || pair.high.width < smallest)
    throw cnf::Error("expected images of at least " + std::to_string(smallest) + "x" +
                     std::to_string(smallest) + " pixels, got " + path.string() + " of " +
                     std::to_string(pair.high.height) + "x" + std::to_string(pair.high.width));
  const int height = largest > 0 ? std::min(largest, pair.high.height) : pair.high.height;
  const int width = largest > 0 ? std::min(largest, pair.high.width) : pair.high.width;
  if (height < pair.high.height || width < pair.high.width)
    pair.high = support::cropped(pair.high, (pair.high.height - height) / 2, (pair.high.width - width) / 2,
                                 height, width);
  pair.low = imresize(pair.high, 0.5);
  return pair;
}

at::Tensor to_tensor(const support::Image& image) {
  return at::from_blob(const_cast<std::uint8_t*>(image.rgb.data()), {1, image.height, image.width, 3},
                       at::kByte)
      .permute({0, 3, 1, 2})
      .contiguous();
}

support::Image to_image(const at::Tensor& chw) {
  const auto hwc = chw.detach().to(at::kCPU).to(at::kByte).permute({1, 2, 0}).contiguous();
  const auto* first = hwc.data_ptr<std::uint8_t>();
  return {int(hwc.size(0)), int(hwc.size(1)), std::vector<std::uint8_t>(first, first + hwc.numel())};
}

Photographs::Photographs(std::vector<std::filesystem::path> paths, int smallest, at::Device device)
    : paths_(std::move(paths)), kept_(paths_.size()), smallest_(smallest) {
  for (std::size_t i = 0; i < paths_.size() && kept_bytes_ < memory_limit; ++i) stored(i);
  if (device.is_cpu() || std::any_of(kept_.begin(), kept_.end(), [](const auto& image) { return !image; }))
    return;
  try {
    auto there = kept_;
    for (auto& image : there) *image = {image->low.to(device), image->high.to(device)};
    kept_ = std::move(there);
  } catch (const std::exception& error) {
    if (!cnf::training::is_out_of_memory(error)) throw;  // then they stay here
  }
}

const Photographs::Stored& Photographs::stored(std::size_t index) {
  if (kept_[index]) return *kept_[index];
  const auto read = read_pair(paths_[index], smallest_);
  Stored image{to_bytes(read.low), to_bytes(read.high)};
  const std::size_t bytes = read.low.rgb.size() + read.high.rgb.size();
  if (kept_bytes_ + bytes > memory_limit) return visitor_ = std::move(image);
  kept_bytes_ += bytes;
  return kept_[index].emplace(std::move(image));
}

Crops Photographs::random_crops(int count, int size, std::uint64_t seed, std::uint32_t step, bool mirror) {
  const int half = size / 2;
  const auto options = stored(0).low.options();
  const Crops crops{at::empty({count, 3, half, half}, options), at::empty({count, 3, size, size}, options)};
  for (int i = 0; i < count; ++i) {
    const cnf::NoiseKey key{
        .seed = seed, .stream = cnf::Stream::user, .input = step, .draw = std::uint32_t(i)};
    const auto [which, flip] = key.uniform_pair(0);
    const auto [vertical, horizontal] = key.uniform_pair(1);
    const auto& [low, high] = stored(std::size_t(which * double(paths_.size())));
    const int top = int(vertical * double(high.size(0) / 2 - half + 1)),
              left = int(horizontal * double(high.size(1) / 2 - half + 1));
    const bool mirrored = mirror && flip < 0.5;
    crops.x[i].copy_(cut(low, top, left, half, mirrored));
    crops.y[i].copy_(cut(high, 2 * top, 2 * left, size, mirrored));
  }
  return crops;
}

}  // namespace super_resolution
