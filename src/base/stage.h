#pragma once

#include <filesystem>
#include <utility>

namespace mangrove {

/// A directory that is removed with all that is in it.
struct Stage {
    std::filesystem::path path = {};

    Stage() = default;
    explicit Stage(std::filesystem::path where) : path(std::move(where)) {}
    Stage(Stage&& other) noexcept : path(std::move(other.path)) { other.path.clear(); }
    Stage& operator=(Stage&&) = delete;
    ~Stage() {
        std::error_code ignored;
        if (!path.empty()) std::filesystem::remove_all(path, ignored);
    }
};

} // namespace mangrove
