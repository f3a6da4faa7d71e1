// Reconciles what was produced here with what the peer has sent; see outbox.hpp.
//
// A batch is read twice: first it is planned (layout, numbers, blocks), which changes no channel,
// then it is taken, which cannot fail. The plan counts no block that the batch itself would free,
// so it may refuse a batch that would just have fitted, and never takes one that would not.
#include "outbox/outbox.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/crc32c.hpp"

namespace hotpair::outbox {

Result<Outbox> Outbox::open(std::size_t limit_bytes) noexcept {
  Result<BlockPool> pool = BlockPool::open(limit_bytes);
  if (!pool.ok()) return pool.error();
  return Outbox(std::move(pool).value());
}

Status Outbox::produce(std::span<const std::uint8_t> batch, std::size_t count,
                       std::span<std::uint32_t> digests) noexcept {
  CHECK(digests.size() >= count);
  const Status plan = plan_produce(batch, count);
  if (plan != Status::kOk) return plan;

  Status status = Status::kOk;
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<OutputRecord> record = take_output(batch);
    CHECK(record.has_value());
    digests[i] = crc32c(record->data);
    if (!take_produced(channels_[record->channel], *record, digests[i])) {
      note_divergence(record->channel, record->number);
      status = Status::kDiverged;
    }
  }
  return status;
}

Status Outbox::peer_sent(std::span<const std::uint8_t> batch, std::size_t count) noexcept {
  const Status plan = plan_peer_sent(batch, count);
  if (plan != Status::kOk) return plan;

  Status status = Status::kOk;
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<SentRecord> record = take_sent(batch);
    CHECK(record.has_value());
    if (!take_peer_sent(channels_[record->channel], *record)) {
      note_divergence(record->channel, record->number);
      status = Status::kDiverged;
    }
  }
  return status;
}

bool Outbox::sent(std::uint16_t index, std::uint64_t number) noexcept {
  Channel& channel = channel_at(index);
  if (number <= channel.sent) return true;
  if (number > channel.produced) return false;
  while (channel.sent < number) pop_pending(channel);
  return true;
}

std::int64_t Outbox::pending(std::uint16_t index, std::uint64_t from,
                             std::span<std::uint8_t> into) noexcept {
  Channel& channel = channel_at(index);
  std::uint64_t number = std::max(from, channel.sent + 1);
  if (number > channel.produced) return 0;

  Position at = find(channel, number);
  std::size_t written = 0;
  for (; number <= channel.produced; ++number) {
    const EntryHeader header = EntryQueue::header_at(pool_, at);
    CHECK(header.number == number);
    const std::size_t size = record_bytes(header.length);
    if (size > into.size() - written) {
      if (written == 0) return -static_cast<std::int64_t>(size);
      break;
    }
    std::uint8_t* to = into.data() + written;
    put_output_header(to, index, header.length, number);
    EntryQueue::copy_data(pool_, at, into.subspan(written + kRecordHeaderBytes, header.length));
    std::fill(to + kRecordHeaderBytes + header.length, to + size, std::uint8_t{0});
    written += size;
    at = EntryQueue::after(pool_, at, entry_bytes(header.length));
  }
  // Behind the last entry there is nothing to remember: the next one may begin in a block not taken
  // yet.
  channel.cursor_number = number <= channel.produced ? number : 0;
  channel.cursor = at;
  return static_cast<std::int64_t>(written);
}

void Outbox::reset(std::uint16_t index, std::uint64_t produced, std::uint64_t sent) noexcept {
  CHECK(produced <= sent);
  Channel& channel = channel_at(index);
  if (channel.produced > channel.sent) pending_count_ -= channel.produced - channel.sent;
  channel.entries.clear(pool_);
  channel = Channel{};
  channel.produced = produced;
  channel.sent = sent;
  channel.unseen = sent;
  if (divergence_.has_value() && divergence_->channel == index) divergence_.reset();
}

void Outbox::clear() noexcept {
  for (Channel& channel : channels_) {
    channel.entries.clear(pool_);
    channel = Channel{};
  }
  CHECK(pool_.used_count() == 0);
  pending_count_ = 0;
  divergence_.reset();
}

// The table grows with the highest channel in use and never shrinks: it is bounded by 65,536
// channels.
Outbox::Channel& Outbox::channel_at(std::uint16_t index) noexcept {
  if (index >= channels_.size()) channels_.resize(std::size_t{index} + 1);
  return channels_[index];
}

// The channel, with a plan of this batch; a fresh plan begins at the counter `last`.
Outbox::Channel& Outbox::planned_channel(std::uint16_t index,
                                         std::uint64_t Channel::* last) noexcept {
  Channel& channel = channel_at(index);
  if (channel.plan != plan_) {
    channel.plan = plan_;
    channel.planned_last = channel.*last;
    channel.planned_room = channel.entries.room();
  }
  return channel;
}

Status Outbox::plan_produce(std::span<const std::uint8_t> batch, std::size_t count) noexcept {
  ++plan_;
  planned_blocks_ = 0;
  bool is_gapless = true;
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<OutputRecord> record = take_output(batch);
    if (!record.has_value()) return Status::kMalformed;
    Channel& channel = planned_channel(record->channel, &Channel::produced);
    is_gapless = is_gapless && record->number == channel.planned_last + 1;
    channel.planned_last = record->number;
    // An output that the peer has sent before is only compared.
    if (record->number <= channel.sent) continue;
    plan_entry(channel, record->data.size());
  }
  if (!batch.empty()) return Status::kMalformed;
  if (!is_gapless) return Status::kGap;
  return planned_blocks_ <= pool_.free_count() ? Status::kOk : Status::kFull;
}

Status Outbox::plan_peer_sent(std::span<const std::uint8_t> batch, std::size_t count) noexcept {
  ++plan_;
  planned_blocks_ = 0;
  bool is_gapless = true;
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<SentRecord> record = take_sent(batch);
    if (!record.has_value()) return Status::kMalformed;
    Channel& channel = planned_channel(record->channel, &Channel::sent);
    if (record->number <= channel.planned_last) continue;
    is_gapless = is_gapless && record->number == channel.planned_last + 1;
    channel.planned_last = record->number;
    // A notice of what was produced here is only compared.
    if (record->number <= channel.produced) continue;
    plan_entry(channel, 0);
  }
  if (!batch.empty()) return Status::kMalformed;
  if (!is_gapless) return Status::kGap;
  return planned_blocks_ <= pool_.free_count() ? Status::kOk : Status::kFull;
}

// Counts the blocks for one entry more. A channel that turns (from ahead to pending or back) drops
// all it holds before it adds anything, so the room counted in its last block is gone by then; but
// that block has been given back, and so there is one more to take.
void Outbox::plan_entry(Channel& channel, std::size_t stored) noexcept {
  const std::size_t size = entry_bytes(stored);
  if (size > channel.planned_room) {
    const std::size_t over = size - channel.planned_room;
    const std::size_t blocks = (over + kBlockPayload - 1) / kBlockPayload;
    planned_blocks_ += blocks;
    channel.planned_room += blocks * kBlockPayload;
  }
  channel.planned_room -= size;
}

// False when the output differs from the one that the peer has sent under its number.
bool Outbox::take_produced(Channel& channel, const OutputRecord& record,
                           std::uint32_t digest) noexcept {
  CHECK(record.number == channel.produced + 1);
  channel.produced = record.number;
  const auto length = static_cast<std::uint32_t>(record.data.size());
  if (record.number > channel.sent) {
    channel.entries.push(pool_, {length, digest, record.number}, record.data);
    ++pending_count_;
    return true;
  }
  if (record.number <= channel.unseen) return true;
  const EntryHeader notice = channel.entries.front(pool_);
  CHECK(notice.number == record.number);
  channel.entries.pop(pool_, 0);
  return notice.length == length && notice.digest == digest;
}

// False when the notice differs from the output that was produced here under its number.
bool Outbox::take_peer_sent(Channel& channel, const SentRecord& record) noexcept {
  if (record.number <= channel.sent) return true;
  CHECK(record.number == channel.sent + 1);
  if (record.number > channel.produced) {
    channel.entries.push(pool_, {record.length, record.digest, record.number}, {});
    channel.sent = record.number;
    return true;
  }
  const EntryHeader produced = channel.entries.front(pool_);
  pop_pending(channel);
  return produced.length == record.length && produced.digest == record.digest;
}

// Forgets the oldest pending output: it is known as sent.
void Outbox::pop_pending(Channel& channel) noexcept {
  CHECK(channel.sent < channel.produced && pending_count_ > 0);
  const EntryHeader header = channel.entries.front(pool_);
  ++channel.sent;
  CHECK(header.number == channel.sent);
  channel.entries.pop(pool_, header.length);
  --pending_count_;
  // The next entry's position may have been written down in the block that was just given back.
  if (channel.cursor_number <= channel.sent + 1) channel.cursor_number = 0;
}

void Outbox::note_divergence(std::uint16_t channel, std::uint64_t number) noexcept {
  if (!divergence_.has_value()) divergence_ = Divergence{channel, number};
}

// Where the pending entry of `number` lies: walked to from the cursor, or from the head.
Position Outbox::find(const Channel& channel, std::uint64_t number) const noexcept {
  CHECK(channel.sent < number && number <= channel.produced);
  Position at = channel.entries.head();
  std::uint64_t reached = channel.sent + 1;
  if (channel.cursor_number != 0 && channel.cursor_number <= number) {
    at = channel.cursor;
    reached = channel.cursor_number;
  }
  for (; reached < number; ++reached) {
    at = EntryQueue::after(pool_, at, entry_bytes(EntryQueue::header_at(pool_, at).length));
  }
  return at;
}

}  // namespace hotpair::outbox
