// The owner of a region and its loads; see state_region.hpp.
#include "snapshot/state_region.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.hpp"

namespace hotpair::snapshot {
namespace {

constexpr std::size_t kMostMarks = 2;

Error without_memory(const Error& cause, std::uint64_t sum) noexcept {
  return {ErrorCode::kSharedMemory, cause.action, cause.os_error, sum};
}

// All accesses are relaxed: the words are for show, each by itself.
LoadFigures figures_of(const MoveProgress& progress) noexcept {
  const auto read = [](const std::atomic<std::uint64_t>& word) {
    return word.load(std::memory_order_relaxed);
  };
  return {read(progress.rounds),           read(progress.bytes),
          read(progress.bytes_per_second), read(progress.pages),
          read(progress.written_permille), read(progress.hold_nanos)};
}

}  // namespace

Result<std::unique_ptr<StateRegion>> StateRegion::open(const StateRegionOptions& options,
                                                       Bell bell) {
  CHECK(options.bytes > 0);
  const std::size_t bytes = (options.bytes + kRegionUnit - 1) / kRegionUnit * kRegionUnit;
  Result<SharedRegion> region = SharedRegion::create(kStateRegion, bytes, Reserve::kNow);
  if (!region.ok()) return without_memory(region.error(), 2 * std::uint64_t{bytes});
  Result<SharedRegion> staged = SharedRegion::create(kStateRegion, bytes, Reserve::kNow);
  if (!staged.ok()) return without_memory(staged.error(), 2 * std::uint64_t{bytes});
  auto opened = std::make_unique<StateRegion>(options.key, bell, std::move(region).value(),
                                              std::move(staged).value(), options.is_shadow);
  Staging(opened->bytes()).touch();
  opened->staging_.touch();
  const Result<void> tracked = opened->open_tracker();
  if (!tracked.ok()) return without_memory(tracked.error(), 3 * std::uint64_t{bytes});
  // A region of zeros need not be read.
  for (std::size_t page = 0; page < opened->page_count(); ++page) {
    opened->known_.set(page, opened->hash_.zero_digest());
  }
  return opened;
}

StateRegion::StateRegion(const SipKey& key, Bell bell, SharedRegion region, SharedRegion staged,
                         bool is_shadow)
    : hash_(key),
      bell_(bell),
      is_shadow_wanted_(is_shadow),
      region_(std::move(region)),
      staged_(std::move(staged)),
      staging_(staged_.bytes()),
      known_(hash_, page_count()),
      since_taken_(page_count()) {
  marks_.reserve(kMostMarks + 1);
}

StateRegion::~StateRegion() { end_load(); }

SharedRegion StateRegion::release() noexcept {
  end_load();
  toucher_.reset();
  tracker_.reset();
  return std::move(region_);
}

std::size_t StateRegion::other_bytes() const noexcept {
  return way_ == TrackerWay::kShadow ? 2 * region_.size() : region_.size();
}

void StateRegion::close_tracker() noexcept {
  tracker_.reset();
  known_.stale.add_all();
  marks_.clear();
}

Result<void> StateRegion::open_tracker() {
  close_tracker();
  Result<OpenedTracker> opened = open_page_tracker(region_.bytes(), is_shadow_wanted_);
  if (!opened.ok()) return opened.error();
  refusal_ = opened.value().refusal;
  way_ = opened.value().tracker->way();
  tracker_ = std::make_unique<NotingTracker>(std::move(opened.value().tracker));
  const Result<void> armed = tracker_->arm();
  tracker_->forget();
  return armed;
}

Result<void> StateRegion::ensure_tracker() {
  if (tracker_ != nullptr && !tracker_->is_broken()) return {};
  return open_tracker();
}

bool StateRegion::ask() noexcept {
  if (way_ != TrackerWay::kWriteProtection || is_lent()) return false;
  if (tracker_ == nullptr || tracker_->is_broken()) return false;
  const bool is_told = tracker_->ask().ok();
  // After a failure all pages are noted, and that is what the marks and digests learn.
  spread();
  return is_told;
}

void StateRegion::spread() noexcept {
  if (tracker_ == nullptr) return;
  const PageSet& noted = tracker_->noted();
  known_.stale.add_all_of(noted);
  since_taken_.add_all_of(noted);
  for (PageMark& mark : marks_) mark.changed.add_all_of(noted);
  tracker_->forget();
}

std::uint64_t StateRegion::digest() noexcept {
  if (!ask()) {
    PageDigests whole(hash_, page_count());
    PageSet all(page_count());
    all.add_all();
    whole.update(bytes(), all);
    return whole.whole();
  }
  known_.digests.update(bytes(), known_.stale);
  known_.stale.clear();
  return known_.whole();
}

void StateRegion::mark(std::uint64_t number) {
  if (!ask()) return;
  std::erase_if(marks_, [number](const PageMark& each) { return each.number == number; });
  marks_.insert(marks_.begin(), {number, PageSet(page_count())});
  if (marks_.size() > kMostMarks) marks_.pop_back();
}

void StateRegion::rekey(const SipKey& key) {
  end_load();
  hash_ = PageHash(key);
  known_ = KnownDigests(hash_, page_count());
}

Result<void> StateRegion::send(std::uint64_t load, UniqueFd socket) {
  end_load();
  if (Result<void> tracked = ensure_tracker(); !tracked.ok()) return tracked;
  MoverOptions options;
  options.load = load;
  options.is_armed = ask();
  if (options.is_armed) {
    options.marks = marks_;
    options.known = &known_;
  }
  auto started = Mover::start(*tracker_, hash_, std::move(socket), options, bell_);
  if (!started.ok()) return started.error();
  mover_ = std::move(started).value();
  phase_ = LoadPhase::kWorking;
  return {};
}

Result<void> StateRegion::receive(std::uint64_t load, UniqueFd socket, Wanted wanted,
                                  std::uint64_t mark) {
  end_load();
  const bool is_known = ask();
  ArrivalOptions options;
  options.load = load;
  if (wanted == Wanted::kRest) options.basis = Basis::kDigests;
  if (wanted == Wanted::kDifference || wanted == Wanted::kChanged) {
    options.basis = Basis::kDigests;
    options.live = bytes();
    if (is_known) options.known = &known_;
  }
  if (wanted == Wanted::kChanged && is_known) {
    const auto found =
        std::ranges::find(marks_, mark, [](const PageMark& each) { return each.number; });
    if (found != marks_.end()) {
      options.basis = Basis::kChanged;
      options.mark = &*found;
    }
  }
  toucher_.reset();
  auto started = Arrival::start(staging_, hash_, std::move(socket), options, bell_);
  if (!started.ok()) return started.error();
  arrival_ = std::move(started).value();
  phase_ = LoadPhase::kWorking;
  // All of it will be replaced, and this tracker belongs to the mapping. Closing it takes as long
  // as arming it: here beside the load, and not when that is put in place.
  if (options.live.empty() && way_ == TrackerWay::kWriteProtection) close_tracker();
  return {};
}

LoadPhase StateRegion::look() noexcept {
  if (mover_ != nullptr) {
    const MoverPhase phase = mover_->phase();
    if (phase >= MoverPhase::kDone) {
      settle_mover();
    } else if (phase_ != LoadPhase::kIdle) {
      phase_ = phase == MoverPhase::kNearly ? LoadPhase::kNearly : LoadPhase::kWorking;
    }
  } else if (arrival_ != nullptr && arrival_->phase() != ArrivalPhase::kReceiving) {
    settle_arrival();
  }
  return phase_;
}

// A cancelled one, too, leaves here; nobody waits for what it says.
void StateRegion::settle_mover() noexcept {
  last_ = figures_of(mover_->progress());
  const bool is_done = mover_->phase() == MoverPhase::kDone;
  if (is_done) {
    load_digest_ = mover_->digest();
    spread();
    if (way_ == TrackerWay::kWriteProtection) {
      known_.assign(mover_->known());
      known_.stale.add_all_of(since_taken_);
    }
  } else {
    failure_ = mover_->failure();
  }
  mover_.reset();
  spread();
  is_taken_ = false;
  if (phase_ != LoadPhase::kIdle) phase_ = is_done ? LoadPhase::kDone : LoadPhase::kFailed;
}

void StateRegion::settle_arrival() noexcept {
  last_ = figures_of(arrival_->progress());
  const bool is_done = arrival_->phase() == ArrivalPhase::kComplete;
  if (phase_ == LoadPhase::kIdle) {
    arrival_.reset();
    return;
  }
  if (is_done) {
    load_digest_ = arrival_->digest();
    arrived_.emplace(hash_, page_count());
    arrived_->assign(arrival_->known());
  } else {
    failure_ = arrival_->failure();
  }
  arrival_.reset();
  phase_ = is_done ? LoadPhase::kDone : LoadPhase::kFailed;
}

FinishStatus StateRegion::finish() noexcept {
  if (mover_ == nullptr || is_taken_ || phase_ == LoadPhase::kIdle) return FinishStatus::kNotYet;
  const FinishStatus status = mover_->finish();
  if (status != FinishStatus::kTaken) return status;
  is_taken_ = true;
  spread();
  since_taken_.clear();
  return status;
}

Result<void> StateRegion::install() noexcept {
  CHECK(arrived_.has_value());
  if (2 * staging_.held.size() > page_count()) {
    if (Result<void> exchanged = exchange(); !exchanged.ok()) return exchanged;
  } else {
    apply_staging(staging_, bytes());
  }
  // What was written here by us is no news, and what changed since a mark is not known any more.
  static_cast<void>(ask());
  marks_.clear();
  known_.assign(*arrived_);
  arrived_.reset();
  phase_ = LoadPhase::kIdle;
  return {};
}

Result<void> StateRegion::exchange() noexcept {
  for (std::size_t page = 0; page < page_count(); ++page) {
    if (staging_.held.contains(page)) continue;
    const std::size_t at = page * kPageBytes;
    std::memcpy(&staging_.memory[at], &bytes()[at], kPageBytes);
    staging_.held.add({page, 1});
  }
  // The one by write protection belongs to the mapping; the other one is armed by each mover.
  if (way_ == TrackerWay::kWriteProtection) close_tracker();
  const Result<void> exchanged = region_.exchange(staged_);
  if (exchanged.ok()) {
    staging_ = Staging(staged_.bytes());
    toucher_ = PageToucher::start(staging_.memory);
  }
  // If it cannot be had again, the next load that is sent says why.
  static_cast<void>(ensure_tracker());
  return exchanged;
}

void StateRegion::cancel() noexcept {
  if (mover_ != nullptr) mover_->cancel();
  if (arrival_ != nullptr) arrival_->cancel();
  arrived_.reset();
  phase_ = LoadPhase::kIdle;
}

void StateRegion::end_load() noexcept {
  cancel();
  if (mover_ != nullptr) last_ = figures_of(mover_->progress());
  if (arrival_ != nullptr) last_ = figures_of(arrival_->progress());
  mover_.reset();
  arrival_.reset();
  is_taken_ = false;
  failure_.reset();
  spread();
}

LoadFigures StateRegion::figures() const noexcept {
  if (mover_ != nullptr) return figures_of(mover_->progress());
  if (arrival_ != nullptr) return figures_of(arrival_->progress());
  return last_;
}

}  // namespace hotpair::snapshot
