// What the system says of a file: its kind and rights, its owner, its size, its identity.
//
// fstat() and lstat() are not called directly on Linux: since glibc 2.33 they are symbols of that
// version, and binding them would keep the addon from systems on which Node.js still runs.
#pragma once

#include <cstdint>

#include "base/unique_fd.hpp"

namespace hotpair {

struct FileFacts {
  bool is_socket = false;
  // The permission bits.
  std::uint32_t rights = 0;
  std::uint32_t uid = 0;
  // In bytes.
  std::int64_t size = 0;
  // Together the identity of the file, as long as it exists.
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

// 0, or errno; `facts` is written only with 0.
// thread: any, both
int file_facts(const UniqueFd& fd, FileFacts& facts) noexcept;
// Of the file at `path` itself, not of what a symbolic link leads to.
int file_facts_at(const char* path, FileFacts& facts) noexcept;

}  // namespace hotpair
