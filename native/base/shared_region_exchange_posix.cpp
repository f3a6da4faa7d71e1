// Changes the memory of two regions for each other; see shared_region.hpp.
//
// There is no moment in which nothing is mapped where JavaScript has its views: another thread's
// new mapping could land there. Linux (5.13 for shared memory) moves the pages of a mapping away
// and leaves the mapping itself; the second move then replaces it in one step. Elsewhere the other
// memory is mapped over it, in one step too, and its page tables are filled beforehand if possible.
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <sys/mman.h>

#include <utility>

#include "base/check.hpp"
#include "base/shared_region.hpp"

namespace hotpair {
namespace {

#if defined(__linux__)
constexpr int kPopulate = MAP_POPULATE;
// MREMAP_DONTUNMAP of linux/mman.h; the C library's header may be older.
constexpr int kLeaveMapping = 4;

// Where the pages of `here` are afterwards, those of `there` being at `here`; null if this system
// cannot, and then nothing has changed.
void* move_pages(void* here, void* there, std::size_t bytes) noexcept {
  void* const away = ::mremap(here, bytes, bytes, MREMAP_MAYMOVE | kLeaveMapping);
  if (away == MAP_FAILED) return nullptr;
  if (::mremap(there, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, here) == here) return away;
  CHECK(::mremap(away, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, here) == here);
  return nullptr;
}
#else
constexpr int kPopulate = 0;

void* move_pages(void*, void*, std::size_t) noexcept { return nullptr; }
#endif

void* map(void* where, std::size_t bytes, const UniqueFd& fd, int flags) noexcept {
  return ::mmap(where, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | flags, fd.get(), 0);
}

}  // namespace

Result<void> SharedRegion::exchange(SharedRegion& other) noexcept {
  CHECK(is_open() && other.is_open() && this != &other);
  CHECK(mapped_bytes_ == other.mapped_bytes_ && size_ == other.size_);
  void* away = move_pages(mapping_, other.mapping_, mapped_bytes_);
  if (away == nullptr) {
    away = map(nullptr, mapped_bytes_, fd_, kPopulate);
    if (away == MAP_FAILED) {
      return Error{ErrorCode::kSharedMemory, "mapping shared memory anew", errno, mapped_bytes_};
    }
    if (map(mapping_, mapped_bytes_, other.fd_, MAP_FIXED | kPopulate) == MAP_FAILED) {
      const int failure = errno;
      CHECK(::munmap(away, mapped_bytes_) == 0);
      return Error{ErrorCode::kSharedMemory, "mapping shared memory in place of another", failure,
                   mapped_bytes_};
    }
    CHECK(::munmap(other.mapping_, mapped_bytes_) == 0);
  }
  other.mapping_ = static_cast<std::uint8_t*>(away);
  std::swap(fd_, other.fd_);
  return {};
}

}  // namespace hotpair
