// expect: cnf: TorchExtractor<Mine, Features<...>> needs `static std::string describe()` and `static auto make(int in)`
#include "cnf/backend/libtorch/torch_net.hpp"

#include <torch/nn/modules/linear.h>

struct Mine {
  static std::string describe() { return "Mine"; }
#ifdef CNF_PASSING_TWIN
  static torch::nn::Linear make(int in) { return torch::nn::Linear(in, 2); }
#else
  static torch::nn::Linear make(int in, int out) { return torch::nn::Linear(in, out); }
#endif
};

using Extractor = cnf::libtorch::TorchExtractor<Mine, cnf::Features<cnf::Shape<2>>>;
using Model = cnf::ConditionalFlow<cnf::Shape<4>, cnf::Shape<3>, Extractor, cnf::Sequential<cnf::ActNorm>>;
static_assert(Model::check());
