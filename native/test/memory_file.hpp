// MemoryFile: a memfd mapped shared, for tests of page trackers and loads.
//
// The size is whole pages of the system; every page is allocated at open.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <span>

#include "base/check.hpp"
#include "base/unique_fd.hpp"

namespace hotpair::test {

class MemoryFile {
 public:
  explicit MemoryFile(std::size_t bytes)
      : fd_(static_cast<int>(::syscall(SYS_memfd_create, "hotpair-test", MFD_CLOEXEC))),
        bytes_(map(bytes)) {}
  // Another mapping of the same memory.
  MemoryFile(const MemoryFile& other)
      : fd_(::fcntl(other.fd_.get(), F_DUPFD_CLOEXEC, 0)), bytes_(map(other.bytes_.size())) {}
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::munmap(bytes_.data(), bytes_.size()); }

  std::span<std::uint8_t> bytes() const { return bytes_; }
  int fd() const { return fd_.get(); }

 private:
  std::span<std::uint8_t> map(std::size_t bytes) {
    CHECK(fd_.is_open() && ::ftruncate(fd_.get(), static_cast<off_t>(bytes)) == 0);
    CHECK(::posix_fallocate(fd_.get(), 0, static_cast<off_t>(bytes)) == 0);
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    CHECK(at != MAP_FAILED);
    return {static_cast<std::uint8_t*>(at), bytes};
  }

  hotpair::UniqueFd fd_;
  std::span<std::uint8_t> bytes_;
};

// Writes one byte while another thread may read the page: the tests' stand-in for JavaScript.
inline void write_racing(std::uint8_t* at, std::uint8_t value) {
  // In the whole word, as load_racing reads it, so that ThreadSanitizer sees no mixed sizes.
  auto* word = reinterpret_cast<std::uint64_t*>(reinterpret_cast<std::uintptr_t>(at) & ~7ull);
  const std::uintptr_t shift = 8 * (reinterpret_cast<std::uintptr_t>(at) & 7);
  const std::uint64_t former = __atomic_load_n(word, __ATOMIC_RELAXED);
  const std::uint64_t cleared = former & ~(std::uint64_t{0xff} << shift);
  __atomic_store_n(word, cleared | std::uint64_t{value} << shift, __ATOMIC_RELAXED);
}

}  // namespace hotpair::test
