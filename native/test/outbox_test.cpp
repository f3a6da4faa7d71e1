// The outbox against a dumb oracle (two maps per channel) under seeded random operations, and each
// rule of its header by an example. Malformed batches are tried at every truncation and reserved
// byte.
#include "outbox/outbox.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/crc32c.hpp"
#include "harness.hpp"

namespace {

using hotpair::crc32c;
using namespace hotpair::outbox;
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kLimit = 64 * kBlockBytes;

Outbox open_outbox(std::size_t limit = kLimit) {
  auto opened = Outbox::open(limit);
  CHECK(opened.ok());
  return std::move(opened).value();
}

// Collects records of a batch.
struct Batch {
  Bytes bytes;
  std::size_t count = 0;

  Batch& output(std::uint16_t channel, std::uint64_t number, const Bytes& data) {
    const std::size_t at = bytes.size();
    bytes.insert(bytes.end(), record_bytes(data.size()), 0);
    put_header(at, channel, number, data.size());
    std::copy(data.begin(), data.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at + 16));
    return *this;
  }

  Batch& sent(std::uint16_t channel, std::uint64_t number, const Bytes& data) {
    const std::size_t at = bytes.size();
    bytes.insert(bytes.end(), kSentRecordBytes, 0);
    put_header(at, channel, number, data.size());
    hotpair::store_little<std::uint32_t>(&bytes[at + 16], crc32c(data));
    return *this;
  }

  void put_header(std::size_t at, std::uint16_t channel, std::uint64_t number, std::size_t length) {
    hotpair::store_little<std::uint16_t>(&bytes[at], channel);
    hotpair::store_little<std::uint32_t>(&bytes[at + 4], static_cast<std::uint32_t>(length));
    hotpair::store_little<std::uint64_t>(&bytes[at + 8], number);
    ++count;
  }
};

Status produce(Outbox& outbox, const Batch& batch) {
  std::vector<std::uint32_t> digests(batch.count);
  return outbox.produce(batch.bytes, batch.count, digests);
}

Status peer_sent(Outbox& outbox, const Batch& batch) {
  return outbox.peer_sent(batch.bytes, batch.count);
}

// All pending outputs of a channel by repeated reads into a buffer of `room` bytes.
std::map<std::uint64_t, Bytes> read_pending(Outbox& outbox, std::uint16_t channel,
                                            std::uint64_t from, std::size_t room) {
  std::map<std::uint64_t, Bytes> found;
  Bytes buffer(room);
  for (;;) {
    const std::int64_t written = outbox.pending(channel, from, buffer);
    if (written == 0) return found;
    if (written < 0) {
      buffer = Bytes(static_cast<std::size_t>(-written));
      continue;
    }
    auto rest = std::span<const std::uint8_t>(buffer).first(static_cast<std::size_t>(written));
    while (!rest.empty()) {
      const auto record = take_output(rest);
      CHECK(record.has_value() && record->channel == channel);
      EXPECT(found.empty() || found.rbegin()->first + 1 == record->number);
      found.emplace(record->number, Bytes(record->data.begin(), record->data.end()));
    }
    from = found.rbegin()->first + 1;
  }
}

void expect_status(Status actual, Status wanted) {
  EXPECT_EQ(static_cast<int>(actual), static_cast<int>(wanted));
}

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

namespace {

// What an outbox must do, as two maps a channel.
struct OracleChannel {
  std::uint64_t produced = 0;
  std::uint64_t sent = 0;
  std::map<std::uint64_t, Bytes> pending;
  std::map<std::uint64_t, std::pair<std::size_t, std::uint32_t>> ahead;

  bool produce(const Bytes& data) {
    ++produced;
    if (produced > sent) {
      pending[produced] = data;
      return true;
    }
    const auto notice = ahead.extract(produced);
    return notice.empty() || notice.mapped() == std::pair(data.size(), crc32c(data));
  }

  bool peer_sent(std::uint64_t number, const Bytes& data) {
    if (number <= sent) return true;
    sent = number;
    if (sent > produced) {
      ahead[sent] = {data.size(), crc32c(data)};
      return true;
    }
    return pending.extract(sent).mapped() == data;
  }
};

class Trial {
 public:
  explicit Trial(std::uint64_t seed) : random_(seed) {}

  void run(int steps) {
    for (int step = 0; step < steps && hotpair::test::failure_count() == 0; ++step) {
      switch (below(16)) {
        case 0: {
          if (below(8) != 0) break;
          const std::uint16_t channel = any_channel();
          const std::uint64_t produced = below(50);
          const std::uint64_t sent = produced + (below(2) == 0 ? 0 : below(5));
          outbox_.reset(channel, produced, sent);
          oracle_[channel] = {produced, sent, {}, {}};
          break;
        }
        case 1:
          if (below(20) == 0) {
            outbox_.clear();
            for (OracleChannel& channel : oracle_) channel = {};
          }
          break;
        case 2:
        case 3:
        case 4:
          send_some();
          break;
        case 5:
        case 6:
          read_some();
          break;
        default:
          if (below(2) == 0) {
            produce_some();
          } else {
            notice_some();
          }
      }
      compare();
    }
  }

  int full_count() const { return full_count_; }
  int diverged_count() const { return diverged_count_; }

 private:
  static constexpr std::size_t kChannels = 5;

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  std::uint16_t any_channel() { return static_cast<std::uint16_t>(below(kChannels)); }

  // Both members produce the same bytes under one number, but for one in a few hundred.
  Bytes data_of(std::uint16_t channel, std::uint64_t number) {
    std::mt19937_64 content(channel * 1'000'003u + number);
    const bool is_large = content() % 8 == 0;
    Bytes data(content() % (is_large ? 9000 : 300));
    for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(content());
    if (!data.empty() && below(300) == 0) data[below(data.size())] ^= 1;
    return data;
  }

  // Compares the answer, and makes `after` the oracle's state if the batch was taken.
  void settle(Status status, const std::vector<OracleChannel>& after, bool is_equal,
              std::size_t batch_bytes) {
    if (status == Status::kFull) {
      ++full_count_;
      // It may refuse too early by no more than the waste of each channel's first and last block,
      // and twice the record, because an entry has as large a header and up to 8 bytes more of
      // padding.
      EXPECT(outbox_.bytes() + 2 * batch_bytes + kChannels * kBlockBytes > kTrialLimit);
      return;
    }
    diverged_count_ += is_equal ? 0 : 1;
    expect_status(status, is_equal ? Status::kOk : Status::kDiverged);
    oracle_ = after;
  }

  void produce_some() {
    std::vector<OracleChannel> after = oracle_;
    Batch batch;
    bool is_equal = true;
    for (std::uint64_t left = below(12); left > 0; --left) {
      const std::uint16_t channel = any_channel();
      const std::uint64_t number = after[channel].produced + 1;
      const Bytes data = data_of(channel, number);
      batch.output(channel, number, data);
      is_equal = after[channel].produce(data) && is_equal;
    }
    settle(produce(outbox_, batch), after, is_equal, batch.bytes.size());
  }

  void notice_some() {
    std::vector<OracleChannel> after = oracle_;
    Batch batch;
    bool is_equal = true;
    for (std::uint64_t left = below(12); left > 0; --left) {
      const std::uint16_t channel = any_channel();
      const std::uint64_t back = std::min(after[channel].sent, below(4) == 0 ? below(3) : 0);
      const std::uint64_t number = after[channel].sent + 1 - back;
      if (number == 0) continue;
      const Bytes data = data_of(channel, number);
      batch.sent(channel, number, data);
      is_equal = after[channel].peer_sent(number, data) && is_equal;
    }
    settle(peer_sent(outbox_, batch), after, is_equal, batch.bytes.size());
  }

  void send_some() {
    const std::uint16_t channel = any_channel();
    OracleChannel& oracle = oracle_[channel];
    const std::uint64_t number = oracle.sent + below(4);
    EXPECT(outbox_.sent(channel, number) == (number <= std::max(oracle.sent, oracle.produced)));
    if (number > oracle.produced) return;
    while (oracle.sent < number) oracle.pending.erase(++oracle.sent);
  }

  void read_some() {
    const std::uint16_t channel = any_channel();
    const auto& pending = oracle_[channel].pending;
    const std::uint64_t from = oracle_[channel].sent + below(pending.size() + 3);
    const auto found = read_pending(outbox_, channel, from, 16 + below(6000));
    EXPECT(found == decltype(found)(pending.lower_bound(from), pending.end()));
  }

  void compare() {
    std::uint64_t pending_count = 0;
    std::size_t stored = 0;
    for (const OracleChannel& channel : oracle_) {
      pending_count += channel.pending.size();
      for (const auto& [number, data] : channel.pending) stored += entry_bytes(data.size());
      stored += channel.ahead.size() * entry_bytes(0);
    }
    EXPECT_EQ(outbox_.pending_count(), pending_count);
    EXPECT(outbox_.bytes() <= kTrialLimit);
    EXPECT(outbox_.bytes() >= stored);
    // No channel wastes more than a part of its first and of its last block.
    EXPECT(outbox_.bytes() * kBlockPayload / kBlockBytes <= stored + kChannels * 2 * kBlockBytes);
  }

  static constexpr std::size_t kTrialLimit = 16 * kBlockBytes;
  std::mt19937_64 random_;
  Outbox outbox_ = open_outbox(kTrialLimit);
  std::vector<OracleChannel> oracle_ = std::vector<OracleChannel>(kChannels);
  int full_count_ = 0;
  int diverged_count_ = 0;
};

}  // namespace

TEST(random_operations_agree_with_the_oracle) {
  int full_count = 0;
  int diverged_count = 0;
  for (std::uint64_t round = 0; round < 40; ++round) {
    Trial trial(hotpair::test::seed() + round);
    trial.run(1500);
    full_count += trial.full_count();
    diverged_count += trial.diverged_count();
  }
  // The trial is worth something only if it gets to the edges.
  EXPECT(full_count > 100);
  EXPECT(diverged_count > 100);
}

TEST_MAIN()
