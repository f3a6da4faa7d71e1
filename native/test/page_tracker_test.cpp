// Both page trackers against a byte-by-byte oracle: no written page is ever missed, whatever writes
// and whenever; and what forks, second mappings and reclaimed pages mean.
//
// Where this system refuses write protection, its tests say so and only the shadow is tested.
#include "snapshot/page_tracker.hpp"

#include <sys/socket.h>
#include <sys/wait.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "harness.hpp"
#include "memory_file.hpp"
#include "snapshot/racing_page.hpp"

namespace {

using namespace hotpair::snapshot;
using hotpair::test::MemoryFile;
using hotpair::test::write_racing;
using Bytes = std::vector<std::uint8_t>;
using Opened = hotpair::Result<std::unique_ptr<PageTracker>>;
using Open = Opened (*)(std::span<std::uint8_t>);

constexpr std::size_t kPages = 200;
constexpr Open kWays[] = {&open_write_protect_tracker, &open_shadow_tracker};

// Null where the system does not allow it; says so once.
std::unique_ptr<PageTracker> open(Open way, std::span<std::uint8_t> region) {
  Opened opened = way(region);
  if (opened.ok()) return std::move(opened).value();
  static bool is_told = false;
  if (!is_told) {
    std::cout << "write protection is not tested: " << opened.error().action << ": "
              << std::strerror(opened.error().os_error) << "\n";
  }
  is_told = true;
  EXPECT(way == &open_write_protect_tracker && opened.error().os_error != 0);
  return nullptr;
}

// A write of a random kind; returns nothing, the oracle looks at the bytes.
void write_somewhere(std::span<std::uint8_t> region, std::mt19937_64& random) {
  const std::size_t page = random() % kPages;
  std::uint8_t* const at = &region[page * kPageBytes];
  const auto value = static_cast<std::uint8_t>(random());
  switch (random() % 5) {
    case 0:  // One byte, anywhere.
      write_racing(at + random() % kPageBytes, value);
      break;
    case 1:  // The last byte of a page, and the first of the next.
      write_racing(at + kPageBytes - 1, value);
      if (page + 1 < kPages) write_racing(at + kPageBytes, value);
      break;
    case 2:  // The same byte again.
      write_racing(at, load_racing(at) & 0xff);
      break;
    case 3:  // A whole page.
      for (std::size_t i = 0; i < kPageBytes; ++i) write_racing(at + i, value);
      break;
    case 4:  // Changed and changed back.
      write_racing(at + 7, static_cast<std::uint8_t>(at[7] ^ 0xff));
      write_racing(at + 7, static_cast<std::uint8_t>(at[7] ^ 0xff));
      break;
  }
}

bool differs(std::span<const std::uint8_t> one, const Bytes& other, std::size_t page) {
  return std::memcmp(&one[page * kPageBytes], &other[page * kPageBytes], kPageBytes) != 0;
}

// Copies the pages of `set` from the tracker's source, as a mover does.
void follow(const PageTracker& tracker, const PageSet& set, Bytes& copy) {
  for (PageRange run = set.next(0, 1); run.count > 0; run = set.next(run.first + 1, 1)) {
    const std::size_t at = run.first * kPageBytes;
    copy_racing_page(&copy[at], &tracker.source()[at]);
  }
}

}  // namespace

TEST(no_written_page_is_missed_and_a_shadow_reports_no_other) {
  for (const Open way : kWays) {
    std::mt19937_64 random(hotpair::test::seed());
    const MemoryFile file(kPages * kPageBytes);
    const auto region = file.bytes();
    const auto tracker = open(way, region);
    if (!tracker) continue;
    for (int i = 0; i < 50; ++i) write_somewhere(region, random);
    REQUIRE(tracker->arm().ok());
    Bytes known(region.begin(), region.end());
    for (int round = 0; round < 300; ++round) {
      for (std::uint64_t i = random() % 40; i > 0; --i) write_somewhere(region, random);
      PageSet dirty(kPages);
      REQUIRE(tracker->take(dirty).ok());
      const bool is_exact = tracker->way() == TrackerWay::kShadow;
      for (std::size_t page = 0; page < kPages; ++page) {
        const bool changed = differs(region, known, page);
        EXPECT(!changed || dirty.contains(page));
        if (is_exact) EXPECT_EQ(dirty.contains(page), changed);
      }
      follow(*tracker, dirty, known);
      PageSet none(kPages);
      REQUIRE(tracker->take(none).ok());
      EXPECT(none.is_empty());
    }
  }
}

// The writer runs beside arm(), take() and the copying; only at the end of each round it rests, and
// then what was followed must be equal, byte by byte.
TEST(a_copy_that_follows_a_running_writer_is_equal_when_it_rests) {
  for (const Open way : kWays) {
    const MemoryFile file(kPages * kPageBytes);
    const auto region = file.bytes();
    const auto tracker = open(way, region);
    if (!tracker) continue;
    std::atomic<int> asked{0};
    std::atomic<int> rested{0};
    std::thread writer([&] {
      std::mt19937_64 random(hotpair::test::seed());
      for (int round = 0;; ++round) {
        while (asked.load() == round) {
          write_somewhere(region, random);
        }
        rested.store(round + 1);
        while (asked.load() == round + 1 && rested.load() == round + 1) std::this_thread::yield();
        if (asked.load() < 0) return;
      }
    });
    const auto started = tracker->arm();
    EXPECT(started.ok());
    Bytes copy(region.size());
    PageSet all(kPages);
    all.add_all();
    follow(*tracker, all, copy);
    for (int round = 0; round < 40; ++round) {
      for (int again = 0; again < 20; ++again) {
        PageSet dirty(kPages);
        EXPECT(tracker->take(dirty).ok());
        follow(*tracker, dirty, copy);
      }
      asked.store(round + 1);
      while (rested.load() != round + 1) std::this_thread::yield();
      PageSet last(kPages);
      EXPECT(tracker->take(last).ok());
      follow(*tracker, last, copy);
      EXPECT(std::memcmp(copy.data(), region.data(), region.size()) == 0);
      if (round == 39) asked.store(-1);
      rested.store(-1);
    }
    writer.join();
  }
}

// A page is changed while it is copied, and changed back before the next question: to a shadow it
// never changed, so only the shadow may be copied.
TEST(a_page_that_is_changed_and_changed_back_between_two_questions_is_not_copied_wrong) {
  for (const Open way : kWays) {
    const MemoryFile file(kPages * kPageBytes);
    const auto tracker = open(way, file.bytes());
    if (!tracker) continue;
    REQUIRE(tracker->arm().ok());
    Bytes copy(file.bytes().size());
    std::uint8_t& byte = file.bytes()[5 * kPageBytes + 9];
    byte = 1;
    PageSet dirty(kPages);
    REQUIRE(tracker->take(dirty).ok());
    byte = 2;
    follow(*tracker, dirty, copy);
    byte = 1;
    dirty.clear();
    REQUIRE(tracker->take(dirty).ok());
    follow(*tracker, dirty, copy);
    EXPECT(std::memcmp(copy.data(), file.bytes().data(), copy.size()) == 0);
  }
}

TEST(what_the_kernel_writes_into_the_region_is_seen) {
  for (const Open way : kWays) {
    const MemoryFile file(kPages * kPageBytes);
    const auto tracker = open(way, file.bytes());
    if (!tracker) continue;
    REQUIRE(tracker->arm().ok());
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    REQUIRE(::send(pair[0], "tick", 4, 0) == 4);
    EXPECT_EQ(::recv(pair[1], &file.bytes()[17 * kPageBytes - 2], 4, 0), 4);
    ::close(pair[0]);
    ::close(pair[1]);
    PageSet dirty(kPages);
    REQUIRE(tracker->take(dirty).ok());
    EXPECT((dirty.next(0, kPages) == PageRange{16, 2}));
  }
}

// A page that was written and then taken out of the page table, as the kernel does when it reclaims
// memory, has lost its mark.
TEST(a_written_page_that_was_reclaimed_is_not_forgotten) {
  for (const Open way : kWays) {
    const MemoryFile file(kPages * kPageBytes);
    const auto tracker = open(way, file.bytes());
    if (!tracker) continue;
    REQUIRE(tracker->arm().ok());
    PageSet dirty(kPages);
    for (const std::size_t page : {3u, 4u, 90u}) {
      file.bytes()[page * kPageBytes + 5] = 1;
      REQUIRE(::madvise(&file.bytes()[page * kPageBytes], kPageBytes, MADV_DONTNEED) == 0);
    }
    REQUIRE(tracker->take(dirty).ok());
    EXPECT(dirty.contains(3) && dirty.contains(4) && dirty.contains(90));
    // An unwritten one that is reclaimed stays guarded.
    REQUIRE(::madvise(&file.bytes()[50 * kPageBytes], kPageBytes, MADV_DONTNEED) == 0);
    dirty.clear();
    REQUIRE(tracker->take(dirty).ok());
    EXPECT(dirty.is_empty());
    file.bytes()[50 * kPageBytes] = 1;
    REQUIRE(tracker->take(dirty).ok());
    EXPECT(dirty.contains(50));
  }
}

TEST(pages_that_were_never_touched_are_guarded_too) {
  for (const Open way : kWays) {
    const MemoryFile file(kPages * kPageBytes);
    const auto tracker = open(way, file.bytes());
    if (!tracker) continue;
    REQUIRE(tracker->arm().ok());
    PageSet dirty(kPages);
    REQUIRE(tracker->take(dirty).ok());
    EXPECT(dirty.is_empty());
    // Reading is no writing.
    EXPECT_EQ(file.bytes()[100 * kPageBytes], 0);
    file.bytes()[101 * kPageBytes] = 1;
    REQUIRE(tracker->take(dirty).ok());
    EXPECT((dirty.next(0, kPages) == PageRange{101, 1}));
    EXPECT_EQ(dirty.size(), 1u);
  }
}

// The documented limit of write protection: it belongs to one mapping of one process.
TEST(writes_through_another_mapping_are_seen_by_the_shadow_only) {
  for (const Open way : kWays) {
    const MemoryFile file(kPages * kPageBytes);
    const MemoryFile other(file);
    const auto tracker = open(way, file.bytes());
    if (!tracker) continue;
    REQUIRE(tracker->arm().ok());
    other.bytes()[8 * kPageBytes] = 1;
    file.bytes()[9 * kPageBytes] = 1;
    PageSet dirty(kPages);
    REQUIRE(tracker->take(dirty).ok());
    EXPECT_EQ(dirty.contains(8), tracker->way() == TrackerWay::kShadow);
    EXPECT(dirty.contains(9));
  }
}

TEST(after_a_fork_the_parent_is_tracked_as_before_and_the_child_is_not) {
  for (const Open way : kWays) {
    const MemoryFile file(kPages * kPageBytes);
    const auto tracker = open(way, file.bytes());
    if (!tracker) continue;
    REQUIRE(tracker->arm().ok());
    file.bytes()[1 * kPageBytes] = 1;
    std::cout.flush();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      file.bytes()[2 * kPageBytes] = 1;
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child && status == 0);
    file.bytes()[3 * kPageBytes] = 1;
    PageSet dirty(kPages);
    REQUIRE(tracker->take(dirty).ok());
    EXPECT(dirty.contains(1) && dirty.contains(3));
    EXPECT_EQ(dirty.contains(2), tracker->way() == TrackerWay::kShadow);
    file.bytes()[2 * kPageBytes] = 7;
    REQUIRE(tracker->take(dirty).ok());
    EXPECT(dirty.contains(2));
  }
}

TEST(a_region_that_no_mapping_stands_under_is_an_error_and_counts_as_written) {
  const MemoryFile file(kPages * kPageBytes);
  const auto tracker = open(&open_write_protect_tracker, file.bytes());
  if (!tracker) return;
  REQUIRE(tracker->arm().ok());
  // What a swap by mapping does to the protection.
  REQUIRE(::mmap(file.bytes().data(), file.bytes().size(), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED, file.fd(), 0) != MAP_FAILED);
  PageSet dirty(kPages);
  const auto taken = tracker->take(dirty);
  REQUIRE(!taken.ok());
  EXPECT(taken.error().os_error != 0);
  EXPECT_EQ(dirty.size(), kPages);
}

TEST(the_best_way_is_chosen_and_a_refusal_is_told) {
  const MemoryFile file(kPages * kPageBytes);
  auto opened = open_page_tracker(file.bytes());
  REQUIRE(opened.ok());
  const OpenedTracker& chosen = opened.value();
  EXPECT_EQ(chosen.refusal.has_value(), chosen.tracker->way() == TrackerWay::kShadow);
}

TEST_MAIN()
