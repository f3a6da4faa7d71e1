// Chooses the way to track pages; see page_tracker.hpp.
#include "snapshot/page_tracker.hpp"

#include <utility>

#include "base/free_memory.hpp"

namespace hotpair::snapshot {

Result<OpenedTracker> open_page_tracker(std::span<std::uint8_t> region, bool is_shadow) {
  Error refusal{ErrorCode::kNative, "the shadow was asked for"};
  if (!is_shadow) {
    Result<std::unique_ptr<PageTracker>> first = open_write_protect_tracker(region);
    if (first.ok()) return OpenedTracker{std::move(first).value(), std::nullopt};
    refusal = first.error();
  }
  // Touching memory that is not there would end the process, and not be refused.
  if (region.size() > free_memory()) {
    return Error{ErrorCode::kNoMemory, "reserving the shadow of a region", 0, region.size()};
  }
  Result<std::unique_ptr<PageTracker>> second = open_shadow_tracker(region);
  if (!second.ok()) return second.error();
  return OpenedTracker{std::move(second).value(), refusal};
}

}  // namespace hotpair::snapshot
