// 2x image super-resolution with conditional normalizing flows (Winkler et al., 2019, section 5).
#include "commands.hpp"
#include "support/program.hpp"
#include "support/version.hpp"

int main(int argc, char** argv) {
  return support::run_program("super_resolution", argc, argv, [](CLI::App& app) {
    app.description("2x super-resolution: learns p(high resolution | low resolution) and samples from it");
    support::add_version(app);
    super_resolution::add_train(app);
    super_resolution::add_evaluate(app);
    super_resolution::add_sample(app);
    super_resolution::add_describe(app);
    super_resolution::add_export(app);
    super_resolution::add_bicubic_check(app);
  });
}
