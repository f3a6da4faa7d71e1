// Tracks pages by comparing with a copy; see page_tracker.hpp.
//
// The copy is also what is sent, so a page that changes while it is compared is only ever half new
// in both, and the next question finds it. Memory for the copy is reserved at open and touched at
// the first arm().
#include <utility>

#include "base/check.hpp"
#include "base/mapped_region.hpp"
#include "snapshot/page_tracker.hpp"
#include "snapshot/racing_page.hpp"

namespace hotpair::snapshot {
namespace {

class ShadowTracker final : public PageTracker {
 public:
  ShadowTracker(std::span<std::uint8_t> region, MappedRegion shadow) noexcept
      : region_(region), shadow_(std::move(shadow)) {}

  Result<void> arm() noexcept override {
    for (std::size_t at = 0; at < region_.size(); at += kPageBytes) {
      copy_racing_page(shadow_.data() + at, region_.data() + at);
    }
    is_armed_ = true;
    return {};
  }

  Result<void> take(PageSet& dirty) noexcept override {
    CHECK(is_armed_ && dirty.page_count() == region_.size() / kPageBytes);
    for (std::size_t page = 0; page < dirty.page_count(); ++page) {
      const std::size_t at = page * kPageBytes;
      if (!differs_racing_page(shadow_.data() + at, region_.data() + at)) continue;
      copy_racing_page(shadow_.data() + at, region_.data() + at);
      dirty.add({page, 1});
    }
    return {};
  }

  std::span<const std::uint8_t> source() const noexcept override { return shadow_.bytes(); }
  TrackerWay way() const noexcept override { return TrackerWay::kShadow; }

 private:
  const std::span<std::uint8_t> region_;
  const MappedRegion shadow_;
  bool is_armed_ = false;
};

}  // namespace

Result<std::unique_ptr<PageTracker>> open_shadow_tracker(std::span<std::uint8_t> region) {
  CHECK(!region.empty() && region.size() % kPageBytes == 0);
  Result<MappedRegion> shadow =
      MappedRegion::open(region.size(), "reserving the shadow of a region");
  if (!shadow.ok()) return shadow.error();
  return std::unique_ptr<PageTracker>(
      std::make_unique<ShadowTracker>(region, std::move(shadow).value()));
}

}  // namespace hotpair::snapshot
