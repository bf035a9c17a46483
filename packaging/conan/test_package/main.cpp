#include <cnf/eigen.hpp>
#include <cnf/testing/models.hpp>
#include <cstdio>

using namespace cnf;

using Flow = Sequential<ActNorm, InvConv1x1, AffineCoupling<Mlp<16>>, Prior>;
using Spec = UnconditionalFlow<Shape<4>, Flow>;

int main() {
  eigen::Model<Spec> model({.seed = 1});
  testing::make_ready(model);
  std::printf("%ld numbers\n", long(eigen::Backend<>::to_host(model.sample({.count = 3, .seed = 1})).size()));
}
