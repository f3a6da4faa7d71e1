// The marks of what was begun and sent: what a server wrote is what its heir reads, in whatever
// order the packets come; rubbish in shared memory or in a packet is refused and harms nothing.
#include "heartbeat/sent_marks.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "base/little_endian.hpp"
#include "harness.hpp"

using namespace hotpair;
using namespace hotpair::heartbeat;

namespace {

std::uint64_t bits(double number) { return std::bit_cast<std::uint64_t>(number); }

PeerMarks marks_of(std::size_t lanes, std::mt19937_64& random) {
  PeerMarks marks{};
  marks.incarnation = 0xa1;
  marks.epoch = 1001;
  marks.lanes = lanes;
  for (std::size_t i = 0; i < lanes; ++i) {
    const std::uint64_t sent = random() >> 12;
    marks.lane[i] = {sent + random() % 64, sent};
  }
  return marks;
}

bool is_same(const PeerMarks& one, const PeerMarks& other) {
  return one.incarnation == other.incarnation && one.epoch == other.epoch &&
         one.lanes == other.lanes &&
         std::equal(one.lane, one.lane + one.lanes, other.lane, [](auto& left, auto& right) {
           return left.begun == right.begun && left.sent == right.sent;
         });
}

}  // namespace

TEST(a_number_of_javascript_is_whole_and_safe_or_none) {
  for (const double good : {0.0, 1.0, 64.0, 9'007'199'254'740'991.0}) {
    EXPECT(whole_number(bits(good)) == static_cast<std::uint64_t>(good));
  }
  for (const double bad : {-1.0, 0.5, 9'007'199'254'740'992.0, std::nan(""),
                           std::numeric_limits<double>::infinity()}) {
    EXPECT(!whole_number(bits(bad)));
  }
}

TEST(what_was_written_is_read) {
  auto marks = std::make_unique<SentMarks>();
  EXPECT(!read_marks(*marks, 7));
  marks->lane[0].begun = bits(12);
  marks->lane[0].sent = bits(10);
  marks->lane[1].begun = bits(3);
  marks->lane[1].sent = bits(3);
  marks->lanes = bits(2);
  EXPECT(!read_marks(*marks, 7));
  marks->epoch = bits(1001);
  const auto read = read_marks(*marks, 7);
  REQUIRE(read);
  EXPECT_EQ(read->incarnation, 7u);
  EXPECT_EQ(read->epoch, 1001u);
  EXPECT_EQ(read->lanes, 2u);
  EXPECT_EQ(read->lane[0].begun, 12u);
  EXPECT_EQ(read->lane[1].sent, 3u);
}

TEST(rubbish_is_no_marks) {
  auto marks = std::make_unique<SentMarks>();
  marks->epoch = bits(1);
  marks->lanes = bits(kMostLanes + 1);
  EXPECT(!read_marks(*marks, 7));
  marks->lanes = bits(1);
  marks->lane[0].begun = bits(1);
  marks->lane[0].sent = bits(2);
  EXPECT(!read_marks(*marks, 7));
  std::mt19937_64 random(hotpair::test::seed());
  for (int i = 0; i < 2'000; ++i) {
    marks->epoch = random();
    marks->lanes = random();
    marks->lane[random() % kMostLanes].begun = random();
    const auto read = read_marks(*marks, 7);
    if (read) EXPECT(read->lanes <= kMostLanes && read->epoch != 0);
  }
}

TEST(packets_in_any_order_and_twice_make_the_whole) {
  std::mt19937_64 random(hotpair::test::seed());
  for (const std::size_t lanes : {0u, 1u, 6u, 7u, 8u, 14u, 100u, 255u, 256u}) {
    const PeerMarks marks = marks_of(lanes, random);
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < packets_of(marks); ++i) order.insert(order.end(), 2, i);
    std::shuffle(order.begin(), order.end(), random);
    MarksCollector collector;
    int whole = 0;
    for (const std::size_t i : order) whole += collector.take(0xa1, encode_marks(marks, i)) ? 1 : 0;
    EXPECT_EQ(whole, 1);
    EXPECT(is_same(collector.whole(), marks));
  }
}

TEST(another_death_begins_anew) {
  std::mt19937_64 random(hotpair::test::seed());
  const PeerMarks first = marks_of(20, random);
  PeerMarks second = marks_of(20, random);
  second.incarnation = 0xa2;
  MarksCollector collector;
  EXPECT(!collector.take(0xa1, encode_marks(first, 0)));
  EXPECT(!collector.take(0xa2, encode_marks(second, 0)));
  EXPECT(!collector.take(0xa2, encode_marks(second, 1)));
  EXPECT(collector.take(0xa2, encode_marks(second, 2)));
  EXPECT(is_same(collector.whole(), second));
}

TEST(a_packet_that_cannot_be_is_refused) {
  std::mt19937_64 random(hotpair::test::seed());
  MarksCollector collector;
  for (int i = 0; i < 20'000; ++i) {
    Presence packet;
    for (std::uint8_t& byte : packet) byte = static_cast<std::uint8_t>(random());
    // Now and then nearly right, so that more than the first check is met.
    std::uniform_int_distribution<std::uint32_t> lanes(0, kMostLanes + 1);
    if (i % 2 == 0) store_little<std::uint32_t>(packet.data() + 8, lanes(random));
    if (i % 2 == 0) store_little<std::uint32_t>(packet.data() + 12, lanes(random));
    if (i % 4 == 0) store_little<std::uint64_t>(packet.data(), random() % 3);
    if (collector.take(0xa1, packet)) EXPECT(collector.whole().lanes <= kMostLanes);
  }
}

TEST_MAIN()
