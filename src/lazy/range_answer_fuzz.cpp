#include <cstdlib>

#include "lazy/answer.h"

using namespace mangrove;
using namespace mangrove::lazy;

/// The lines of the input are the status and the fields of an answer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::vector<std::string> lines = split({reinterpret_cast<const char*>(data), size}, '\n');
    lines.resize(6);
    RangeHead head = {.status = static_cast<unsigned>(parse_number(lines[0]).value_or(206)),
                      .redirect = lines[1],
                      .content_range = lines[2],
                      .content_encoding = lines[3],
                      .etag = lines[4],
                      .last_modified = lines[5]};
    for (std::string version : {"", "\"one\"", "W/\"one\"", "Tue, 01 Dec 2026 00:00:00 GMT"})
        for (const Wanted& wanted :
             {Wanted{.offset = 0, .length = 16384, .version = version},
              Wanted{.offset = 16384, .length = 16384, .size = 40000, .version = version},
              Wanted{.offset = 32768, .length = 7232, .size = 40000, .version = version}}) {
            Judged judged = judge(head, wanted);
            if ((judged.verdict == Verdict::good) != judged.reason.empty()) std::abort();
            if (judged.verdict != Verdict::good) continue;
            bool is_the_part = judged.length > 0 && judged.length <= wanted.length
                               && wanted.offset + judged.length <= judged.size;
            bool is_the_file = !wanted.size || judged.size == *wanted.size;
            if (head.status != 206 || !is_the_part || !is_the_file || judged.version.size() > 200)
                std::abort();
        }
    return 0;
}
