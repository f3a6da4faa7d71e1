// Shared memory by shm_open, for systems without memfd_create; see shared_memory.hpp.
//
// The name lives for a moment between two calls. A process that dies in between leaves an empty
// object behind, of no size and of no use.
#if !defined(__linux__) || defined(HOTPAIR_USE_POLL)

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "base/clock.hpp"
#include "base/file_facts.hpp"
#include "base/shared_memory.hpp"

namespace hotpair {
namespace {

// A name is taken by chance only, so a few attempts are enough.
constexpr int kMostAttempts = 16;

Error refused(const char* action, int os_error, std::size_t bytes) noexcept {
  return Error{ErrorCode::kSharedMemory, action, os_error, bytes};
}

Result<void> reserve_all(const UniqueFd& fd, std::size_t bytes) noexcept {
#if defined(__APPLE__)
  // Has no such call; each page is touched where the region is mapped.
  static_cast<void>(fd);
  static_cast<void>(bytes);
#else
  const int failure = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(bytes));
  if (failure != 0) return refused("reserving shared memory", failure, bytes);
#endif
  return {};
}

}  // namespace

Result<UniqueFd> create_shared_memory(std::size_t bytes, Reserve reserve) noexcept {
  UniqueFd fd;
  for (int i = 0; i < kMostAttempts && !fd.is_open(); ++i) {
    // macOS takes 31 characters.
    std::array<char, 32> name{};
    std::snprintf(name.data(), name.size(), "/hotpair-%x-%llx", static_cast<unsigned>(::getpid()),
                  static_cast<unsigned long long>(monotonic_nanos()) & 0xff'ffff'ffffULL);
    fd = UniqueFd(::shm_open(name.data(), O_RDWR | O_CREAT | O_EXCL, 0600));
    if (fd.is_open()) static_cast<void>(::shm_unlink(name.data()));
    if (!fd.is_open() && errno != EEXIST) break;
  }
  if (!fd.is_open()) return refused("shm_open", errno, bytes);
  static_cast<void>(::fcntl(fd.get(), F_SETFD, FD_CLOEXEC));
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    return refused("setting the size of shared memory", errno, bytes);
  }
  if (reserve == Reserve::kNow) {
    const Result<void> reserved = reserve_all(fd, bytes);
    if (!reserved.ok()) return reserved.error();
  }
  return fd;
}

Result<std::size_t> shared_memory_size(const UniqueFd& fd) noexcept {
  FileFacts facts;
  const int failure = file_facts(fd, facts);
  if (failure != 0) return refused("fstat of shared memory", failure, 0);
  if (facts.size < 0) return refused("what was handed over is no shared memory", 0, 0);
  return static_cast<std::size_t>(facts.size);
}

std::size_t page_size() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace hotpair

#endif
