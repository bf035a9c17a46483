// The parameters of a model on Eigen: how layers make them, and how checkpoints read and write them.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cnf/backend/eigen/module.hpp"
#include "cnf/backend/eigen/parallel.hpp"
#include "cnf/backend/eigen/tensor.hpp"
#include "cnf/backend/host_numbers.hpp"
#include "cnf/core/dtype.hpp"

namespace cnf::eigen {

template <class T>
struct Parameters {
  using Parameter = eigen::Parameter<T>;
  using Numbers = eigen::Numbers<T>;
  using Module = eigen::Module<T>;
  using Vector = eigen::Vector<T>;
  using Matrix = eigen::Matrix<T>;

  static Module& child(Module& parent, const std::string& name) {
    for (auto& [known, module] : parent.children)
      if (known == name) return *module;
    return *parent.children.emplace_back(name, std::make_unique<Module>()).second;
  }

  /// Without values: all 0.
  static Parameter add_parameter(Module& module, const std::string& name, const std::vector<long>& sizes,
                                 const std::vector<double>& values, bool trained) {
    Parameter p{std::make_shared<typename Parameter::State>()};
    p.state->sizes = sizes;
    p.state->trained = trained;
    if (!values.empty())
      assign(p, values);
    else if (p.is_weight())
      p.assign({.array = {}, .weight = eigen::ConvWeight<T>(sizes)});
    else
      set(p, 0);
    module.parameters.emplace_back(name, p);
    return p;
  }

  static bool is_trained(const Parameter& p) { return p.state->trained; }
  static bool training(const Module&) { return false; }
  static void set(const Parameter& p, double value) {
    assign(p, std::vector<double>(std::size_t(count(p)), value));
  }
  static double first(const Parameter& p) { return double(p.values()(0)); }
  static const Vector& vector(const Parameter& p) { return p.values(); }
  static Matrix matrix(const Parameter& p) {
    Matrix m(p.size(0), p.size(1));
    std::copy_n(p.values().data(), p.values().size(), m.data());
    return m;
  }

  template <class V>
  using Cache = eigen::Cache<V>;

  template <class Visit>
  static void for_each_parameter(const Module& module, const Visit& visit) {
    module.for_each(visit);
  }
  static DType dtype(const Parameter&) { return sizeof(T) == 8 ? DType::f64 : DType::f32; }
  static std::vector<long> sizes(const Parameter& p) { return p.state->sizes; }
  /// Numbers for a parameter: fill(first, count, to) writes some of them, in row-major order, from any thread.
  template <class Fill>
  static Numbers numbers(const Parameter& p, const Fill& fill) {
    const long all = count(p), parts = std::clamp(all / 100'000, 1L, 4L * threads());
    Vector row_major(all);
    parallel_for(parts, double(all), [&](long part) {
      const long first = part * all / parts;
      fill(first, (part + 1) * all / parts - first, row_major.data() + first);
    });
    if (p.is_weight()) return {.array = {}, .weight = eigen::ConvWeight<T>(p.state->sizes, row_major.data())};
    return {.array = std::move(row_major), .weight = {}};
  }
  static void assign(const Parameter& p, Numbers numbers) { p.assign(std::move(numbers)); }
  static void assign(const Parameter& p, const std::vector<double>& values) {
    expect_numbers(count(p), long(values.size()));
    assign(p, numbers(p, HostNumbers{values}));
  }
  static std::vector<double> to_host(const Parameter& p) {
    if (p.is_weight()) return p.weight().to_host();
    return {p.values().begin(), p.values().end()};
  }

 private:
  static long count(const Parameter& p) {
    long n = 1;
    for (const long size : p.state->sizes) n *= size;
    return n;
  }
};

}  // namespace cnf::eigen
