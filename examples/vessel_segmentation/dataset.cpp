#include "dataset.hpp"

#include <OpenImageIO/imagebuf.h>
#include <OpenImageIO/imagebufalgo.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <fstream>
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

/// What a name tells: its first number, and the eye of which a letter or a word after it tells ("01L", "10_left").
struct Key {
  int number = -1;  // none
  std::string eye;  // "L", "R" or empty

  auto operator<=>(const Key&) const = default;
};

Key key_of(const fs::path& path) {
  const std::string name = path.stem().string();
  const auto begin = name.find_first_of("0123456789");
  if (begin == std::string::npos) return {};
  const auto end = std::min(name.find_first_not_of("0123456789", begin), name.size());
  Key key{parse_number(name.substr(begin, end - begin)), {}};
  auto after = name.substr(end);
  if (!after.empty() && std::string("_-. ").find(after[0]) != std::string::npos) after.erase(0, 1);
  std::transform(after.begin(), after.end(), after.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto word = after.substr(0, std::find_if(after.begin(), after.end(), [](unsigned char c) {
                                      return std::isalpha(c) == 0;
                                    }) - after.begin());
  if (word == "l" || word == "left" || word == "os") key.eye = "L";
  if (word == "r" || word == "right" || word == "od") key.eye = "R";
  return key;
}

using Paths = std::vector<fs::path>;

/// The image files directly in the folder whose names end in `ending`.
Paths list(const fs::path& folder, const std::string& ending = "",
           std::vector<std::string>* notes = nullptr) {
  Paths others;
  auto paths = support::find_images(folder, &others);
  std::erase_if(paths, [&](const fs::path& path) {
    return path.parent_path() / "" != folder / "" || !path.stem().string().ends_with(ending);
  });
  if (notes != nullptr && !others.empty()) notes->push_back(support::left_out_text(folder, others));
  return paths;
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

/// How much of a partner's name is the image's: 01_dr of 01_dr_mask; 0 where it is another's.
std::size_t shared_name(const fs::path& image, const fs::path& partner) {
  const auto name = image.stem().string(), other = partner.stem().string();
  const bool begins =
      other.starts_with(name) &&
      (other.size() == name.size() || std::isalnum(static_cast<unsigned char>(other[name.size()])) == 0);
  return begins ? name.size() : 0;
}

/// The images' partners, by index, where each has at most one and none is left over; else what is wrong.
struct Pairing {
  std::vector<fs::path> partners;
  std::string problem;
  std::size_t found = 0;
};

/// `choose` gives the index of a partner's image, or the number of images for none.
template <class Choose>
Pairing paired(const Paths& images, const Paths& partners, const Role& role, const Choose& choose) {
  Pairing pairing{.partners = Paths(images.size()), .problem = {}};
  for (const auto& partner : partners) {
    const std::size_t i = choose(partner);
    if (i == images.size()) {
      pairing.problem = "no image for the " + std::string(role.what) + " " + partner.string();
    } else if (!pairing.partners[i].empty()) {
      pairing.problem = "expected one " + std::string(role.what) + " for " + images[i].string() + ", got " +
                        pairing.partners[i].string() + " and " + partner.string();
    } else {
      pairing.partners[i] = partner;
      ++pairing.found;
    }
  }
  for (std::size_t i = images.size(); i-- > 0;)
    if (pairing.partners[i].empty())
      pairing.problem = "no " + std::string(role.what) + " for " + images[i].string() + ": expected " +
                        (role.folder / role.expected(images[i])).string();
  return pairing;
}

/// The role's file of each image: by name, else by number and eye.
Paths partners_of(const Paths& images, const Role& role, std::vector<std::string>* notes) {
  const Paths partners = is_there(role) ? list(role.folder, role.ending, notes) : Paths{};
  auto by_name = paired(images, partners, role, [&](const fs::path& partner) {
    std::size_t best = images.size(), most = 0;
    for (std::size_t i = 0; i < images.size(); ++i)
      if (const auto shared = shared_name(images[i], partner); shared > most) most = shared, best = i;
    return best;
  });
  if (by_name.problem.empty()) return std::move(by_name.partners);
  auto by_number = paired(images, partners, role, [&](const fs::path& partner) {
    const auto key = key_of(partner);
    std::size_t best = images.size();
    bool with_eye = false;
    for (std::size_t i = 0; i < images.size(); ++i) {
      const auto image = key_of(images[i]);
      if (key.number < 0 || image.number != key.number) continue;
      const bool same_eye = image.eye == key.eye;
      if (best == images.size() || (same_eye && !with_eye)) best = i, with_eye = same_eye;
    }
    return best;
  });
  if (by_number.problem.empty()) return std::move(by_number.partners);
  throw cnf::Error(by_name.found > by_number.found ? by_name.problem : by_number.problem);
}

struct Layout {
  std::vector<fs::path> images;
  Role label, field_of_view, second;
  bool numbers_are_patients = false;
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

Layout plain(const fs::path& data, std::vector<std::string>* notes) {
  const auto png = [](const fs::path& image) { return with_ending(image, ".png"); };
  return {.images = list(subfolder(data, "images", "plain"), "", notes),
          .label = {"label", data / "labels", "", png},
          .field_of_view = {"mask", data / "masks", "", png},
          .second = {"second label", data / "labels2", "", png}};
}

Layout drive(const fs::path& data, Part part, std::vector<std::string>* notes) {
  const bool is_part = fs::is_directory(data / "images");
  const auto folder = is_part ? data : subfolder(data, part == Part::train ? "training" : "test", "drive");
  return {.images = list(subfolder(folder, "images", "drive"), "", notes),
          .label = {"label", folder / "1st_manual", "",
                    [](const fs::path& image) { return number_with(image, "_manual1.gif"); }},
          .field_of_view = {"mask", folder / "mask", "",
                            [](const fs::path& image) { return with_ending(image, "_mask.gif"); }},
          .second = {"second label", folder / "2nd_manual", "",
                     [](const fs::path& image) { return number_with(image, "_manual2.gif"); }},
          .numbers_are_patients = true,
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
          .numbers_are_patients = true,
          .has_dark_frame = true};
}

Layout layout_of(const fs::path& data, const std::string& name, Part part, std::vector<std::string>* notes) {
  if (name == "plain") return plain(data, notes);
  if (name == "drive") return drive(data, part, notes);
  if (name == "chase") return chase(data);
  throw cnf::Error("expected a layout plain, drive or chase, got " + name);
}

void check_size(int height, int width, const fs::path& path, const support::Image& image,
                const fs::path& image_path) {
  if (height != image.height || width != image.width)
    throw cnf::Error("expected " + path.string() + " to have the size of " + image_path.string() + ", " +
                     size_text(image.height, image.width) + ", got " + size_text(height, width));
}

/// Whose eye each image shows, by a table of names and patients.
std::vector<int> patients_in(const fs::path& table, const Paths& images) {
  std::ifstream in(table);
  std::map<std::string, std::string> patient_of;
  const auto trimmed = [](const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r"), last = text.find_last_not_of(" \t\r");
    return first == std::string::npos ? std::string() : text.substr(first, last - first + 1);
  };
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);  // what spreadsheets begin UTF-8 with
    const auto comma = std::min(line.find(','), line.size());
    const auto name = trimmed(line.substr(0, comma)),
               patient = trimmed(line.substr(std::min(comma + 1, line.size())));
    if (trimmed(line).empty() || (name == "name" && patient == "patient")) continue;
    if (name.empty() || patient.empty() || patient.find(',') != std::string::npos)
      throw cnf::Error("expected lines of name,patient in " + table.string() + ", got " + trimmed(line));
    patient_of[name] = patient;
  }
  std::vector<std::string> found;
  for (const auto& image : images) {
    auto row = patient_of.find(image.filename().string());
    if (row == patient_of.end()) row = patient_of.find(image.stem().string());
    if (row == patient_of.end())
      throw cnf::Error("expected a line for " + image.filename().string() + " in " + table.string() +
                       ", got none");
    found.push_back(row->second);
  }
  const bool numbers =
      std::all_of(found.begin(), found.end(), [](const auto& text) { return parse_number(text) >= 0; });
  std::vector<std::string> known;  // names of patients count from 1, in the order of the images
  std::vector<int> patients;
  for (const auto& text : found) {
    if (std::find(known.begin(), known.end(), text) == known.end()) known.push_back(text);
    patients.push_back(numbers ? parse_number(text)
                               : int(std::find(known.begin(), known.end(), text) - known.begin()) + 1);
  }
  return patients;
}

std::vector<int> patients_of(const Layout& layout, const fs::path& data, std::vector<std::string>* notes) {
  if (const auto table = data / "patients.csv"; fs::exists(table)) return patients_in(table, layout.images);
  std::vector<Key> keys;
  for (const auto& image : layout.images) keys.push_back(key_of(image));
  auto sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  const bool by_number =
      layout.numbers_are_patients ||
      (sorted.front().number >= 0 && std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
  std::vector<int> patients;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (layout.numbers_are_patients && keys[i].number < 0)
      throw cnf::Error("expected a number in the name of " + layout.images[i].string());
    patients.push_back(by_number ? keys[i].number : int(i) + 1);
  }
  const bool eyes_told =
      std::any_of(keys.begin(), keys.end(), [](const Key& key) { return !key.eye.empty(); });
  if (notes != nullptr && !layout.numbers_are_patients && !(by_number && eyes_told))
    notes->push_back("no patients.csv (name,patient) in " + data.string() +
                     ": each image counts as a patient of its own" +
                     (by_number ? "" : ", numbered from 1 in the order of their names"));
  return patients;
}

std::set<int> patients_of(const std::vector<FundusFiles>& files) {
  std::set<int> patients;
  for (const auto& f : files) patients.insert(f.patient);
  return patients;
}

}  // namespace

Mask read_mask(const fs::path& path, const support::Image& image, const fs::path& image_path) {
  const auto levels = support::read_levels(path);
  check_size(levels.height, levels.width, path, image, image_path);
  return mask_of(levels, path.string());
}

std::vector<FundusFiles> find_fundus(const fs::path& data, const std::string& layout_name, Part part,
                                     std::vector<std::string>* notes) {
  auto layout = layout_of(data, layout_name, part, notes);
  if (layout.images.empty())
    throw cnf::Error("no images directly in the folder of images of " + data.string() + " (layout " +
                     layout_name + ")");
  std::sort(layout.images.begin(), layout.images.end(),
            [](const auto& a, const auto& b) { return a.stem() < b.stem(); });
  const auto twice = std::adjacent_find(layout.images.begin(), layout.images.end(),
                                        [](const auto& a, const auto& b) { return a.stem() == b.stem(); });
  if (twice != layout.images.end())
    throw cnf::Error("expected one image of each name, got " + twice->string() + " and " +
                     (twice + 1)->string());
  const auto optional_partners = [&](const Role& role) {
    return is_there(role) ? partners_of(layout.images, role, notes) : Paths(layout.images.size());
  };
  const auto labels = partners_of(layout.images, layout.label, notes),
             fields_of_view = optional_partners(layout.field_of_view),
             seconds = optional_partners(layout.second);
  const auto patients = patients_of(layout, data, notes);
  std::vector<FundusFiles> all;
  for (std::size_t i = 0; i < layout.images.size(); ++i)
    all.push_back({.name = layout.images[i].stem().string(),
                   .patient = patients[i],
                   .image = layout.images[i],
                   .label = labels[i],
                   .field_of_view = fields_of_view[i],
                   .second = seconds[i],
                   .has_dark_frame = layout.has_dark_frame});
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
  const auto inside = field_of_view();
  if (pixels_across(inside) == 0)
    throw cnf::Error("expected a field of view of at least one pixel, got none in " +
                     (files.field_of_view.empty() ? files.image : files.field_of_view).string());
  return {.name = files.name,
          .patient = files.patient,
          .image = resized(image, height, width),
          .label = read(files.label),
          .field_of_view = inside,
          .second = files.second.empty() ? std::optional<Mask>() : read(files.second)};
}

namespace {

/// Pixels of the field of view, and of vessels in it.
std::pair<long, long> areas(const Fundus& fundus) {
  long inside = 0, vessel = 0;
  for (std::size_t i = 0; i < fundus.label.on.size(); ++i) {
    inside += fundus.field_of_view.on[i];
    vessel += fundus.field_of_view.on[i] && fundus.label.on[i];
  }
  return {inside, vessel};
}

}  // namespace

bool has_vessels(const Fundus& fundus) { return areas(fundus).second > 0; }

std::string oddness(const Fundus& fundus) {
  const auto [inside, vessel] = areas(fundus);
  if (vessel == 0) return "the label of " + fundus.name + " has no vessel in the field of view";
  if (2 * vessel > inside)
    return "the label of " + fundus.name +
           " has more vessel than background in the field of view: is it inverted?";
  return {};
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
