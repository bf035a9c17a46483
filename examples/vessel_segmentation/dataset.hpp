// Fundus photographs with the vessels that graders marked, as people have them on disk.
//
//     plain   images/ and labels/, and if there are such folders masks/ (the field of view) and labels2/ (the
//             second grader).
//     drive   DRIVE as published: training/ and test/, each with images/21_training.tif,
//             1st_manual/21_manual1.gif, mask/21_training_mask.gif and, in test/, 2nd_manual/01_manual2.gif;
//             or one such part.
//     chase   CHASE_DB1: Image_01L.jpg, Image_01L_1stHO.png and Image_01L_2ndHO.png in one folder, as
//             published, or in images/, 1stHO/ and 2ndHO/, with masks in mask/.
//
// Files belong together where one's name is the other's, or begins it (01_dr.jpg, 01_dr_mask.tif); else where the first
// numbers in their names are the same, and the eyes after them (10_left). Whose eye it is, patients.csv tells, lines of
// name,patient; without it the number in DRIVE and CHASE_DB1 and where names tell eyes, and else each image is a patient of
// its own. Whatever the format: a label or mask has two values (input.hpp). Everything that does not fit is a
// cnf::Error of one line that names the file: a missing or superfluous partner, another size, a grey label.
//
//     for (const auto& files : of_patients(find_fundus("DRIVE", "drive", Part::train), "21-30"))
//       use(read_fundus(files, 0.5));
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "input.hpp"
#include "support/image.hpp"

namespace vessel_segmentation {

struct FundusFiles {
  std::string name;  // of the image file, without its extension
  int patient = 0;
  std::filesystem::path image;
  std::filesystem::path label;
  std::filesystem::path field_of_view = {};  // empty: no such file
  std::filesystem::path second = {};         // empty: no such file
  bool has_dark_frame =
      false;  // without a file for it, the field of view is the bright disc; else everything
};

struct Fundus {
  std::string name;
  int patient = 0;
  support::Image image;
  Mask label;
  Mask field_of_view;
  std::optional<Mask> second;
};

enum class Part { train, test };  // of DRIVE; other layouts have one

/// Sorted by name. No image is opened yet. `notes`: what the user should know, a sentence each.
std::vector<FundusFiles> find_fundus(const std::filesystem::path& data, const std::string& layout, Part part,
                                     std::vector<std::string>* notes = nullptr);

/// Whether the label has one in the field of view.
bool has_vessels(const Fundus& fundus);

/// What is odd about a label: that it is empty, or that most of the field of view is vessel. Else empty.
std::string oddness(const Fundus& fundus);

/// An extent at a working scale: rounded, at least 1.
inline int scaled(int extent, double scale) { return std::max(1, int(std::lround(extent * scale))); }

/// Every extent becomes scaled(extent, scale), with 0 < scale <= 1.
Fundus read_fundus(const FundusFiles& files, double scale = 1);

/// A file of two classes (input.hpp) of the size of `image`, which was read from image_path.
Mask read_mask(const std::filesystem::path& path, const support::Image& image,
               const std::filesystem::path& image_path);

/// Those of the patients in a list such as "1-3,7"; all where it is empty.
std::vector<FundusFiles> of_patients(std::vector<FundusFiles> files, const std::string& list);

struct Split {
  std::vector<FundusFiles> train, validation;
};

/// Holds out about `fraction` of the patients, evenly spaced: at least one where fraction > 0, but never the
/// only one. The same files give the same split.
Split split_by_patient(const std::vector<FundusFiles>& files, double fraction);

/// Bicubic (Keys, a = -0.5), antialiased where it shrinks.
support::Image resized(const support::Image& image, int height, int width);
/// Nearest neighbour, pixel centres aligned.
Mask resized(const Mask& mask, int height, int width);

/// Black and white; and grey for 0 .. 1, clipped to it.
support::Image to_image(const Mask& mask);
support::Image grey_image(const std::vector<float>& values, int height, int width);

}  // namespace vessel_segmentation
