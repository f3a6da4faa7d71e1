// close() for UniqueFd; see unique_fd.hpp. EBADF would mean that someone else closed a descriptor
// which is ours, so it is a CHECK.
#include <errno.h>
#include <unistd.h>

#include <type_traits>

#include "base/check.hpp"
#include "base/unique_fd.hpp"

namespace hotpair {

static_assert(!std::is_copy_constructible_v<UniqueFd>);
static_assert(std::is_nothrow_move_constructible_v<UniqueFd>);

void UniqueFd::reset(int fd) noexcept {
  const int former = std::exchange(fd_, fd);
  if (former >= 0 && ::close(former) != 0) CHECK(errno != EBADF);
}

}  // namespace hotpair
