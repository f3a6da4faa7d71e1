// Whole loads of a region, from a mover to an arrival: with a writer at work, cancelled, cut and
// gone on with, damaged at any byte, and with everything that either side leaves out.
#include <cstring>

#include "base/little_endian.hpp"
#include "load_world.hpp"
#include "snapshot/racing_page.hpp"

namespace {

using namespace hotpair::snapshot;
using namespace hotpair::test;

constexpr std::size_t kPages = 700;

// Changes a page while the mover may read it.
void touch(const LoadWorld& world, std::size_t page) {
  std::uint8_t* const at = &world.source.bytes()[page * kPageBytes];
  write_racing(at, static_cast<std::uint8_t>(load_racing(at) + 1));
}

std::uint64_t relaxed(const std::atomic<std::uint64_t>& word) { return word.load(); }

// A tracker that says what it is told to, for the rules of the rounds.
class ScriptedTracker final : public PageTracker {
 public:
  ScriptedTracker(std::span<const std::uint8_t> region, std::size_t written)
      : region_(region), written_(written) {}

  hotpair::Result<void> arm() noexcept override { return {}; }
  hotpair::Result<void> take(PageSet& dirty) noexcept override {
    ++questions;
    if (questions == fails_at) return hotpair::Error{hotpair::ErrorCode::kNative, "asking", 5};
    dirty.add({0, written_});
    return {};
  }
  std::span<const std::uint8_t> source() const noexcept override { return region_; }
  TrackerWay way() const noexcept override { return TrackerWay::kShadow; }

  std::atomic<int> questions{0};
  int fails_at = 0;

 private:
  const std::span<const std::uint8_t> region_;
  const std::size_t written_;
};

}  // namespace

TEST(a_region_at_rest_arrives_whole) {
  std::mt19937_64 random(seed());
  for (const bool is_shadow : {false, true}) {
    LoadWorld world(kPages, is_shadow);
    world.fill(random);
    Ends ends = connected();
    const auto mover = world.move(std::move(ends[0]));
    const auto arrival = world.arrive(std::move(ends[1]));
    REQUIRE(world.finish(*mover));
    REQUIRE(world.wait_for(*mover) && world.wait_for(*arrival));
    EXPECT(world.staging.is_whole() && LoadWorld::same(world.source, world.staged));
    EXPECT_EQ(mover->digest(), arrival->digest());
    EXPECT_EQ(relaxed(mover->progress().pages), kPages);
    EXPECT_EQ(relaxed(arrival->progress().pages), kPages);
    EXPECT(relaxed(mover->progress().bytes) >= kPages * kPageBytes);
  }
}

TEST(pages_of_zeros_are_not_sent) {
  LoadWorld world(kPages);
  std::fill(world.staged.bytes().begin(), world.staged.bytes().end(), 7);
  for (const std::size_t page : {0u, 5u, 6u, 300u, 699u}) {
    world.source.bytes()[page * kPageBytes + page % kPageBytes] = 9;
  }
  Ends ends = connected();
  const auto mover = world.move(std::move(ends[0]));
  const auto arrival = world.arrive(std::move(ends[1]));
  REQUIRE(world.finish(*mover));
  REQUIRE(world.wait_for(*mover) && world.wait_for(*arrival));
  EXPECT(LoadWorld::same(world.source, world.staged));
  EXPECT(relaxed(mover->progress().bytes) < 6 * kPageBytes);
}

// This thread is the application: it writes, looks for the bell between two writes, holds still for
// finish(), and writes on at once.
TEST(a_load_is_of_the_moment_of_the_hold_whatever_is_written_before_and_after) {
  std::mt19937_64 random(seed());
  for (const bool is_shadow : {false, true}) {
    for (int run = 0; run < 5; ++run) {
      LoadWorld world(kPages, is_shadow);
      world.fill(random);
      Ends ends = connected();
      // It writes as fast as it can, but no more pages than may be held for.
      constexpr std::size_t kBusyPages = 300;
      MoverOptions options;
      options.most_held_pages = 2 * kBusyPages;
      options.held_wire_time = hotpair::Nanos::millis(60'000);
      const auto mover = world.move(std::move(ends[0]), options);
      const auto arrival = world.arrive(std::move(ends[1]));
      const auto write = [&] {
        write_racing(&world.source.bytes()[random() % (kBusyPages * kPageBytes)],
                     static_cast<std::uint8_t>(random() % 3));
      };
      Bytes held;
      while (mover->phase() < MoverPhase::kDone) {
        for (int i = 0; i < 20; ++i) write();
        if (!held.empty() || mover->phase() != MoverPhase::kNearly) continue;
        if (mover->finish() != FinishStatus::kTaken) continue;
        held.assign(world.source.bytes().begin(), world.source.bytes().end());
      }
      REQUIRE(world.wait_for(*mover) && world.wait_for(*arrival));
      EXPECT(std::ranges::equal(held, world.staged.bytes()));
      EXPECT_EQ(mover->digest(), arrival->digest());
    }
  }
}

// The wire stands still, so most of the last pages are still to be sent when the application goes
// on.
TEST(what_is_written_after_the_hold_is_not_in_the_load) {
  std::mt19937_64 random(seed());
  LoadWorld world(kPages);
  world.fill(random);
  std::mutex wire_stands;
  Wire wire(
      [&](std::span<std::uint8_t> bytes, std::size_t) {
        const std::lock_guard lock(wire_stands);
        return bytes.size();
      },
      &Wire::pass);
  MoverOptions options;
  options.patience = hotpair::Nanos::millis(60'000);
  const auto mover = world.move(std::move(wire.sender), options);
  const auto arrival = world.arrive(std::move(wire.receiver));
  world.mover_bell.wait_until([&] { return mover->phase() == MoverPhase::kNearly; });
  Bytes held;
  {
    const std::lock_guard lock(wire_stands);
    for (std::size_t page = 0; page < kPages; ++page) touch(world, page);
    EXPECT(mover->finish() == FinishStatus::kTaken);
    held.assign(world.source.bytes().begin(), world.source.bytes().end());
    for (std::size_t page = 0; page < kPages; ++page) touch(world, page);
  }
  REQUIRE(world.wait_for(*mover) && world.wait_for(*arrival));
  EXPECT(std::ranges::equal(held, world.staged.bytes()));
}

TEST(what_is_too_much_for_the_hold_is_copied_in_another_round) {
  std::mt19937_64 random(seed());
  LoadWorld world(kPages);
  world.fill(random);
  Ends ends = connected();
  MoverOptions options;
  options.most_held_pages = 40;
  options.patience = hotpair::Nanos::millis(60'000);
  const auto mover = world.move(std::move(ends[0]), options);
  const auto arrival = world.arrive(std::move(ends[1]));
  const auto is_nearly = [&] { return mover->phase() == MoverPhase::kNearly; };
  world.mover_bell.wait_until(is_nearly);
  for (std::size_t page = 0; page < 100; ++page) touch(world, page);
  EXPECT(mover->finish() == FinishStatus::kTooMuch);
  world.mover_bell.wait_until(is_nearly);
  for (std::size_t page = 0; page < 40; ++page) touch(world, page);
  EXPECT(mover->finish() == FinishStatus::kTaken);
  EXPECT(mover->finish() == FinishStatus::kNotYet);
  REQUIRE(world.wait_for(*mover) && world.wait_for(*arrival));
  EXPECT(LoadWorld::same(world.source, world.staged));
  EXPECT_EQ(relaxed(mover->progress().pages), kPages + 140);
}

TEST(a_mover_that_nobody_finishes_keeps_what_is_left_small) {
  std::mt19937_64 random(seed());
  LoadWorld world(kPages);
  world.fill(random);
  Ends ends = connected();
  MoverOptions options;
  options.most_held_pages = 40;
  options.patience = hotpair::Nanos::millis(1);
  const auto mover = world.move(std::move(ends[0]), options);
  const auto arrival = world.arrive(std::move(ends[1]));
  // More is written than may be held for, a little at a time.
  for (std::size_t page = 0; page < 200; page += 10) {
    for (std::size_t i = page; i < page + 10; ++i) touch(world, i);
    const std::uint64_t before = relaxed(mover->progress().rounds);
    world.mover_bell.wait_until([&] { return relaxed(mover->progress().rounds) > before + 1; });
  }
  REQUIRE(world.finish(*mover));
  REQUIRE(world.wait_for(*mover) && world.wait_for(*arrival));
  EXPECT(LoadWorld::same(world.source, world.staged));
}

TEST(a_writer_faster_than_the_wire_fails_the_load_and_shows_before) {
  LoadWorld world(kPages);
  std::mt19937_64 random(seed());
  world.fill(random);
  ScriptedTracker tracker(world.source.bytes(), kPages - 100);
  Ends ends = connected();
  MoverOptions options;
  options.most_rounds = 6;
  auto started =
      Mover::start(tracker, test_hash(), std::move(ends[0]), options, world.mover_bell.bell());
  REQUIRE(started.ok());
  const auto arrival = world.arrive(std::move(ends[1]));
  EXPECT(!world.wait_for(*started.value()));
  EXPECT(std::strstr(started.value()->failure().action, "faster than it can be sent") != nullptr);
  EXPECT_EQ(tracker.questions.load(), 6);
  EXPECT_EQ(relaxed(started.value()->progress().written_permille), 1'000u);
  EXPECT(!world.wait_for(*arrival));
}

TEST(a_tracker_that_fails_ends_the_load_in_the_rounds_and_in_the_hold) {
  for (const int fails_at : {1, 2}) {
    LoadWorld world(kPages);
    ScriptedTracker tracker(world.source.bytes(), 0);
    tracker.fails_at = fails_at;
    Ends ends = connected();
    MoverOptions options;
    options.patience = hotpair::Nanos::millis(60'000);
    auto started =
        Mover::start(tracker, test_hash(), std::move(ends[0]), options, world.mover_bell.bell());
    REQUIRE(started.ok());
    const auto arrival = world.arrive(std::move(ends[1]));
    Mover& mover = *started.value();
    if (fails_at == 2) {
      world.mover_bell.wait_until([&] { return mover.phase() == MoverPhase::kNearly; });
      EXPECT(mover.finish() == FinishStatus::kTooMuch);
    }
    EXPECT(!world.wait_for(mover));
    EXPECT_EQ(mover.failure().os_error, 5);
    EXPECT(!world.wait_for(*arrival));
  }
}

TEST(a_load_is_cancelled_at_any_time_from_either_end) {
  std::mt19937_64 random(seed());
  for (int run = 0; run < 40; ++run) {
    LoadWorld world(kPages);
    world.fill(random);
    // The wire calls from the middle of the load; the last runs are never reached by it.
    const std::size_t at = random() % (kPages * kPageBytes * 5 / 4);
    std::atomic<bool> is_due{false};
    Wire wire(
        [&](std::span<std::uint8_t> bytes, std::size_t begin) {
          if (begin + bytes.size() > at) is_due.store(true);
          return bytes.size();
        },
        &Wire::pass);
    const auto mover = world.move(std::move(wire.sender));
    const auto arrival = world.arrive(std::move(wire.receiver));
    while (!is_due.load() && mover->phase() != MoverPhase::kNearly) std::this_thread::yield();
    const bool is_mover = run % 2 == 0;
    if (is_mover) {
      mover->cancel();
    } else {
      arrival->cancel();
    }
    EXPECT(!world.wait_for(*mover) && !world.wait_for(*arrival));
    const hotpair::Error& own = is_mover ? mover->failure() : arrival->failure();
    const hotpair::Error& other = is_mover ? arrival->failure() : mover->failure();
    EXPECT(own.code == hotpair::ErrorCode::kClosed && std::strstr(own.action, "cancelled"));
    EXPECT(other.code == hotpair::ErrorCode::kClosed && std::strstr(other.action, "has ended"));
    EXPECT(mover->finish() == FinishStatus::kNotYet);
  }
}

TEST(after_a_cut_only_the_rest_is_sent) {
  std::mt19937_64 random(seed());
  for (int run = 0; run < 10; ++run) {
    LoadWorld world(kPages);
    world.fill(random);
    const std::size_t cut = random() % (kPages * kPageBytes);
    {
      Wire wire(
          [cut](std::span<std::uint8_t> bytes, std::size_t at) {
            return at + bytes.size() <= cut ? bytes.size() : cut - at;
          },
          &Wire::pass);
      const auto mover = world.move(std::move(wire.sender));
      const auto arrival = world.arrive(std::move(wire.receiver));
      EXPECT(!world.wait_for(*arrival) && !world.wait_for(*mover));
    }
    const std::size_t kept = world.staging.held.size();
    EXPECT(kept + 2 * kMostChunkPages >= cut / kPageBytes && kept < kPages);
    // The application goes on between the two.
    for (int i = 0; i < 5; ++i) world.source.bytes()[random() % world.source.bytes().size()] ^= 1;
    Ends ends = connected();
    ArrivalOptions options;
    options.basis = Basis::kDigests;
    const auto mover = world.move(std::move(ends[0]));
    const auto arrival = world.arrive(std::move(ends[1]), options);
    REQUIRE(world.finish(*mover));
    REQUIRE(world.wait_for(*mover) && world.wait_for(*arrival));
    EXPECT(world.staging.is_whole() && LoadWorld::same(world.source, world.staged));
    EXPECT(relaxed(mover->progress().pages) <= kPages - kept + 5);
  }
}

TEST(damage_at_any_byte_is_found_and_never_makes_a_wrong_state) {
  std::mt19937_64 random(seed());
  // A page, one of zeros, a page: their packets, then the end.
  constexpr std::size_t kForth = 4 * kMoveHeaderBytes + 2 * kPageBytes + kEndBytes;
  constexpr std::size_t kWanted = kMoveHeaderBytes + kWantBytes;
  constexpr std::size_t kBack = kWanted + kMoveHeaderBytes + kDoneBytes;
  for (std::size_t run = 0; run < 500; ++run) {
    LoadWorld world(3);
    world.fill(random);
    std::fill_n(&world.source.bytes()[kPageBytes], kPageBytes, 0);
    // Each byte of the way back, all headers there, and some of the pages.
    const bool is_back = run < kBack;
    const std::size_t damaged = is_back        ? run
                                : run % 2 == 0 ? random() % kForth
                                               : kForth - 1 - random() % 100;
    const auto flip = static_cast<std::uint8_t>(1u << (random() % 8));
    const auto damage = [=](std::span<std::uint8_t> bytes, std::size_t at) {
      if (at <= damaged && damaged < at + bytes.size()) bytes[damaged - at] ^= flip;
      return bytes.size();
    };
    Wire wire(is_back ? Wire::Edit(&Wire::pass) : Wire::Edit(damage),
              is_back ? Wire::Edit(damage) : Wire::Edit(&Wire::pass));
    const auto mover = world.move(std::move(wire.sender));
    const auto arrival = world.arrive(std::move(wire.receiver));
    static_cast<void>(world.finish(*mover));
    EXPECT(!world.wait_for(*mover));
    // Only a damaged confirmation comes too late for the arrival.
    const bool is_late = is_back && damaged >= kWanted;
    EXPECT_EQ(world.wait_for(*arrival), is_late);
    if (is_late) EXPECT(LoadWorld::same(world.source, world.staged));
  }
}

TEST_MAIN()
