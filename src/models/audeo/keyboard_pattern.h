#pragma once

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

/// The pattern of 36 black keys among 52 white ones, and how well a line of brightness fits it.
namespace mmi::models::audeo {

inline constexpr int kWhites = 52;
inline constexpr double kHalfBlack = 0.29;  ///< half a black key's width, in white widths
inline constexpr double kLeast = 0.75;      ///< share of a keyboard that must be on the picture

/// A gray picture.
struct Plane {
  int width = 0;
  int height = 0;
  std::vector<float> values;

  const float* row(int y) const {
    return values.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width);
  }
};

/// Centres of the black keys in white widths from A0's left edge, ascending.
const std::vector<double>& black_centers();

/// Where a keyboard lies on a line: A0's left edge and the mean width of a white key, in pixels.
/// Seen from aside, keys widen from one end to the other: by `bend`, from the middle to the right
/// end.
struct Comb {
  double left = 0;
  double white = 1;
  double bend = 0;

  double at(double whites) const {
    return left + white * whites * (1 + bend * (whites / kWhites - 1));
  }

  /// The inverse of at().
  double whites_at(double x) const {
    const double straight = (x - left) / white;
    double whites = straight;
    for (int i = 0; i < 4; ++i) {
      whites = straight / (1 + bend * (whites / kWhites - 1));
    }
    return whites;
  }
};

/// How well a place fits.
struct Match {
  Comb comb;
  double correlation = -1;
};

/// A line of brightness, freed of light gradients and prepared for sums over any stretch.
class Line {
 public:
  /// `radius`: over which brightness is levelled, in pixels.
  Line(const std::vector<float>& brightness, int radius);

  int size() const {
    return static_cast<int>(sums_.size()) - 1;
  }

  /// Mean over begin..end (fractions count), as far as it lies on the line; 0 where nothing does.
  double mean(double begin, double end) const;

  /// Correlation with the pattern, up to 1, over what lies on the line, and a little less where
  /// that is not all of it; -1 when it is less than kLeast.
  double correlation(const Comb& comb) const;

  /// The best place with steps of a pixel or so, all tried, for keyboards as long as half the line
  /// and more.
  Match search() const;

  /// The best place: that of search() refined, or an octave beside it, since bent keyboards can
  /// mislead the search.
  Match best() const;

  /// The best place near one.
  Match refine(const Comb& from) const;

 private:
  double sum(const std::vector<double>& sums, double begin, double end) const;

  std::vector<double> sums_;
  std::vector<double> squares_;
};

/// How much of the pattern is there; shares in [0, 1].
struct Evidence {
  double correlation = 0;
  double bars = 0;   ///< black keys that are dark
  double gaps = 0;   ///< boundaries without a black key that are bright
  double left = 0;   ///< both, among the first ten boundaries
  double right = 0;  ///< both, among the last ten
};

Evidence evidence_of(const Line& line, const Comb& comb);

}  // namespace mmi::models::audeo
