// Fuzzes the batches of an outbox, well-formed ones and others, beside a plain memory of what was
// produced: a refused batch changes nothing, memory stays within its limit, and what is pending is
// what was produced.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "fuzz_input.hpp"
#include "outbox/outbox.hpp"

namespace hotpair::fuzz {
namespace {

using namespace outbox;

constexpr std::uint16_t kChannels = 3;
constexpr std::size_t kLimit = 4 * kBlockBytes;

class World {
 public:
  explicit World(Input input) : input_(input), outbox_(std::move(Outbox::open(kLimit)).value()) {}

  void run() {
    while (!input_.is_empty()) {
      act();
      check();
    }
  }

 private:
  using Key = std::pair<std::uint16_t, std::uint64_t>;

  void act() {
    switch (input_.below(6)) {
      case 0:
      case 1:
        return produce();
      case 2:
      case 3:
        return peer_sent();
      case 4: {
        const std::uint16_t channel = some_channel();
        const std::uint64_t number = input_.near(next_[channel]);
        return static_cast<void>(outbox_.sent(channel, number));
      }
      default:
        return begin_anew();
    }
  }

  std::uint16_t some_channel() { return static_cast<std::uint16_t>(input_.below(kChannels)); }

  void begin_anew() {
    if (input_.byte() == 0) {
      outbox_.clear();
      next_.clear();
      return;
    }
    const std::uint16_t channel = some_channel();
    const std::uint64_t produced = input_.number<std::uint32_t>();
    outbox_.reset(channel, produced, produced + input_.byte());
    next_[channel] = produced + 1;
  }

  // Some records in a row, perhaps damaged, or anything.
  void produce() {
    Bytes batch;
    std::size_t count = 1 + input_.below(4);
    auto next = next_;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint16_t channel = some_channel();
      const std::uint64_t number = input_.byte() == 0 ? input_.near(0) : ++next[channel];
      const std::size_t length =
          input_.flag() ? input_.byte() : input_.number<std::uint16_t>() % 9'000;
      const std::size_t at = batch.size();
      batch.resize(at + record_bytes(length));
      put_output_header(&batch[at], channel, static_cast<std::uint32_t>(length), number);
      std::fill_n(batch.begin() + static_cast<std::ptrdiff_t>(at + kRecordHeaderBytes), length,
                  input_.byte());
    }
    spoil(batch, count);
    std::vector<std::uint32_t> digests(count);
    const auto before = pending();
    const Status status = outbox_.produce(batch, count, digests);
    if (!was_taken(status, before)) return;
    std::span<const std::uint8_t> rest = batch;
    for (std::size_t i = 0; i < count; ++i) {
      const auto record = take_output(rest);
      CHECK(record.has_value());
      channels_.insert(record->channel);
      made_[{record->channel, record->number}] = Bytes(record->data.begin(), record->data.end());
      next_[record->channel] = record->number;
    }
  }

  void peer_sent() {
    std::size_t count = 1 + input_.below(4);
    Bytes batch(count * kSentRecordBytes);
    for (std::size_t i = 0; i < count; ++i) {
      std::uint8_t* at = &batch[i * kSentRecordBytes];
      const std::uint16_t channel = some_channel();
      store_little(at + kChannelOffset, channel);
      store_little(at + kLengthOffset, std::uint32_t{input_.byte()});
      store_little(at + kNumberOffset, input_.near(next_[channel]));
    }
    spoil(batch, count);
    const auto before = pending();
    static_cast<void>(was_taken(outbox_.peer_sent(batch, count), before));
  }

  void spoil(Bytes& batch, std::size_t& count) {
    const std::uint8_t choice = input_.byte();
    if (choice == 1) damage(input_, batch);
    if (choice == 2) batch.resize(input_.below(batch.size() + 1));
    if (choice == 3) batch = input_.bytes(input_.below(64));
    if (choice == 4) count = input_.below(8);
  }

  // A refused batch has changed nothing.
  bool was_taken(Status status, const std::map<Key, Bytes>& before) {
    if (status == Status::kOk || status == Status::kDiverged) return true;
    CHECK(pending() == before);
    return false;
  }

  std::map<Key, Bytes> pending() {
    std::map<Key, Bytes> found;
    Bytes into(kLimit + 16);
    for (const std::uint16_t channel : channels_) {
      for (std::uint64_t from = 0;;) {
        const std::int64_t bytes = outbox_.pending(channel, from, into);
        CHECK(bytes >= 0);
        if (bytes == 0) break;
        auto rest = std::span<const std::uint8_t>(into).first(static_cast<std::size_t>(bytes));
        while (!rest.empty()) {
          const auto record = take_output(rest);
          CHECK(record.has_value() && record->channel == channel && record->number >= from);
          found[{channel, record->number}] = Bytes(record->data.begin(), record->data.end());
          from = record->number + 1;
        }
      }
    }
    return found;
  }

  void check() {
    CHECK(outbox_.bytes() <= kLimit);
    const auto all = pending();
    CHECK(all.size() == outbox_.pending_count());
    for (const auto& [key, bytes] : all) CHECK(made_.at(key) == bytes);
  }

  Input input_;
  Outbox outbox_;
  // Of which anything was ever produced.
  std::set<std::uint16_t> channels_;
  // Where the numbers of a channel are, as far as this one knows.
  std::map<std::uint16_t, std::uint64_t> next_;
  // What was produced last under each number.
  std::map<Key, Bytes> made_;
};

}  // namespace
}  // namespace hotpair::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hotpair::fuzz::World({data, size}).run();
  return 0;
}
