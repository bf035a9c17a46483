// A single image goes another way than several: with the same result.
#include "cnf/backend/libtorch/layout.hpp"

#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

TEST_CASE("a convolution of a single image is that of LibTorch, in every layout and with every stride") {
  const auto weight = random_tensor({5, 4, 3, 3}, 1), bias = random_tensor({5}, 2),
             x = random_tensor({1, 4, 9, 7}, 3);
  for (const bool gradients : {false, true})
    for (const auto layout : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast})
      for (const auto dtype : {at::kFloat, at::kDouble})
        for (const std::int64_t stride : {1, 2}) {
          const at::AutoGradMode mode(gradients);
          const auto as = [&](const at::Tensor& t) { return t.to(dtype).contiguous(layout); };
          for (const auto& b : {bias.to(dtype), at::Tensor()}) {
            const auto y = cnf::libtorch::conv2d(as(x), as(weight), b, stride, 1);
            CHECK((y.scalar_type() == dtype));
            CHECK(difference(y.to(at::kDouble), at::conv2d(x, weight, b.defined() ? bias : b, stride, 1)) <
                  (dtype == at::kFloat ? 1e-5 : 1e-12));
          }
        }
}
