// The outbox: each rule of its header by an example. Malformed batches are tried at every
// truncation and reserved byte.
#include "outbox_batch.hpp"

namespace {

using hotpair::crc32c;
using namespace hotpair::test;

const Bytes kOne{1, 2, 3};
const Bytes kTwo{4, 5, 6, 7, 8, 9, 10, 11, 12};

}  // namespace

TEST(an_output_and_its_notice_vanish_in_either_order) {
  Outbox outbox = open_outbox();
  expect_status(produce(outbox, Batch().output(3, 1, kOne).output(3, 2, kTwo)), Status::kOk);
  EXPECT_EQ(outbox.pending_count(), 2u);
  expect_status(peer_sent(outbox, Batch().sent(3, 1, kOne)), Status::kOk);
  EXPECT_EQ(outbox.pending_count(), 1u);
  expect_status(peer_sent(outbox, Batch().sent(3, 2, kTwo).sent(3, 3, kOne)), Status::kOk);
  EXPECT_EQ(outbox.pending_count(), 0u);
  expect_status(produce(outbox, Batch().output(3, 3, kOne)), Status::kOk);
  EXPECT_EQ(outbox.bytes(), 0u);
  EXPECT(!outbox.divergence().has_value());
}

TEST(digests_of_a_batch_are_handed_out) {
  Outbox outbox = open_outbox();
  const Batch batch = Batch().output(0, 1, kOne).output(7, 1, kTwo);
  std::vector<std::uint32_t> digests(2);
  expect_status(outbox.produce(batch.bytes, 2, digests), Status::kOk);
  EXPECT_EQ(digests[0], crc32c(kOne));
  EXPECT_EQ(digests[1], crc32c(kTwo));
}

TEST(different_bytes_under_one_number_are_named_once_and_do_not_stop_the_batch) {
  Outbox outbox = open_outbox();
  expect_status(produce(outbox, Batch().output(1, 1, kOne).output(1, 2, kOne)), Status::kOk);
  expect_status(peer_sent(outbox, Batch().sent(1, 1, kTwo).sent(1, 2, kOne).sent(1, 3, kOne)),
                Status::kDiverged);
  REQUIRE(outbox.divergence().has_value());
  EXPECT_EQ(outbox.divergence()->channel, 1);
  EXPECT_EQ(outbox.divergence()->number, 1u);
  EXPECT_EQ(outbox.pending_count(), 0u);
  // Ahead by number 3; the same length with another byte differs too.
  expect_status(produce(outbox, Batch().output(1, 3, Bytes{1, 2, 4})), Status::kDiverged);
  EXPECT_EQ(outbox.divergence()->number, 1u);
  expect_status(produce(outbox, Batch().output(1, 4, kOne)), Status::kOk);
  outbox.reset(2, 0, 0);
  EXPECT(outbox.divergence().has_value());
  outbox.reset(1, 0, 0);
  EXPECT(!outbox.divergence().has_value());
}

TEST(another_length_is_a_divergence_even_under_the_same_check_sum) {
  Batch notice = Batch().sent(0, 1, kOne);
  notice.bytes[4] = 4;
  Outbox outbox = open_outbox();
  expect_status(produce(outbox, Batch().output(0, 1, kOne)), Status::kOk);
  expect_status(peer_sent(outbox, notice), Status::kDiverged);
  outbox.clear();
  expect_status(peer_sent(outbox, notice), Status::kOk);
  expect_status(produce(outbox, Batch().output(0, 1, kOne)), Status::kDiverged);
}

TEST(a_channel_that_turns_reuses_its_own_last_block) {
  Outbox outbox = open_outbox(2 * kBlockBytes);
  const Bytes block(kBlockPayload - 16, 7);
  const Bytes nearly(kBlockPayload - 32, 7);
  expect_status(produce(outbox, Batch().output(1, 1, block)), Status::kOk);
  expect_status(peer_sent(outbox, Batch().sent(0, 1, kOne)), Status::kOk);
  EXPECT_EQ(outbox.bytes(), 2 * kBlockBytes);
  expect_status(produce(outbox, Batch().output(0, 1, kOne).output(0, 2, block)), Status::kFull);
  expect_status(produce(outbox, Batch().output(0, 1, kOne).output(0, 2, nearly)), Status::kOk);
  EXPECT_EQ(outbox.bytes(), 2 * kBlockBytes);
}

TEST(a_gap_takes_nothing) {
  Outbox outbox = open_outbox();
  expect_status(produce(outbox, Batch().output(0, 2, kOne)), Status::kGap);
  expect_status(produce(outbox, Batch().output(0, 1, kOne).output(0, 3, kOne)), Status::kGap);
  expect_status(produce(outbox, Batch().output(0, 1, kOne).output(0, 1, kOne)), Status::kGap);
  expect_status(peer_sent(outbox, Batch().sent(0, 1, kOne).sent(0, 3, kOne)), Status::kGap);
  EXPECT_EQ(outbox.pending_count(), 0u);
  EXPECT_EQ(outbox.bytes(), 0u);
  expect_status(peer_sent(outbox, Batch().sent(0, 1, kOne)), Status::kOk);
  // Numbers count by channel.
  expect_status(produce(outbox, Batch().output(0, 1, kOne).output(5, 1, kTwo).output(0, 2, kTwo)),
                Status::kOk);
}

TEST(repeated_notices_are_passed_over) {
  Outbox outbox = open_outbox();
  expect_status(peer_sent(outbox, Batch().sent(0, 1, kOne).sent(0, 2, kOne)), Status::kOk);
  expect_status(peer_sent(outbox, Batch().sent(0, 1, kTwo).sent(0, 2, kOne).sent(0, 3, kTwo)),
                Status::kOk);
  expect_status(produce(outbox, Batch().output(0, 1, kOne).output(0, 2, kOne).output(0, 3, kTwo)),
                Status::kOk);
  EXPECT_EQ(outbox.bytes(), 0u);
}

TEST(a_full_outbox_refuses_the_whole_batch_and_takes_it_later) {
  Outbox outbox = open_outbox(2 * kBlockBytes);
  const Bytes large(kBlockPayload - 16, 0xab);
  expect_status(produce(outbox, Batch().output(0, 1, large)), Status::kOk);
  EXPECT_EQ(outbox.bytes(), kBlockBytes);
  const Batch two = Batch().output(1, 1, large).output(1, 2, kOne);
  expect_status(produce(outbox, two), Status::kFull);
  EXPECT_EQ(outbox.pending_count(), 1u);
  EXPECT_EQ(outbox.bytes(), kBlockBytes);
  expect_status(peer_sent(outbox, Batch().sent(0, 1, large)), Status::kOk);
  EXPECT_EQ(outbox.bytes(), 0u);
  expect_status(produce(outbox, two), Status::kOk);
  EXPECT_EQ(outbox.bytes(), 2 * kBlockBytes);
  // Notices ahead have the same bound.
  Batch many;
  for (std::uint64_t number = 1; number <= 1000; ++number) many.sent(2, number, kOne);
  expect_status(peer_sent(outbox, many), Status::kFull);
}

TEST(a_slow_channel_does_not_hold_the_space_of_another) {
  Outbox outbox = open_outbox(4 * kBlockBytes);
  const Bytes data(1000, 7);
  expect_status(produce(outbox, Batch().output(0, 1, data)), Status::kOk);
  for (std::uint64_t number = 1; number <= 1000; ++number) {
    expect_status(produce(outbox, Batch().output(1, number, data)), Status::kOk);
    expect_status(peer_sent(outbox, Batch().sent(1, number, data)), Status::kOk);
  }
  EXPECT_EQ(outbox.bytes(), kBlockBytes);
}

TEST(the_sender_forgets_what_it_has_sent) {
  Outbox outbox = open_outbox();
  expect_status(produce(outbox, Batch().output(0, 1, kOne).output(0, 2, kTwo).output(0, 3, kOne)),
                Status::kOk);
  EXPECT(outbox.sent(0, 2));
  EXPECT(outbox.sent(0, 1));
  EXPECT_EQ(outbox.pending_count(), 1u);
  EXPECT(!outbox.sent(0, 4));
  EXPECT(read_pending(outbox, 0, 0, 64) == (std::map<std::uint64_t, Bytes>{{3, kOne}}));
}

TEST(pending_says_what_room_the_next_output_needs) {
  Outbox outbox = open_outbox();
  expect_status(produce(outbox, Batch().output(0, 1, kOne).output(0, 2, Bytes(100, 1))),
                Status::kOk);
  Bytes room(24);
  EXPECT_EQ(outbox.pending(0, 1, room), 24);
  EXPECT_EQ(outbox.pending(0, 2, room), -120);
  EXPECT_EQ(outbox.pending(0, 3, room), 0);
  EXPECT_EQ(outbox.pending(9, 1, room), 0);
}

TEST(reading_goes_on_behind_an_output_that_filled_its_block_and_was_sent) {
  Outbox outbox = open_outbox();
  const Bytes block(kBlockPayload - 16, 7);
  expect_status(produce(outbox, Batch().output(0, 1, block).output(0, 2, kOne)), Status::kOk);
  Bytes room(record_bytes(block.size()));
  EXPECT_EQ(outbox.pending(0, 1, room), static_cast<std::int64_t>(room.size()));
  EXPECT(outbox.sent(0, 1));
  EXPECT(read_pending(outbox, 0, 2, 64) == (std::map<std::uint64_t, Bytes>{{2, kOne}}));
}

TEST(a_channel_begun_ahead_takes_the_missed_outputs_without_comparison) {
  Outbox outbox = open_outbox();
  outbox.reset(0, 10, 12);
  expect_status(peer_sent(outbox, Batch().sent(0, 13, kOne)), Status::kOk);
  expect_status(produce(outbox, Batch().output(0, 11, kTwo).output(0, 12, kTwo)), Status::kOk);
  EXPECT_EQ(outbox.pending_count(), 0u);
  expect_status(produce(outbox, Batch().output(0, 13, kTwo)), Status::kDiverged);
}

TEST(malformed_batches_change_nothing) {
  const Batch outputs = Batch().output(0, 1, kOne).output(1, 1, kTwo);
  const Batch notices = Batch().sent(0, 1, kOne).sent(1, 1, kTwo);
  std::vector<std::uint32_t> digests(3);
  const auto expect_refused = [&](std::span<const std::uint8_t> bytes, std::size_t count,
                                  bool is_produce) {
    Outbox outbox = open_outbox();
    expect_status(
        is_produce ? outbox.produce(bytes, count, digests) : outbox.peer_sent(bytes, count),
        Status::kMalformed);
    EXPECT_EQ(outbox.bytes(), 0u);
    EXPECT_EQ(outbox.pending_count(), 0u);
  };
  for (const bool is_produce : {true, false}) {
    const Batch& whole = is_produce ? outputs : notices;
    for (std::size_t length = 0; length < whole.bytes.size(); ++length) {
      expect_refused(std::span(whole.bytes).first(length), 2, is_produce);
    }
    expect_refused(whole.bytes, 1, is_produce);
    expect_refused(whole.bytes, 3, is_produce);
    // Reserved bytes, the padding and the number's range.
    std::vector<std::size_t> reserved{2, 3, 14, 15};
    if (is_produce) {
      reserved.insert(reserved.end(), {19, 23});
    } else {
      reserved.insert(reserved.end(), {20, 21, 22, 23});
    }
    for (const std::size_t at : reserved) {
      Batch bad = whole;
      bad.bytes[at] ^= 0x80;
      expect_refused(bad.bytes, 2, is_produce);
    }
    Batch zero = whole;
    zero.bytes[8] = 0;
    expect_refused(zero.bytes, 2, is_produce);
  }
  // A length over the end, up to the largest that 32 bits hold.
  for (const std::uint8_t high : Bytes{0x00, 0x7f, 0xff}) {
    Batch bad = outputs;
    bad.bytes[4] = 0xff;
    bad.bytes[7] = high;
    expect_refused(bad.bytes, 2, true);
  }
}

TEST_MAIN()
