// Mover: sends a region over a connection while the application goes on writing it.
//
// A thread of its own sends all that the receiver lacks, then what was written meanwhile, and
// again, until so little is left that the application can be held for it. Then it is `nearly` done
// and rings. The thread that owns the state (JavaScript) holds it still and calls finish(): the
// pages written last are copied aside into memory that is there and touched, at the speed of memory
// and not of the wire; the hold is over when finish() returns, and the copy is sent behind its
// back. While nobody calls finish(), the mover goes on with short rounds, so that the rest stays
// small. A writer that is faster than the wire shows in progress().written_permille; after
// most_rounds the load fails rather than hold the application for long.
//
// The phases, with who changes them:
//
//   greeting ──► copying ◄──────► nearly ──► holding ──► closing ──► done
//                   mover           ▲ finish() │
//                                   └──────────┘ (too much was written: copying)
//   failed: from any but holding, by the mover
//
// The receiver is arrival.hpp, the bytes between them are in move_layout.hpp. Region, tracker and
// hash outlive the mover; nobody else uses the tracker meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "base/thread.hpp"
#include "base/unique_fd.hpp"
#include "base/units.hpp"
#include "snapshot/move_layout.hpp"
#include "snapshot/move_progress.hpp"
#include "snapshot/page_batch.hpp"
#include "snapshot/page_digests.hpp"
#include "snapshot/page_mark.hpp"
#include "snapshot/page_tracker.hpp"
#include "snapshot/stream.hpp"

namespace hotpair::snapshot {

struct MoverOptions {
  // The number of the load: a receiver that names another is refused.
  std::uint64_t load = 0;
  // The tracker was armed before and goes on from there. Otherwise the mover arms it.
  bool is_armed = false;
  // What was written between each of these moments and the last question to the tracker, for a
  // receiver that held the state of one. Read by start() only. Requires: is_armed.
  std::span<const PageMark> marks;
  // Digests as of the last question to the tracker: pages that they know are not read again to be
  // compared. Read by start() only. Requires: is_armed.
  const KnownDigests* known = nullptr;
  // Pages that finish() may copy aside; 4 MiB take about a millisecond. The buffer is this large.
  std::size_t most_held_pages = 1024;
  // It is nearly done when the wire takes no longer than this for what is left, and when that is no
  // more than half of most_held_pages.
  Nanos held_wire_time = Nanos::millis(1);
  // How long it waits for finish() until it makes another short round.
  Nanos patience = Nanos::millis(5);
  // Rounds that were not short, before it fails. Each is at most as long as the one before when the
  // writer is slower than the wire: at half its speed 30 rounds make 1 GiB out of one byte.
  std::uint32_t most_rounds = 64;
};

enum class MoverPhase : std::uint32_t {
  // Waits for the receiver to say what it holds.
  kGreeting = 0,
  kCopying = 1,
  kNearly = 2,
  kHolding = 3,
  kClosing = 4,
  // The receiver has confirmed that it holds the region, equal by digest.
  kDone = 5,
  kFailed = 6,
};

enum class FinishStatus : std::uint8_t {
  // The state may change again; the load is of this moment.
  kTaken = 0,
  // The load is not `nearly` at this moment: let the application work, wait for the bell.
  kNotYet = 1,
  // More was written than may be held for; as kNotYet.
  kTooMuch = 2,
};

class Mover {
 public:
  // What start() opens, each of which may fail.
  struct Parts {
    std::unique_ptr<Stream> stream;
    PageBatch batch;
    MappedRegion aside;
  };

  // Begins at once. The bell is rung when it is `nearly`, done or failed.
  static Result<std::unique_ptr<Mover>> start(PageTracker& tracker, const PageHash& hash,
                                              UniqueFd socket, const MoverOptions& options,
                                              Bell bell);
  // For start().
  Mover(PageTracker& tracker, const PageHash& hash, const MoverOptions& options, Bell bell,
        Parts parts);
  // Cancels and joins.
  ~Mover();
  Mover(const Mover&) = delete;
  Mover& operator=(const Mover&) = delete;

  // Requires: nobody writes the region until it returns, nor has begun to. Any thread, one at a
  // time. Takes no lock; by write protection about 0.5 ms for 1 GiB and 0.2 ms for each MiB
  // written, by shadow a whole comparison.
  FinishStatus finish() noexcept;
  // Ends it from any thread, at once; then it is kFailed, with kClosed.
  void cancel() noexcept { stream_->cancel(); }

  // acquire: pairs with the release of enter(), which publishes failure().
  MoverPhase phase() const noexcept { return phase_.load(std::memory_order_acquire); }
  const MoveProgress& progress() const noexcept { return progress_; }
  // Requires: phase() is kFailed.
  const Error& failure() const noexcept { return *failure_; }
  // The digest of what the receiver holds: the whole region as of finish(). Requires: phase() is
  // kDone.
  std::uint64_t digest() const noexcept { return known_.whole(); }
  // The same page by page, none of them stale. Requires: as digest().
  const KnownDigests& known() const noexcept { return known_; }

 private:
  static void run(void* self);
  Result<void> move() noexcept;
  // What the receiver lacks, into pending_.
  Result<void> greet();
  Result<void> compare(std::span<const std::uint8_t> held_and_digests);
  Result<void> add_changed(const Want& want, std::span<const std::uint8_t> bits);
  // Every page that is not sent has its digest.
  Result<void> digest_rest() noexcept;
  // Sends pending_ and asks for more, until what is left is small.
  Result<void> copy_rounds() noexcept;
  // One round; takes what was written meanwhile into pending_.
  Result<void> copy_round() noexcept;
  // True: finish() has taken the rest. False: there is more to copy.
  Result<bool> wait_for_finish() noexcept;
  Result<void> close() noexcept;
  // Pages from the tracker's source, or one behind the other from `packed`.
  Result<void> send_pages(const PageSet& pages, const std::uint8_t* packed) noexcept;
  Result<void> send_batch() noexcept;
  bool is_small(std::size_t pages) const noexcept;
  void enter(MoverPhase phase) noexcept;
  bool try_leave_nearly() noexcept;

  PageTracker& tracker_;
  const PageHash& hash_;
  const MoverOptions options_;
  const Bell bell_;
  const std::unique_ptr<Stream> stream_;
  MoveProgress progress_;
  std::atomic<MoverPhase> phase_{MoverPhase::kGreeting};

  // The mover's; finish() has them, and the tracker, while the phase is kHolding.
  PageSet pending_;
  // The copy of what pending_ names, one page behind the other; from kClosing on.
  MappedRegion aside_;
  std::optional<Error> tracker_failure_;

  // The mover's alone.
  std::vector<PageMark> marks_;
  PageBatch batch_;
  KnownDigests known_;
  std::optional<Error> failure_;
  std::uint32_t round_ = 0;
  // The last member: its thread uses all of the above.
  std::optional<Thread> thread_;
};

}  // namespace hotpair::snapshot
