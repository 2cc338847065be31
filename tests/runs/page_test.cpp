#include "mmi/runs/page.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "mmi/base/errors.h"

namespace mmi::runs {
namespace {

namespace fs = std::filesystem;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool has(const std::string& page, const std::string& part) {
  return page.find(part) != std::string::npos;
}

std::size_t count(const std::string& page, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = page.find(part); at != std::string::npos; at = page.find(part, at + 1)) {
    ++found;
  }
  return found;
}

class PageFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::path(testing::TempDir()) /
        ("page_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "media");
  }

  void TearDown() override {
    fs::remove_all(folder_);
  }

  fs::path write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }

  fs::path folder_;
};

TEST(Page, TextIsEscapedWhereverItCanBeGiven) {
  const std::string evil = "<script>alert('1')</script> & \"x\"";
  const std::string safe = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;";
  EXPECT_EQ(escape_html(evil), safe);
  Page page(evil, evil);
  page.heading(evil).heading(evil, 3).paragraph(evil).code(evil).details(evil, evil);
  page.stats({{evil, evil, evil}}).table({{evil}}, {{evil}}, {}, evil);
  page.curve(evil, {{evil, {0, 1}, {0, 1}}, {evil, {0}, {1}}}, {.x_label = evil, .y_label = evil});
  page.bars(evil, {{evil, 1}}, {.label = evil, .reference = 0.5, .reference_label = evil});
  const std::string html = page.html(".");
  EXPECT_FALSE(has(html, "<script"));
  EXPECT_GE(count(html, safe), 20u);
}

TEST(Page, LoadsNothingFromElsewhere) {
  Page page("a");
  page.heading("b").curve("c", {{"d", {1, 2}, {3, 4}}});
  const std::string html = page.html(".");
  for (const char* part : {"http:", "https:", "<script", "<link", "@import", "url("}) {
    EXPECT_FALSE(has(html, part)) << part;
  }
  EXPECT_TRUE(has(html, "prefers-color-scheme:dark"));
  EXPECT_TRUE(has(html, "name=\"viewport\""));
}

TEST(Page, BackticksSetCodeAndLoneOnesStay) {
  Page page("a");
  page.paragraph("run `mmi eval <run>` or `not closed");
  EXPECT_TRUE(has(page.html("."), "run <code>mmi eval &lt;run&gt;</code> or `not closed"));
}

TEST(Page, SectionsAreListedFromThreeOn) {
  Page page("a");
  page.heading("Loss curve").heading("x").heading("Loss curve");
  const std::string html = page.html(".");
  EXPECT_TRUE(has(html, "<nav><a href=\"#s1-loss-curve\">Loss curve</a>"));
  EXPECT_TRUE(has(html, "<h2 id=\"s1-loss-curve\">"));
  EXPECT_TRUE(has(html, "<h2 id=\"s3-loss-curve\">"));  // equal titles keep different anchors
  EXPECT_FALSE(has(Page("a").heading("x").heading("y").html("."), "<nav>"));
  EXPECT_THROW(Page("a").heading("x", 1), ConfigError);
}

TEST(Page, TablesAlignNumbersAndMarkRows) {
  Page page("a");
  page.table({{"model"}, {"F1", true}}, {{"r", "0.1"}, {"v", "0.2"}}, {1});
  const std::string html = page.html(".");
  EXPECT_TRUE(has(html, "<th>model</th><th class=\"num\">F1</th>"));
  EXPECT_TRUE(has(html, "<tr><td>r</td><td class=\"num\">0.1</td></tr>"));
  EXPECT_TRUE(has(html, "<tr class=\"best\"><td>v</td>"));
  EXPECT_THROW(page.table({{"a"}, {"b"}}, {{"1"}}), ConfigError);
}

TEST(Page, CurvesAreBrokenWhereAValueCannotBeDrawn) {
  Page page("a");
  page.curve("c", {{"s", {0, 1, 2, 3, 4}, {1, 2, kNan, 3, 4}}});
  const std::string html = page.html(".");
  const std::size_t path = html.find("<path class=\"line\" d=\"", html.find("class=\"chart\""));
  ASSERT_NE(path, std::string::npos);
  EXPECT_EQ(count(html.substr(path, html.find("/>", path) - path), "M"), 2u);
  EXPECT_EQ(count(html, "<g class=\"hit\">"), 4u);
  EXPECT_FALSE(has(html, "nan"));

  Page positive("a");
  positive.curve("c", {{"s", {0, 1, 2}, {-1, 0, 5}}}, {.log_y = true});
  EXPECT_EQ(count(positive.html("."), "<g class=\"hit\">"), 1u);
}

TEST(Page, CurvesWithoutValuesSaySo) {
  Page page("a");
  page.curve("none", {}).curve("nan", {{"s", {0, 1}, {kNan, kNan}}}).bars("empty", {});
  EXPECT_EQ(count(page.html("."), "Nothing to draw"), 3u);
  EXPECT_THROW(page.curve("c", {{"s", {0, 1}, {1}}}), ConfigError);
}

TEST(Page, LongCurvesStaySmallAndKeepTheirPeaks) {
  Series series{"s", {}, {}};
  for (int i = 0; i < 100'000; ++i) {
    series.x.push_back(i);
    series.y.push_back(i == 51'234 ? 100.0 : std::sin(i * 0.001));
  }
  Page page("a");
  page.curve("c", {series});
  const std::string html = page.html(".");
  EXPECT_LT(html.size(), 120'000u);
  EXPECT_TRUE(has(html, " 14.0"));  // the top of the plot: only the peak reaches it
}

TEST(Page, ConstantCurvesAndSingleBarsAreDrawn) {
  Page page("a");
  page.curve("c", {{"s", {5}, {0}}}).bars("b", {{"zero", 0.0}});
  page.curve("log", {{"s", {1, 10}, {3, 3}}}, {.log_x = true, .log_y = true});
  const std::string html = page.html(".");
  EXPECT_EQ(count(html, "<div class=\"chart\">"), 3u);
  EXPECT_FALSE(has(html, "nan"));
  EXPECT_FALSE(has(html, "inf"));
}

TEST(Page, BarsShowValuesIntervalsAndTheReference) {
  Page page("a");
  page.bars(
      "F1",
      {{"chance", 0.2, {}, false}, {"ours", 0.8125, {{0.75, 0.875}}, true}},
      {.label = "F1", .reference = 0.5, .reference_label = "floor"});
  const std::string html = page.html(".");
  EXPECT_TRUE(has(html, "<title>ours: 0.8125 [0.75, 0.875]</title>"));
  EXPECT_EQ(count(html, "class=\"whisker\""), 3u);
  EXPECT_EQ(count(html, "class=\"bar\""), 2u);
  EXPECT_TRUE(has(html, ">floor</text>"));
}

TEST_F(PageFiles, MediaAreLinkedRelativeToThePage) {
  write("media/a b#1.png", "x");
  const fs::path sound = write("media/s.wav", "x");
  const fs::path outside = fs::path(folder_ / "media") / "v.mp4";
  write("media/v.mp4", "x");
  Page page("a");
  page.picture("media/a b#1.png").audio(sound).video(outside).download(sound);
  const std::string html = page.html(folder_, Embed::kNothing);
  EXPECT_TRUE(has(html, "<img src=\"media/a%20b%231.png\""));
  EXPECT_TRUE(has(html, "<audio controls preload=\"metadata\" src=\"media/s.wav\">"));
  EXPECT_TRUE(has(html, "<a href=\"media/s.wav\">s.wav</a>"));
  EXPECT_TRUE(has(Page("b").video(outside).html(folder_ / "deep"), "src=\"../media/v.mp4\""));
}

TEST_F(PageFiles, SmallPicturesAreEmbeddedAndLargeOnesLinked) {
  write("small.png", "Man");
  write("two.png", "Ma");
  write("one.JPG", "M");
  write("large.png", std::string(1'000'001, 'x'));
  write("s.wav", "Man");
  Page page("a");
  page.picture("small.png").picture("two.png").picture("one.JPG").picture("large.png");
  page.audio("s.wav");
  const std::string html = page.html(folder_);
  EXPECT_TRUE(has(html, "src=\"data:image/png;base64,TWFu\""));
  EXPECT_TRUE(has(html, "src=\"data:image/png;base64,TWE=\""));
  EXPECT_TRUE(has(html, "src=\"data:image/jpeg;base64,TQ==\""));
  EXPECT_TRUE(has(html, "src=\"large.png\""));
  EXPECT_TRUE(has(html, "src=\"s.wav\""));
  EXPECT_TRUE(has(page.html(folder_, Embed::kAll), "src=\"data:audio/wav;base64,TWFu\""));
}

TEST_F(PageFiles, MissingMediaAreAnErrorThatNamesThem) {
  Page page("a");
  page.picture("gone.png");
  try {
    page.save(folder_ / "page.html");
    FAIL() << "a page with a missing picture was saved";
  } catch (const DataError& error) {
    EXPECT_TRUE(has(error.what(), "gone.png")) << error.what();
  }
  EXPECT_FALSE(fs::exists(folder_ / "page.html"));
}

TEST_F(PageFiles, SavesWholePagesOnlyAndMakesTheirFolder) {
  const fs::path path = folder_ / "new" / "page.html";
  Page page("a");
  page.side_by_side([](Page& half) {
    half.curve("left", {{"s", {0, 1}, {0, 1}}}).curve("right", {{"s", {0, 1}, {0, 1}}});
  });
  page.save(path);
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), page.html(path.parent_path()));
  EXPECT_TRUE(text.str().ends_with("</html>\n"));
  EXPECT_TRUE(has(text.str(), "<div class=\"side\">"));
  EXPECT_EQ(std::distance(fs::directory_iterator(path.parent_path()), {}), 1);
}

}  // namespace
}  // namespace mmi::runs
