// What check_layer measures, and how much of it is accepted.
//
//   auto report = check_layer<MyLayer, Shape<6, 4, 4>>({.log_det = 1e-10});
//   report.ok();  report.log_det;  report.findings;  std::cerr << report.text();
#pragma once

#include <algorithm>
#include <cstdint>
#include <iomanip>
#include <sstream>
#include <string>
#include <vector>

namespace cnf::testing {

/// What is checked, and how closely.
struct CheckOptions {
  /// Of parameters, samples and directions.
  std::uint64_t seed = 1;
  std::string device = "cpu";       // where the layer computes: "cuda"
  double perturbation = 0.1;        // deviation of the noise added to every parameter
  bool expect_conditional = false;  // a layer that reads no feature map is a finding
  double round_trip = 1e-6;         // largest error, relative where numbers are larger than 1
  double log_det = 1e-8;            // largest error, nats
  double independence = 1e-10;      // largest change of a sample when another one changes
  double gradient = 1e-6;           // largest error, relative where slopes are larger than 1
};

struct CheckReport {
  /// Described.
  std::string layer, input;
  double round_trip = 0, round_trip_of_latents = 0;  // inverse(forward(x)) - x, forward(inverse(y)) - y
  /// Largest difference from the Jacobian's, nats.
  double log_det = 0;
  /// Largest change of a sample when another one changed.
  double independence = 0;
  /// Largest errors.
  double gradient_of_input = 0, gradient_of_features = 0, gradient_of_parameters = 0;
  std::vector<bool> maps_read;  // which feature maps forward reads
  long parameters = 0;          // trained numbers
  /// Sentences; empty where all is well.
  std::vector<std::string> findings;
  /// That were asked for.
  CheckOptions bounds;

  /// Whether the layer keeps its promises.
  bool ok() const { return findings.empty(); }

  /// Several lines: every error beside its bound, then the findings.
  std::string text() const {
    std::ostringstream out;
    out << "check_layer " << layer << " on " << input << ": " << (ok() ? "ok" : "FAILED")
        << std::setprecision(2);
    const auto line = [&](const char* what, double error, double bound) {
      out << "\n  " << std::left << std::setw(34) << what << std::setw(10) << error << "bound " << bound;
    };
    line("inverse(forward(x)) - x", round_trip, bounds.round_trip);
    line("forward(inverse(y, latents))", round_trip_of_latents, bounds.round_trip);
    line("log_det - log|det Jacobian|, nats", log_det, bounds.log_det);
    line("influence of other samples", independence, bounds.independence);
    line("gradient of the input", gradient_of_input, bounds.gradient);
    line("gradient of the features", gradient_of_features, bounds.gradient);
    line("gradient of the parameters", gradient_of_parameters, bounds.gradient);
    out << "\n  parameters: " << parameters
        << "; feature maps read: " << std::count(maps_read.begin(), maps_read.end(), true) << " of "
        << maps_read.size();
    for (const auto& finding : findings) out << "\n  finding: " << finding;
    return out.str() + "\n";
  }
};

}  // namespace cnf::testing
