// PageMark: a moment at which two members held the same region, and what was written here since.
//
// Both note what they write from that moment on, so a member that was only cut off gets those pages
// and no other: neither side reads the rest. Which moment it was is the number, on which both
// agree beforehand; that it was the same region shows at the end of the load, by the digest.
#pragma once

#include <cstdint>

#include "snapshot/page_set.hpp"

namespace hotpair::snapshot {

struct PageMark {
  std::uint64_t number = 0;
  PageSet changed;
};

}  // namespace hotpair::snapshot
