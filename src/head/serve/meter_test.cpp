#include "head/serve/meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mangrove::head {
namespace {

using testing::HasSubstr;

TEST(Exposition, EscapesLabels) {
    Exposition out;
    out.begin("a_b", "gauge", "Of a test.");
    out.add(1.5, {{"one", "a\"b\\c\nd"}, {"two", ""}});
    out.add(3, {}, "_sum");
    EXPECT_EQ(out.text(), "# HELP a_b Of a test.\n# TYPE a_b gauge\n"
                          "a_b{one=\"a\\\"b\\\\c\\nd\",two=\"\"} 1.5\na_b_sum 3\n");
}

TEST(Meter, CountsRequestsByTheirRouteAndTime) {
    Meter meter;
    meter.count_request("/boot.ipxe", 200, 0.004, 100);
    meter.count_request("/boot.ipxe", 200, 0.3, 50);
    meter.count_request("/boot.ipxe", 503, 100, 1);
    meter.count_report(true);
    meter.count_connections(3);
    meter.count_connections(-1);
    meter.count_preparation(0.5, 7);
    Exposition out;
    meter.write(out);
    for (const char* line :
         {"mangrove_head_http_requests_total{route=\"/boot.ipxe\",code=\"200\"} 2\n",
          "mangrove_head_http_requests_total{route=\"/boot.ipxe\",code=\"503\"} 1\n",
          "mangrove_head_http_response_bytes_total{route=\"/boot.ipxe\"} 151\n",
          "_seconds_bucket{route=\"/boot.ipxe\",le=\"0.001\"} 0\n",
          "_seconds_bucket{route=\"/boot.ipxe\",le=\"0.005\"} 1\n",
          "_seconds_bucket{route=\"/boot.ipxe\",le=\"0.5\"} 2\n",
          "_seconds_bucket{route=\"/boot.ipxe\",le=\"60\"} 2\n",
          "_seconds_bucket{route=\"/boot.ipxe\",le=\"+Inf\"} 3\n",
          "_seconds_sum{route=\"/boot.ipxe\"} 100.304\n", "mangrove_head_http_connections 2\n",
          "mangrove_head_reports_total{outcome=\"failed\"} 1\n", "mangrove_head_renderings_total 7\n",
          "mangrove_head_preparation_duration_seconds_count 1\n"})
        EXPECT_THAT(out.text(), HasSubstr(line));
}

} // namespace
} // namespace mangrove::head
