#include "head/host/interruption.h"

namespace mangrove::head {

namespace {

volatile std::sig_atomic_t has_come_to_us = 0;

void note(int) {
    has_come_to_us = 1;
}

} // namespace

Interruption::Interruption() {
    has_come_to_us = 0;
    struct sigaction action = {};
    action.sa_handler = note; // without SA_RESTART: what waits ends
    ::sigaction(SIGINT, &action, &interrupt_);
    ::sigaction(SIGTERM, &action, &terminate_);
}

Interruption::~Interruption() {
    ::sigaction(SIGINT, &interrupt_, nullptr);
    ::sigaction(SIGTERM, &terminate_, nullptr);
    has_come_to_us = 0;
}

bool Interruption::has_come() {
    return has_come_to_us != 0;
}

} // namespace mangrove::head
