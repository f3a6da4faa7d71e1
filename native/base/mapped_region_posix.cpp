// Anonymous private mappings; see mapped_region.hpp.
// munmap of a mapping that we own cannot fail: a failure means that the bookkeeping is broken.
#include <errno.h>
#include <sys/mman.h>

#include <utility>

#include "base/check.hpp"
#include "base/mapped_region.hpp"

namespace hotpair {

Result<MappedRegion> MappedRegion::open(std::size_t bytes, const char* action) noexcept {
  CHECK(bytes > 0);
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return Error{ErrorCode::kNoMemory, action, errno};
  return MappedRegion(static_cast<std::uint8_t*>(data), bytes);
}

MappedRegion::MappedRegion(MappedRegion&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedRegion& MappedRegion::operator=(MappedRegion&& other) noexcept {
  if (this != &other) {
    close();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void MappedRegion::close() noexcept {
  if (size_ == 0) return;
  CHECK(munmap(data_, size_) == 0);
  data_ = nullptr;
  size_ = 0;
}

}  // namespace hotpair
