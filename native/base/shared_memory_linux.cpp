// Shared memory by memfd_create and seals; see shared_memory.hpp.
//
// Calls that are newer than the oldest glibc that Node.js runs on are made by number, and the
// numbers of their flags stand here for headers that do not know them yet.
#if defined(__linux__) && !defined(HOTPAIR_USE_POLL)

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/file_facts.hpp"
#include "base/free_memory.hpp"
#include "base/shared_memory.hpp"

namespace hotpair {
namespace {

constexpr unsigned kCloexec = 0x1;
constexpr unsigned kAllowSealing = 0x2;
// Since Linux 6.3; may be demanded by vm.memfd_noexec.
constexpr unsigned kNoexecSeal = 0x8;

constexpr int kAddSeals = 1033;
constexpr int kGetSeals = 1034;
constexpr int kSealSeal = 0x1;
constexpr int kSealShrink = 0x2;
constexpr int kSealGrow = 0x4;
constexpr int kSeals = kSealSeal | kSealShrink | kSealGrow;

// What fstatfs says of a memfd of ordinary pages. One of huge pages could run out of them at any
// access, whatever its size.
constexpr long kTmpfsMagic = 0x01021994;

// A signal undoes the whole call that it interrupts, so it is made in parts: 16 MiB take about
// 5 ms, and a profiler's signal every 10 ms lets one in two through at worst.
constexpr std::size_t kReservePart = std::size_t{16} << 20;

Error refused(const char* action, int os_error, std::size_t bytes) noexcept {
  return Error{ErrorCode::kSharedMemory, action, os_error, bytes};
}

int open_memfd() noexcept {
  constexpr unsigned flags = kCloexec | kAllowSealing;
  const long fd = ::syscall(SYS_memfd_create, "hotpair", flags | kNoexecSeal);
  if (fd >= 0 || errno != EINVAL) return static_cast<int>(fd);
  return static_cast<int>(::syscall(SYS_memfd_create, "hotpair", flags));
}

Result<void> reserve_all(const UniqueFd& fd, std::size_t bytes) noexcept {
  // The kernel would begin, and end this or another process on the way to find that it is too much.
  if (bytes > free_memory()) {
    return refused("reserving more shared memory than the machine or the container has free",
                   ENOMEM, bytes);
  }
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t part = std::min(bytes - done, kReservePart);
    if (::fallocate(fd.get(), 0, static_cast<off_t>(done), static_cast<off_t>(part)) == 0) {
      done += part;
    } else if (errno != EINTR) {
      return refused("reserving shared memory", errno, bytes);
    }
  }
  return {};
}

}  // namespace

Result<UniqueFd> create_shared_memory(std::size_t bytes, Reserve reserve) noexcept {
  // Growing a file past this limit is a signal that ends the process, so it is asked for before.
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      bytes > limit.rlim_cur) {
    return refused("making shared memory above the limit of a file's size (ulimit -f)", EFBIG,
                   bytes);
  }
  UniqueFd fd(open_memfd());
  if (!fd.is_open()) return refused("memfd_create", errno, bytes);
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    return refused("setting the size of shared memory", errno, bytes);
  }
  if (reserve == Reserve::kNow) {
    const Result<void> reserved = reserve_all(fd, bytes);
    if (!reserved.ok()) return reserved.error();
  }
  if (::fcntl(fd.get(), kAddSeals, kSeals) != 0) {
    return refused("sealing shared memory", errno, bytes);
  }
  return fd;
}

Result<std::size_t> shared_memory_size(const UniqueFd& fd) noexcept {
  FileFacts facts;
  const int failure = file_facts(fd, facts);
  if (failure != 0) return refused("fstat of shared memory", failure, 0);
  struct statfs system{};
  if (::fstatfs(fd.get(), &system) != 0 || static_cast<long>(system.f_type) != kTmpfsMagic) {
    return refused("what was handed over is no shared memory", 0, 0);
  }
  const int seals = ::fcntl(fd.get(), kGetSeals);
  if (seals < 0 || (seals & kSeals) != kSeals) {
    return refused("the shared memory is not sealed: it could shrink while it is in use", 0, 0);
  }
  return static_cast<std::size_t>(facts.size);
}

std::size_t page_size() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace hotpair

#endif
