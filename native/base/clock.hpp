// The clocks, read nowhere else: pure parts take the time as an argument.
//
// Monotonic time is the clock of verdicts and of everything shown to JavaScript: it never goes back
// and does not run while the machine is suspended. Boot time is the clock of the gate: it runs on
// over a suspend, so that a gate that was open before is found expired after. Both stand still in a
// paused virtual machine; nothing in this process can see that, and the output rule is the fence
// there.
#pragma once

#include <cstdint>

#include "base/units.hpp"

namespace hotpair {

// Now on CLOCK_MONOTONIC in ns.
// thread: any
std::int64_t monotonic_nanos() noexcept;

// Now on the monotonic clock.
// thread: any
Instant monotonic_now() noexcept;

// Now on the boot-time clock.
// thread: any
BootInstant boot_now() noexcept;

// Time that the calling thread has had a processor for.
// thread: any
Nanos thread_cpu_time() noexcept;

}  // namespace hotpair
