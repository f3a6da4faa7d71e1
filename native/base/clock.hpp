// The clocks, read nowhere else: pure parts take the time as an argument.
//
// Monotonic time is the clock of verdicts and of everything shown to JavaScript: it never goes back
// and does not run while the machine is suspended.
#pragma once

#include <cstdint>

namespace hotpair {

// Now on CLOCK_MONOTONIC in ns.
// thread: any
std::int64_t monotonic_nanos() noexcept;

}  // namespace hotpair
