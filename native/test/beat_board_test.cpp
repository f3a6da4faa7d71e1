// What threads share: the board and other latest values under a racing writer, and the gate's word.
// Run under the thread sanitizer too.
#include "heartbeat/beat_board.hpp"

#include <thread>

#include "base/thread_owner.hpp"
#include "harness.hpp"
#include "heartbeat/gate.hpp"

using namespace hotpair;
using namespace hotpair::heartbeat;

namespace {

constexpr Nanos kSpan = Nanos::millis(400);

constexpr BootInstant at(std::int64_t millis) { return BootInstant{} + Nanos::millis(millis); }

// A view whose fields all say the same number, so that a torn one is seen.
BoardView view_of(std::uint32_t number) {
  BoardView view{};
  view.suspicion = number;
  view.verdict_at = number;
  view.own_seq = number;
  view.same_member = number;
  view.peer_presence.fill(static_cast<std::uint8_t>(number));
  view.peer_counters.fill(static_cast<std::uint8_t>(number));
  return view;
}

bool is_whole(const BoardView& view) {
  const BoardView expected = view_of(view.suspicion);
  return view.verdict_at == expected.verdict_at && view.own_seq == expected.own_seq &&
         view.same_member == expected.same_member && view.peer_presence == expected.peer_presence &&
         view.peer_counters == expected.peer_counters;
}

}  // namespace

TEST(a_board_that_was_never_written_reads_as_zero) {
  const BeatBoard board;
  BoardView view = view_of(9);
  REQUIRE(board.view.try_read(view));
  EXPECT_EQ(view.suspicion, 0u);
  EXPECT_EQ(view.peer_incarnation, 0u);
}

TEST(a_look_at_a_board_under_a_writer_is_whole_or_nothing) {
  constexpr std::uint32_t kWrites = 200'000;
  BeatBoard board;
  std::thread writer([&] {
    for (std::uint32_t i = 1; i <= kWrites; ++i) board.view.write(view_of(i));
  });
  std::uint32_t last = 0;
  std::uint64_t looks = 0;
  while (last < kWrites) {
    BoardView view;
    if (!board.view.try_read(view)) continue;
    ++looks;
    EXPECT(is_whole(view));
    EXPECT(view.suspicion >= last);
    last = view.suspicion;
  }
  writer.join();
  EXPECT(looks > 0);
}

TEST(a_gate_opens_from_the_last_beat_on_and_is_renewed_by_beats) {
  GateWords words(at(1000));
  Gate gate(words, kSpan);
  EXPECT(!gate.is_open(at(1000)));
  EXPECT(gate.renew(at(1100)) == Gate::Renewal::kShut);
  gate.open();
  EXPECT(gate.is_open(at(1499)));
  EXPECT(!gate.is_open(at(1500)));
  EXPECT(gate.renew(at(1200)) == Gate::Renewal::kRenewed);
  EXPECT(gate.is_open(at(1599)));
  EXPECT(!gate.is_open(at(1600)));
}

TEST(a_gate_that_expired_stays_shut_until_it_is_opened) {
  GateWords words(at(1000));
  Gate gate(words, kSpan);
  gate.open();
  EXPECT(gate.renew(at(1400)) == Gate::Renewal::kLapsed);
  EXPECT(!gate.is_open(at(1401)));
  EXPECT(gate.renew(at(1500)) == Gate::Renewal::kShut);
  EXPECT(!gate.is_open(at(1501)));
  gate.open();
  EXPECT(gate.is_open(at(1899)));
  EXPECT(!gate.is_open(at(1900)));
}

TEST(a_gate_opened_while_the_thread_stands_still_is_shut) {
  GateWords words(at(1000));
  Gate gate(words, kSpan);
  gate.open();
  EXPECT(!gate.is_open(at(5000)));
}

TEST(a_renewal_never_opens_what_was_shut) {
  GateWords words(at(1));
  Gate gate(words, kSpan);
  std::atomic<bool> is_done{false};
  std::thread renewer([&] {
    for (std::int64_t now = 2; !is_done.load(std::memory_order_acquire); ++now) {
      static_cast<void>(gate.renew(at(now)));
    }
  });
  for (int i = 0; i < 20'000; ++i) {
    gate.open();
    gate.shut();
    EXPECT(!gate.is_open(at(0)));
    std::this_thread::yield();
    EXPECT(!gate.is_open(at(0)));
  }
  is_done.store(true, std::memory_order_release);
  renewer.join();
}

TEST(a_reign_that_is_armed_can_be_renounced_once_and_no_other) {
  GateWords words(at(1000));
  Gate gate(words, kSpan);
  EXPECT(!gate.renounce(gate.armed()));
  gate.arm(7);
  const Arming armed = gate.armed();
  EXPECT_EQ(armed.epoch(), 7u);
  EXPECT(gate.renounce(armed));
  EXPECT(!gate.renounce(armed));
  EXPECT_EQ(gate.armed().epoch(), 0u);
  EXPECT(!gate.renounce(gate.armed()));
  EXPECT_EQ(gate.disarm(), 7u);
  EXPECT_EQ(gate.disarm(), 0u);
}

TEST(a_reign_that_was_disarmed_cannot_be_renounced) {
  GateWords words(at(1000));
  Gate gate(words, kSpan);
  gate.arm(7);
  const Arming armed = gate.armed();
  EXPECT_EQ(gate.disarm(), 0u);
  EXPECT(!gate.renounce(armed));
  EXPECT_EQ(gate.disarm(), 0u);
}

TEST(a_reign_can_be_armed_for_none_and_for_another) {
  GateWords words(at(1000));
  Gate gate(words, kSpan);
  gate.arm(7);
  const Arming first = gate.armed();
  gate.arm(9);
  EXPECT(!gate.renounce(first));
  const Arming second = gate.armed();
  EXPECT_EQ(second.epoch(), 9u);
  gate.arm(0);
  EXPECT(!gate.renounce(second));
  EXPECT_EQ(gate.armed().epoch(), 0u);
}

TEST(what_was_found_under_one_arming_is_no_right_under_the_next_of_the_same_reign) {
  GateWords words(at(1000));
  Gate gate(words, kSpan);
  const std::uint64_t epoch = (std::uint64_t{1} << 53) - 1;
  gate.arm(epoch);
  // More than the number of an arming can count.
  for (int i = 0; i < 3000; ++i) {
    const Arming former = gate.armed();
    EXPECT_EQ(former.epoch(), epoch);
    EXPECT_EQ(gate.disarm(), 0u);
    gate.arm(epoch);
    EXPECT(!gate.renounce(former));
  }
  EXPECT(gate.renounce(gate.armed()));
  EXPECT_EQ(gate.disarm(), epoch);
}

TEST(a_renounced_gate_opens_to_nobody_until_that_was_taken) {
  GateWords words(at(1000));
  Gate gate(words, kSpan);
  gate.open();
  gate.arm(7);
  REQUIRE(gate.is_open(at(1100)));
  REQUIRE(gate.renounce(gate.armed()));
  EXPECT(!gate.is_open(at(1100)));
  gate.open();
  EXPECT(!gate.is_open(at(1100)));
  static_cast<void>(gate.renew(at(1200)));
  EXPECT(!gate.is_open(at(1201)));
  // Nor can it be armed again behind the back of what was renounced.
  gate.arm(9);
  EXPECT_EQ(gate.armed().epoch(), 0u);
  EXPECT_EQ(gate.disarm(), 7u);
  // What stood open before stands shut, and is opened by JavaScript alone.
  EXPECT(!gate.is_open(at(1201)));
  gate.open();
  EXPECT(gate.is_open(at(1201)));
}

TEST(of_javascript_and_the_beat_thread_exactly_one_decides_over_a_reign) {
  constexpr std::uint64_t kReigns = 5'000;
  GateWords words(at(1000));
  Gate gate(words, kSpan);
  std::atomic<std::uint64_t> tried{0};
  std::atomic<bool> is_done{false};
  std::uint64_t renounced_there = 0;
  std::thread beat([&] {
    while (!is_done.load(std::memory_order_acquire)) {
      const Arming armed = gate.armed();
      if (armed.epoch() == 0) continue;
      if (gate.renounce(armed)) renounced_there += armed.epoch();
      tried.fetch_add(1, std::memory_order_relaxed);
    }
  });
  std::uint64_t renounced_here = 0;
  std::uint64_t kept = 0;
  for (std::uint64_t epoch = 1; epoch <= kReigns; ++epoch) {
    gate.open();
    gate.arm(epoch);
    // Now a moment, now none, and now until the other side has won.
    if (epoch % 16 == 0) {
      while (gate.armed().epoch() != 0) std::this_thread::yield();
    }
    for (std::uint64_t i = 0; i < epoch % 64; ++i) static_cast<void>(gate.armed());
    const std::uint64_t taken = gate.disarm();
    // Whoever lost has nothing: a reign that was kept is never found renounced later.
    EXPECT(taken == 0 || taken == epoch);
    EXPECT_EQ(gate.is_open(at(1001)), taken == 0);
    renounced_here += taken;
    kept += taken == 0;
  }
  is_done.store(true, std::memory_order_release);
  beat.join();
  EXPECT_EQ(renounced_here, renounced_there);
  EXPECT(kept > 0 && kept < kReigns);
  std::cout << "  kept " << kept << " of " << kReigns << " reigns\n";
}

TEST(an_object_belongs_to_the_first_thread_that_uses_it_until_it_is_handed_over) {
  ThreadOwner owner;
  owner.check();
  owner.check();
  owner.hand_over();
  std::thread([&] { owner.check(); }).join();
}

TEST_MAIN()
