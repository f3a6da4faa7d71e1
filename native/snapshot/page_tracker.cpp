// Chooses the way to track pages; see page_tracker.hpp.
#include "snapshot/page_tracker.hpp"

#include <utility>

namespace hotpair::snapshot {

Result<OpenedTracker> open_page_tracker(std::span<std::uint8_t> region) {
  Result<std::unique_ptr<PageTracker>> first = open_write_protect_tracker(region);
  if (first.ok()) return OpenedTracker{std::move(first).value(), std::nullopt};
  Result<std::unique_ptr<PageTracker>> second = open_shadow_tracker(region);
  if (!second.ok()) return second.error();
  return OpenedTracker{std::move(second).value(), first.error()};
}

}  // namespace hotpair::snapshot
