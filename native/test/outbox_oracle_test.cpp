// The outbox against a dumb oracle (two maps per channel) under seeded random operations: resets,
// repeated notices, divergences and a bound that is reached now and then. The oracle must stay so
// simple that one look tells it is right.
#include "outbox_batch.hpp"

namespace {

using hotpair::crc32c;
using namespace hotpair::test;

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
    glance(channel);
  }

  // One read that ends before the end: the next ones begin where it has ended, or elsewhere.
  void glance(std::uint16_t channel) {
    const auto& pending = oracle_[channel].pending;
    const std::uint64_t from = oracle_[channel].sent + below(pending.size() + 3);
    Bytes buffer(below(2000));
    const std::int64_t written = outbox_.pending(channel, from, buffer);
    auto expected = pending.lower_bound(from);
    EXPECT_EQ(written == 0, expected == pending.end());
    if (written <= 0) return;
    auto rest = std::span<const std::uint8_t>(buffer).first(static_cast<std::size_t>(written));
    while (const auto record = take_output(rest)) {
      REQUIRE(expected != pending.end() && expected->first == record->number);
      EXPECT(std::equal(record->data.begin(), record->data.end(), expected->second.begin(),
                        expected->second.end()));
      ++expected;
    }
    EXPECT(rest.empty());
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
