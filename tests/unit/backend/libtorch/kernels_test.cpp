// Every kernel, run here in a loop, against the ATen operations that define it. The same text runs on a GPU.
#include "cnf/backend/libtorch/kernels.hpp"

#include <barrier>
#include <thread>
#include <vector>

#include "cnf/backend/libtorch/backend.hpp"
#include "cnf/math/lu.hpp"
#include "support/doctest.hpp"
#include "support/random_tensor.hpp"

namespace {

using namespace cnf::libtorch;

/// A kernel's host run on contiguous tensors of the CPU.
template <class Kernel, class... Arguments>
void run(const at::Tensor& like, long long blocks, long long shared, at::ScalarType network,
         Arguments... arguments) {
  launch<Kernel>({.like = like, .blocks = blocks, .shared = shared, .network = network}, arguments...);
}

struct Types {
  at::ScalarType state, network;
  double bound;
};
constexpr Types all_types[] = {{at::kDouble, at::kDouble, 1e-13},
                               {at::kFloat, at::kFloat, 2e-6},
                               {at::kFloat, at::kBFloat16, 2e-6},
                               {at::kDouble, at::kBFloat16, 1e-13}};

/// As a layer holds it.
struct Weight {
  at::Tensor w;
  const at::Tensor& dense() const { return w; }
  at::Tensor inverse() const { return cnf::libtorch::inverse(w); }
};

/// A place on a GPU, in threads: they wait for each other where a kernel says so.
struct ThreadOfBlock {
  long long block = 0, blocks = 1;
  int thread = 0, threads = 1;
  double* shared = nullptr;
  std::barrier<>* all = nullptr;
  void sync() const { all->arrive_and_wait(); }
};

/// A kernel as a GPU runs it: each block by many threads at once, in double.
template <class Kernel, class... Arguments>
void run_in_threads(long long blocks, int threads, std::size_t shared, Arguments... arguments) {
  for (long long block = 0; block < blocks; ++block) {
    std::vector<double> memory(shared);
    std::barrier<> all(threads);
    std::vector<std::thread> running;
    for (int thread = 0; thread < threads; ++thread)
      running.emplace_back([&, thread] {
        typename Kernel::template On<double, double, ThreadOfBlock> body;
        body.block = block;
        body.blocks = blocks;
        body.thread = thread;
        body.threads = threads;
        body.shared = memory.data();
        body.all = &all;
        body(arguments...);
      });
    for (auto& t : running) t.join();
  }
}

double* numbers(const at::Tensor& x) { return x.data_ptr<double>(); }

at::Tensor channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

}  // namespace

TEST_CASE("coupling kernels compute what the definition does, and its gradients") {
  for (const auto& types : all_types)
    for (const bool affine : {true, false})
      for (const std::int64_t channels : {2, 5, 12})
        for (const std::int64_t chunks : {1, 3}) {
          CAPTURE(affine);
          CAPTURE(channels);
          CAPTURE(chunks);
          const std::int64_t changed = channels / 2, area = 5 * 3, n = 3;
          const auto z = random_tensor({n, channels, 5, 3}, 1).to(types.state);
          const auto raw =
              channels_last(random_tensor({n, (affine ? 2 : 1) * changed, 5, 3}, 2, 2).to(types.network));
          const auto za = z.clone().requires_grad_(), ra = raw.clone().requires_grad_();
          const auto plain = cnf::libtorch::detail::coupled_plainly(za, ra, 2);

          auto y = at::empty_like(z), parts = at::empty({n, chunks}, z.options());
          run<kernels::couple>(z, n * chunks, 1, types.network, z.data_ptr(), raw.data_ptr(), y.data_ptr(),
                               affine ? parts.data_ptr() : nullptr, channels, changed, area, affine, 2.0,
                               chunks);
          CHECK(difference(y, plain.y.detach()) < types.bound * 10);
          if (affine) CHECK(difference(parts.sum(1), plain.log_det.detach()) < types.bound * 30);

          auto back = at::empty_like(z);
          run<kernels::uncouple>(z, 4, 0, types.network, y.data_ptr(), raw.data_ptr(), back.data_ptr(),
                                 channels, changed, area, affine, 2.0, z.numel());
          CHECK(difference(back, z) < types.bound * 10);

          const auto of_y = random_tensor(z.sizes(), 3).to(types.state),
                     of_log_det = random_tensor({n}, 4).to(types.state);
          auto sum = (plain.y * of_y).sum();
          if (affine) sum = sum + (plain.log_det * of_log_det).sum();
          sum.backward();
          auto of_z = at::empty_like(z), of_raw = at::empty_like(raw);
          run<kernels::couple_backward>(z, 4, 0, types.network, z.data_ptr(), raw.data_ptr(), of_y.data_ptr(),
                                        of_log_det.data_ptr(), 1, of_z.data_ptr(), of_raw.data_ptr(),
                                        channels, changed, area, affine, 2.0, z.numel());
          CHECK(difference(of_z, za.grad()) < types.bound * 20);
          // rounded once where LibTorch rounds twice
          const double coarse =
              types.network == at::kBFloat16 ? 0.02 * largest(ra.grad().to(at::kDouble)) : 0;
          CHECK(difference(of_raw.to(at::kDouble), ra.grad().to(at::kDouble)) < types.bound * 20 + coarse);
        }
}

TEST_CASE("the coupling that the CPU uses is the definition, too") {
  for (const auto& types : all_types)
    for (const std::int64_t outputs : {2, 4}) {
      CAPTURE(outputs);
      const auto z = random_tensor({2, 5, 4, 4}, 1).to(types.state).requires_grad_(),
                 raw = channels_last(random_tensor({2, outputs, 4, 4}, 2).to(types.network)).requires_grad_();
      const auto weigh = [&](const cnf::libtorch::detail::Coupled& c) {
        auto sum = (c.y * random_tensor(z.sizes(), 3).to(types.state)).sum();
        return c.log_det.defined() ? sum + (c.log_det * random_tensor({2}, 4).to(types.state)).sum() : sum;
      };
      const auto ours = torch::autograd::grad({weigh(coupled(z, raw, 2))}, {z, raw});
      const auto plain =
          torch::autograd::grad({weigh(cnf::libtorch::detail::coupled_plainly(z, raw, 2))}, {z, raw});
      CHECK(difference(ours[0], plain[0]) < types.bound * 20);
      const double coarse = types.network == at::kBFloat16 ? 0.02 : 0;
      CHECK(difference(ours[1].to(at::kDouble), plain[1].to(at::kDouble)) < types.bound * 20 + coarse);
      const at::NoGradGuard no_grad;
      CHECK(difference(uncoupled(coupled(z, raw, 2).y, raw, 2), z) < types.bound * 10);
    }
}

TEST_CASE("a coupling has gradients of gradients") {
  const auto z = random_tensor({1, 4, 2, 2}, 1).requires_grad_(),
             raw = random_tensor({1, 4, 2, 2}, 2).requires_grad_();
  const auto second = [&](const auto& couple) {
    const auto c = couple(z, raw);
    const auto first = torch::autograd::grad({(c.y * c.y).sum() + c.log_det.sum()}, {z, raw}, {}, true, true);
    return torch::autograd::grad({(first[0] * first[0]).sum() + (first[1] * first[1]).sum()}, {z, raw});
  };
  const auto ours = second([](const at::Tensor& a, const at::Tensor& b) { return coupled(a, b, 2); });
  const auto plain = second([](const at::Tensor& a, const at::Tensor& b) {
    return cnf::libtorch::detail::coupled_plainly(a, b, 2);
  });
  CHECK(difference(ours[0], plain[0]) < 1e-12);
  CHECK(difference(ours[1], plain[1]) < 1e-12);
}

TEST_CASE("splits and priors by kernels are the definition, with its gradients, and gradients of those") {
  for (const auto& types : all_types)
    for (const std::int64_t kept : {0, 2, 3}) {
      CAPTURE(kept);
      const std::int64_t channels = 5, outputs = 2 * (channels - kept);
      const auto z = random_tensor({3, channels, 4, 3}, 1).to(types.state).requires_grad_(),
                 raw = channels_last(random_tensor({3, outputs, 4, 3}, 2, 2).to(types.network))
                           .requires_grad_();
      const auto weigh = [&](const Whitened& w) {
        auto sum = (w.e * random_tensor(w.e.sizes(), 3).to(types.state)).sum() +
                   (w.log_det * random_tensor({3}, 4).to(types.state)).sum();
        return kept > 0 ? sum + (w.kept * random_tensor(w.kept.sizes(), 5).to(types.state)).sum() : sum;
      };
      const auto plain = cnf::libtorch::detail::whitened_plainly(z, raw, kept, 3);
      fusing() = Fusing::everywhere;
      const auto ours = whitened(z, raw, kept, 3);
      const auto of_ours = torch::autograd::grad({weigh(ours)}, {z, raw}, {}, true, true);
      at::Tensor back;
      {
        const at::NoGradGuard no_grad;
        back = coloured(ours.kept, ours.e, raw, 3);
      }
      fusing() = Fusing::on_gpus;
      const auto of_plain = torch::autograd::grad({weigh(plain)}, {z, raw}, {}, true, true);
      CHECK(difference(ours.e, plain.e) < types.bound * 100);
      CHECK(difference(ours.log_det, plain.log_det) < types.bound * 100);
      if (kept > 0) CHECK(difference(ours.kept, plain.kept) == 0);
      CHECK(difference(back, z) < types.bound * 100);
      CHECK(difference(of_ours[0], of_plain[0]) < types.bound * 100);
      const double coarse = types.network == at::kBFloat16 ? 0.02 * largest(of_plain[1].to(at::kDouble)) : 0;
      CHECK(difference(of_ours[1].to(at::kDouble), of_plain[1].to(at::kDouble)) < types.bound * 100 + coarse);
      if (types.network != at::kDouble) continue;
      const auto second = [&](const auto& first) {
        return torch::autograd::grad({first[0].pow(2).sum() + first[1].pow(2).sum()}, {z, raw});
      };
      const auto a = second(of_ours), b = second(of_plain);
      for (std::size_t i = 0; i < 2; ++i) CHECK(difference(a[i], b[i]) < 1e-9 * std::max(1.0, largest(b[i])));
      {
        const at::NoGradGuard no_grad;  // without a gradient, no kernel
        CHECK(difference(coloured(plain.kept, plain.e, raw, 3), z) < 1e-12);
      }
    }
}

TEST_CASE("add_part adds a part of the channels") {
  const auto whole = random_tensor({2, 6, 3, 2}, 1), part = channels_last(random_tensor({2, 2, 3, 2}, 2));
  auto sum = at::empty_like(whole);
  run<kernels::add_part>(whole, 3, 0, at::kFloat, whole.data_ptr(), part.data_ptr(), sum.data_ptr(), 6, 3, 2,
                         6, whole.numel());
  auto expected = whole.clone();
  expected.narrow(1, 3, 2).add_(part);
  CHECK(difference(sum, expected) == 0);
}

TEST_CASE("invert is the inverse that math/lu.hpp gives, whatever the pivots") {
  for (const int n : {1, 2, 3, 12, 24, 48}) {
    CAPTURE(n);
    auto w = random_tensor({n, n}, std::uint64_t(n));
    if (n > 1) w[0][0] = 0;  // needs a pivot at once
    const cnf::Lu lu({w.data_ptr<double>(), w.data_ptr<double>() + w.numel()}, n);
    auto inverse = lu.inverse();
    const auto ours = cnf::libtorch::detail::inverted(w);
    const auto expected = at::from_blob(inverse.data(), {n, n}, at::kDouble);
    CHECK(difference(ours.inverse, expected) < 1e-11 * largest(expected));
    CHECK(ours.log_abs_det.item<double>() == doctest::Approx(lu.log_abs_det()).epsilon(1e-12));
  }
}

TEST_CASE("ActNorm and a mixing, folded: values, log-determinant and gradients are those of the two") {
  for (const auto type : {at::kDouble, at::kFloat}) {
    const double bound = type == at::kDouble ? 1e-11 : 2e-4;
    const auto leaf = [&](at::IntArrayRef sizes, std::uint64_t seed) {
      return random_tensor(sizes, seed).to(type).requires_grad_();
    };
    const auto x = leaf({2, 5, 4, 3}, 1), log_scale = leaf({5}, 2), bias = leaf({5}, 3), w = leaf({5, 5}, 4);
    const auto weights = random_tensor(x.sizes(), 5).to(type);
    const auto gradients = [&](const NormalisedMix& m) {
      return torch::autograd::grad({(m.y * weights).sum() + 1.3 * m.log_det}, {x, log_scale, bias, w}, {},
                                   true);
    };
    const auto both = normalised_mix(x, log_scale, bias, w, 12);
    const auto column = [](const at::Tensor& v) { return v.view({1, -1, 1, 1}); };
    const NormalisedMix apart{at::conv2d(column(log_scale.exp()) * (x + column(bias)), w.view({5, 5, 1, 1})),
                              12 * (log_scale.sum() + std::get<1>(at::slogdet(w)))};
    CHECK(difference(both.y, apart.y) < bound);
    CHECK(difference(both.log_det, apart.log_det) < bound);
    const auto ours = gradients(both), plain = gradients(apart);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      CAPTURE(i);
      CHECK(difference(ours[i], plain[i]) < bound);
    }
    const at::NoGradGuard no_grad;
    for (const bool fused : {false, true}) {
      fusing() = fused ? Fusing::everywhere : Fusing::nowhere;
      const auto back = normalised_unmix(both.y, log_scale, bias, Weight{w});
      fusing() = Fusing::on_gpus;
      CHECK(difference(back, x) < bound);
    }
  }
}

TEST_CASE("the noise kernel draws the host's numbers: the same bits where they are uniform") {
  using cnf::Distribution, cnf::Stream;
  const long long shift = 5;
  for (const auto distribution : {Distribution::uniform, Distribution::normal, Distribution::logistic})
    for (const std::int64_t per_row : {1, 6, 7}) {
      CAPTURE(int(distribution));
      CAPTURE(per_row);
      const cnf::NoiseRows rows{
          .seed = 0xFFFFFFFFFFFFFFFEULL, .draws = 2, .first_input = 3, .first_draw = 9, .shift = &shift};
      auto ours = at::empty({5, per_row}, at::kDouble);
      run<kernels::noise>(ours, 3, 0, at::kFloat, ours.data_ptr(), per_row, 5, rows.seed, &shift,
                          2U << 8 | 1U, rows.first_input, rows.draws, rows.first_draw, int(distribution),
                          0.5);
      const auto host =
          noise(rows, Stream::dequantization, 2, distribution, 0.5, {5, 1, 1, long(per_row)}, at::kDouble);
      CHECK(difference(ours, host.view({5, per_row})) <= (distribution == Distribution::uniform ? 0 : 1e-15));
      // and the host's are what the key says, in pieces or not
      std::vector<double> row(std::size_t(per_row), 0.0);
      rows.key(4, Stream::dequantization, 2).fill(row.data(), row.size(), distribution, 0.5);
      CHECK(host.view({5, per_row})[4][per_row - 1].item<double>() == row.back());
    }
}

TEST_CASE("noise in many pieces is noise in one") {
  const cnf::NoiseRows rows{.seed = 7};
  const auto all =
      noise(rows, cnf::Stream::latents, 0, cnf::Distribution::normal, 1, {2, 3, 61, 67}, at::kFloat);
  std::vector<float> row(3 * 61 * 67);
  rows.key(1, cnf::Stream::latents, 0).fill(row.data(), row.size(), cnf::Distribution::normal);
  CHECK(all[1].flatten().equal(at::from_blob(row.data(), {3 * 61 * 67}, at::kFloat)));
}

TEST_CASE("many threads of a block compute what one does") {
  const int n = 2, channels = 5, changed = 2, area = 12;
  const auto z = random_tensor({n, channels, 4, 3}, 1), raw = channels_last(random_tensor({n, 4, 4, 3}, 2));
  const auto plain = cnf::libtorch::detail::coupled_plainly(z, raw, 2);
  for (const int threads : {1, 2, 8, 32}) {
    CAPTURE(threads);
    auto y = at::empty_like(z), parts = at::empty({n, 2}, z.options());
    run_in_threads<kernels::couple>(n * 2, threads, std::size_t(threads), numbers(z), numbers(raw),
                                    numbers(y), numbers(parts), channels, changed, area, 1, 2.0, 2);
    CHECK(difference(y, plain.y) < 1e-13);
    CHECK(difference(parts.sum(1), plain.log_det) < 1e-12);
    auto back = at::empty_like(z);
    run_in_threads<kernels::uncouple>(3, threads, 0, numbers(y), numbers(raw), numbers(back), channels,
                                      changed, area, 1, 2.0, z.numel());
    CHECK(difference(back, z) < 1e-12);

    const auto whitened = cnf::libtorch::detail::whitened_plainly(z, raw.narrow(1, 0, 4), 3, 3);
    auto stays = at::empty({n, 3, 4, 3}, z.options()), e = at::empty({n, 2, 4, 3}, z.options());
    run_in_threads<kernels::whiten>(n * 2, threads, std::size_t(threads), numbers(z), numbers(raw),
                                    numbers(stays), numbers(e), numbers(parts), channels, 3, area, 3.0, 2);
    CHECK(difference(e, whitened.e) < 1e-12);
    CHECK(difference(stays, whitened.kept) == 0);
    CHECK(difference(parts.sum(1), whitened.log_det) < 1e-12);

    for (const int size : {1, 3, 24}) {
      CAPTURE(size);
      auto w = random_tensor({size, size}, std::uint64_t(size) + 7);
      if (size > 1) w[0][0] = 0;
      const auto log_scale = random_tensor({size}, 3), bias = random_tensor({size}, 4);
      const auto outputs = [&] {
        return std::array{at::empty_like(w), at::empty({}, w.options()), at::empty_like(w),
                          at::empty_like(bias)};
      };
      const auto shared = std::size_t(size * size + 2 * size + 2);
      for (const int direction : {1, -1}) {
        const auto many = outputs(), one = outputs();
        run_in_threads<kernels::invert>(1, threads, shared, numbers(w), numbers(log_scale), numbers(bias),
                                        3.0, direction, numbers(many[0]), numbers(many[1]), numbers(many[2]),
                                        numbers(many[3]), size);
        run_in_threads<kernels::invert>(1, 1, shared, numbers(w), numbers(log_scale), numbers(bias), 3.0,
                                        direction, numbers(one[0]), numbers(one[1]), numbers(one[2]),
                                        numbers(one[3]), size);
        for (std::size_t i = 0; i < many.size(); ++i) CHECK(many[i].equal(one[i]));
      }
      const auto of_folded = random_tensor({size, size}, 5), of_offset = random_tensor({size}, 6),
                 of_log_det = random_tensor({}, 7), inverse = random_tensor({size, size}, 8);
      const auto gradients = [&](int how_many) {
        const std::array of{at::empty_like(w), at::empty_like(bias), at::empty_like(bias)};
        run_in_threads<kernels::fold_backward>(1, how_many, 0, numbers(w), numbers(log_scale), numbers(bias),
                                               numbers(inverse), 3.0, numbers(of_folded), numbers(of_offset),
                                               numbers(of_log_det), numbers(of[0]), numbers(of[1]),
                                               numbers(of[2]), size);
        return of;
      };
      const auto many = gradients(threads), one = gradients(1);
      for (std::size_t i = 0; i < many.size(); ++i) CHECK(many[i].equal(one[i]));
    }

    auto noise_many = at::empty({3, 7}, at::kDouble), noise_one = at::empty({3, 7}, at::kDouble);
    for (const auto& [out, how_many] : {std::pair{noise_many, threads}, std::pair{noise_one, 1}})
      run_in_threads<kernels::noise>(2, how_many, 0, numbers(out), 7, 3, 5, nullptr, 1, 0, 1, 0, 1, 1.0);
    CHECK(noise_many.equal(noise_one));
  }
}
