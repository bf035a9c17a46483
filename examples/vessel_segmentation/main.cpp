// Segmentation of retinal vessels with conditional normalizing flows (Winkler et al., 2019, section 5).
#include "commands.hpp"
#include "support/program.hpp"
#include "support/version.hpp"

int main(int argc, char** argv) {
  return support::run_program("vessel_segmentation", argc, argv, [](CLI::App& app) {
    app.description("retinal vessels: learns p(vessels | photograph), samples whole masks and averages them");
    support::add_version(app);
    vessel_segmentation::add_synthesize(app);
    vessel_segmentation::add_export(app);
    vessel_segmentation::add_train(app);
    vessel_segmentation::add_evaluate(app);
    vessel_segmentation::add_sample(app);
  });
}
