#include "mmi/music/names.h"

#include <gtest/gtest.h>

#include "mmi/base/errors.h"

namespace mmi::music {
namespace {

TEST(KeyNames, AreThoseOfTheKeyboardAndInvert) {
  EXPECT_EQ(key_name(60), "C4");
  EXPECT_EQ(key_name(21), "A0");
  EXPECT_EQ(key_name(54), "F#3");
  EXPECT_EQ(key_name(0), "C-1");
  for (int pitch = 0; pitch < 128; ++pitch) {
    EXPECT_EQ(key_number(key_name(pitch)), pitch);
  }
  EXPECT_EQ(key_number("Bb3"), 58);
  EXPECT_EQ(key_number("Cb4"), 59);
  EXPECT_EQ(key_number("b4"), 71);
  for (const char* wrong : {"", "H4", "C", "C44", "4", "C#", "A9", " 4", "Cb-1", "C4x"}) {
    EXPECT_THROW(key_number(wrong), ConfigError) << wrong;
  }
  EXPECT_THROW(key_name(128), ConfigError);
}

TEST(KeyNames, ThirtySixKeysOfAPianoAreBlack) {
  int black = 0;
  for (int pitch = 21; pitch <= 108; ++pitch) {
    black += is_black_key(pitch) ? 1 : 0;
  }
  EXPECT_EQ(black, 36);
}

TEST(GeneralMidi, NamesLeadToPrograms) {
  ASSERT_EQ(gm_names().size(), 128U);
  EXPECT_EQ(gm_program("Acoustic Grand Piano"), 0);
  EXPECT_EQ(gm_program("violin"), 40);
  EXPECT_EQ(gm_program("lead 8 (bass + lead)"), 87);
  EXPECT_EQ(gm_program("gunshot"), 127);
  for (int program = 0; program < 128; ++program) {
    EXPECT_EQ(gm_program(gm_names()[static_cast<std::size_t>(program)]), program);
  }
}

TEST(GeneralMidi, AWrongNameNamesTheNearest) {
  try {
    gm_program("violine");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("'violin'"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace mmi::music
