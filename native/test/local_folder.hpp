// A folder for the socket files of one test, with everything in it removed at the end.
// It also tells how many descriptors this process has open, to find those that are left behind.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/check.hpp"

namespace hotpair::test {

struct LocalFolder {
  LocalFolder() { CHECK(::mkdtemp(path.data()) != nullptr); }
  ~LocalFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  LocalFolder(const LocalFolder&) = delete;
  LocalFolder& operator=(const LocalFolder&) = delete;

  std::string file(const char* name) const { return path + "/" + name; }
  bool has(const char* name) const { return ::access(file(name).c_str(), F_OK) == 0; }

  std::string path = "/tmp/hotpair-test-XXXXXX";
};

inline int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 256; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

}  // namespace hotpair::test
