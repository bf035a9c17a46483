#include "photographs.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "cnf/core/error.hpp"
#include "cnf/training/out_of_memory.hpp"
#include "graphics.hpp"
#include "resize.hpp"

namespace super_resolution {
namespace {

constexpr std::size_t memory_limit = std::size_t{4} << 30;  // bytes of decoded images

/// (H, W, 3).
at::Tensor to_bytes(const support::Image& image) {
  return at::from_blob(const_cast<std::uint8_t*>(image.rgb.data()), {image.height, image.width, 3}, at::kByte)
      .clone();
}

/// Smaller than `smallest` in height or width: Error naming the file.
support::Image read_image(const std::filesystem::path& path, int smallest) {
  auto image = support::read_image(path);
  if (image.height < smallest || image.width < smallest)
    throw cnf::Error("expected images of at least " + std::to_string(smallest) + "x" +
                     std::to_string(smallest) + " pixels, got " + path.string() + " of " +
                     std::to_string(image.height) + "x" + std::to_string(image.width));
  return image;
}

}  // namespace

Pair read_pair(const std::filesystem::path& path, int smallest, int largest) {
  Pair pair{.low = {}, .high = read_image(path, smallest)};
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
  support::Image image{int(chw.size(1)), int(chw.size(2)),
                       std::vector<std::uint8_t>(static_cast<std::size_t>(chw.numel()))};
  const auto hwc = at::from_blob(image.rgb.data(), {chw.size(1), chw.size(2), 3}, at::kByte);
  constexpr std::int64_t rows = 256;  // at once: LibTorch converts and then reorders
  for (std::int64_t top = 0; top < chw.size(1); top += rows) {
    const auto count = std::min(rows, chw.size(1) - top);
    hwc.narrow(0, top, count).copy_(chw.detach().narrow(1, top, count).permute({1, 2, 0}));
  }
  return image;
}

Photographs::Photographs(std::vector<std::filesystem::path> paths, int smallest, at::Device device)
    : paths_(std::move(paths)), kept_(paths_.size()), graphics_(350), smallest_(smallest) {
  for (std::size_t i = 0; i < paths_.size() && kept_bytes_ < memory_limit; ++i) stored(i);
  if (device.is_cpu() || std::any_of(kept_.begin(), kept_.end(), [](const auto& i) { return !i.defined(); }))
    return;
  try {
    auto there = kept_;
    for (auto& image : there) image = image.to(device);
    kept_ = std::move(there);
  } catch (const std::exception& error) {
    if (!cnf::training::is_out_of_memory(error)) throw;  // then they stay here
  }
}

at::Tensor Photographs::graphic(std::size_t index, std::uint64_t seed) {
  auto& image = graphics_[index];
  constexpr int size = 240;
  if (!image.defined())
    image =
        to_bytes(drawn_graphic(seed, std::uint32_t(index), std::max(size, smallest_))).to(stored(0).device());
  return image;
}

at::Tensor Photographs::stored(std::size_t index) {
  if (kept_[index].defined()) return kept_[index];
  const auto read = read_image(paths_[index], smallest_);
  auto image = to_bytes(read);
  if (kept_bytes_ + read.rgb.size() > memory_limit) return image;
  kept_bytes_ += read.rgb.size();
  return kept_[index] = std::move(image);
}

Crops Photographs::random_crops(int count, int size, std::uint64_t seed, std::uint32_t step,
                                CropOptions options) {
  std::vector<Place> places;
  for (int i = 0; i < count; ++i) {
    const cnf::NoiseKey key{
        .seed = seed, .stream = cnf::Stream::user, .input = step, .draw = std::uint32_t(i)};
    const auto [which, flip] = key.uniform_pair(0);
    const auto [down, across] = key.uniform_pair(1);
    Place place{.image = {}, .view = {}, .down = down, .across = across};
    const bool is_view =
        options.views && (std::uint64_t(step) * std::uint64_t(count) + std::uint64_t(i)) % 5 != 0;
    if (is_view) place.view = random_view(key);
    if (is_view && key.uniform_pair(2)[0] < 1.0 / 6) {
      place.image = graphic(std::size_t(which * double(graphics_.size())), seed);
      place.view.scale = 1;  // patterns of single pixels are what graphics are for
    } else {
      place.image = stored(std::size_t(which * double(paths_.size())));
    }
    place.view.mirrored = options.mirror && flip < 0.5;
    places.push_back(std::move(place));
  }
  return cut(places, size);
}

}  // namespace super_resolution
