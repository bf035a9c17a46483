// Scopes on the Eigen backend: names, sizes, and initial values that depend on seed and name alone.
#include "cnf/core/scope.hpp"

#include "cnf/eigen.hpp"
#include "support/doctest.hpp"

namespace {

using namespace cnf;
using B = eigen::Backend<double>;

std::vector<std::string> names(const B::Module& module) {
  std::vector<std::string> all;
  B::for_each_parameter(module, [&](const std::string& name, const B::Parameter&) { all.push_back(name); });
  return all;
}

const auto random_values = initial::uniform(1);

TEST_CASE("parameters have dotted names, and a child asked for twice is the same place") {
  B::Module module;
  const Scope<B> scope(module, 1);
  scope.child("net").child(0).parameter("weight", {2, 3}, initial::zeros);
  scope.child("net").child(0).buffer("flag", {1}, initial::zeros);
  scope.parameter("bias", {4}, initial::zeros);
  CHECK(names(module) == std::vector<std::string>{"bias", "net.0.weight", "net.0.flag"});
}

TEST_CASE("initial values depend on seed and full name, not on the order of construction") {
  const auto made = [](std::uint64_t seed, bool other_first) {
    B::Module module;
    const Scope<B> scope(module, seed);
    if (other_first) scope.child("b").parameter("weight", {8}, random_values);
    return B::to_host(scope.child("a").parameter("weight", {8}, random_values));
  };
  CHECK(made(1, false) == made(1, true));
  CHECK(made(1, false) != made(2, false));

  B::Module module;
  const Scope<B> scope(module, 1);
  const auto a = B::to_host(scope.child("a").parameter("weight", {8}, random_values));
  CHECK(a != B::to_host(scope.child("b").parameter("weight", {8}, random_values)));
  CHECK(a != B::to_host(scope.child("a").parameter("bias", {8}, random_values)));
}

}  // namespace
