// Checks and describes a flow with the standard library alone.
#include <cnf/core.hpp>

using Step = cnf::Sequential<cnf::ActNorm, cnf::InvConv1x1, cnf::AffineCoupling<cnf::ConvNet<16>>>;
using Level = cnf::Sequential<cnf::Squeeze, cnf::Repeat<2, Step>>;
using Flow = cnf::Sequential<Level, cnf::Split, Level, cnf::Prior>;
using Maps = cnf::Features<cnf::Shape<8, 8, 8>, cnf::Shape<8, 4, 4>>;

static_assert(cnf::FlowFor<Flow, cnf::Shape<3, 16, 16>, Maps>);
static_assert(!cnf::FlowFor<Flow, cnf::Shape<3, 17, 16>, Maps>);

int main() {
  const bool counted = cnf::parameter_count<Flow, cnf::Shape<3, 16, 16>, Maps> > 0;
  return counted && Flow::describe().find("AffineCoupling") != std::string::npos ? 0 : 1;
}
