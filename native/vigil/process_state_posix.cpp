// See process_state.hpp; proc(5), /proc/PID/stat: the state is the letter behind the name, which is
// in parentheses and may hold any bytes, parentheses too.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <string_view>

#include "base/unique_fd.hpp"
#include "vigil/process_state.hpp"

namespace hotpair::vigil {

bool is_stopped([[maybe_unused]] std::uint32_t pid) noexcept {
#ifdef __linux__
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%u/stat", pid);
  const UniqueFd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return false;
  // The name has at most 64 bytes (a kernel thread's), so the state lies within.
  std::array<char, 128> text{};
  const ssize_t length = ::read(file.get(), text.data(), text.size());
  if (length <= 0) return false;
  const std::string_view said(text.data(), static_cast<std::size_t>(length));
  const std::size_t name_end = said.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 >= said.size()) return false;
  const char state = said[name_end + 2];
  return state == 'T' || state == 't';
#else
  return false;
#endif
}

}  // namespace hotpair::vigil
