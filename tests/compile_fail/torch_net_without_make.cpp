// expect: cnf: TorchNet<Mine> needs `static std::string describe()` and `static auto make(int in, int out)`
#include "cnf/backend/libtorch/torch_net.hpp"

#include <torch/nn/modules/linear.h>

struct Mine {
  static std::string describe() { return "Mine"; }
#ifdef CNF_PASSING_TWIN
  static torch::nn::Linear make(int in, int out) { return torch::nn::Linear(in, out); }
#else
  static torch::nn::Linear build(int in, int out) { return torch::nn::Linear(in, out); }
#endif
};

using Layers = cnf::Sequential<cnf::AffineCoupling<cnf::libtorch::TorchNet<Mine>>>;
static_assert(cnf::latents_t<Layers, cnf::Shape<4>>::count == 1);
