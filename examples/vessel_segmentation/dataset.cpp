#include "dataset.hpp"

#include <OpenImageIO/imagebuf.h>
#include <OpenImageIO/imagebufalgo.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "cnf/core/error.hpp"

namespace vessel_segmentation {

namespace fs = std::filesystem;

namespace {

std::string size_text(int height, int width) { return std::to_string(height) + "x" + std::to_string(width); }

int parse_number(const std::string& digits) {
  int number = 0;
  const auto* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  return error == std::errc() && stop == end ? number : -1;
}

/// What files of one photograph have in common.
struct Key {
  int number = 0;
  std::string eye;  // "L" or "R" where a patient has two photographs, else empty

  auto operator<=>(const Key&) const = default;
};

Key key_of(const fs::path& path, bool both_eyes) {
  const std::string name = path.stem().string();
  const auto begin = name.find_first_of("0123456789");
  const auto end = name.find_first_not_of("0123456789", begin);
  if (begin == std::string::npos) throw cnf::Error("expected a number in the name of " + path.string());
  const Key key{parse_number(name.substr(begin, end - begin)), {}};
  if (key.number < 0) throw cnf::Error("the number in the name of " + path.string() + " is too large");
  if (!both_eyes) return key;
  const std::string eye = end == std::string::npos ? "" : name.substr(end, 1);
  if (eye != "L" && eye != "R")
    throw cnf::Error("expected an L or R after the number in the name of " + path.string());
  return {key.number, eye};
}

using Files = std::map<Key, fs::path>;

/// The image files directly in the folder whose names end in `ending`.
std::vector<fs::path> list(const fs::path& folder, const std::string& ending = "") {
  auto paths = support::find_images(folder);
  std::erase_if(paths, [&](const fs::path& path) {
    return path.parent_path() / "" != folder / "" || !path.stem().string().ends_with(ending);
  });
  return paths;
}

Files by_key(const std::vector<fs::path>& paths, bool both_eyes) {
  Files files;
  for (const auto& path : paths) {
    const auto [place, is_new] = files.emplace(key_of(path, both_eyes), path);
    if (!is_new)
      throw cnf::Error("expected one file for each number, got " + place->second.string() + " and " +
                       path.string());
  }
  return files;
}

/// A kind of partner that each image has: a label, a mask.
struct Role {
  const char* what;
  fs::path folder;
  std::string ending;                           // of the names, in a folder that holds several roles
  fs::path (*expected)(const fs::path& image);  // the name to ask for where a file is missing
};

bool is_there(const Role& role) {
  return fs::is_directory(role.folder) && (role.ending.empty() || !list(role.folder, role.ending).empty());
}

/// The role's file of each image.
Files partners_of(const Files& images, const Role& role, bool both_eyes) {
  const Files partners = is_there(role) ? by_key(list(role.folder, role.ending), both_eyes) : Files{};
  for (const auto& [key, image] : images) {
    if (!partners.contains(key))
      throw cnf::Error("no " + std::string(role.what) + " for " + image.string() + ": expected " +
                       (role.folder / role.expected(image)).string());
  }
  for (const auto& [key, partner] : partners) {
    if (!images.contains(key))
      throw cnf::Error("no image for the " + std::string(role.what) + " " + partner.string());
  }
  return partners;
}

struct Layout {
  std::vector<fs::path> images;
  Role label, field_of_view, second;
  bool both_eyes = false;
  bool has_dark_frame = false;
};

fs::path with_ending(const fs::path& image, const char* ending) { return image.stem().string() + ending; }
fs::path number_with(const fs::path& image, const char* ending) {
  return image.stem().string().substr(0, image.stem().string().find('_')) + ending;
}

fs::path subfolder(const fs::path& folder, const char* name, const char* layout) {
  if (!fs::is_directory(folder)) throw cnf::Error("no such folder: " + folder.string());
  if (!fs::is_directory(folder / name))
    throw cnf::Error("expected a folder '" + std::string(name) + "' in " + folder.string() + " (layout " +
                     layout + ")");
  return folder / name;
}

Layout plain(const fs::path& data) {
  const auto png = [](const fs::path& image) { return with_ending(image, ".png"); };
  return {.images = list(subfolder(data, "images", "plain")),
          .label = {"label", data / "labels", "", png},
          .field_of_view = {"mask", data / "masks", "", png},
          .second = {"second label", data / "labels2", "", png}};
}

Layout drive(const fs::path& data, Part part) {
  const bool is_part = fs::is_directory(data / "images");
  const auto folder = is_part ? data : subfolder(data, part == Part::train ? "training" : "test", "drive");
  return {.images = list(subfolder(folder, "images", "drive")),
          .label = {"label", folder / "1st_manual", "",
                    [](const fs::path& image) { return number_with(image, "_manual1.gif"); }},
          .field_of_view = {"mask", folder / "mask", "",
                            [](const fs::path& image) { return with_ending(image, "_mask.gif"); }},
          .second = {"second label", folder / "2nd_manual", "",
                     [](const fs::path& image) { return number_with(image, "_manual2.gif"); }},
          .has_dark_frame = true};
}

Layout chase(const fs::path& data) {
  const bool in_folders = fs::is_directory(data / "images");
  auto images = list(in_folders ? data / "images" : data);
  std::erase_if(images, [](const fs::path& path) { return path.stem().string().ends_with("HO"); });
  if (images.empty()) throw cnf::Error("no images such as Image_01L.jpg in " + data.string());
  const auto folder = [&](const char* name) { return in_folders ? data / name : data; };
  const auto ending = [&](const char* name) { return in_folders ? "" : name; };
  return {.images = images,
          .label = {"label", folder("1stHO"), ending("_1stHO"),
                    [](const fs::path& image) { return with_ending(image, "_1stHO.png"); }},
          .field_of_view = {"mask", data / "mask", "",
                            [](const fs::path& image) { return with_ending(image, ".gif"); }},
          .second = {"second label", folder("2ndHO"), ending("_2ndHO"),
                     [](const fs::path& image) { return with_ending(image, "_2ndHO.png"); }},
          .both_eyes = true,
          .has_dark_frame = true};
}

Layout layout_of(const fs::path& data, const std::string& name, Part part) {
  if (name == "plain") return plain(data);
  if (name == "drive") return drive(data, part);
  if (name == "chase") return chase(data);
  throw cnf::Error("expected a layout plain, drive or chase, got " + name);
}

void check_size(int height, int width, const fs::path& path, const support::Image& image,
                const fs::path& image_path) {
  if (height != image.height || width != image.width)
    throw cnf::Error("expected " + path.string() + " to have the size of " + image_path.string() + ", " +
                     size_text(image.height, image.width) + ", got " + size_text(height, width));
}

std::set<int> patients_of(const std::vector<FundusFiles>& files) {
  std::set<int> patients;
  for (const auto& f : files) patients.insert(f.patient);
  return patients;
}

}  // namespace

Mask read_mask(const fs::path& path, const support::Image& image, const fs::path& image_path) {
  // compression and palettes that were chosen for a picture may leave black and white a little grey
  constexpr int tolerance = 64;
  const auto read = support::read_image(path);
  check_size(read.height, read.width, path, image, image_path);
  Mask mask{read.height, read.width, std::vector<std::uint8_t>(read.rgb.size() / 3)};
  for (std::size_t i = 0; i < mask.on.size(); ++i) {
    const auto* rgb = &read.rgb[3 * i];
    const auto [low, high] = std::minmax({rgb[0], rgb[1], rgb[2]});
    if (high > tolerance && low < 255 - tolerance)
      throw cnf::Error("expected only black and white in " + path.string() + ", got (" +
                       std::to_string(rgb[0]) + ", " + std::to_string(rgb[1]) + ", " +
                       std::to_string(rgb[2]) + ")");
    mask.on[i] = high > tolerance;
  }
  return mask;
}

std::vector<FundusFiles> find_fundus(const fs::path& data, const std::string& layout_name, Part part) {
  const auto layout = layout_of(data, layout_name, part);
  const auto images = by_key(layout.images, layout.both_eyes);
  const auto partners = [&](const Role& role) { return partners_of(images, role, layout.both_eyes); };
  const auto optional_partners = [&](const Role& role) { return is_there(role) ? partners(role) : Files{}; };
  const auto labels = partners(layout.label);
  const auto fields_of_view = optional_partners(layout.field_of_view);
  const auto seconds = optional_partners(layout.second);
  const auto find = [](const Files& files, const Key& key) {
    const auto found = files.find(key);
    return found == files.end() ? fs::path() : found->second;
  };
  std::vector<FundusFiles> all;
  for (const auto& [key, image] : images)
    all.push_back({.name = image.stem().string(),
                   .patient = key.number,
                   .image = image,
                   .label = labels.at(key),
                   .field_of_view = find(fields_of_view, key),
                   .second = find(seconds, key),
                   .has_dark_frame = layout.has_dark_frame});
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return all;
}

Fundus read_fundus(const FundusFiles& files, double scale) {
  if (!(scale > 0 && scale <= 1))
    throw cnf::Error("expected a scale above 0 and at most 1, got " + std::to_string(scale));
  const auto image = support::read_image(files.image);
  const int height = scaled(image.height, scale), width = scaled(image.width, scale);
  const auto read = [&](const fs::path& path) {
    return resized(read_mask(path, image, files.image), height, width);
  };
  const auto field_of_view = [&] {
    if (!files.field_of_view.empty()) return read(files.field_of_view);
    if (files.has_dark_frame) return resized(field_of_view_of(image), height, width);
    return Mask{height, width, std::vector<std::uint8_t>(std::size_t(height) * std::size_t(width), 1)};
  };
  return {.name = files.name,
          .patient = files.patient,
          .image = resized(image, height, width),
          .label = read(files.label),
          .field_of_view = field_of_view(),
          .second = files.second.empty() ? std::optional<Mask>() : read(files.second)};
}

std::vector<FundusFiles> of_patients(std::vector<FundusFiles> files, const std::string& list) {
  if (list.empty()) return files;
  const auto there = patients_of(files);
  std::set<int> wanted;
  for (std::size_t begin = 0; begin <= list.size();) {
    const auto comma = std::min(list.find(',', begin), list.size());
    const auto part = list.substr(begin, comma - begin);
    const auto dash = part.find('-');
    const int first = parse_number(part.substr(0, dash));
    const int last = dash == std::string::npos ? first : parse_number(part.substr(dash + 1));
    if (first < 0 || last < first) throw cnf::Error("expected patients such as 1-8 or 1-3,7, got " + list);
    for (int patient = first; patient <= last; ++patient) {
      if (!there.contains(patient)) {
        std::string text;
        for (const int p : there) text += (text.empty() ? "" : ", ") + std::to_string(p);
        throw cnf::Error("no patient " + std::to_string(patient) + " in the data, which has " +
                         (text.empty() ? "none" : text));
      }
      wanted.insert(patient);
    }
    begin = comma + 1;
  }
  std::erase_if(files, [&](const FundusFiles& f) { return !wanted.contains(f.patient); });
  return files;
}

Split split_by_patient(const std::vector<FundusFiles>& files, double fraction) {
  if (!(fraction >= 0 && fraction < 1))
    throw cnf::Error("expected a validation fraction of at least 0 and below 1, got " +
                     std::to_string(fraction));
  const auto all = patients_of(files);
  const std::vector<int> patients(all.begin(), all.end());
  const int n = int(patients.size());
  const int held_out = fraction > 0 ? std::min(std::max(1, int(std::lround(fraction * n))), n - 1) : 0;
  std::set<int> chosen;
  for (int i = 0; i < held_out; ++i) chosen.insert(patients[std::size_t((2 * i + 1) * n / (2 * held_out))]);
  Split split;
  for (const auto& f : files) (chosen.contains(f.patient) ? split.validation : split.train).push_back(f);
  return split;
}

support::Image resized(const support::Image& image, int height, int width) {
  if (height == image.height && width == image.width) return image;
  const OIIO::ImageSpec in(image.width, image.height, 3, OIIO::TypeDesc::UINT8);
  const OIIO::ImageSpec out(width, height, 3, OIIO::TypeDesc::UINT8);
  support::Image result{height, width,
                        std::vector<std::uint8_t>(3 * std::size_t(height) * std::size_t(width))};
  const OIIO::ImageBuf from(in, const_cast<std::uint8_t*>(image.rgb.data()));
  OIIO::ImageBuf to(out, result.rgb.data());
#if OIIO_VERSION_MAJOR < 3
  const bool done = OIIO::ImageBufAlgo::resize(to, from, "keys");
#else
  const bool done = OIIO::ImageBufAlgo::resize(to, from, {{"filtername", "keys"}});
#endif
  if (!done)
    throw cnf::Error("cannot resize an image of " + size_text(image.height, image.width) + " to " +
                     size_text(height, width) + ": " + to.geterror());
  return result;
}

Mask resized(const Mask& mask, int height, int width) {
  if (height == mask.height && width == mask.width) return mask;
  Mask result{height, width, {}};
  result.on.reserve(std::size_t(height) * std::size_t(width));
  // floor((i + 0.5) * from / to)
  const auto nearest = [](int i, int from, int to) {
    return std::size_t((2 * std::int64_t(i) + 1) * from / (2 * std::int64_t(to)));
  };
  for (int y = 0; y < height; ++y) {
    const std::size_t row = nearest(y, mask.height, height) * std::size_t(mask.width);
    for (int x = 0; x < width; ++x) result.on.push_back(mask.on[row + nearest(x, mask.width, width)]);
  }
  return result;
}

support::Image grey_image(const std::vector<float>& values, int height, int width) {
  support::Image image{height, width, {}};
  for (const float v : values)
    image.rgb.insert(image.rgb.end(), 3,
                     static_cast<std::uint8_t>(std::lround(255 * std::clamp(v, 0.0F, 1.0F))));
  return image;
}

support::Image to_image(const Mask& mask) {
  support::Image image{mask.height, mask.width, {}};
  image.rgb.reserve(3 * mask.on.size());
  for (const auto on : mask.on) image.rgb.insert(image.rgb.end(), 3, on ? 255 : 0);
  return image;
}

}  // namespace vessel_segmentation
