// What SharedRegion asks of the operating system: memory with a descriptor and without a name.
//
// On Linux it is a memfd that is sealed, so that nobody who holds the descriptor can make it
// smaller while it is mapped (which would be SIGBUS at the next access) or larger, or take the
// seals off. Elsewhere it is a POSIX shared memory object whose name is removed at once; macOS
// allows one setting of its size, other systems trust who holds the descriptor.
// shared_memory_linux.cpp and shared_memory_posix.cpp each define the functions; one is compiled.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace hotpair {

enum class Reserve : std::uint8_t {
  // A page costs memory once it is written; if there is none left then, the process is ended.
  kOnWrite,
  // All pages are there when the call returns, or it fails with what the system said.
  kNow,
};

// `bytes` of zeros, a multiple of the page size, closed on exec. Fails with kSharedMemory.
// thread: any
Result<UniqueFd> create_shared_memory(std::size_t bytes, Reserve reserve) noexcept;

// The size of what `fd` is, if that is shared memory as create_shared_memory makes it. Fails with
// kSharedMemory when it is something else, or could be truncated under our feet.
// thread: any
Result<std::size_t> shared_memory_size(const UniqueFd& fd) noexcept;

// thread: any
std::size_t page_size() noexcept;

}  // namespace hotpair
