// The frame-diff outbox: per channel, what one member has produced and the other has not sent, and
// the reverse.
//
// A channel is two counters and the difference between them:
//
//   produced > sent   outputs that were produced here and are not known as sent: PENDING. Their
//                     bytes are kept, because a takeover has to send them.
//   sent > produced   outputs that the peer has sent and this member has not produced yet: AHEAD.
//                     Only length and CRC-32C are kept, to be compared when they are produced.
//
// Both cannot be at once, so one queue per channel holds either. An output and its notice meet
// exactly once, in whatever order they come: equal ones vanish, different ones are a divergence,
// which is named (the first one) until the channel begins anew. The member that sends says so by
// sent().
//
// Every batch is taken whole or not at all: a malformed, gapped or too large one changes nothing. A
// divergence does not stop a batch: what the peer has sent is sent, and a member that rules by now
// has to go on from there. Channels share the blocks of one pool (block_pool.hpp), so that none
// holds another's. Belongs to one thread. Decides nothing: whoever is told `kDiverged` or `kFull`
// does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "outbox/block_pool.hpp"
#include "outbox/entry_queue.hpp"
#include "outbox/outbox_layout.hpp"

namespace hotpair::outbox {

// What became of a batch; the numbers reach JavaScript by facts.outbox.
enum class Status : std::uint8_t {
  kOk = 0,
  // The bound would be passed; nothing of the batch was taken.
  kFull = 1,
  // A record breaks the layout; nothing of the batch was taken.
  kMalformed = 2,
  // A number does not follow the one before it in its channel; nothing of the batch was taken.
  kGap = 3,
  // All of the batch was taken, and an output differs from what the peer has sent: see
  // divergence().
  kDiverged = 4,
};

struct Divergence {
  std::uint16_t channel;
  std::uint64_t number;
};

class Outbox {
 public:
  // Reserves the memory; `limit_bytes` is at least one block. Fails with kNoMemory.
  static Result<Outbox> open(std::size_t limit_bytes) noexcept;

  // Takes `count` output records that this member has produced; writes each CRC-32C into `digests`.
  // Requires: digests.size() >= count.
  Status produce(std::span<const std::uint8_t> batch, std::size_t count,
                 std::span<std::uint32_t> digests) noexcept;

  // Takes `count` sent records of the peer. A number that is known as sent already is passed over.
  Status peer_sent(std::span<const std::uint8_t> batch, std::size_t count) noexcept;

  // This member has sent all up to `number`: forgets them. False when they were not all produced.
  [[nodiscard]] bool sent(std::uint16_t channel, std::uint64_t number) noexcept;

  // Copies pending outputs of `channel` from `from` on, in order, as output records, as many as
  // fit. Returns the bytes written; 0 when there are none; -n when the first needs n bytes.
  std::int64_t pending(std::uint16_t channel, std::uint64_t from,
                       std::span<std::uint8_t> into) noexcept;

  // Begins `channel` after a load: `produced` outputs are in the state that was loaded, and the
  // peer has sent `sent`, at least as many; what lies between is taken without comparison when it
  // is produced.
  void reset(std::uint16_t channel, std::uint64_t produced, std::uint64_t sent) noexcept;

  // Forgets everything.
  void clear() noexcept;

  std::optional<Divergence> divergence() const noexcept { return divergence_; }

  // Bytes of all blocks in use. The channel table beside them takes kChannelBytes a channel.
  std::size_t bytes() const noexcept { return pool_.used_count() * kBlockBytes; }

  std::uint64_t pending_count() const noexcept { return pending_count_; }

 private:
  struct Channel {
    // The last output produced here.
    std::uint64_t produced = 0;
    // The last output known as sent.
    std::uint64_t sent = 0;
    // Numbers in (produced, unseen] are known as sent and their digests are not known; <= sent.
    std::uint64_t unseen = 0;
    // Pending ones of sent + 1 .. produced, or ahead ones of max(produced, unseen) + 1 .. sent.
    EntryQueue entries;

    // What the batch under way will do; meaningful while `plan` is that batch's number.
    std::uint64_t plan = 0;
    // The number that the batch has reached in this channel.
    std::uint64_t planned_last = 0;
    // Bytes left in the last block, when the batch is taken as far as it is planned.
    std::size_t planned_room = 0;

    // Where the entry of `cursor_number` lies, so that reading on does not begin at the head; the
    // number is 0 while that is not known, and always above the numbers that were popped.
    std::uint64_t cursor_number = 0;
    Position cursor;
  };
  static constexpr std::size_t kChannelBytes = 80;
  static_assert(sizeof(Channel) == kChannelBytes);

  explicit Outbox(BlockPool pool) noexcept : pool_(std::move(pool)) {}

  Channel& channel_at(std::uint16_t index) noexcept;
  Channel& planned_channel(std::uint16_t index, std::uint64_t Channel::* last) noexcept;
  Status plan_produce(std::span<const std::uint8_t> batch, std::size_t count) noexcept;
  Status plan_peer_sent(std::span<const std::uint8_t> batch, std::size_t count) noexcept;
  void plan_entry(Channel& channel, std::size_t stored) noexcept;
  bool take_produced(Channel& channel, const OutputRecord& record, std::uint32_t digest) noexcept;
  bool take_peer_sent(Channel& channel, const SentRecord& record) noexcept;
  void pop_pending(Channel& channel) noexcept;
  void note_divergence(std::uint16_t channel, std::uint64_t number) noexcept;
  Position find(const Channel& channel, std::uint64_t number) const noexcept;

  BlockPool pool_;
  std::vector<Channel> channels_;
  std::optional<Divergence> divergence_;
  std::uint64_t pending_count_ = 0;
  // Counts batches, so that the plans of channels need not be wiped.
  std::uint64_t plan_ = 0;
  // Blocks that the batch under way will take beyond those in use.
  std::size_t planned_blocks_ = 0;
};

}  // namespace hotpair::outbox
