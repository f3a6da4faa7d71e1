// StateRegion: the region of one member's state with all that its loads need: staging, tracker,
// digests, marks, and at most one load under way, in either direction.
//
// The owner's thread (JavaScript) writes the region at any time and calls everything here; a mover
// or an arrival works on a thread of its own and rings the bell. `look()` says how far it is, and
// once it says `done` or `failed` that thread has ended. A next load ends the one before.
//
// The tracker is lent to the mover until finish() has taken the rest. By write protection it is
// armed all the time: digests are kept up to date by the pages that were written, and what changed
// since a mark is known. By shadow a question costs more than a digest of all: nothing is asked
// between loads, so digests are whole and no mark is kept.
//
// Ending a load waits for its thread, which looks whether it was cancelled after each page and each
// packet: far below a millisecond, and the time of one question to the tracker where that is longer
// (page_tracker.hpp: by shadow it is).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "base/shared_region.hpp"
#include "base/siphash.hpp"
#include "base/unique_fd.hpp"
#include "snapshot/arrival.hpp"
#include "snapshot/mover.hpp"
#include "snapshot/noting_tracker.hpp"
#include "snapshot/page_toucher.hpp"

namespace hotpair::snapshot {

// Regions are whole units of this, so that members whose systems have pages of 4 and of 64 KiB have
// regions of one size.
inline constexpr std::size_t kRegionUnit = std::size_t{64} << 10;
inline constexpr RegionKind kStateRegion{2, 1};

struct StateRegionOptions {
  // At least 1; rounded up to the next unit.
  std::size_t bytes = 0;
  // Of the digests, alike on both members and unknown to outsiders.
  SipKey key;
  // Compare with a shadow though the system has better.
  bool is_shadow = false;
};

enum class LoadPhase : std::uint8_t {
  // No load is under way, or it was cancelled.
  kIdle = 0,
  kWorking = 1,
  // finish() may be called.
  kNearly = 2,
  // Sent, or ready for install().
  kDone = 3,
  kFailed = 4,
};

// What MoveProgress showed at some moment.
struct LoadFigures {
  std::uint64_t rounds = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_per_second = 0;
  std::uint64_t pages = 0;
  std::uint64_t written_permille = 0;
  std::uint64_t hold_nanos = 0;
};

class StateRegion {
 public:
  // Allocates and touches all that it will ever need. Fails with kSharedMemory and the sum of it.
  static Result<std::unique_ptr<StateRegion>> open(const StateRegionOptions& options, Bell bell);
  // For open().
  StateRegion(const SipKey& key, Bell bell, SharedRegion region, SharedRegion staged,
              bool is_shadow);
  // Ends what is under way.
  ~StateRegion();
  StateRegion(const StateRegion&) = delete;
  StateRegion& operator=(const StateRegion&) = delete;

  // The region in use, at the same addresses all the time.
  std::span<std::uint8_t> bytes() const noexcept { return region_.bytes(); }
  // Memory besides the region: staging and shadow.
  std::size_t other_bytes() const noexcept;
  TrackerWay way() const noexcept { return way_; }
  // Why it is not write protection.
  const std::optional<Error>& refusal() const noexcept { return refusal_; }

  // Of the region as it stands. By write protection it reads what was written since the last one;
  // during a load that is sent, and by shadow, all of it (0.1 to 0.2 s for 1 GiB).
  std::uint64_t digest() noexcept;
  // Both members hold the same at this moment: what is written from now on is noted, for this mark
  // and the one before. Right after finish() has taken, it is the moment of that load. Nothing is
  // noted by shadow, nor while the tracker is lent.
  void mark(std::uint64_t number);

  // From now on digests are by `key`: the other member's are, and none that is known here is of use
  // any more. Ends what is under way; marks stay, for they say what changed and not what it became.
  void rekey(const SipKey& key);

  // The newest mark, if what was written since is known.
  std::optional<std::uint64_t> marked() const noexcept {
    return marks_.empty() ? std::nullopt : std::optional(marks_.front().number);
  }

  // Begins to send or to receive; ends what was under way. With `kAll` and `kRest` no mark is known
  // any more, and until something is installed or sent digests are whole. `kChanged` becomes
  // `kDigests` with the region in use where the mark is not known.
  Result<void> send(std::uint64_t load, UniqueFd socket);
  enum class Wanted : std::uint8_t { kAll, kRest, kDifference, kChanged };
  Result<void> receive(std::uint64_t load, UniqueFd socket, Wanted wanted, std::uint64_t mark);

  // May wait for the thread that has just rung: hold no lock that the bell takes.
  LoadPhase look() noexcept;
  // As Mover::finish().
  FinishStatus finish() noexcept;
  // Requires: look() says done, of a load that was received, and it was not installed. On an error
  // the region is as it was.
  Result<void> install() noexcept;
  // Nothing more comes of what is under way; the staging keeps what it holds. Does not wait.
  void cancel() noexcept;

  // Requires: look() says failed.
  const Error& failure() const noexcept { return *failure_; }
  // Requires: look() says done.
  std::uint64_t load_digest() const noexcept { return load_digest_; }
  bool is_installable() const noexcept { return arrived_.has_value(); }
  // Of the load under way, or of the last one.
  LoadFigures figures() const noexcept;

  // Ends what is under way and hands over the memory in use: nothing but the destructor may be
  // called afterwards.
  SharedRegion release() noexcept;

 private:
  std::size_t page_count() const noexcept { return region_.size() / kPageBytes; }
  bool is_lent() const noexcept { return mover_ != nullptr && !is_taken_; }
  void close_tracker() noexcept;
  Result<void> open_tracker();
  // The tracker, a new one if it is broken.
  Result<void> ensure_tracker();
  // Asks the tracker; false when it cannot be asked now, and then what was written is not known.
  bool ask() noexcept;
  // Spreads what the tracker told.
  void spread() noexcept;
  void end_load() noexcept;
  void settle_mover() noexcept;
  void settle_arrival() noexcept;
  // Completes the staging from the region in use and lets them change places.
  Result<void> exchange() noexcept;

  PageHash hash_;
  const Bell bell_;
  const bool is_shadow_wanted_;
  SharedRegion region_;
  SharedRegion staged_;
  Staging staging_;
  TrackerWay way_ = TrackerWay::kShadow;
  std::optional<Error> refusal_;
  // Null while all of the region is about to be replaced, and when it could not be opened again.
  std::unique_ptr<NotingTracker> tracker_;

  // Of the region in use, kept by write protection only.
  KnownDigests known_;
  // At most two, the newest first: a standby that is one behind still finds its own.
  std::vector<PageMark> marks_;
  // Written since finish() has taken.
  PageSet since_taken_;

  LoadPhase phase_ = LoadPhase::kIdle;
  bool is_taken_ = false;
  std::optional<Error> failure_;
  std::uint64_t load_digest_ = 0;
  LoadFigures last_;
  // Of a load that is complete and waits for install().
  std::optional<KnownDigests> arrived_;
  // Of the staging after an exchange; null once it is used again.
  std::unique_ptr<PageToucher> toucher_;
  // At most one of them. The last members: their threads use what is above.
  std::unique_ptr<Mover> mover_;
  std::unique_ptr<Arrival> arrival_;
};

}  // namespace hotpair::snapshot
