// Reads /proc and /sys/fs/cgroup; see free_memory.hpp.
// It takes no memory itself: a file's text is read up to 4 KiB, and what is asked for stands there.
#if defined(__linux__)

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/free_memory.hpp"
#include "base/unique_fd.hpp"

namespace hotpair {
namespace {

constexpr const char* kGroups = "/sys/fs/cgroup";
using Text = std::array<char, 4096>;
using Path = std::array<char, 512>;

// The beginning of a file, ended by a zero; empty when it cannot be read.
Text text_of(const char* path) noexcept {
  Text text{};
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return text;
  std::size_t length = 0;
  while (length < text.size() - 1) {
    const ssize_t count = ::read(file.get(), text.data() + length, text.size() - 1 - length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    length += static_cast<std::size_t>(count);
  }
  text[length] = '\0';
  return text;
}

// The number behind `name` at the beginning of a line; 0 when it is not there.
std::uint64_t entry(const Text& text, const char* name) noexcept {
  const std::size_t length = std::strlen(name);
  const char* line = text.data();
  while (line != nullptr && std::strncmp(line, name, length) != 0) {
    line = std::strchr(line, '\n');
    if (line != nullptr) ++line;
  }
  return line == nullptr ? 0 : std::uint64_t{std::strtoull(line + length, nullptr, 10)};
}

Text text_in(const char* folder, const char* name) noexcept {
  Path path{};
  const int length = std::snprintf(path.data(), path.size(), "%s/%s", folder, name);
  if (length < 0 || static_cast<std::size_t>(length) >= path.size()) return {};
  return text_of(path.data());
}

std::uint64_t room_in_all_groups() noexcept {
  const Text groups = text_of("/proc/self/cgroup");
  const char* at = std::strstr(groups.data(), "0::/");
  if (at == nullptr) return UINT64_MAX;
  at += 3;
  const int length = static_cast<int>(std::strcspn(at, "\n"));
  Path folder{};
  const int written = std::snprintf(folder.data(), folder.size(), "%s%.*s", kGroups, length, at);
  if (written < 0 || static_cast<std::size_t>(written) >= folder.size()) return UINT64_MAX;
  // A limit of any group above holds for this one too.
  std::uint64_t room = UINT64_MAX;
  while (std::strlen(folder.data()) >= std::strlen(kGroups)) {
    room = std::min(room, room_in_group(folder.data()));
    *std::strrchr(folder.data(), '/') = '\0';
  }
  return room;
}

}  // namespace

std::uint64_t room_in_group(const char* folder) noexcept {
  const Text limit = text_in(folder, "memory.max");
  if (limit[0] < '0' || limit[0] > '9') return UINT64_MAX;
  const std::uint64_t most = std::strtoull(limit.data(), nullptr, 10);
  const Text usage = text_in(folder, "memory.current");
  const Text parts = text_in(folder, "memory.stat");
  const std::uint64_t used = std::strtoull(usage.data(), nullptr, 10);
  // What lies in shared memory counts as a file there, but has no disk to go back to.
  const std::uint64_t files = entry(parts, "file ");
  const std::uint64_t shared = entry(parts, "shmem ");
  const std::uint64_t returnable = files > shared ? files - shared : 0;
  const std::uint64_t held = used > returnable ? used - returnable : 0;
  return most > held ? most - held : 0;
}

std::uint64_t free_memory() noexcept {
  const Text facts = text_of("/proc/meminfo");
  const std::uint64_t available = entry(facts, "MemAvailable:") * 1024;
  const std::uint64_t machine =
      available > 0 ? available + entry(facts, "SwapFree:") * 1024 : UINT64_MAX;
  return std::min(machine, room_in_all_groups());
}

}  // namespace hotpair

#endif
