#include "wiped_memory.h"

#include <cJSON.h>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>

static void wipe_and_free(void* memory) {
    if (!memory) return;
    ::explicit_bzero(memory, ::malloc_usable_size(memory));
    std::free(memory);
}

void* operator new(std::size_t size) {
    void* memory = std::malloc(size == 0 ? 1 : size);
    if (!memory) std::abort();
    return memory;
}

// The standard library's own goes to the one above only where nothing stands between, as a sanitizer does.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return std::malloc(size == 0 ? 1 : size);
}

void operator delete(void* memory) noexcept {
    wipe_and_free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
    wipe_and_free(memory);
}

namespace mangrove {

void wipe_freed_json() {
    cJSON_Hooks hooks = {std::malloc, wipe_and_free};
    cJSON_InitHooks(&hooks);
}

} // namespace mangrove
