// The vessels of a made-up eye: arteries and veins that leave the optic disc, arch around the fovea, taper and
// branch.
//
// Each vessel is a path of nodes, one every unit of length, that walks on with a smoothly changing heading; the
// branches of all vessels wait in one queue, thickest first, until the wanted share of the view is covered.
// Vessels of one kind turn away from each other; an artery may cross a vein. At a branch the cubes of the radii
// add up (Murray, The physiological principle of minimum work, 1926), as far as that does not make a trunk thin
// at once.
//
// Lengths are in units of which the shorter side of an image has 300; the origin is the middle of the image.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <queue>
#include <utility>
#include <vector>

#include "cnf/noise/noise.hpp"

namespace vessel_segmentation::synthesis {

inline constexpr double view_radius = 144;  // of the field of view

/// One number after the other.
class Random {
 public:
  explicit Random(const cnf::NoiseKey& key) : key_(key) {}

  double uniform(double low, double high) { return low + (high - low) * key_.uniform_pair(next_++)[0]; }
  double normal() { return key_.pair(next_++, cnf::Distribution::normal)[0]; }
  bool chance(double probability) { return uniform(0, 1) < probability; }
  double sign() { return chance(0.5) ? 1 : -1; }
  double uniform_to_a_side(double low, double high) {
    const double side = sign();  // the order of calls must not depend on the compiler
    return side * uniform(low, high);
  }

 private:
  cnf::NoiseKey key_;
  std::uint32_t next_ = 0;
};

struct Point {
  double y = 0, x = 0;

  friend Point operator+(Point a, Point b) { return {a.y + b.y, a.x + b.x}; }
  friend Point operator-(Point a, Point b) { return {a.y - b.y, a.x - b.x}; }
  friend Point operator*(double s, Point a) { return {s * a.y, s * a.x}; }
};

inline double length(Point a) { return std::hypot(a.y, a.x); }
inline double angle(Point a) { return std::atan2(a.y, a.x); }
inline Point towards(double heading) { return {std::sin(heading), std::cos(heading)}; }
inline double squared(double a) { return a * a; }

/// From `from` by a share of the shorter way to `to`.
inline double turned(double from, double to, double share) {
  return from + share * std::remainder(to - from, 2 * std::numbers::pi);
}

struct Eye {
  Point disc, fovea;
  double disc_radius;
  double temporal;  // +1 where the fovea is on the right, else -1
};

inline Eye draw_eye(Random random) {
  const double temporal = random.sign(), disc_radius = random.uniform(18, 23);
  const Point disc{random.uniform(-14, 14), -temporal * random.uniform(45, 85)};
  const Point fovea = disc + Point{random.uniform(2, 14), temporal * random.uniform(4.6, 5.2) * disc_radius};
  return {disc, fovea, disc_radius, temporal};
}

struct Node {
  Point at;
  double radius;
};

struct Vessel {
  bool is_artery;
  double contrast;
  std::vector<Node> path;
};

/// Lets vessels grow, thick ones first, until they cover the wanted share of the view.
class Growth {
 public:
  Growth(const Eye& eye, double thinnest, Random random)
      : eye_(eye), thinnest_(thinnest), random_(random), owner_(extent * extent, -1) {}

  std::vector<Vessel> grow(double share) {
    plant_trunks();
    const double wanted = share * std::numbers::pi * squared(view_radius);
    for (int attempts = 0; attempts < 5000 && covered_ < wanted; ++attempts) {
      if (buds_.empty()) add_bud();
      const Bud bud = buds_.top();
      buds_.pop();
      follow(bud);
    }
    return std::move(vessels_);
  }

 private:
  static constexpr int extent = 300;
  static constexpr double way_out_of_parent = 10;  // a branch starts in the middle of its parent

  struct Bud {
    Point at;
    double heading, radius;
    bool is_artery;
    int parent;   // -1: a trunk
    double arch;  // of a temporal trunk: it follows u = arch * v^2, u to the fovea and v across; else 0

    bool operator<(const Bud& other) const { return radius < other.radius; }
  };

  void plant_trunks() {
    const bool artery_first = random_.chance(0.5);
    for (const double up : {-1.0, 1.0}) {  // an artery and a vein above the fovea, and below
      for (const bool is_artery : {artery_first, !artery_first}) {
        const bool inner = is_artery == artery_first;
        const double height = random_.uniform(0.40, 0.50) + (inner ? 0.0 : random_.uniform(0.15, 0.25));
        const double reach = length(eye_.fovea - eye_.disc);
        const double arch = 1 / (reach * squared(height * view_radius / reach));
        plant(is_artery, up * (inner ? 1.0 : 1.9), arch);
      }
    }
    const int nasal = int(random_.uniform(0.3, 3));
    const double up = random_.sign();
    for (int i = 0; i < nasal; ++i) plant(i == 1, (i == 1 ? -up : up) * random_.uniform(2.3, 2.9), 0);
  }

  /// `heading` is measured from the direction of the fovea.
  void plant(bool is_artery, double heading, double arch) {
    const Point start = eye_.disc + Point{random_.normal() * 1.5, random_.normal() * 1.5};
    buds_.push({.at = start,
                .heading = eye_.temporal > 0 ? heading : std::numbers::pi - heading,
                .radius = (is_artery ? 2.6 : 3.4) * random_.uniform(0.85, 1.1) * (arch > 0 ? 1 : 0.75),
                .is_artery = is_artery,
                .parent = -1,
                .arch = arch});
  }

  /// A thin branch somewhere, rather where there is room for it.
  void add_bud() {
    Bud best{};
    int most_room = -1;
    for (int i = 0; i < 8; ++i) {
      const int parent = int(random_.uniform(0, double(vessels_.size())));
      const auto& [is_artery, contrast, path] = vessels_[std::size_t(parent)];
      const auto at = std::size_t(random_.uniform(0.1, 0.9) * double(path.size() - 1));
      const double heading = angle(path[at + 1].at - path[at].at) + random_.uniform_to_a_side(0.6, 1.4);
      const double radius = std::max(thinnest_, path[at].radius * random_.uniform(0.25, 0.6));
      int room = 0;
      for (double way = 6; way < 42; way += 2) {
        const Point ahead = path[at].at + way * towards(heading);
        room += owner(ahead) < 0 && length(ahead) < view_radius && length(ahead - eye_.fovea) > 14;
      }
      if (room > most_room) best = {path[at].at, heading, radius, is_artery, parent, 0};
      most_room = std::max(room, most_room);
    }
    buds_.push(best);
  }

  void follow(const Bud& bud) {
    Vessel vessel{bud.is_artery, (bud.is_artery ? 0.72 : 1.0) * random_.uniform(0.8, 1.1), {}};
    Point at = bud.at;
    double heading = bud.heading, radius = bud.radius, curl = 0, way = 0, side = random_.sign();
    double next_branch = bud.parent < 0 ? random_.uniform(22, 34) : random_.uniform(10, 24);
    // A branch ends after a while, wherever it is.
    const double reach = bud.parent < 0 ? 1000 : random_.uniform(25, 60) + 30 * bud.radius;
    std::vector<Bud> branches;
    bool ends_inside = true;
    for (; way < reach; ++way) {
      vessel.path.push_back({at, radius});
      if (length(at) > view_radius + 8) {
        ends_inside = false;
        break;
      }
      curl += -0.12 * curl + 0.016 * random_.normal();
      heading = guided(bud, at, heading + curl);
      if (length(at - eye_.fovea) < 14) break;
      if (!avoid_others(bud, at, radius, way, heading)) break;
      at = at + towards(heading);
      radius = std::max(thinnest_, radius * (1 - 0.0012));
      if (way < next_branch || radius < 1.15 * thinnest_) continue;
      const double child = std::max(thinnest_, radius * random_.uniform(0.45, 0.8));
      branches.push_back(
          {at, heading + side * random_.uniform(0.55, 1.2), child, bud.is_artery, int(vessels_.size()), 0});
      // Murray's law: the cubes of the radii add up; but an eye's arcades stay wide for longer.
      radius = std::max(0.86 * radius, std::cbrt(std::max(0.0, std::pow(radius, 3) - std::pow(child, 3))));
      radius = std::max(thinnest_, radius);
      side = random_.chance(0.75) ? -side : side;
      next_branch = way + random_.uniform(9, 20) + 3 * radius;
    }
    if (vessel.path.size() < 10) return;
    if (ends_inside) taper_end(vessel);
    claim(vessel);
    vessels_.push_back(std::move(vessel));
    for (const auto& branch : branches) buds_.push(branch);
  }

  double guided(const Bud& bud, Point at, double heading) const {
    const Point away = at - eye_.disc;
    if (bud.arch > 0) {
      const double u = away.x * eye_.temporal, v = std::abs(away.y), up = away.y < 0 ? -1 : 1;
      const double slope = 2 * bud.arch * v - 0.03 * (u - bud.arch * v * v);  // du/dv, and back to the arch
      heading = turned(heading, angle({up, eye_.temporal * slope}), 0.15);
    } else if (bud.parent < 0) {
      heading = turned(heading, angle(away), 0.03);
    } else {
      heading = turned(heading, bud.heading, 0.02);
    }
    const Point from_fovea = at - eye_.fovea;
    if (length(from_fovea) < 42)
      heading = turned(heading, angle(from_fovea), 0.02 + 0.03 * (bud.radius > 1.2));
    return heading;
  }

  /// Turns from a vessel ahead of the same kind, and from running on top of one of the other kind; false: no way.
  bool avoid_others(const Bud& bud, Point at, double radius, double way, double& heading) const {
    if (length(at - eye_.disc) < 1.3 * eye_.disc_radius) return true;
    for (const double turn : {0.0, 0.3, -0.3, 0.6, -0.6}) {
      const int other = owner(at + (radius + 3) * towards(heading + turn));
      if (other < 0 || (other == bud.parent && way < way_out_of_parent)) {
        heading += 0.5 * turn;
        return true;
      }
      if (turn == 0.0 && vessels_[std::size_t(other)].is_artery != bud.is_artery && radius > 0.7) return true;
    }
    return false;
  }

  void taper_end(Vessel& vessel) const {
    const auto count = std::min<std::size_t>(vessel.path.size(), 14);
    for (std::size_t i = 0; i < count; ++i) {
      auto& node = vessel.path[vessel.path.size() - 1 - i];
      node.radius = std::min(node.radius, thinnest_ + (node.radius - thinnest_) * double(i) / double(count));
    }
  }

  int owner(Point at) const {
    const int y = int(std::floor(at.y)) + extent / 2, x = int(std::floor(at.x)) + extent / 2;
    return y < 0 || x < 0 || y >= extent || x >= extent ? -1 : owner_[std::size_t(y * extent + x)];
  }

  void claim(const Vessel& vessel) {
    for (const auto& [at, radius] : vessel.path) {
      const int r = int(std::ceil(radius)), y0 = int(std::floor(at.y)), x0 = int(std::floor(at.x));
      for (int y = y0 - r; y <= y0 + r; ++y) {
        for (int x = x0 - r; x <= x0 + r; ++x) {
          const Point cell{y + 0.5, x + 0.5};
          const int index = (y + extent / 2) * extent + x + extent / 2;
          if (length(cell - at) > radius || length(cell) > view_radius || owner_[std::size_t(index)] >= 0)
            continue;
          owner_[std::size_t(index)] = int(vessels_.size());
          ++covered_;
        }
      }
    }
  }

  Eye eye_;
  double thinnest_;
  Random random_;
  std::vector<int> owner_;  // of each square unit: a vessel, or -1
  double covered_ = 0;
  std::vector<Vessel> vessels_;
  std::priority_queue<Bud> buds_;
};

}  // namespace vessel_segmentation::synthesis
