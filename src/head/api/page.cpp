#include "head/api/page.h"

#include <page_files.inc> // the files of page/, as CMakeLists.txt writes it

namespace mangrove::head {

namespace {

struct PageFile {
    std::string_view path;
    const char* type;
    std::basic_string_view<unsigned char> contents;
};

constexpr PageFile kFiles[] = {
    {"/", "text/html; charset=utf-8", {page_html, sizeof page_html}},
    {"/page.css", "text/css; charset=utf-8", {page_css, sizeof page_css}},
    {"/page.js", "text/javascript; charset=utf-8", {page_js, sizeof page_js}},
};

} // namespace

std::optional<Answer> page_answer(const Asked& asked, const std::string& path) {
    if (asked.method != "GET" && asked.method != "HEAD") return {};
    for (const PageFile& file : kFiles)
        if (path == file.path)
            return Answer{.body = {file.contents.begin(), file.contents.end()},
                          .type = file.type,
                          .route = file.path.data()};
    return {};
}

} // namespace mangrove::head
