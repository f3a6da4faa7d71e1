// Asks the system for the facts of a file; see file_facts.hpp.
//
// On 64-bit Linux the kernel's layout is that of the C library's struct stat, so its call is made
// by number. On other systems the functions are as old as the system.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include "base/file_facts.hpp"

namespace hotpair {
namespace {

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
int ask(int fd, struct stat& raw) noexcept {
  const long result = ::syscall(SYS_newfstatat, fd, "", &raw, AT_EMPTY_PATH);
  return result == 0 ? 0 : errno;
}
int ask(const char* path, struct stat& raw) noexcept {
  const long result = ::syscall(SYS_newfstatat, AT_FDCWD, path, &raw, AT_SYMLINK_NOFOLLOW);
  return result == 0 ? 0 : errno;
}
#else
int ask(int fd, struct stat& raw) noexcept { return ::fstat(fd, &raw) == 0 ? 0 : errno; }
int ask(const char* path, struct stat& raw) noexcept {
  return ::lstat(path, &raw) == 0 ? 0 : errno;
}
#endif

FileFacts facts_of(const struct stat& raw) noexcept {
  FileFacts facts;
  facts.is_socket = S_ISSOCK(raw.st_mode);
  facts.rights = raw.st_mode & 07777;
  facts.uid = raw.st_uid;
  facts.size = raw.st_size;
  facts.device = static_cast<std::uint64_t>(raw.st_dev);
  facts.inode = static_cast<std::uint64_t>(raw.st_ino);
  return facts;
}

}  // namespace

int file_facts(const UniqueFd& fd, FileFacts& facts) noexcept {
  struct stat raw{};
  const int failure = ask(fd.get(), raw);
  if (failure == 0) facts = facts_of(raw);
  return failure;
}

int file_facts_at(const char* path, FileFacts& facts) noexcept {
  struct stat raw{};
  const int failure = ask(path, raw);
  if (failure == 0) facts = facts_of(raw);
  return failure;
}

}  // namespace hotpair
