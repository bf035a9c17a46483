#include <ATen/ATen.h>
#include <fmt/format.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "augment.hpp"
#include "cnf/metrics/components.hpp"
#include "cnf/metrics/precision_recall.hpp"
#include "cnf/metrics/reliability.hpp"
#include "commands.hpp"
#include "model.hpp"
#include "support/evaluation.hpp"
#include "support/picture.hpp"
#include "support/plot.hpp"
#include "support/program.hpp"
#include "support/usable.hpp"

namespace vessel_segmentation {
namespace {

using cnf::metrics::Confusion;

constexpr std::size_t curve_points = 400;           // of a plotted curve
constexpr int panel_images = 3, panel_samples = 3;  // rows of the picture, and single samples in each
constexpr int panel_size = 230, panel_crop = 115;   // pixels of a cell, and of the part shown twice enlarged
constexpr double canvas_of_the_paper = 1024.0 * 1024;  // pixels

struct Options : support::Evaluation {
  std::string layout = "plain", patients;
  long samples = 100;
  int iw_draws = 16;
};

/// What one model did on all images.
struct Report {
  std::string name, likelihood;
  long parameters = 0;
  int images = 0, with_vessels = 0;
  double bits = 0, iw_bits = 0, effective_draws = 0, pixels = 0, inside = 0, f_per_image = 0;
  std::int64_t nonfinite = 0;
  cnf::metrics::PrecisionRecall pooled, whole_image;
  cnf::metrics::Reliability reliability{10};
  std::vector<Confusion> draws;         // sample number i of every image, pooled
  cnf::metrics::Components components;  // of all samples, inside the field of view

  Confusion all_draws() const {
    Confusion sum;
    for (const auto& d : draws) sum += d;
    return sum;
  }
};

/// The part of a mask inside the field of view.
cnf::metrics::Components components_inside(const Mask& mask, const Mask& field_of_view) {
  auto inside = mask.on;
  for (std::size_t i = 0; i < inside.size(); ++i) inside[i] = inside[i] && field_of_view.on[i];
  return cnf::metrics::components(inside, mask.height, mask.width);
}

/// What the graders did.
struct Graders {
  std::optional<Confusion> second;  // against the first
  cnf::metrics::Components first;   // of their masks
};

/// What a model says about one image.
struct Prediction {
  std::vector<float> mean;
  std::vector<Mask> samples;  // the first few
};

/// The samples of an image that this process draws, from .. to - 1; the first process has those of the picture.
std::array<long, 2> samples_of(const support::Replicas& replicas, long count) {
  const auto begin = [&](int rank) {
    return rank == 0 ? 0 : std::max(count * rank / replicas.size(), std::min<long>(panel_samples, count));
  };
  return {begin(replicas.rank()), begin(replicas.rank() + 1)};
}

/// Every process draws a part of the samples; bits are one's work.
Prediction predict(const AnyModel& model, const Fundus& image, const Options& o, long number,
                   at::Device device, Report& report, support::Replicas& replicas) {
  const auto x = to_input(image.image, image.field_of_view).to(device), y = to_target(image.label).to(device);
  const auto bits = at::zeros({3}, at::kDouble);  // and importance-weighted ones, and effective draws
  if (number % replicas.size() == replicas.rank()) {
    const at::NoGradGuard no_grad;
    bits[0] = model.bits(x, y, {.seed = o.seed, .first_input = number}).per_image.item<double>();
    if (model.likelihood() == cnf::Likelihood::bound && o.iw_draws > 1) {
      const auto weighted = model.bits(x, y, {.seed = o.seed, .first_input = number, .draws = o.iw_draws});
      bits[1] = weighted.per_image.item<double>();
      bits[2] = weighted.effective_draws.item<double>();
    }
  }
  Prediction prediction;
  const auto [from, to] = samples_of(replicas, o.samples);
  const auto votes = at::zeros({std::int64_t(image.label.on.size())}, at::kInt);
  // an entry a sample: its confusion inside the field of view; and sums over samples
  const auto counts = at::zeros({o.samples, 4}, at::kLong), sums = at::zeros({3}, at::kLong);
  model.sample(x, to - from, {.seed = o.seed, .first_input = number, .first_draw = from},
               [&](long i, const at::Tensor& sample) {
                 support::stop_if_interrupted();
                 auto values = floats(sample);
                 Mask mask{image.label.height, image.label.width, {}};
                 for (auto& v : values) {
                   if (!std::isfinite(v)) sums[2] += 1, v = 0;
                   mask.on.push_back(v > 0.5F);
                 }
                 votes.add_(at::from_blob(mask.on.data(), votes.sizes(), at::kByte));
                 const auto c = cnf::metrics::confusion(mask.on, image.label.on, image.field_of_view.on);
                 counts[from + i].copy_(at::tensor({c.tp, c.fp, c.fn, c.tn}));
                 const auto parts = components_inside(mask, image.field_of_view);
                 sums[0] += parts.pixels;
                 sums[1] += parts.pixels_in_small;
                 if (from + i < panel_samples) prediction.samples.push_back(std::move(mask));
               });
  replicas.gather("drawn");  // waits for whoever has more to draw
  for (const auto& t : {bits, votes, counts, sums}) replicas.sum(t);
  report.bits += bits[0].item<double>();
  report.iw_bits += bits[1].item<double>();
  report.effective_draws += bits[2].item<double>();
  for (long i = 0; i < o.samples; ++i) {
    const auto* c = counts[i].data_ptr<std::int64_t>();
    report.draws[std::size_t(i)] += Confusion{c[0], c[1], c[2], c[3]};
  }
  report.components += {sums[0].item<std::int64_t>(), sums[1].item<std::int64_t>()};
  report.nonfinite += sums[2].item<std::int64_t>();
  const auto exact = model.probability(x);
  prediction.mean = floats(exact ? *exact : votes / double(o.samples));

  report.pooled.add(prediction.mean, image.label.on, image.field_of_view.on);
  if (has_vessels(image)) {
    cnf::metrics::PrecisionRecall alone;
    alone.add(prediction.mean, image.label.on, image.field_of_view.on);
    report.f_per_image += alone.best().f;
    ++report.with_vessels;
  }
  report.whole_image.add(prediction.mean, image.label.on);
  report.reliability.add(prediction.mean, image.label.on, image.field_of_view.on);
  report.pixels += double(image.label.on.size());
  report.inside += double(std::count(image.field_of_view.on.begin(), image.field_of_view.on.end(), 1));
  ++report.images;
  return prediction;
}

nlohmann::ordered_json to_json(const Report& r) {
  const auto best = r.pooled.best();
  const auto draws = r.all_draws();
  nlohmann::ordered_json reliability;
  for (const auto& bin : r.reliability.bins())
    if (bin.count > 0)
      reliability.push_back(
          {{"mean_score", bin.mean_score}, {"frequency", bin.frequency}, {"count", bin.count}});
  nlohmann::ordered_json json{{"model", r.name},
                              {"images", r.images},
                              {"parameters", r.parameters},
                              {"samples", r.draws.size()},
                              {"f_max", best.f},
                              {"f_threshold", best.threshold},
                              {"f_max_per_image", r.f_per_image / r.with_vessels},
                              {"f_max_whole_image", r.whole_image.best().f},
                              {"likelihood", r.likelihood},
                              {"bits_per_image", r.bits / r.images},
                              {"bpd_image", r.bits / r.pixels},
                              {"bpd_fov", r.bits / r.inside},
                              {"bpd_1024", r.bits / r.images / canvas_of_the_paper},
                              {"sample_precision", draws.precision()},
                              {"sample_recall", draws.recall()},
                              {"sample_f", draws.f()},
                              {"sample_speck_share", r.components.share()},
                              {"calibration_error", r.reliability.expected_calibration_error()},
                              {"reliability", reliability},
                              {"nonfinite", r.nonfinite}};
  if (r.iw_bits > 0) {
    json["iw_bits_per_image"] = r.iw_bits / r.images;
    json["iw_effective_draws"] = r.effective_draws / r.images;
  }
  return json;
}

void print(const std::vector<Report>& reports, const Graders& graders) {
  fmt::print("\n{:<18} {:>10} {:>7} {:>10} {:>13} {:>10} {:>17} {:>22} {:>10} {:>10}\n", "model",
             "parameters", "max F", "threshold", "F per image", "bits/image", "", "samples: precision",
             "recall", "specks");
  for (const auto& r : reports) {
    const auto best = r.pooled.best();
    const auto draws = r.all_draws();
    fmt::print("{:<18} {:>10} {:>7.3f} {:>10.3f} {:>13.3f} {:>10.0f} {:>17} {:>22.3f} {:>10.3f} {:>8.2f} %\n",
               r.name, r.parameters, best.f, best.threshold, r.f_per_image / r.with_vessels,
               r.bits / r.images, r.likelihood, draws.precision(), draws.recall(),
               100 * r.components.share());
    if (r.iw_bits > 0) fmt::print("{:<18} {:>53.0f} {:>18}\n", "", r.iw_bits / r.images, "imp.-weighted");
    if (r.nonfinite > 0) fmt::print("{:<18} {} values in its samples are not finite\n", "", r.nonfinite);
  }
  fmt::print("{:<18} {:>116.2f} %\n", "first grader", 100 * graders.first.share());
  if (const auto& human = graders.second)
    fmt::print("{:<18} {:>18.3f} {:>75.3f} {:>10.3f}\n", "second grader", human->f(), human->precision(),
               human->recall());
}

support::Series curve_of(const Report& r) {
  support::Series series{r.name, support::Style::line, {}};
  for (const auto& p : r.pooled.curve(curve_points)) series.points.push_back({p.recall, p.precision});
  return series;
}

void write_plots(const std::filesystem::path& folder, const std::vector<Report>& reports,
                 const std::optional<Confusion>& human) {
  using support::Style;
  support::Plot curves{.title = "Mean of samples at all thresholds, inside the field of view",
                       .x_label = "recall",
                       .y_label = "precision",
                       .iso_f = true};
  auto samples = curves;
  samples.title = "Single samples, all images pooled, inside the field of view";
  support::Plot reliability{.title = "Reliability inside the field of view",
                            .x_label = "predicted probability of vessel",
                            .y_label = "frequency of vessel",
                            .x_range = support::Range{},
                            .y_range = support::Range{},
                            .series = {{"perfect", Style::dashed, {{0, 0}, {1, 1}}}}};
  for (const auto& r : reports) {
    curves.series.push_back(curve_of(r));
    support::Series points{"samples of " + r.name, Style::points, {}};
    for (const auto& d : r.draws) points.points.push_back({d.recall(), d.precision()});
    samples.series.push_back(curves.series.back());
    samples.series.push_back(std::move(points));
    support::Series bins{r.name, Style::line_points, {}};
    for (const auto& bin : r.reliability.bins())
      if (bin.count > 0) bins.points.push_back({bin.mean_score, bin.frequency});
    reliability.series.push_back(std::move(bins));
  }
  if (human)
    for (auto* plot : {&curves, &samples})
      plot->series.push_back({"second grader", Style::points, {{human->recall(), human->precision()}}});
  support::write_plot(folder / "pr_curve.png", curves);
  support::write_plot(folder / "pr_samples.png", samples);
  support::write_plot(folder / "reliability.png", reliability);
}

/// The square with the most borders of vessels in it, on a coarse grid.
std::array<int, 2> most_vessels(const Mask& label, int size) {
  std::array<int, 2> best{0, 0};
  long most = -1;
  for (int top = 0; top + size <= label.height; top += 8)
    for (int left = 0; left + size <= label.width; left += 8) {
      long borders = 0;
      for (int y = top; y < top + size; ++y)
        for (int x = left; x + 1 < left + size; ++x) {
          const auto i = std::size_t(y) * std::size_t(label.width) + std::size_t(x);
          borders += label.on[i] != label.on[i + 1];
        }
      if (borders > most) most = borders, best = {top, left};
    }
  return best;
}

/// Two rows: the whole image, and its most detailed part.
void add_panels(std::vector<std::vector<support::Cell>>& rows, const Fundus& image,
                const std::vector<Prediction>& predictions, const std::vector<Report>& reports) {
  const int height = image.label.height, width = image.label.width;
  std::vector<support::Cell> cells{{"photograph", image.image}, {"first grader", to_image(image.label)}};
  for (std::size_t m = 0; m < predictions.size(); ++m) {
    const auto& name = reports[m].name;
    cells.push_back({name + (reports[m].likelihood == "exact" ? ": probability" : ": mean of samples"),
                     grey_image(predictions[m].mean, height, width)});
    // of the baseline one is enough
    const auto shown = m == 0 ? predictions[m].samples.size() : 1;
    for (std::size_t i = 0; i < std::min(shown, predictions[m].samples.size()); ++i)
      cells.push_back({name + fmt::format(": sample {}", i + 1), to_image(predictions[m].samples[i])});
  }
  const int crop = std::min({panel_crop, height, width});
  const auto [top, left] = most_vessels(image.label, crop);
  auto details = cells;
  const double shrink = std::min(1.0, double(panel_size) / std::max(height, width));
  for (auto& cell : cells)
    cell.image = resized(cell.image, std::max(1, int(height * shrink)), std::max(1, int(width * shrink)));
  for (auto& cell : details) cell.image = support::cropped(cell.image, top, left, crop, crop);
  for (auto* row : {&cells, &details}) {
    if (!rows.empty())
      for (auto& cell : *row) cell.caption.clear();
    rows.push_back(std::move(*row));
  }
}

void run(const Options& o, support::Replicas& replicas) {
  support::expect_outputs(o, replicas);
  if (!o.pictures.empty()) support::require_gnuplot();
  const auto placement = support::place(o.computing);
  const auto device = placement.device;
  const double scale = resolution_of(o.checkpoint).scale;
  if (!o.baseline.empty() && resolution_of(o.baseline).scale != scale)
    throw cnf::Error(fmt::format("expected a baseline trained at the scale {}, got one of {}", scale,
                                 resolution_of(o.baseline).scale));
  std::vector<std::string> notes;
  std::atomic<bool> any_vessel = false;
  const auto files = support::usable(
      of_patients(find_fundus(o.data, o.layout, Part::test, &notes), o.patients),
      [&](const FundusFiles& f) {
        if (has_vessels(read_fundus(f, scale))) any_vessel = true;
      },
      o.skip_bad);
  if (!any_vessel)
    throw cnf::Error("expected a vessel in one label at least of " + o.data.string() + ", got none");
  for (const auto& note : notes) fmt::print("{}\n", note);
  std::vector<std::filesystem::path> seen;
  for (const auto& f : files) seen.insert(seen.end(), {f.image, f.label, f.field_of_view, f.second});
  support::begin(o, replicas, seen);
  std::vector<std::unique_ptr<AnyModel>> models;
  std::vector<Report> reports;
  for (const auto& file : o.checkpoints()) {
    models.push_back(open_model(file, placement));
    reports.push_back({.name = choice_of(file).model,
                       .likelihood = to_string(models.back()->likelihood()),
                       .parameters = models.back()->parameters(),
                       .draws = std::vector<Confusion>(std::size_t(o.samples))});
  }

  Graders graders;
  auto& human = graders.second;
  std::vector<std::vector<support::Cell>> rows;
  for (std::size_t i = 0; i < files.size(); ++i) {
    support::stop_if_interrupted();
    const auto image = read_fundus(files[i], scale);
    support::working_on(
        fmt::format("{} of {}x{}", files[i].image.string(), image.image.width, image.image.height));
    if (const auto odd = oddness(image); !odd.empty()) fmt::print("{}\n", odd);
    std::vector<Prediction> predictions;
    for (std::size_t m = 0; m < models.size(); ++m)
      predictions.push_back(predict(*models[m], image, o, long(i), device, reports[m], replicas));
    graders.first += components_inside(image.label, image.field_of_view);
    if (image.second) {
      if (!human) human.emplace();
      *human += cnf::metrics::confusion(image.second->on, image.label.on, image.field_of_view.on);
    }
    if (!o.pictures.empty() && replicas.is_first() && i < panel_images)
      add_panels(rows, image, predictions, reports);
    fmt::print("{}: {}x{}\n", image.name, image.image.width, image.image.height);
    std::fflush(stdout);
  }

  if (!replicas.is_first()) return;
  print(reports, graders);
  fmt::print(
      "\n{} images at scale {:g}; {} samples; F, precision and recall inside the field of view, images "
      "pooled; specks: vessel pixels in connected parts of fewer than 10\n",
      files.size(), scale, o.samples);
  if (!o.json.empty()) {
    std::vector<nlohmann::ordered_json> all;
    for (const auto& report : reports) all.push_back(to_json(report));
    auto& json = all[0];
    json["scale"] = scale;
    json["seed"] = o.seed;
    json["iw_draws"] = o.iw_draws;
    json["grader_speck_share"] = graders.first.share();
    if (human) {
      json["human_precision"] = human->precision();
      json["human_recall"] = human->recall();
      json["human_f"] = human->f();
    }
    support::write_reports(o, all);
  }
  if (!o.pictures.empty()) {
    write_plots(o.pictures, reports, human);
    write_image(o.pictures / "panels.png", support::picture_grid(rows, {.cell_size = panel_size}));
    fmt::print("pictures: {}\n", o.pictures.string());
  }
}

}  // namespace

void add_evaluate(CLI::App& app) {
  auto* c = app.add_subcommand("evaluate", "F, bits and calibration of a checkpoint on a data set");
  auto o = std::make_shared<Options>();
  support::add_evaluation(*c, *o, "folder of the data set",
                          "folder for panels.png, pr_curve.png, pr_samples.png and reliability.png");
  c->add_option("--layout", o->layout, "how the folder is arranged: plain, drive or chase")
      ->check(CLI::IsMember({"plain", "drive", "chase"}))
      ->capture_default_str();
  c->add_option("--patients", o->patients, "whose images to use, as 1-8 or 9,10; default: all");
  c->add_option("--samples", o->samples, "masks to draw for each image")
      ->check(support::positive())
      ->capture_default_str();
  c->add_option("--iw-draws", o->iw_draws, "draws of the importance-weighted estimate of the bits; 1: none")
      ->check(support::positive())
      ->capture_default_str();
  support::together(*c, o->computing, [o](support::Replicas& replicas, const auto&) { run(*o, replicas); });
}

}  // namespace vessel_segmentation
