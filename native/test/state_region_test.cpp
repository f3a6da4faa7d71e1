// Loads between two regions with all that a member does to its own: writing at any time, digests,
// marks, cuts, changes of direction; against plain copies of the bytes as the oracle.
#include "snapshot/state_region.hpp"

#include <cstring>

#include "load_world.hpp"

namespace {

using namespace hotpair::snapshot;
using namespace hotpair::test;
using hotpair::SipKey;
using Wanted = StateRegion::Wanted;

constexpr std::size_t kPages = 160;
constexpr SipKey kKey{5, 6};

// One member. It looks without end and not by its bell: looking may wait for the thread that rings,
// so it must not be done under a lock that a ring would take.
struct Member {
  explicit Member(bool is_shadow = false) {
    StateRegionOptions options;
    options.bytes = kPages * kPageBytes;
    options.key = kKey;
    options.is_shadow = is_shadow;
    auto opened = StateRegion::open(options, {});
    CHECK(opened.ok());
    region = std::move(opened).value();
  }
  void write(std::size_t at, std::uint8_t value) const {
    write_racing(&region->bytes()[at], value);
  }
  void fill(std::mt19937_64& random) const {
    for (std::size_t at = 0; at < region->bytes().size(); at += 8) {
      const std::uint64_t word = random();
      std::memcpy(&region->bytes()[at], &word, 8);
    }
  }
  Bytes copy() const { return {region->bytes().begin(), region->bytes().end()}; }
  LoadPhase wait() {
    while (region->look() == LoadPhase::kWorking || region->look() == LoadPhase::kNearly) {
      std::this_thread::yield();
    }
    return region->look();
  }

  std::unique_ptr<StateRegion> region;
};

// The digest of `bytes` without any memory of what was there before.
std::uint64_t digest_of(const Bytes& bytes) {
  const PageHash hash(kKey);
  PageDigests digests(hash, bytes.size() / kPageBytes);
  PageSet all(digests.page_count());
  all.add_all();
  digests.update(bytes, all);
  return digests.whole();
}

// Finishes as soon as it may; false when the load has failed before.
bool finish(Member& sender) {
  for (;;) {
    const LoadPhase phase = sender.region->look();
    if (phase == LoadPhase::kWorking) std::this_thread::yield();
    if (phase == LoadPhase::kDone || phase == LoadPhase::kFailed) return false;
    if (phase == LoadPhase::kNearly && sender.region->finish() == FinishStatus::kTaken) return true;
  }
}

void begin(Member& sender, Member& receiver, Wanted wanted, std::uint64_t mark = 0) {
  static std::uint64_t number = 0;
  ++number;
  Ends ends = connected();
  REQUIRE(sender.region->send(number, std::move(ends[0])).ok());
  REQUIRE(receiver.region->receive(number, std::move(ends[1]), wanted, mark).ok());
}

// A whole load, installed; the pages that went over the wire.
std::uint64_t load(Member& sender, Member& receiver, Wanted wanted, std::uint64_t mark = 0) {
  begin(sender, receiver, wanted, mark);
  EXPECT(finish(sender));
  EXPECT(sender.wait() == LoadPhase::kDone && receiver.wait() == LoadPhase::kDone);
  EXPECT_EQ(sender.region->load_digest(), receiver.region->load_digest());
  const std::uint64_t pages = receiver.region->figures().pages;
  EXPECT(receiver.region->install().ok());
  EXPECT(sender.copy() == receiver.copy());
  EXPECT_EQ(sender.region->digest(), receiver.region->digest());
  EXPECT_EQ(sender.region->digest(), digest_of(sender.copy()));
  return pages;
}

}  // namespace

TEST(a_digest_follows_what_is_written) {
  std::mt19937_64 random(seed());
  for (const bool is_shadow : {false, true}) {
    const Member member(is_shadow);
    EXPECT_EQ(member.region->digest(), digest_of(member.copy()));
    for (int run = 0; run < 20; ++run) {
      for (std::size_t i = 0; i < random() % 6; ++i) {
        member.write(random() % member.region->bytes().size(), static_cast<std::uint8_t>(random()));
      }
      EXPECT_EQ(member.region->digest(), digest_of(member.copy()));
    }
  }
}

TEST(bytes_are_rounded_to_a_unit_and_the_rest_is_zero) {
  StateRegionOptions options;
  options.bytes = 1;
  auto opened = StateRegion::open(options, {});
  REQUIRE(opened.ok());
  EXPECT_EQ(opened.value()->bytes().size(), kRegionUnit);
  EXPECT(opened.value()->look() == LoadPhase::kIdle);
  EXPECT(opened.value()->finish() == FinishStatus::kNotYet);
}

TEST(what_cannot_be_had_is_told_with_its_sum) {
  StateRegionOptions options;
  options.bytes = std::size_t{1} << 45;
  const auto opened = StateRegion::open(options, {});
  REQUIRE(!opened.ok());
  EXPECT(opened.error().code == hotpair::ErrorCode::kSharedMemory);
  EXPECT_EQ(opened.error().wanted_bytes, std::uint64_t{1} << 46);
}

TEST(a_load_puts_the_same_region_in_place_at_the_same_address) {
  std::mt19937_64 random(seed());
  for (const bool is_shadow : {false, true}) {
    Member sender(is_shadow);
    Member receiver(is_shadow);
    sender.fill(random);
    const std::uint8_t* const address = receiver.region->bytes().data();
    EXPECT_EQ(load(sender, receiver, Wanted::kAll), kPages);
    EXPECT(receiver.region->bytes().data() == address);
    // And once more, to see that what is there afterwards can be loaded too.
    sender.write(5 * kPageBytes, 1);
    sender.write(6 * kPageBytes, 1);
    EXPECT_EQ(load(sender, receiver, Wanted::kDifference), 2u);
    EXPECT(receiver.region->bytes().data() == address);
  }
}

TEST(a_load_is_of_the_moment_of_finish_and_a_mark_then_is_of_that_moment) {
  std::mt19937_64 random(seed());
  Member sender;
  Member receiver;
  sender.fill(random);
  begin(sender, receiver, Wanted::kAll);
  REQUIRE(finish(sender));
  const Bytes held = sender.copy();
  sender.region->mark(7);
  sender.write(0, static_cast<std::uint8_t>(held[0] + 1));
  REQUIRE(sender.wait() == LoadPhase::kDone && receiver.wait() == LoadPhase::kDone);
  EXPECT_EQ(receiver.region->load_digest(), digest_of(held));
  REQUIRE(receiver.region->install().ok());
  EXPECT(receiver.copy() == held);
  EXPECT_EQ(sender.region->digest(), digest_of(sender.copy()));
  receiver.region->mark(7);
  receiver.write(10 * kPageBytes, 1);
  EXPECT_EQ(load(sender, receiver, Wanted::kChanged, 7), 2u);
}

TEST(the_mark_before_the_last_is_still_known_and_one_before_that_is_not) {
  std::mt19937_64 random(seed());
  Member sender;
  Member receiver;
  sender.fill(random);
  load(sender, receiver, Wanted::kAll);
  receiver.region->mark(1);
  for (std::uint64_t mark = 1; mark <= 2; ++mark) {
    sender.region->mark(mark);
    sender.write(mark * kPageBytes, static_cast<std::uint8_t>(random()));
  }
  EXPECT_EQ(load(sender, receiver, Wanted::kChanged, 1), 2u);
  receiver.region->mark(1);
  sender.region->mark(1);
  sender.region->mark(2);
  sender.region->mark(3);
  begin(sender, receiver, Wanted::kChanged, 1);
  EXPECT(!finish(sender) && sender.wait() == LoadPhase::kFailed);
  EXPECT(std::strstr(sender.region->failure().action, "is not known") != nullptr);
  EXPECT(receiver.wait() == LoadPhase::kFailed);
  // Here it is the receiver that does not know it: the digests tell what differs.
  sender.write(0, static_cast<std::uint8_t>(random()));
  EXPECT(load(sender, receiver, Wanted::kChanged, 99) <= 1);
}

TEST(a_cancelled_load_says_nothing_and_leaves_the_region_whole) {
  std::mt19937_64 random(seed());
  Member sender;
  Member receiver;
  sender.fill(random);
  receiver.fill(random);
  const Bytes before = receiver.copy();
  for (int run = 0; run < 40; ++run) {
    begin(sender, receiver, Wanted::kAll);
    if (run % 4 == 0) static_cast<void>(finish(sender));
    (run % 2 == 0 ? sender : receiver).region->cancel();
    EXPECT((run % 2 == 0 ? sender : receiver).region->look() == LoadPhase::kIdle);
    (run % 2 == 0 ? receiver : sender).region->cancel();
    EXPECT(receiver.copy() == before);
    sender.write(random() % before.size(), 3);
    EXPECT_EQ(sender.region->digest(), digest_of(sender.copy()));
  }
  load(sender, receiver, Wanted::kRest);
}

// Everything that a pair does to two regions, in any order; after each load both are compared byte
// by byte, and every digest with one that remembers nothing.
TEST(two_regions_agree_after_any_history) {
  std::mt19937_64 random(seed());
  for (int run = 0; run < 6; ++run) {
    Member one(run % 3 == 1);
    Member two(run % 3 == 2);
    Member* sender = &one;
    Member* receiver = &two;
    sender->fill(random);
    std::uint64_t mark = 0;
    std::uint64_t marked = 0;
    load(*sender, *receiver, Wanted::kAll);
    for (int step = 0; step < 60; ++step) {
      const auto scribble = [&](const Member& member) {
        for (std::size_t i = 0; i < random() % 20; ++i) {
          member.write(random() % (kPages * kPageBytes), static_cast<std::uint8_t>(random() % 3));
        }
      };
      scribble(*sender);
      switch (random() % 6) {
        case 0:  // In step: both are equal, and say so.
          load(*sender, *receiver, Wanted::kDifference);
          sender->region->mark(++mark);
          receiver->region->mark(mark);
          marked = mark;
          break;
        case 1:  // Cut off, both went on.
          scribble(*receiver);
          if (marked == 0) break;
          begin(*sender, *receiver, Wanted::kChanged, marked);
          if (!finish(*sender)) break;
          EXPECT(receiver->wait() == LoadPhase::kDone);
          EXPECT(receiver->region->install().ok());
          EXPECT(receiver->copy() == sender->copy());
          marked = 0;
          break;
        case 2: {  // Broken in the middle.
          begin(*sender, *receiver, random() % 2 == 0 ? Wanted::kAll : Wanted::kDifference);
          if (random() % 2 == 0) static_cast<void>(finish(*sender));
          sender->region->cancel();
          scribble(*sender);
          break;
        }
        case 3:
          std::swap(sender, receiver);
          break;
        case 4:
          EXPECT_EQ(sender->region->digest(), digest_of(sender->copy()));
          EXPECT_EQ(receiver->region->digest(), digest_of(receiver->copy()));
          break;
        default:
          load(*sender, *receiver, static_cast<Wanted>(random() % 3));
          marked = 0;
      }
    }
  }
}

TEST(released_memory_outlives_the_rest) {
  Member member;
  member.write(3, 9);
  const std::uint8_t* const address = member.region->bytes().data();
  hotpair::SharedRegion memory = member.region->release();
  member.region.reset();
  EXPECT(memory.data() == address && memory.data()[3] == 9);
}

TEST_MAIN()
