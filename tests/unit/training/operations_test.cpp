// How many operations a train step dispatches: what a GPU's host must launch. Ceilings, so that the number can't creep
// back; what each costs is measured by benchmarks/cuda.
#include "../../../benchmarks/workload.hpp"
#include "support/count_operations.hpp"
#include "support/doctest.hpp"

namespace {

std::string listed(const operations::Counted& counted) {
  std::string text;
  for (const auto& [name, count] : counted.by_name) text += name + " " + std::to_string(count) + "\n";
  return text;
}

}  // namespace

TEST_CASE("networks in bfloat16 add conversions of maps and states, not of every parameter") {
  cnf::libtorch::fusing() = cnf::libtorch::Fusing::everywhere;
  workload::Trainable<workload::Flow<8>> w(2, 2, at::kBFloat16);
  w.train_anew();
  const auto train = operations::count([&] { w.train_anew(); });
  CAPTURE(listed(train));
  MESSAGE("a train step of W in bfloat16: ", train.all, " operations");
  CHECK(train.all <= 680);
  cnf::libtorch::fusing() = cnf::libtorch::Fusing::on_gpus;
}

TEST_CASE("a train step of workload W and a sample dispatch few operations") {
  cnf::libtorch::fusing() = cnf::libtorch::Fusing::everywhere;
  workload::Trainable<workload::Flow<8>> w(2, 2);
  w.train_anew();
  const auto train = operations::count([&] { w.train_anew(); });
  CAPTURE(listed(train));
  MESSAGE("a train step of W: ", train.all, " operations");
  CHECK(train.all <= 600);
  const auto sample = operations::count([&] { w.sample(); });
  CAPTURE(listed(sample));
  MESSAGE("a sample of W: ", sample.all, " operations");
  CHECK(sample.all <= 220);
  // and nothing asks for a number, for which it would have to wait
  for (const auto* counted : {&train, &sample})
    for (const char* waits : {"aten::_local_scalar_dense", "aten::equal", "aten::nonzero"})
      CHECK_FALSE(counted->by_name.contains(waits));
  cnf::libtorch::fusing() = cnf::libtorch::Fusing::on_gpus;
}
