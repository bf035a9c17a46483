#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "cnf/metrics/psnr.hpp"
#include "cnf/metrics/specks.hpp"
#include "cnf/metrics/ssim.hpp"
#include "commands.hpp"
#include "consistency.hpp"
#include "model.hpp"
#include "photographs.hpp"
#include "resize.hpp"
#include "support/evaluation.hpp"
#include "support/picture.hpp"
#include "support/program.hpp"
#include "support/usable.hpp"

namespace super_resolution {
namespace {

constexpr int border = 2;                  // pixels that PSNR and SSIM leave out
constexpr int smallest = 11 + 2 * border;  // SSIM has a window of 11
constexpr int crop_size = 128;             // of the crops for bits per dimension
constexpr std::size_t picture_rows = 5;    // of the picture
constexpr int picture_crop = 96;           // pixels of its cells

struct Options : support::Evaluation {
  std::filesystem::path low;
  std::vector<double> temperatures{0, 0.5, 0.8, 1};
  int crops = 1000, largest = 0;
};

/// One method on all images: PSNR and SSIM, averaged; the share of specks, and how well the result, brought down again, is
/// the input, over all pixels.
struct Quality {
  double psnr = 0, ssim = 0;
  int images = 0;
  double specks = 0, pixels = 0;
  double low_squares = 0, low_values = 0;

  void add(const support::Image& result, const Pair& pair, const support::Image& interpolated) {
    const auto truth = pair.high.view();
    psnr += cnf::metrics::psnr_y(result.view(), truth, {.shave = border});
    ssim += cnf::metrics::ssim_y(result.view(), truth, {.shave = border});
    specks += double(cnf::metrics::specks(result.view(), truth, interpolated.view()));
    pixels += double(truth.height) * truth.width;
    low_squares += low_resolution_error(result, pair.low);
    low_values += double(pair.low.rgb.size());
    ++images;
  }
  Quality& operator+=(const Quality& one) {
    psnr += one.psnr;
    ssim += one.ssim;
    images += one.images;
    specks += one.specks;
    pixels += one.pixels;
    low_squares += one.low_squares;
    low_values += one.low_values;
    return *this;
  }
  double mean_psnr() const { return psnr / images; }
  double mean_ssim() const { return ssim / images; }
  double speck_share() const { return specks / pixels; }
  /// dB over red, green and blue; 99 at most, for no difference at all.
  double consistency() const { return super_resolution::consistency(low_squares, low_values); }
};

void to_json(nlohmann::json& json, const Quality& q) {
  json = {q.psnr, q.ssim, q.images, q.specks, q.pixels, q.low_squares, q.low_values};
}
void from_json(const nlohmann::json& json, Quality& q) {
  q = {json[0], json[1], json[2], json[3], json[4], json[5], json[6]};
}

struct Bits {
  double mean = 0, standard_error = 0;
};

struct Report {
  std::string name;
  Bits bits;
  std::string likelihood;
  std::vector<std::pair<std::string, Quality>> quality;  // bicubic, then a row per temperature
  long parameters = 0;
  std::int64_t nonfinite = 0;
};

std::string temperature_text(double t) { return fmt::format("{:g}", t); }

support::Image bicubic(const Pair& pair) {
  return support::cropped(imresize(pair.low, 2), 0, 0, pair.high.height, pair.high.width);
}

/// Samples of a whole image, one per temperature, cut to the original's size; counts values that are not finite.
void for_each_sample(const AnyModel& model, const Pair& pair, const Options& o, std::size_t number,
                     at::Device device, std::int64_t& nonfinite,
                     const std::function<void(std::size_t, const support::Image&)>& take) {
  std::vector<cnf::SampleOptions> draws;
  for (double t : o.temperatures)
    draws.push_back({.temperature = t, .seed = o.seed, .first_input = long(number)});
  model.sample(to_tensor(pair.low).to(device), draws, [&](std::size_t i, at::Tensor sample) {
    support::stop_if_interrupted();
    const auto y = sample.to(at::kCPU);
    nonfinite += y.numel() - at::isfinite(y).sum().item<std::int64_t>();
    take(i, support::cropped(to_image(at::nan_to_num(y[0], 0, 255, 0)), 0, 0, pair.high.height,
                             pair.high.width));
  });
}

Bits bits_per_dim(const AnyModel& model, const Options& o, const std::vector<std::filesystem::path>& paths,
                  int size, at::Device device, support::Replicas& replicas) {
  constexpr int at_once = 10;
  Photographs photographs(paths, smallest);
  const at::NoGradGuard no_grad;
  nlohmann::json mine = nlohmann::json::array();
  for (int first = 0; first < o.crops; first += at_once) {
    support::stop_if_interrupted();
    if (first / at_once % replicas.size() != replicas.rank()) continue;
    const int n = std::min(at_once, o.crops - first);
    const auto crops = photographs.random_crops(n, size, o.seed, std::uint32_t(first));
    const auto values =
        model.bits_per_dim(crops.x.to(device), crops.y.to(device), {.seed = o.seed + std::uint64_t(first)})
            .to(at::kCPU, at::kDouble);
    mine.push_back(std::vector<double>(values.data_ptr<double>(), values.data_ptr<double>() + n));
  }
  const auto all = support::gathered(replicas, mine);
  std::vector<double> bpd;
  for (std::size_t i = 0; int(bpd.size()) < o.crops; ++i)
    for (const double b : all[i % all.size()][i / all.size()]) bpd.push_back(b);
  const double n = double(bpd.size()), mean = std::accumulate(bpd.begin(), bpd.end(), 0.0) / n;
  double squares = 0;
  for (double b : bpd) squares += (b - mean) * (b - mean);
  return {mean, n > 1 ? std::sqrt(squares / (n - 1) / n) : 0};
}

/// The crop with the most detail: where the luma varies most, on a coarse grid of places.
std::pair<int, int> most_detailed(const support::Image& image, int size) {
  const auto luma = cnf::metrics::luma(image.view());
  const auto at = [&](int y, int x) {
    return luma.values[std::size_t(y) * std::size_t(image.width) + std::size_t(x)];
  };
  std::pair<int, int> best{0, 0};
  double most = -1;
  for (int top = 0; top + size <= image.height; top += 16)
    for (int left = 0; left + size <= image.width; left += 16) {
      double sum = 0;
      for (int y = top; y + 1 < top + size; ++y)
        for (int x = left; x + 1 < left + size; ++x)
          sum += std::min(30.0, std::abs(at(y, x) - at(y + 1, x)) + std::abs(at(y, x) - at(y, x + 1)));
      if (sum > most) most = sum, best = {top, left};
    }
  return best;
}

nlohmann::ordered_json to_json(const Report& r) {
  nlohmann::ordered_json psnr, ssim, specks, consistency;
  for (const auto& [name, q] : r.quality) {
    psnr[name] = q.mean_psnr();
    ssim[name] = q.mean_ssim();
    specks[name] = q.speck_share();
    consistency[name] = q.consistency();
  }
  return {{"images", r.quality.front().second.images},
          {"bpd", r.bits.mean},
          {"bpd_stderr", r.bits.standard_error},
          {"likelihood", r.likelihood},
          {"psnr_y", psnr},
          {"ssim_y", ssim},
          {"speck_share", specks},
          {"low_resolution_psnr", consistency},
          {"parameters", r.parameters},
          {"nonfinite", r.nonfinite}};
}

void print(const std::vector<Report>& reports) {
  fmt::print("\n{:<12} {:>12} {:>20} {:>14}\n", "model", "parameters", "bits per dimension", "non-finite");
  for (const auto& r : reports)
    fmt::print("{:<12} {:>12} {:>9.3f} +- {:.3f} {} {:>10}\n", r.name, r.parameters, r.bits.mean,
               r.bits.standard_error, r.likelihood, r.nonfinite);
  fmt::print("\n{:<12} {:<12} {:>10} {:>8} {:>22} {:>22}\n", "model", "temperature", "PSNR-Y", "SSIM",
             "specks in 100,000", "PSNR, brought down");
  bool first = true;
  for (const auto& r : reports) {
    for (const auto& [name, q] : r.quality)
      if (first || name != "bicubic")
        fmt::print("{:<12} {:<12} {:>7.2f} dB {:>8.4f} {:>22.2f} {:>19.2f} dB\n",
                   name == "bicubic" ? name : r.name, name == "bicubic" ? "" : name, q.mean_psnr(),
                   q.mean_ssim(), 1e5 * q.speck_share(), q.consistency());
    first = false;
  }
}

/// Images are divided among the processes; those of the picture are the first process's.
void run(const Options& o, support::Replicas& replicas) {
  if (o.largest > 0 && o.largest < smallest)
    throw cnf::Error("expected --largest of 0 or at least " + std::to_string(smallest) + ", got " +
                     std::to_string(o.largest));
  support::expect_outputs(o, replicas);
  const auto placement = support::place(o.computing);
  std::vector<std::filesystem::path> others, paths;
  const auto files = support::usable(
      find_pairs(o.data, o.low, &others), [&](const auto& f) { read_files(f, smallest); }, o.skip_bad);
  if (!others.empty()) fmt::print("{}\n", support::left_out_text(o.data, others));
  for (const auto& f : files) paths.push_back(f.high);
  const auto device = placement.device;
  std::vector<std::unique_ptr<AnyModel>> models;
  std::vector<Report> reports;
  for (const auto& file : o.checkpoints()) {
    models.push_back(open_model(file, placement, o.computing.tile));
    reports.push_back({.name = choice_of(file).model,
                       .bits = {},
                       .likelihood = to_string(models.back()->likelihood()),
                       .quality = {{"bicubic", {}}},
                       .parameters = models.back()->parameters()});
    for (double t : o.temperatures) reports.back().quality.emplace_back(temperature_text(t), Quality{});
  }
  std::vector<std::filesystem::path> seen;
  for (const auto& f : files) seen.insert(seen.end(), {f.high, f.low});
  support::begin(o, replicas, seen);

  const auto owner = [&](std::size_t i) {
    return !o.pictures.empty() && i < picture_rows ? 0 : int(i % std::size_t(replicas.size()));
  };
  int crop = crop_size;
  std::vector<std::vector<support::Cell>> rows;
  nlohmann::json mine = nlohmann::json::array();  // an entry an image
  for (std::size_t i = 0; i < paths.size(); ++i) {
    support::stop_if_interrupted();
    if (owner(i) != replicas.rank()) continue;
    const auto pair = read_pair(files[i], smallest, o.largest);
    support::working_on(fmt::format("{} of {}x{}", paths[i].string(), pair.high.width, pair.high.height));
    crop = std::min({crop, pair.high.height / 2 * 2, pair.high.width / 2 * 2});
    const bool pictured = !o.pictures.empty() && i < picture_rows;
    const int cell = std::min({picture_crop, pair.low.height * 2 - 2, pair.low.width * 2 - 2}) / 2 * 2;
    auto [top, left] = pictured ? most_detailed(pair.high, cell) : std::pair{0, 0};
    std::vector<support::Cell> row;
    const auto show = [&](const std::string& caption, const support::Image& image) {
      if (pictured) row.push_back({caption, support::cropped(image, top, left, cell, cell)});
    };

    if (pictured)
      row.push_back({"low resolution", support::cropped(pair.low, top / 2, left / 2, cell / 2, cell / 2)});
    const auto interpolated = bicubic(pair);
    show("bicubic", interpolated);
    auto measured = nlohmann::json::array();  // for each model
    for (std::size_t m = 0; m < models.size(); ++m) {
      std::vector<Quality> quality(o.temperatures.size() + 1);
      std::int64_t nonfinite = 0;
      quality[0].add(interpolated, pair, interpolated);
      for_each_sample(*models[m], pair, o, i, device, nonfinite,
                      [&](std::size_t t, const support::Image& result) {
                        quality[t + 1].add(result, pair, interpolated);
                        const double tau = o.temperatures[t];
                        if (m == 0)
                          show(fmt::format("sample, temperature {:g}", tau), result);
                        else if (tau == 0)
                          show("baseline, mode", result);
                        else if (tau == 1)
                          show("baseline, sample", result);
                      });
      measured.push_back({{"quality", quality}, {"nonfinite", nonfinite}});
    }
    mine.push_back({{"image", i}, {"crop", crop}, {"models", measured}});
    show("original", pair.high);
    if (pictured) rows.push_back(std::move(row));
    fmt::print("{}: {}x{}\n", paths[i].filename().string(), pair.high.width, pair.high.height);
    std::fflush(stdout);
  }
  std::vector<nlohmann::json> images(paths.size());
  for (const auto& part : support::gathered(replicas, mine))
    for (const auto& image : part) images[image.at("image")] = image;
  for (const auto& image : images) {
    crop = std::min(crop, image.at("crop").get<int>());
    for (std::size_t m = 0; m < models.size(); ++m) {
      const auto& of_model = image.at("models")[m];
      for (std::size_t q = 0; q < reports[m].quality.size(); ++q)
        reports[m].quality[q].second += of_model.at("quality")[q].get<Quality>();
      reports[m].nonfinite += of_model.at("nonfinite").get<std::int64_t>();
    }
  }
  for (std::size_t m = 0; m < models.size(); ++m)
    reports[m].bits = bits_per_dim(*models[m], o, paths, crop, device, replicas);
  if (!replicas.is_first()) return;

  print(reports);
  fmt::print("\n{} images; bits over {} random crops of {}x{}; quality on Y without a border of {} pixels\n",
             paths.size(), o.crops, crop, crop, border);
  if (!o.json.empty()) {
    std::vector<nlohmann::ordered_json> all;
    for (const auto& report : reports) all.push_back(to_json(report));
    support::write_reports(o, all);
  }
  if (!o.pictures.empty()) {
    for (std::size_t r = 1; r < rows.size(); ++r)
      for (auto& cell : rows[r]) cell.caption.clear();
    write_image(o.pictures / "samples.png", support::picture_grid(rows));
    fmt::print("picture: {}\n", (o.pictures / "samples.png").string());
  }
}

void check_bicubic(const std::filesystem::path& data) {
  Quality quality;
  for (const auto& files : find_pairs(data)) {
    const auto pair = read_pair(files, smallest);
    const auto interpolated = bicubic(pair);
    quality.add(interpolated, pair, interpolated);
  }
  fmt::print("bicubic: {:.2f} dB PSNR-Y, {:.4f} SSIM on {} images\n", quality.mean_psnr(),
             quality.mean_ssim(), quality.images);
}

}  // namespace

void add_evaluate(CLI::App& app) {
  auto* c = app.add_subcommand(
      "evaluate", "bits per dimension, PSNR, SSIM and specks of a checkpoint on a folder of images");
  auto o = std::make_shared<Options>();
  support::add_evaluation(*c, *o, "folder tree of images", "folder for the picture samples.png");
  c->add_option("--low", o->low,
                "folder of the images' low resolutions; default: LR_x2/ beside HR/ in --data, else they are "
                "brought down by MATLAB's bicubic kernel");
  c->add_option("--temperatures", o->temperatures, "of the samples, separated by commas")
      ->delimiter(',')
      ->check(support::temperature())
      ->capture_default_str();
  c->add_option("--crops", o->crops, "random crops of 128x128 for bits per dimension")
      ->check(support::positive())
      ->capture_default_str();
  c->add_option("--largest", o->largest,
                "measure PSNR and SSIM on the middle of larger images only; 0: never")
      ->check(support::not_negative())
      ->capture_default_str();
  support::add_tile(*c, o->computing);
  support::together(*c, o->computing, [o](support::Replicas& replicas, const auto&) { run(*o, replicas); });
}

void add_bicubic_check(CLI::App& app) {
  auto* c = app.add_subcommand("bicubic-check",
                               "PSNR and SSIM of bicubic interpolation alone: checks the protocol");
  auto data = std::make_shared<std::filesystem::path>();
  c->add_option("--data", *data, "folder tree of images")->required();
  c->callback([data] { check_bicubic(*data); });
}

}  // namespace super_resolution
