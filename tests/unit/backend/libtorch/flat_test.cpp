#include "cnf/backend/libtorch/flat.hpp"

#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

TEST_CASE("tensors come back from one long one as they were, each at a multiple of 32 numbers") {
  using namespace cnf::libtorch::detail;
  const std::vector<at::Tensor> all{random_tensor({5}, 1),
                                    random_tensor({2, 3, 3, 3}, 2).contiguous(at::MemoryFormat::ChannelsLast),
                                    random_tensor({}, 3), random_tensor({4, 8}, 4)};
  const auto flat = joined_flat(all, all);
  CHECK(flat.numel() == 32 + 64 + 32 + 32);
  const auto back = split_flat(flat, all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    CHECK(back[i].equal(all[i]));
    CHECK(back[i].strides() == all[i].strides());
    CHECK(back[i].storage_offset() % 32 == 0);
  }
  // what has another layout is laid out like the others, what is undefined is 0
  auto other = all;
  other[0] = at::Tensor();
  other[1] = all[1].contiguous();
  const auto again = split_flat(joined_flat(other, all), all);
  CHECK(largest(again[0]) == 0);
  CHECK(again[1].equal(all[1]));
  CHECK(flat.sum().item<double>() ==
        doctest::Approx((all[0].sum() + all[1].sum() + all[2].sum() + all[3].sum()).item<double>()));
}
