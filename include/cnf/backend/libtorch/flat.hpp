// Many tensors as one, end to end: what is done to all parameters is then one operation.
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

namespace cnf::libtorch::detail {

/// A tensor's numbers in the order in which they lie in memory, where they lie densely; in their own otherwise. And a
/// stretch of such numbers as a tensor like it.
inline at::Tensor in_memory_order(const at::Tensor& x) {
  return x.dim() == 4 && x.is_contiguous(at::MemoryFormat::ChannelsLast)
             ? x.permute({0, 2, 3, 1}).reshape({-1})
             : x.reshape({-1});
}
inline at::Tensor shaped_like(const at::Tensor& flat, const at::Tensor& x) {
  if (x.dim() != 4 || !x.is_contiguous(at::MemoryFormat::ChannelsLast)) return flat.view(x.sizes());
  return flat.view({x.size(0), x.size(2), x.size(3), x.size(1)}).permute({0, 3, 1, 2});
}
/// x, laid out in memory as `like` is.
inline at::Tensor laid_out_like(const at::Tensor& x, const at::Tensor& like) {
  return like.dim() == 4 && like.is_contiguous(at::MemoryFormat::ChannelsLast)
             ? x.contiguous(at::MemoryFormat::ChannelsLast)
             : x.contiguous();
}
/// Where each tensor begins when all are laid end to end: at multiples of 32 numbers, as convolutions on a GPU want it.
constexpr std::int64_t aligned(std::int64_t count) { return (count + 31) / 32 * 32; }
/// All numbers of tensors like `like`, end to end; zeros for the undefined and between.
inline at::Tensor joined_flat(const std::vector<at::Tensor>& all, const std::vector<at::Tensor>& like) {
  const auto given = std::find_if(all.begin(), all.end(), [](const at::Tensor& x) { return x.defined(); });
  const auto options = given == all.end() ? like[0].options() : given->options();
  const auto zeros = at::zeros({32}, options);
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < like.size(); ++i) {
    const auto count = like[i].numel(), gap = aligned(count) - count;
    parts.push_back(all[i].defined() ? in_memory_order(laid_out_like(all[i], like[i]))
                                     : at::zeros({count}, options));
    if (gap > 0) parts.push_back(zeros.narrow(0, 0, gap));
  }
  return at::cat(parts);
}
inline std::vector<at::Tensor> split_flat(const at::Tensor& flat, const std::vector<at::Tensor>& like) {
  std::vector<at::Tensor> all;
  std::int64_t first = 0;
  for (const auto& x : like) {
    all.push_back(shaped_like(flat.narrow(0, first, x.numel()), x));
    first += aligned(x.numel());
  }
  return all;
}

}  // namespace cnf::libtorch::detail
