// PageTracker: which pages of a region were written since the last time that it was asked.
//
// A load sends a region while the application goes on writing it, then only what was written since,
// until so little is left that the writer can be held for it. For that it needs the written pages,
// without a word from the writer, which is JavaScript storing into typed arrays. Two ways:
//
// - write protection (page_tracker_linux.cpp; Linux 6.7 and newer): the kernel marks a page at its
//   first write, at about 1 µs for that write, and tells all marked ones in 0.5 ms for 1 GiB.
//   It may report a page whose bytes did not change. It knows writes through *this mapping of this
//   process* only, the kernel's own among them (a read() into the region): not those of a child
//   after fork(), of another process or of a second mapping of the same memory, and not those of a
//   device into memory that was pinned before. Pages that were never touched are reported once.
// - shadow (page_tracker_shadow.cpp; anywhere): a second copy of the region and a comparison, exact
//   and whoever wrote, at twice the memory and 0.2 to 0.5 s a question for 1 GiB.
//
// Guarantees: a page written between two calls is reported by the second or was by the first; a
// write that runs beside a call is reported by that one or by the next. Nobody has to stop for it.
// Belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/result.hpp"
#include "snapshot/page_set.hpp"

namespace hotpair::snapshot {

enum class TrackerWay : std::uint8_t { kWriteProtection = 0, kShadow = 1 };

class PageTracker {
 public:
  virtual ~PageTracker() = default;
  PageTracker(const PageTracker&) = delete;
  PageTracker& operator=(const PageTracker&) = delete;

  // Begins: what was written before is forgotten, what is written from its return on is recorded.
  // Read what you need of the region after it. 1 GiB: about 16 ms by write protection, in slices
  // that let page faults through; about 0.2 s by shadow.
  virtual Result<void> arm() noexcept = 0;
  // Adds to `dirty` what was written since arm() or the last take(). After an error everything
  // counts as written. Requires: arm() was called; `dirty` is of the region's size.
  virtual Result<void> take(PageSet& dirty) noexcept = 0;
  // Where the pages that arm() or take() answers for are to be read, with load_racing: the region
  // itself, or its shadow. Never read the region instead of a shadow: a page that is changed and
  // changed back between two questions is unchanged to the second, so what was read in between
  // would never be put right.
  virtual std::span<const std::uint8_t> source() const noexcept = 0;
  virtual TrackerWay way() const noexcept = 0;

 protected:
  PageTracker() noexcept = default;
};

// Each way by itself; the error says what is missing. Requires: `region` begins at a page of the
// system, is whole pages of it, is mapped shared and outlives the tracker.
Result<std::unique_ptr<PageTracker>> open_write_protect_tracker(std::span<std::uint8_t> region);
Result<std::unique_ptr<PageTracker>> open_shadow_tracker(std::span<std::uint8_t> region);

struct OpenedTracker {
  std::unique_ptr<PageTracker> tracker;
  // Why it is not write protection, for status: told once, since it does not change.
  std::optional<Error> refusal;
};

// The best way that this system allows, or the shadow if it is asked for. Fails only without memory
// for a shadow.
Result<OpenedTracker> open_page_tracker(std::span<std::uint8_t> region, bool is_shadow = false);

}  // namespace hotpair::snapshot
