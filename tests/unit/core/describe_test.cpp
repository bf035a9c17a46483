#include "cnf/core/describe.hpp"

#include "cnf/core.hpp"
#include "support/doctest.hpp"

namespace {

using namespace cnf;

using Step = Sequential<ActNorm, InvConv1x1, AffineCoupling<ConvNet<8>>>;
using Level = Sequential<Squeeze, Repeat<4, Step>>;
using Flow = Sequential<Level, Split, Level, Prior>;
using Maps = Features<Shape<5, 4, 4>, Shape<5, 2, 2>>;

TEST_CASE("describe names every layer with what was not left at its default") {
  CHECK(describe<Flow>() ==
        "Sequential<Sequential<Squeeze, Repeat<4, Sequential<ActNorm, InvConv1x1, "
        "AffineCoupling<ConvNet<8>>>>>, Split, Sequential<Squeeze, Repeat<4, Sequential<ActNorm, "
        "InvConv1x1, AffineCoupling<ConvNet<8>>>>>, Prior>");
  CHECK(describe<Sequential<AffineCoupling<Mlp<3>, ExpScale>, AdditiveCoupling<ConvNet<3>>, InvConv1x1Plu,
                            Permute<1, 0>, Reverse, BasicPrior<Projection<1>>, BasicSplit<ConvNet<4>>>>() ==
        "Sequential<AffineCoupling<ConvNet<3, 1>, ExpScale>, AdditiveCoupling<ConvNet<3>>, InvConv1x1Plu, "
        "Permute<1, 0>, Reverse, BasicPrior<Projection<1>>, BasicSplit<ConvNet<4>>>");
  using Model = ConditionalFlow<Shape<3, dynamic, dynamic>, Shape<3, dynamic / 2, dynamic / 2>,
                                Rrdb<1, 2, 3, 1>, Sequential<Squeeze, Prior>, Uniform<8>>;
  CHECK(describe<Model>() ==
        "ConditionalFlow<3xHxW, 3xH/2xW/2, Rrdb<1, 2, 3, 1>, Sequential<Squeeze, Prior>, Uniform<8>>");
  CHECK(describe<FactorisedLogistic<Shape<3, 8, 8>, Shape<3, 4, 4>, Rrdb<1, 2, 3, 1>>>() ==
        "FactorisedLogistic<3x8x8, 3x4x4, Rrdb<1, 2, 3, 1>, 8>");
}

TEST_CASE("specs that differ in anything have different texts") {
  CHECK(describe<AffineCoupling<ConvNet<8>, SigmoidScale>>() != describe<AffineCoupling<ConvNet<8>>>());
  CHECK(describe<AffineCoupling<ConvNet<8>, SoftplusScale>>() !=
        describe<AffineCoupling<ConvNet<8>, SigmoidScale>>());
  CHECK(describe<ConvNet<8>>() != describe<ConvNet<8, 1>>());
  CHECK(describe<InvConv1x1>() != describe<InvConv1x1Plu>());
  CHECK(describe<Uniform<1>>() != describe<Uniform<8>>());
  CHECK(describe<Sequential<Sequential<ActNorm>, Reverse>>() !=
        describe<Sequential<ActNorm, Sequential<Reverse>>>());
}

TEST_CASE("layer_table has a row per layer, and one group for a Repeat") {
  const auto rows = layer_table<Flow, Shape<3, 8, 8>, Maps>();
  const std::vector<std::string> paths{"0.0", "0.1.*.0", "0.1.*.1", "0.1.*.2", "1",
                                       "2.0", "2.1.*.0", "2.1.*.1", "2.1.*.2", "3"};
  REQUIRE(rows.size() == paths.size());
  for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows[i].path == paths[i]);

  const auto& coupling = rows[3];
  CHECK(coupling.layer == "AffineCoupling<ConvNet<8>>");
  CHECK(coupling.input == "12x4x4");
  CHECK(coupling.output == "12x4x4");
  CHECK(coupling.repeats == 4);
  const long weights = (6 + 5) * 8 * 9 + 8 * 8 + 8 * 12 * 9;
  CHECK(coupling.parameters == 4 * (weights + 8 + 8 + 12));
  CHECK(coupling.multiply_adds == 4 * 16 * weights);

  CHECK(rows[4].input == "12x4x4");
  CHECK(rows[4].output == "6x4x4");
  CHECK(rows[5].output == "24x2x2");
  CHECK(rows[9].layer == "Prior");
}

TEST_CASE("the rows of a table add up to the flow's own counts") {
  long parameters = 0, work = 0;
  for (const auto& row : layer_table<Flow, Shape<3, 8, 8>, Maps>()) {
    parameters += row.parameters;
    work += row.multiply_adds;
  }
  CHECK(parameters == parameter_count<Flow, Shape<3, 8, 8>, Maps>);
  CHECK(work == multiply_adds<Flow, Shape<3, 8, 8>, Maps>);
}

TEST_CASE("repeats multiply through nested Repeats") {
  const auto rows = layer_table<Repeat<3, Sequential<Repeat<2, ActNorm>, Reverse>>, Shape<5>>();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].path == ".*.0.*");
  CHECK(rows[0].repeats == 6);
  CHECK(rows[0].parameters == 6 * 10);
  CHECK(rows[1].repeats == 3);
}

TEST_CASE("a model's table resolves dynamic extents and starts with the extractor") {
  using Model = ConditionalFlow<Shape<3, dynamic, dynamic>, Shape<3, dynamic / 2, dynamic / 2>,
                                Rrdb<1, 2, 4, 1>, Sequential<Squeeze, Prior>, Uniform<8>>;
  const auto rows = Model::table<16, 24>();
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].path == "extractor");
  CHECK(rows[0].input == "3x8x12");
  CHECK(rows[0].output == "4x8x12");
  CHECK(rows[2].path == "flow.1");
  CHECK(rows[2].input == "12x8x12");
  CHECK(rows[0].parameters + rows[1].parameters + rows[2].parameters == Model::parameters);
  CHECK(rows[0].multiply_adds > 0);
}

}  // namespace
