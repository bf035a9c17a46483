// Samples, encodes and decodes on Eigen, without LibTorch.
#include <cmath>
#include <cnf/eigen.hpp>
#include <cnf/io/checkpoint.hpp>

using Flow = cnf::Sequential<cnf::Squeeze, cnf::InvConv1x1, cnf::AffineCoupling<cnf::ConvNet<8>>, cnf::Prior>;
using Spec = cnf::ConditionalFlow<cnf::Shape<1, 4, 4>, cnf::Shape<2, 2, 2>, cnf::Passthrough, Flow>;

int main() {
  using Model = cnf::eigen::Model<Spec, double>;
  Model model({.seed = 1});
  const auto x = Model::backend::from_host(std::vector<double>(8, 0.5), {1, 2, 2, 2}, 0);
  const auto p = model.given(x);
  const auto y = p.sample({.count = 3, .seed = 2});
  const double error = (p.decode(p.encode(y)).values() - y.values()).abs().maxCoeff();

  // a checkpoint brings the same density to a model that began elsewhere
  Model other({.seed = 3});
  cnf::io::save_checkpoint("model.safetensors", model);
  cnf::io::load_checkpoint("model.safetensors", other);
  const double difference = (other.given(x).log_prob(y) - p.log_prob(y)).values.abs().maxCoeff();
  return y.values().cols() == 3 * 16 && error < 1e-9 && difference < 1e-12 ? 0 : 1;
}
