// What the system says of another process, beside whether it lives.
//
// Of the beat thread: nothing here waits for that process.
#pragma once

#include <cstdint>

namespace hotpair::vigil {

// Whether the process `pid` is stopped as a whole, by SIGSTOP, a terminal or a debugger. False also
// where that cannot be told: for a process that is gone, and on other systems than Linux. Opens and
// reads one small file and allocates nothing.
bool is_stopped(std::uint32_t pid) noexcept;

}  // namespace hotpair::vigil
