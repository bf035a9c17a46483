// The same numbers whatever a project has defined for Eigen, and NaN told from them.
#include <cmath>
#include <cnf/eigen.hpp>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

using Step = cnf::Sequential<cnf::InvConv1x1, cnf::AffineCoupling<cnf::ConvNet<8>>>;
using Flow = cnf::Sequential<cnf::Squeeze, cnf::Repeat<2, Step>, cnf::Split, cnf::Squeeze, Step, cnf::Prior>;
using Spec = cnf::ConditionalFlow<cnf::Shape<3, 8, 12>, cnf::Shape<3, 4, 6>,
                                  cnf::Enlarged<cnf::Rrdb<1, 4, 8, 2>>, Flow, cnf::Uniform<8>>;

int main() {
  using Model = cnf::eigen::Model<Spec, double>;
  using B = Model::backend;
  Model model({.seed = 1});
  B::for_each_parameter(model, [](const std::string&, const B::Parameter& p) {
    auto values = B::to_host(p);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += 0.1 * std::sin(double(i));
    B::assign(p, values);
  });
  std::vector<double> x(2 * 3 * 4 * 6), y(2 * 3 * 8 * 12);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::cos(double(i));
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = double(i * 37 % 256);
  const auto p = model.given(B::from_host(x, {2, 3, 4, 6}, 0));
  const auto bits = B::to_host(p.bits_per_dim(B::from_host(y, {2, 3, 8, 12}, 0), {.seed = 1}).values);
  std::printf("%.12f %.12f\n", bits[0], bits[1]);
  const bool same = std::abs(bits[0] - 9.693077521691) < 1e-9 && std::abs(bits[1] - 9.678574110435) < 1e-9;

  x[5] = std::numeric_limits<double>::quiet_NaN();
  const auto broken = B::from_host(x, {2, 3, 4, 6}, 0);
  return same && !B::all_finite(broken) ? 0 : 1;
}
