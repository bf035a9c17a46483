// Noise where the model is: the same numbers as the host's (noise/noise.hpp: Philox bits equal, normals to rounding), in
// parallel on the CPU and by a kernel on CUDA, where the seed's shift lies in device memory, so that a captured graph
// draws anew at every replay.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <array>

#include "cnf/backend/libtorch/launch.hpp"
#include "cnf/core/error.hpp"
#include "cnf/noise/noise_rows.hpp"

namespace cnf::libtorch {

/// scale * noise of the given sizes (N, C, H, W), as `options` says.
inline at::Tensor noise(const NoiseRows& rows, Stream stream, int level, Distribution distribution,
                        double scale, const std::array<long, 4>& sizes, const at::TensorOptions& wanted) {
  const auto options = wanted.requires_grad(false);
  const auto type = c10::typeMetaToScalarType(options.dtype());
  const auto computed = options.dtype(type == at::kDouble ? at::kDouble : at::kFloat);
  const std::int64_t count = sizes[0], per_row = sizes[1] * sizes[2] * sizes[3];
  const std::vector<std::int64_t> shape(sizes.begin(), sizes.end());
  auto out = at::empty(shape, computed);
  if (is_fused(out)) {
    launch<kernels::noise>({.like = out, .blocks = blocks_for((per_row + 1) / 2 * count)}, out.data_ptr(),
                           per_row, count, rows.seed, rows.shift, unsigned(level) << 8 | unsigned(stream),
                           rows.first_input, rows.draws, rows.first_draw, int(distribution), scale);
    return out.to(options);
  }
  if (rows.shift && !out.is_cpu())
    throw Error(
        "noise: a seed that is shifted on a device needs the kernel for that device, which is missing here");
  auto host = out.is_cpu() ? out : at::empty(shape, computed.device(at::kCPU));
  const auto fill = [&](auto* data) {
    const std::int64_t piece = 4096, pieces = (per_row + piece - 1) / piece;
    at::parallel_for(0, count * pieces, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) {
        const auto first = i % pieces * piece;
        rows.key(long(i / pieces), stream, level)
            .fill(data + i / pieces * per_row + first, std::size_t(std::min(piece, per_row - first)),
                  distribution, scale, std::uint32_t(first / 2));
      }
    });
  };
  if (type == at::kDouble)
    fill(host.data_ptr<double>());
  else
    fill(host.data_ptr<float>());
  return host.to(options);
}

}  // namespace cnf::libtorch
