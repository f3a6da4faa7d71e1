// Tracks pages by asynchronous write protection; see page_tracker.hpp.
//
// userfaultfd in mode WP_ASYNC lets the kernel itself resolve the write to a protected page and
// leave a mark in the page table; the ioctl PAGEMAP_SCAN finds the marks and protects again, under
// the page table's lock and with the processors told before it returns. Whoever reads the page
// after that sees each write that had no fault, and each later one leaves a mark.
//
// A page that stands in no page table of ours has no mark: it was never touched, or was written and
// then reclaimed to swap. arm() leaves a marker in the place of such pages, and a scan for nothing
// but PAGE_IS_WRITTEN (its fast path in the kernel) takes an empty place without a marker for a
// written page. A scan that asks for more categories passes over it in silence, so never add one.
//
// The handle is for faults of user mode only, which any user may have (since Linux 5.11): the
// asynchronous way never asks the handle, so writes by the kernel are marked all the same.
#include "snapshot/page_tracker.hpp"

#if defined(__linux__)

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.hpp"
#include "base/unique_fd.hpp"

namespace hotpair::snapshot {
namespace {

// From linux/userfaultfd.h of Linux 6.7; headers of the build machine may be older.
constexpr int kUserModeOnly = 1;                         // UFFD_USER_MODE_ONLY
constexpr std::uint64_t kFeatureFlagWp = 1u << 0;        // UFFD_FEATURE_PAGEFAULT_FLAG_WP
constexpr std::uint64_t kFeatureShared = 1u << 12;       // UFFD_FEATURE_WP_HUGETLBFS_SHMEM
constexpr std::uint64_t kFeatureUnpopulated = 1u << 13;  // UFFD_FEATURE_WP_UNPOPULATED
constexpr std::uint64_t kFeatureAsync = 1u << 15;        // UFFD_FEATURE_WP_ASYNC
constexpr std::uint64_t kFeatures =
    kFeatureFlagWp | kFeatureShared | kFeatureUnpopulated | kFeatureAsync;

// From linux/fs.h of Linux 6.7: PAGEMAP_SCAN.
struct ScanArgument {
  std::uint64_t size;
  std::uint64_t flags;
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t walk_end;
  std::uint64_t vec;
  std::uint64_t vec_len;
  std::uint64_t max_pages;
  std::uint64_t category_inverted;
  std::uint64_t category_mask;
  std::uint64_t category_anyof_mask;
  std::uint64_t return_mask;
};
static_assert(sizeof(ScanArgument) == 96);
struct ScanRegion {
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t categories;
};
static_assert(sizeof(ScanRegion) == 24);
constexpr unsigned long kPagemapScan = _IOWR('f', 16, ScanArgument);
constexpr std::uint64_t kIsWritten = 1u << 1;        // PAGE_IS_WRITTEN
constexpr std::uint64_t kProtectMatching = 1u << 0;  // PM_SCAN_WP_MATCHING
constexpr std::uint64_t kCheckAsync = 1u << 1;       // PM_SCAN_CHECK_WPASYNC

// What one call protects at most: about a quarter of a millisecond, so that whoever wants to change
// the address space of the process need not wait for all of a large region.
constexpr std::size_t kSliceBytes = std::size_t{16} << 20;

// Ranges that one call returns at most; 6 KiB of stack.
constexpr std::size_t kScanRanges = 256;

class WriteProtectTracker final : public PageTracker {
 public:
  WriteProtectTracker(std::span<std::uint8_t> region, UniqueFd faults, UniqueFd pagemap) noexcept
      : region_(region), faults_(std::move(faults)), pagemap_(std::move(pagemap)) {}

  Result<void> arm() noexcept override {
    for (std::size_t at = 0; at < region_.size(); at += kSliceBytes) {
      uffdio_writeprotect protect{};
      protect.range.start = base() + at;
      protect.range.len = std::min(kSliceBytes, region_.size() - at);
      protect.mode = UFFDIO_WRITEPROTECT_MODE_WP;
      while (::ioctl(faults_.get(), UFFDIO_WRITEPROTECT, &protect) != 0) {
        // EAGAIN: the address space is being changed at this moment.
        if (errno == EAGAIN || errno == EINTR) continue;
        return Error{ErrorCode::kNative, "protecting the pages of a region", errno};
      }
    }
    is_armed_ = true;
    return {};
  }

  Result<void> take(PageSet& dirty) noexcept override {
    CHECK(is_armed_ && dirty.page_count() == region_.size() / kPageBytes);
    const int failure = scan(&dirty);
    if (failure != 0) {
      dirty.add_all();
      is_armed_ = false;
      return Error{ErrorCode::kNative, "asking for the written pages of a region", failure};
    }
    return {};
  }

  std::span<const std::uint8_t> source() const noexcept override { return region_; }
  TrackerWay way() const noexcept override { return TrackerWay::kWriteProtection; }

  // Whether this kernel can be asked at all: a scan that changes nothing.
  int try_scan() noexcept { return scan(nullptr); }

 private:
  std::uint64_t base() const noexcept { return reinterpret_cast<std::uintptr_t>(region_.data()); }

  // Adds what it finds to `dirty` and protects it again; without `dirty` it does neither. Returns 0
  // or errno.
  int scan(PageSet* dirty) noexcept {
    std::array<ScanRegion, kScanRanges> found;
    ScanArgument argument{};
    argument.size = sizeof argument;
    argument.flags = kCheckAsync | (dirty != nullptr ? kProtectMatching : 0);
    argument.start = base();
    argument.end = base() + region_.size();
    argument.vec = reinterpret_cast<std::uintptr_t>(found.data());
    argument.vec_len = found.size();
    argument.category_mask = kIsWritten;
    argument.return_mask = kIsWritten;
    while (argument.start < argument.end) {
      const int count = ::ioctl(pagemap_.get(), kPagemapScan, &argument);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return errno;
      CHECK(static_cast<std::size_t>(count) <= found.size());
      if (dirty == nullptr) return 0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) add(found[i], *dirty);
      CHECK(argument.walk_end > argument.start && argument.walk_end <= argument.end);
      argument.start = argument.walk_end;
    }
    return 0;
  }

  void add(const ScanRegion& found, PageSet& dirty) const noexcept {
    CHECK(found.start >= base() && found.start < found.end);
    CHECK(found.end <= base() + region_.size());
    dirty.add({static_cast<std::size_t>(found.start - base()) / kPageBytes,
               static_cast<std::size_t>(found.end - found.start) / kPageBytes});
  }

  const std::span<std::uint8_t> region_;
  // Closing it takes every protection away.
  const UniqueFd faults_;
  const UniqueFd pagemap_;
  bool is_armed_ = false;
};

// A handle with all features that are needed, for writes to `region`.
Result<UniqueFd> open_faults(std::span<std::uint8_t> region) noexcept {
  UniqueFd faults(
      static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | kUserModeOnly)));
  if (!faults.is_open()) return Error{ErrorCode::kNative, "userfaultfd", errno};
  uffdio_api api{};
  api.api = UFFD_API;
  api.features = kFeatures;
  if (::ioctl(faults.get(), UFFDIO_API, &api) != 0 || (api.features & kFeatures) != kFeatures) {
    return Error{ErrorCode::kNative, "asking for asynchronous write protection (Linux 6.7)", errno};
  }
  uffdio_register range{};
  range.range.start = reinterpret_cast<std::uintptr_t>(region.data());
  range.range.len = region.size();
  range.mode = UFFDIO_REGISTER_MODE_WP;
  if (::ioctl(faults.get(), UFFDIO_REGISTER, &range) != 0) {
    return Error{ErrorCode::kNative, "registering a region with userfaultfd", errno};
  }
  if ((range.ioctls & (std::uint64_t{1} << _UFFDIO_WRITEPROTECT)) == 0) {
    return Error{ErrorCode::kNative, "asking for write protection of shared memory", EOPNOTSUPP};
  }
  return faults;
}

}  // namespace

Result<std::unique_ptr<PageTracker>> open_write_protect_tracker(std::span<std::uint8_t> region) {
  const auto system_page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  CHECK(system_page % kPageBytes == 0 && !region.empty());
  CHECK(reinterpret_cast<std::uintptr_t>(region.data()) % system_page == 0);
  CHECK(region.size() % system_page == 0);
  Result<UniqueFd> faults = open_faults(region);
  if (!faults.ok()) return faults.error();
  UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!pagemap.is_open()) return Error{ErrorCode::kNative, "opening /proc/self/pagemap", errno};
  auto tracker =
      std::make_unique<WriteProtectTracker>(region, std::move(faults).value(), std::move(pagemap));
  if (const int failure = tracker->try_scan(); failure != 0) {
    return Error{ErrorCode::kNative, "asking for written pages by PAGEMAP_SCAN", failure};
  }
  return std::unique_ptr<PageTracker>(std::move(tracker));
}

}  // namespace hotpair::snapshot

#else

#include <errno.h>

namespace hotpair::snapshot {

Result<std::unique_ptr<PageTracker>> open_write_protect_tracker(std::span<std::uint8_t>) {
  return Error{ErrorCode::kNative, "asking for write protection, which Linux alone has", ENOSYS};
}

}  // namespace hotpair::snapshot

#endif
