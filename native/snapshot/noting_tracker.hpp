// NotingTracker: a page tracker that also keeps what it told, for whoever did not ask.
//
// A question to a tracker forgets what it answers. During a load the mover asks, and the owner of
// the region needs the same answers, for the digest and for what changed since a mark. So each
// answer is noted here too, and fetched when the mover has given the tracker back.
// Belongs to one thread at a time, as any tracker.
#pragma once

#include <memory>

#include "snapshot/page_tracker.hpp"

namespace hotpair::snapshot {

class NotingTracker final : public PageTracker {
 public:
  explicit NotingTracker(std::unique_ptr<PageTracker> inner)
      : inner_(std::move(inner)),
        noted_(inner_->source().size() / kPageBytes),
        answer_(noted_.page_count()) {}

  Result<void> arm() noexcept override {
    // What was written before is forgotten by the other one, so nothing is known of it.
    noted_.add_all();
    const Result<void> armed = inner_->arm();
    is_broken_ = !armed.ok();
    return armed;
  }
  Result<void> take(PageSet& dirty) noexcept override {
    const Result<void> taken = ask();
    dirty.add_all_of(answer_);
    return taken;
  }
  // A question whose answer is only noted.
  Result<void> ask() noexcept {
    answer_.clear();
    const Result<void> taken = inner_->take(answer_);
    noted_.add_all_of(answer_);
    is_broken_ = is_broken_ || !taken.ok();
    return taken;
  }
  std::span<const std::uint8_t> source() const noexcept override { return inner_->source(); }
  TrackerWay way() const noexcept override { return inner_->way(); }

  // What was told since the last forget().
  const PageSet& noted() const noexcept { return noted_; }
  void forget() noexcept { noted_.clear(); }
  // It has failed, and everything counts as written: open another one.
  bool is_broken() const noexcept { return is_broken_; }

 private:
  const std::unique_ptr<PageTracker> inner_;
  PageSet noted_;
  PageSet answer_;
  bool is_broken_ = false;
};

}  // namespace hotpair::snapshot
