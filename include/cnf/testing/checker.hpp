// The measurements behind check_layer, on a layer whose types are erased: compiled once, whatever is checked.
#pragma once

#include <torch/csrc/autograd/autograd.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "cnf/libtorch.hpp"
#include "cnf/testing/check_report.hpp"
#include "cnf/testing/perturb.hpp"

namespace cnf::testing {

namespace detail {

using Tensors = std::vector<at::Tensor>;

/// What forward returned, without the types: y and then the latents, and log_det (undefined when NoLogDet).
struct Outputs {
  Tensors parts;
  at::Tensor log_det;

  at::Tensor flat() const {
    Tensors rows;
    for (const auto& p : parts) rows.push_back(p.flatten(1));
    return at::cat(rows, 1);
  }
  /// One log-det per sample; a constant counts for all.
  at::Tensor log_dets(std::int64_t n) const {
    return log_det.defined() ? log_det.reshape({-1}).expand({n}) : at::zeros({n}, parts[0].options());
  }
};

struct ErasedLayer {
  std::function<Outputs(const at::Tensor&, const Tensors&)> forward;
  std::function<at::Tensor(const Tensors&, const Tensors&)> inverse;
};

inline double largest(const at::Tensor& error) {
  if (error.numel() == 0) return 0;
  return at::isfinite(error).all().item<bool>() ? error.abs().max().item<double>()
                                                : std::numeric_limits<double>::infinity();
}
inline double relative_error(const at::Tensor& got, const at::Tensor& expected) {
  return largest(got - expected) / std::max(1.0, largest(expected));
}

class Checker {
 public:
  Checker(ErasedLayer layer, torch::nn::Module& module, CheckReport& report, at::Tensor x, Tensors maps)
      : layer_(std::move(layer)),
        module_(module),
        report_(report),
        x_(std::move(x)),
        maps_(std::move(maps)) {}

  void run() {
    for (const auto& p : module_.parameters()) report_.parameters += long(p.numel());
    module_.train();
    {
      at::NoGradGuard no_grad;
      layer_.forward(x_, maps_);
    }
    perturb<libtorch::Backend>(module_, report_.bounds.seed + 1, report_.bounds.perturbation);
    module_.eval();
    out_ = forward(x_, maps_);
    const auto n = x_.size(0);
    if (out_.log_det.defined() &&
        (out_.log_det.dim() > 1 || (out_.log_det.numel() != 1 && out_.log_det.numel() != n)))
      return finding("log_det has " + std::to_string(out_.log_det.numel()) +
                     " numbers: expected one per sample, or one for all");
    conditioning();
    round_trips();
    independence();
    jacobians();
    gradients();
  }

 private:
  void finding(const std::string& text) { report_.findings.push_back(text); }
  void bounded(const char* what, double error, double bound) {
    std::ostringstream text;
    text << what << ": " << std::setprecision(2) << error << " above " << bound;
    if (!(error <= bound)) finding(text.str());
  }

  Outputs forward(const at::Tensor& x, const Tensors& maps) const {
    at::NoGradGuard no_grad;
    return layer_.forward(x, maps);
  }
  at::Tensor inverse(const Tensors& parts, const Tensors& maps) const {
    at::NoGradGuard no_grad;
    return layer_.inverse(parts, maps);
  }
  at::Tensor noise(at::IntArrayRef sizes) {
    std::vector<double> values(std::size_t(c10::multiply_integers(sizes)));
    NoiseKey{.seed = report_.bounds.seed, .stream = Stream::user, .draw = ++draws_, .level = 1}.fill(
        values.data(), values.size(), Distribution::normal);
    return at::from_blob(values.data(), sizes, at::kDouble)
        .to(x_.device(), at::kDouble, false, /*copy=*/true);
  }
  bool differ(const Outputs& a, const Outputs& b) const {
    const auto n = x_.size(0);
    return !a.flat().equal(b.flat()) || !a.log_dets(n).equal(b.log_dets(n));
  }

  void conditioning() {
    const auto x_by_inverse = inverse(out_.parts, maps_);
    bool forward_reads = false, inverse_reads = false;
    for (std::size_t m = 0; m < maps_.size(); ++m) {
      auto changed = maps_;
      changed[m] = maps_[m] + noise(maps_[m].sizes());
      report_.maps_read.push_back(differ(forward(x_, changed), out_));
      forward_reads |= report_.maps_read[m];
      inverse_reads |= !inverse(out_.parts, changed).equal(x_by_inverse);
      if (!report_.maps_read[m]) continue;
      for (std::int64_t c = 0; c < maps_[m].size(1); ++c) {
        changed[m] = maps_[m].clone();
        changed[m].select(1, c).add_(noise(changed[m].select(1, c).sizes()));
        if (!differ(forward(x_, changed), out_))
          finding("channel " + std::to_string(c) + " of feature map " + std::to_string(m) +
                  " changes no output");
      }
    }
    if (forward_reads && !inverse_reads) finding("forward reads the features, inverse ignores them");
    if (!forward_reads && inverse_reads) finding("inverse reads the features, forward ignores them");
    if (!forward_reads && report_.bounds.expect_conditional)
      finding("expected a conditional layer: forward ignores its features");
  }

  void round_trips() {
    report_.round_trip = relative_error(inverse(out_.parts, maps_), x_);
    bounded("not invertible: inverse(forward(x)) differs from x", report_.round_trip,
            report_.bounds.round_trip);
    Tensors parts;
    for (const auto& p : out_.parts) parts.push_back(noise(p.sizes()));
    const auto again = forward(inverse(parts, maps_), maps_).parts;
    for (std::size_t i = 0; i < parts.size(); ++i)
      report_.round_trip_of_latents =
          std::max(report_.round_trip_of_latents, relative_error(again[i], parts[i]));
    bounded("not invertible: forward(inverse(y, latents)) differs from y and latents",
            report_.round_trip_of_latents, report_.bounds.round_trip);
  }

  /// Sample 0 while all others, and their features, change.
  void independence() {
    const auto change_others = [&](const at::Tensor& t) {
      auto changed = t.clone();
      auto others = changed.narrow(0, 1, t.size(0) - 1);
      others.add_(noise(others.sizes()));
      return changed;
    };
    auto maps = maps_, parts = out_.parts;
    for (auto& m : maps) m = change_others(m);
    for (auto& p : parts) p = change_others(p);
    const auto other = forward(change_others(x_), maps);
    const auto n = x_.size(0);
    report_.independence = std::max({largest((other.flat() - out_.flat())[0]),
                                     largest((other.log_dets(n) - out_.log_dets(n))[0]),
                                     largest((inverse(parts, maps) - inverse(out_.parts, maps_))[0])});
    bounded("samples influence each other: sample 0 changed when others did", report_.independence,
            report_.bounds.independence);
  }

  void jacobians() {
    const auto n = x_.size(0), size = x_.numel() / n;
    const auto x = x_.clone().requires_grad_();
    const auto flat = layer_.forward(x, maps_).flat();
    if (flat.size(1) != size)
      return finding("not invertible: " + std::to_string(size) + " numbers in, " +
                     std::to_string(flat.size(1)) + " out");
    const auto got = out_.log_dets(n).contiguous();
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      Eigen::MatrixXd jacobian(size, size);
      for (std::int64_t j = 0; j < size; ++j) {
        const auto row = slopes(flat[i][j], {x})[0][i].to(at::kCPU).contiguous();
        jacobian.row(j) = Eigen::Map<const Eigen::RowVectorXd>(row.data_ptr<double>(), size);
      }
      const Eigen::PartialPivLU<Eigen::MatrixXd> lu(jacobian);
      if (!jacobian.allFinite() || !(lu.rcond() > 1e-14))
        return finding("not invertible: the Jacobian of sample " + std::to_string(i) +
                       " is singular or not finite");
      const double expected = lu.matrixLU().diagonal().array().abs().log().sum();
      sum += expected;
      report_.log_det = std::max(report_.log_det, largest(got[i] - expected));
    }
    bounded("wrong log_det", report_.log_det, report_.bounds.log_det);
    if (!(report_.log_det <= report_.bounds.log_det) && largest(got - sum) <= report_.bounds.log_det)
      finding("log_det is summed over the batch: expected one number per sample");
  }

  /// Gradients of a scalar, zero where it doesn't depend.
  static Tensors slopes(const at::Tensor& scalar, const Tensors& with_respect_to) {
    Tensors all;
    if (scalar.requires_grad()) all = torch::autograd::grad({scalar}, with_respect_to, {}, true, false, true);
    all.resize(with_respect_to.size());
    for (std::size_t i = 0; i < all.size(); ++i)
      if (!all[i].defined()) all[i] = at::zeros_like(with_respect_to[i]);
    return all;
  }

  /// Of a random linear function of y, latents and log_det, along a random direction per tensor.
  void gradients() {
    Tensors weights;
    for (const auto& p : out_.parts) weights.push_back(noise(p.sizes()));
    const auto log_det_weights = noise({x_.size(0)});
    const auto functional = [&](const Outputs& out) {
      auto sum = (out.log_dets(x_.size(0)) * log_det_weights).sum();
      for (std::size_t i = 0; i < weights.size(); ++i) sum = sum + (out.parts[i] * weights[i]).sum();
      return sum;
    };
    Tensors leaves{x_.clone().requires_grad_()};
    std::vector<std::string> names{"the input"};
    for (std::size_t m = 0; m < maps_.size(); ++m) {
      leaves.push_back(maps_[m].clone().requires_grad_());
      names.push_back("feature map " + std::to_string(m));
    }
    for (const auto& p : module_.named_parameters()) {
      leaves.push_back(p.value());
      names.push_back("parameter " + p.key());
    }
    const Tensors maps(leaves.begin() + 1, leaves.begin() + 1 + std::ptrdiff_t(maps_.size()));
    const auto exact = slopes(functional(layer_.forward(leaves[0], maps)), leaves);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      auto direction = noise(leaves[i].sizes());
      direction = direction / direction.norm();
      const double slope = (exact[i] * direction).sum().item<double>();
      const auto start = leaves[i].detach().clone();
      double error = std::numeric_limits<double>::infinity();
      for (const double step : {1e-5, 1e-6}) {  // the smaller one where a ReLU bends within the larger
        const auto at = [&](double distance) {
          at::NoGradGuard no_grad;
          leaves[i].copy_(start + distance * direction);
          return functional(layer_.forward(leaves[0], maps)).item<double>();
        };
        const double difference = (at(step) - at(-step)) / (2 * step);
        if (std::isfinite(difference) && std::isfinite(slope))
          error = std::min(error, std::abs(difference - slope) / std::max(1.0, std::abs(slope)));
      }
      at::NoGradGuard no_grad;
      leaves[i].copy_(start);
      auto& worst = i == 0              ? report_.gradient_of_input
                    : i <= maps_.size() ? report_.gradient_of_features
                                        : report_.gradient_of_parameters;
      worst = std::max(worst, error);
      bounded(("wrong gradient of " + names[i]).c_str(), error, report_.bounds.gradient);
    }
  }

  ErasedLayer layer_;
  torch::nn::Module& module_;
  CheckReport& report_;
  at::Tensor x_;
  Tensors maps_;
  Outputs out_;
  std::uint32_t draws_ = 0;
};

}  // namespace detail
}  // namespace cnf::testing
