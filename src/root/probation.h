#pragma once

#include "system/system.h"

namespace mangrove {

/// The state of the probation: the time of the last post of health that the head node took, in seconds as
/// System::now() has them, or "passed".
inline constexpr const char* kProbationState = "/run/mangrove/probation";
inline constexpr std::string_view kPassed = "passed";

/// For the program that posts the health.
Result<> note_heard(System& system);
Result<> note_passed(System& system);

/// Restarts a machine that its head node has not heard for so long, until the probation is passed.
Resident probation(seconds limit);

} // namespace mangrove
