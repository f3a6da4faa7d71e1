// Ends the process after a failed CHECK: one line on standard error, then abort(), so that a core
// dump shows the place. It allocates nothing and takes no lock of ours: the heap may be what is
// broken.
#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace hotpair {

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace hotpair
