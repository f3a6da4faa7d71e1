// How much memory could be taken without the kernel ending a process for it.
//
// Only on Linux, where taking too much is no error: the kernel ends a process of the machine, or of
// the container, and most likely ours. What is told is what was free at that moment, not a promise.
#pragma once

#include <cstdint>

namespace hotpair {

// Bytes: the least of what the machine has free, swap included, and of what the limits of our
// control groups (version 2) leave. UINT64_MAX when nothing can be read.
// thread: any
std::uint64_t free_memory() noexcept;

// What the limit of the control group whose files are in `folder` leaves; memory that holds files
// counts as free, because it is taken back when it is needed. UINT64_MAX without a limit.
// thread: any
std::uint64_t room_in_group(const char* folder) noexcept;

}  // namespace hotpair
