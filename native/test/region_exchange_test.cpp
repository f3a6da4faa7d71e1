// The end of a load by mapping: what was staged takes the place of the region in use, under the
// same addresses, and the former memory becomes the next staging.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "base/shared_region.hpp"
#include "harness.hpp"
#include "snapshot/page_tracker.hpp"

namespace {

using hotpair::Reserve;
using hotpair::SharedRegion;

constexpr hotpair::RegionKind kKind{7, 1};
constexpr std::size_t kBytes = std::size_t{8} << 20;

SharedRegion make(std::uint8_t value) {
  auto made = SharedRegion::create(kKind, kBytes, Reserve::kNow);
  CHECK(made.ok());
  std::ranges::fill(made.value().bytes(), value);
  return std::move(made).value();
}

bool is_all(const SharedRegion& region, std::uint8_t value) {
  return std::ranges::all_of(region.bytes(), [=](std::uint8_t byte) { return byte == value; });
}

// What another process would see that is given the descriptor.
SharedRegion seen_elsewhere(const SharedRegion& region) {
  hotpair::UniqueFd copy(::fcntl(region.fd().get(), F_DUPFD_CLOEXEC, 0));
  auto adopted = SharedRegion::adopt(std::move(copy), kKind, kBytes);
  CHECK(adopted.ok());
  return std::move(adopted).value();
}

}  // namespace

TEST(what_was_staged_takes_the_place_under_the_same_address) {
  SharedRegion live = make(1);
  SharedRegion staged = make(2);
  std::uint8_t* const address = live.data();
  for (std::uint8_t round = 0; round < 4; ++round) {
    const std::uint8_t former = round == 0 ? 1 : static_cast<std::uint8_t>(10 + round - 1);
    REQUIRE(live.exchange(staged).ok());
    EXPECT(live.data() == address && live.size() == kBytes && staged.size() == kBytes);
    EXPECT(is_all(staged, former));
    EXPECT(is_all(live, round == 0 ? 2 : static_cast<std::uint8_t>(20 + round - 1)));
    // The descriptors went along: each shows the memory of its region, and only that.
    const SharedRegion live_there = seen_elsewhere(live);
    const SharedRegion staged_there = seen_elsewhere(staged);
    std::ranges::fill(live.bytes(), static_cast<std::uint8_t>(10 + round));
    std::ranges::fill(staged.bytes(), static_cast<std::uint8_t>(20 + round));
    EXPECT(is_all(live_there, static_cast<std::uint8_t>(10 + round)));
    EXPECT(is_all(staged_there, static_cast<std::uint8_t>(20 + round)));
  }
}

TEST(a_region_is_tracked_again_after_an_exchange) {
  SharedRegion live = make(1);
  SharedRegion staged = make(2);
  for (int round = 0; round < 3; ++round) {
    {
      auto opened = hotpair::snapshot::open_page_tracker(live.bytes());
      REQUIRE(opened.ok());
      auto& tracker = *opened.value().tracker;
      REQUIRE(tracker.arm().ok());
      live.data()[3 * hotpair::snapshot::kPageBytes + 1] ^= 0xff;
      hotpair::snapshot::PageSet dirty(kBytes / hotpair::snapshot::kPageBytes);
      REQUIRE(tracker.take(dirty).ok());
      EXPECT(dirty.contains(3));
      EXPECT_EQ(dirty.size(), 1u);
    }
    REQUIRE(live.exchange(staged).ok());
  }
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// A standby that just loaded may have to rule at once: it must not meet a fault for each page.
TEST(page_tables_move_along) {
  const auto faults = [] {
    rusage usage{};
    CHECK(::getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_minflt;
  };
  SharedRegion live = make(1);
  SharedRegion staged = make(2);
  REQUIRE(live.exchange(staged).ok());
  const long before = faults();
  EXPECT(is_all(live, 2) && is_all(staged, 1));
  EXPECT(faults() - before < 64);
}
#endif

TEST_MAIN()
