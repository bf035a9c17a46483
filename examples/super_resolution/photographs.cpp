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

std::vector<PairFiles> find_pairs(const std::filesystem::path& folder, const std::filesystem::path& low,
                                  std::vector<std::filesystem::path>* others) {
  if (low.empty() && std::filesystem::is_directory(folder / "HR"))
    for (const char* name : {"LR_x2", "LRx2", "LR"})
      if (std::filesystem::is_directory(folder / name))
        return find_pairs(folder / "HR", folder / name, others);
  std::vector<PairFiles> pairs;
  for (auto& path : support::find_images(folder, others)) pairs.push_back({.high = std::move(path)});
  if (low.empty()) return pairs;
  const auto lows = support::find_images(low, others);
  for (auto& pair : pairs) {
    const auto name = pair.high.stem().string();
    std::size_t best = 0;  // length of the shortest name that fits
    for (const auto& path : lows) {
      const auto other = path.stem().string();
      const bool fits = other.starts_with(name) && (other.size() == name.size() ||
                                                    other[name.size()] == 'x' || other[name.size()] == '_');
      if (fits && (best == 0 || other.size() < best)) pair.low = path, best = other.size();
    }
    if (pair.low.empty())
      throw cnf::Error("no low resolution of " + pair.high.string() + " in " + low.string() + ": expected " +
                       name + ".png, " + name + "x2.png or the like");
  }
  return pairs;
}

Pair read_files(const PairFiles& files, int smallest) {
  Pair pair{.low = {}, .high = read_image(files.high, smallest)};
  if (!files.low.empty()) {
    pair.low = support::read_image(files.low);
    const int height = (pair.high.height + 1) / 2, width = (pair.high.width + 1) / 2;
    if (pair.low.height != height || pair.low.width != width)
      throw cnf::Error("expected " + files.low.string() + " to be half of " + files.high.string() + ", " +
                       std::to_string(width) + "x" + std::to_string(height) + ", got " +
                       std::to_string(pair.low.width) + "x" + std::to_string(pair.low.height));
  }
  return pair;
}

Pair read_pair(const PairFiles& files, int smallest, int largest) {
  auto pair = read_files(files, smallest);
  const int height = largest > 0 ? std::min(largest, pair.high.height) : pair.high.height;
  const int width = largest > 0 ? std::min(largest, pair.high.width) : pair.high.width;
  if (height < pair.high.height || width < pair.high.width) {
    // a part that begins at an even pixel, of both
    const int top = (pair.high.height - height) / 4 * 2, left = (pair.high.width - width) / 4 * 2;
    pair.high = support::cropped(pair.high, top, left, height, width);
    if (!files.low.empty())
      pair.low = support::cropped(pair.low, top / 2, left / 2, (height + 1) / 2, (width + 1) / 2);
  }
  if (files.low.empty()) pair.low = imresize(pair.high, 0.5);
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
  const int batch = options.batch > 0 ? options.batch : count;
  for (int i = options.first; i < options.first + count; ++i) {
    const cnf::NoiseKey key{
        .seed = seed, .stream = cnf::Stream::user, .input = step, .draw = std::uint32_t(i)};
    const auto [which, flip] = key.uniform_pair(0);
    const auto [down, across] = key.uniform_pair(1);
    Place place{.image = {}, .view = {}, .down = down, .across = across};
    const bool is_view =
        options.views && (std::uint64_t(step) * std::uint64_t(batch) + std::uint64_t(i)) % 5 != 0;
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
