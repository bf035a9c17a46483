#include "photographs.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "cnf/core/error.hpp"
#include "resize.hpp"

namespace super_resolution {
namespace {

constexpr std::size_t memory_limit = std::size_t{4} << 30;  // bytes of decoded images

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

Photographs::Photographs(std::vector<std::filesystem::path> paths, int smallest)
    : paths_(std::move(paths)), kept_(paths_.size()), smallest_(smallest) {
  for (std::size_t i = 0; i < paths_.size() && kept_bytes_ < memory_limit; ++i) pair(i);
}

const Pair& Photographs::pair(std::size_t index) {
  if (kept_[index]) return *kept_[index];
  auto read = read_pair(paths_[index], smallest_);
  const std::size_t bytes = read.low.rgb.size() + read.high.rgb.size();
  if (kept_bytes_ + bytes > memory_limit) return visitor_ = std::move(read);
  kept_bytes_ += bytes;
  return kept_[index].emplace(std::move(read));
}

Crops Photographs::random_crops(int count, int size, std::uint64_t seed, std::uint32_t step, bool mirror) {
  std::vector<at::Tensor> x, y;
  for (int i = 0; i < count; ++i) {
    const cnf::NoiseKey key{
        .seed = seed, .stream = cnf::Stream::user, .input = step, .draw = std::uint32_t(i)};
    const auto [which, flip] = key.uniform_pair(0);
    const auto [vertical, horizontal] = key.uniform_pair(1);
    const auto& [low, high] = pair(std::size_t(which * double(paths_.size())));
    const int half = size / 2;
    const int top = int(vertical * (high.height / 2 - half + 1)),
              left = int(horizontal * (high.width / 2 - half + 1));
    x.push_back(to_tensor(support::cropped(low, top, left, half, half)));
    y.push_back(to_tensor(support::cropped(high, 2 * top, 2 * left, size, size)));
    if (mirror && flip < 0.5) {
      x.back() = x.back().flip(3);
      y.back() = y.back().flip(3);
    }
  }
  return {at::cat(x), at::cat(y)};
}

}  // namespace super_resolution
