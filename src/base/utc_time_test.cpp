#include "base/utc_time.h"

#include <gtest/gtest.h>

namespace mangrove {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

TEST(UtcTime, IsReadAndWritten) {
    sys_seconds time(seconds(1803902400)); // date -u -d 2027-03-01T12:00:00Z +%s
    EXPECT_EQ(parse_utc("2027-03-01T12:00:00Z"), time);
    EXPECT_EQ(parse_utc_digits("20270301120000"), time);
    EXPECT_EQ(parse_utc_digits("202703011200"), time);
    EXPECT_EQ(utc_text(time), "2027-03-01T12:00:00Z");
    EXPECT_EQ(parse_utc("2027-03-01"), time - std::chrono::hours(12));
    EXPECT_EQ(utc_text(sys_seconds()), "1970-01-01T00:00:00Z");
}

TEST(UtcTime, OtherFormsAreNone) {
    for (const char* written :
         {"", "2027", "2027-02-30", "2027-13-01", "2027-03-01T12:00:00", "2027-03-01 12:00:00Z",
          "2027-03-01T24:00:00Z", "2027-03-01T12:60:00Z", "2027-03-0a", "+027-03-01"})
        EXPECT_FALSE(parse_utc(written)) << written;
    for (const char* written : {"", "2027030", "2027030112", "20270301126000", "2027030x"})
        EXPECT_FALSE(parse_utc_digits(written)) << written;
}

} // namespace
} // namespace mangrove
