// Arrival: receives a region that a Mover sends, beside the one in use.
//
// A thread of its own reads each page straight into a staging, memory of the region's size that was
// allocated and touched beforehand; no byte passes through JavaScript. A page counts as held once
// its packet's place is within the region and its sum is right. When the end has come and the
// digest of all is that of the sender, it is `complete`, and the owner of the region puts the
// staging in its place (region_swap.hpp). Until then the region in use is not touched, so a broken
// load leaves it whole; and the staging keeps what it holds, so the next load brings the rest.
//
// What the sender may leave out is the `basis`:
//
//   kNothing                  all pages come; what the staging held is forgotten
//   kDigests, without `live`  what the staging holds from a broken load, where it is still right
//   kDigests, with `live`     what the region in use holds, with the staging over it
//   kChanged                  all that neither side has changed since `mark`
//
// With the first two all pages are staged at the end (Staging::is_whole) and the staging takes the
// region's place by mapping; with the others only those that differ, which are copied into place.
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
#include "snapshot/move_layout.hpp"
#include "snapshot/move_progress.hpp"
#include "snapshot/page_digests.hpp"
#include "snapshot/page_mark.hpp"
#include "snapshot/stream.hpp"

namespace hotpair::snapshot {

// What has arrived of a region. Outlives each Arrival that fills it; one at a time.
struct Staging {
  // `memory` is whole pages, aligned to one, and outlives this.
  explicit Staging(std::span<std::uint8_t> memory_)
      : memory(memory_), held(memory_.size() / kPageBytes) {}

  bool is_whole() const noexcept { return held.size() == held.page_count(); }
  // Has the system bring every page in, at some 0.2 s for 1 GiB, so that no load meets one that is
  // not there: that would halve its speed. Once is enough; an exchange keeps them. Keeps the bytes.
  void touch() noexcept;

  std::span<std::uint8_t> memory;
  // Pages of `memory` that came whole and right; the others are rubbish.
  PageSet held;
};

struct ArrivalOptions {
  // The number of the load, as the sender knows it.
  std::uint64_t load = 0;
  Basis basis = Basis::kNothing;
  // The region in use, of the same size: with kDigests or empty, with kChanged always. Whoever
  // writes it before the load is over has cancelled the load.
  std::span<const std::uint8_t> live;
  // With `live`: its digests, so that pages that they know are not read again. Read by start()
  // only.
  const KnownDigests* known = nullptr;
  // With kChanged: what was changed here since the mark. Read by start() only.
  const PageMark* mark = nullptr;
};

enum class ArrivalPhase : std::uint32_t { kReceiving = 0, kComplete = 1, kFailed = 2 };

class Arrival {
 public:
  // Begins at once. The bell is rung when it is complete or failed.
  static Result<std::unique_ptr<Arrival>> start(Staging& staging, const PageHash& hash,
                                                UniqueFd socket, const ArrivalOptions& options,
                                                Bell bell);
  // For start().
  Arrival(Staging& staging, const PageHash& hash, const ArrivalOptions& options, Bell bell,
          std::unique_ptr<Stream> stream);
  // Cancels unless it is complete, and joins; then the staging may be used.
  ~Arrival();
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  // Ends it from any thread, at once; then it is kFailed, with kClosed.
  void cancel() noexcept { stream_->cancel(); }

  // It is complete before the sender hears that. acquire: pairs with the release in enter(), which
  // publishes all that was done.
  ArrivalPhase phase() const noexcept { return phase_.load(std::memory_order_acquire); }
  const MoveProgress& progress() const noexcept { return progress_; }
  // Requires: phase() is kFailed.
  const Error& failure() const noexcept { return *failure_; }
  // The digest that sender and receiver agree on: of the whole region with the staging put in its
  // place. Requires: phase() is kComplete.
  std::uint64_t digest() const noexcept { return known_.whole(); }
  // The same page by page, none of them stale. Requires: as digest().
  const KnownDigests& known() const noexcept { return known_; }

 private:
  static void run(void* self);
  Result<void> arrive() noexcept;
  void enter(ArrivalPhase phase) noexcept;
  // Says what is held and what is wanted.
  Result<void> greet();
  // Which pages are held before the load, with their digests.
  Result<void> digest_basis(PageSet& held) noexcept;
  // The digests of all pages of the region in use but those of `but`.
  Result<void> digest_live(const PageSet& but) noexcept;
  Result<void> take_pages(const MoveHeader& header, const Packet& packet) noexcept;
  Result<void> end(const MoveHeader& header, const Packet& packet) noexcept;

  Staging& staging_;
  const PageHash& hash_;
  const ArrivalOptions options_;
  const Bell bell_;
  const std::unique_ptr<Stream> stream_;
  // With kChanged; else 0 and empty.
  const std::uint64_t mark_;
  PageSet changed_;
  KnownDigests known_;
  MoveProgress progress_;
  std::optional<Error> failure_;
  std::atomic<ArrivalPhase> phase_{ArrivalPhase::kReceiving};
  // The last member: its thread uses all of the above.
  std::optional<Thread> thread_;
};

// Copies what the staging holds over the region in use, and empties the staging: the end of a load
// that left pages out.
// Requires: the Arrival was complete; nobody reads or writes `live` meanwhile. It takes the time of
// copying that much memory, and if the process ends in the middle `live` is neither state.
void apply_staging(Staging& staging, std::span<std::uint8_t> live) noexcept;

}  // namespace hotpair::snapshot
