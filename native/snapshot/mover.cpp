// The rounds of a load; see mover.hpp.
#include "snapshot/mover.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "base/little_endian.hpp"
#include "snapshot/racing_page.hpp"

namespace hotpair::snapshot {
namespace {

constexpr std::uint64_t kRateBytes = 1 << 20;
// Below this a round is small at any rate, so that a slow wire can end too: a few pages are the
// floor of what a busy application writes in a millisecond.
constexpr std::size_t kAlwaysSmall = 16;

Error refusal(const char* why) noexcept { return {ErrorCode::kNative, why}; }

}  // namespace

Result<std::unique_ptr<Mover>> Mover::start(PageTracker& tracker, const PageHash& hash,
                                            UniqueFd socket, const MoverOptions& options,
                                            Bell bell) {
  CHECK(options.most_held_pages > 0);
  CHECK(options.is_armed || (options.marks.empty() && options.known == nullptr));
  Result<std::unique_ptr<Stream>> stream = Stream::open(std::move(socket));
  if (!stream.ok()) return stream.error();
  Result<PageBatch> batch = PageBatch::open(hash);
  if (!batch.ok()) return batch.error();
  Result<MappedRegion> aside = MappedRegion::open(options.most_held_pages * kPageBytes,
                                                  "reserving the buffer of the last pages");
  if (!aside.ok()) return aside.error();
  // Each page is touched here, so that the hold meets none that is not there.
  for (std::size_t at = 0; at < aside.value().size(); at += kPageBytes)
    aside.value().data()[at] = 1;
  auto mover = std::make_unique<Mover>(
      tracker, hash, options, bell,
      Parts{std::move(stream).value(), std::move(batch).value(), std::move(aside).value()});
  Result<Thread> thread = Thread::start("hotpair-mover", &Mover::run, mover.get());
  if (!thread.ok()) return thread.error();
  mover->thread_.emplace(std::move(thread).value());
  return mover;
}

Mover::Mover(PageTracker& tracker, const PageHash& hash, const MoverOptions& options, Bell bell,
             Parts parts)
    : tracker_(tracker),
      hash_(hash),
      options_(options),
      bell_(bell),
      stream_(std::move(parts.stream)),
      pending_(tracker.source().size() / kPageBytes),
      aside_(std::move(parts.aside)),
      batch_(std::move(parts.batch)),
      known_(hash, pending_.page_count()) {
  if (options.known != nullptr) known_.assign(*options.known);
  for (const PageMark& mark : options.marks) {
    marks_.push_back({mark.number, PageSet(pending_.page_count())});
    marks_.back().changed.add_all_of(mark.changed);
  }
}

Mover::~Mover() {
  if (!thread_.has_value()) return;
  cancel();
  thread_->join();
}

void Mover::run(void* self) {
  auto& mover = *static_cast<Mover*>(self);
  const Result<void> moved = mover.move();
  if (!moved.ok()) {
    mover.failure_ = moved.error();
    mover.stream_->end();
  }
  mover.enter(moved.ok() ? MoverPhase::kDone : MoverPhase::kFailed);
  mover.bell_();
}

void Mover::enter(MoverPhase phase) noexcept {
  phase_.store(phase, std::memory_order_release);  // pairs with the acquire in phase()
}

Result<void> Mover::move() noexcept {
  if (Result<void> greeted = greet(); !greeted.ok()) return greeted;
  enter(MoverPhase::kCopying);
  for (bool is_taken = false; !is_taken;) {
    if (Result<void> copied = copy_rounds(); !copied.ok()) return copied;
    Result<bool> finished = wait_for_finish();
    if (!finished.ok()) return finished.error();
    is_taken = finished.value();
  }
  return close();
}

Result<void> Mover::greet() {
  MoveHeader header;
  if (Result<void> got = stream_->receive(header); !got.ok()) return got;
  const std::optional<Packet> packet = read_packet(header);
  if (!packet || packet->kind != PacketKind::kWant || packet->length < kWantBytes ||
      packet->length > most_want_bytes(pending_.page_count())) {
    return refusal("reading what the receiver of a load wants: it is no such packet");
  }
  std::vector<std::uint8_t> body(packet->length);
  if (Result<void> got = stream_->receive(body); !got.ok()) return got;
  if (!has_body_sum(header, body)) {
    return refusal("reading what the receiver of a load wants: the check sum is wrong");
  }
  count(progress_.bytes, header.size() + body.size());
  const auto want = read_want(std::span(body).first<kWantBytes>());
  if (!want) return refusal("greeting the receiver of a load: it speaks another version");
  if (want->region_bytes != tracker_.source().size()) {
    return refusal("greeting the receiver of a load: its region has another size");
  }
  if (want->load != options_.load) return refusal("greeting the receiver of a load: another load");
  if (want->key_check != hash_.zero_digest()) {
    return refusal("greeting the receiver of a load: its digests have another key");
  }
  if (!options_.is_armed) {
    if (Result<void> armed = tracker_.arm(); !armed.ok()) return armed;
  }
  const auto rest = std::span<const std::uint8_t>(body).subspan(kWantBytes);
  switch (want->basis) {
    case Basis::kNothing:
      if (!rest.empty()) return refusal("reading what the receiver of a load wants: it is longer");
      pending_.add_all();
      return {};
    case Basis::kDigests:
      return compare(rest);
    case Basis::kChanged:
      return add_changed(*want, rest);
  }
  return {};
}

Result<void> Mover::compare(std::span<const std::uint8_t> held_and_digests) {
  PageSet held(pending_.page_count());
  if (held_and_digests.size() < held.byte_count() ||
      !held.read_from(held_and_digests.first(held.byte_count())) ||
      held_and_digests.size() != held.byte_count() + 8 * held.size()) {
    return refusal("reading what the receiver of a load holds: it does not add up");
  }
  const std::uint8_t* theirs = held_and_digests.data() + held.byte_count();
  pending_.add_all();
  for (PageRange run = held.next(0, 1); run.count > 0; run = held.next(run.first + 1, 1)) {
    if (stream_->is_cancelled()) return Stream::cancelled();
    const std::uint64_t digest = known_.racing(tracker_.source(), run.first);
    if (digest == load_little<std::uint64_t>(theirs)) pending_.remove(run);
    theirs += 8;
  }
  return {};
}

Result<void> Mover::add_changed(const Want& want, std::span<const std::uint8_t> bits) {
  const auto mark =
      std::ranges::find(marks_, want.mark, [](const PageMark& each) { return each.number; });
  if (mark == marks_.end()) {
    return refusal("greeting the receiver of a load: what changed since its mark is not known");
  }
  PageSet theirs(pending_.page_count());
  if (!theirs.read_from(bits)) {
    return refusal("reading what the receiver of a load has changed: it does not add up");
  }
  pending_.add_all_of(theirs);
  pending_.add_all_of(mark->changed);
  return digest_rest();
}

Result<void> Mover::digest_rest() noexcept {
  for (PageRange run = known_.stale.next(0, 1); run.count > 0;
       run = known_.stale.next(run.first + 1, 1)) {
    if (stream_->is_cancelled()) return Stream::cancelled();
    if (!pending_.contains(run.first)) known_.racing(tracker_.source(), run.first);
  }
  return {};
}

bool Mover::is_small(std::size_t pages) const noexcept {
  // relaxed: this thread writes it.
  const auto rate = progress_.bytes_per_second.load(std::memory_order_relaxed);
  const auto micros = static_cast<std::uint64_t>(options_.held_wire_time.count / 1'000);
  const std::uint64_t by_wire = rate / 1'000'000 * micros / kPageBytes;
  const std::uint64_t by_buffer = options_.most_held_pages / 2;
  return pages <= std::min(std::max<std::uint64_t>(by_wire, kAlwaysSmall), by_buffer);
}

Result<void> Mover::copy_rounds() noexcept {
  for (std::uint32_t long_rounds = 0;; ++long_rounds) {
    if (long_rounds == options_.most_rounds) {
      return refusal("copying a region: it is written faster than it can be sent");
    }
    if (Result<void> copied = copy_round(); !copied.ok()) return copied;
    const std::size_t left = pending_.size();
    if (!is_small(left)) continue;
    if (left == 0) return {};
    // A short one, so that what is left is what was written during that.
    if (Result<void> copied = copy_round(); !copied.ok()) return copied;
    if (is_small(pending_.size())) return {};
  }
}

Result<void> Mover::copy_round() noexcept {
  const Instant begin = monotonic_now();
  // relaxed: this thread writes it.
  const std::uint64_t bytes_before = progress_.bytes.load(std::memory_order_relaxed);
  const std::size_t sent = pending_.size();
  if (Result<void> done = send_pages(pending_, nullptr); !done.ok()) return done;
  ++round_;
  // relaxed: as above.
  const std::uint64_t bytes = progress_.bytes.load(std::memory_order_relaxed) - bytes_before;
  const auto micros = static_cast<std::uint64_t>((monotonic_now() - begin).count / 1'000);
  const bool is_long = bytes >= kRateBytes && micros > 0;
  if (is_long) show(progress_.bytes_per_second, bytes * 1'000'000 / micros);
  pending_.clear();
  if (Result<void> taken = tracker_.take(pending_); !taken.ok()) return taken;
  const std::size_t written = pending_.size();
  show(progress_.rounds, round_);
  show(progress_.dirty_pages, written);
  show(progress_.written_permille, is_long ? 1'000 * written / sent : 0);
  return {};
}

Result<bool> Mover::wait_for_finish() noexcept {
  enter(MoverPhase::kNearly);
  bell_();
  const Stream::Woken woken = stream_->wait(options_.patience);
  // When it cannot be left, finish() holds it: that one is quick and rings.
  while (!try_leave_nearly()) stream_->wait_for_ring();
  if (tracker_failure_.has_value()) return *tracker_failure_;
  if (phase() == MoverPhase::kClosing) return true;
  if (woken != Stream::Woken::kSocket) return false;
  // Nothing is to come before the end: it was cancelled, or the other side has gone or lost step.
  std::array<std::uint8_t, 1> unexpected;
  if (Result<void> got = stream_->receive(unexpected); !got.ok()) return got.error();
  return refusal("waiting for the end of a load: the receiver speaks out of turn");
}

// False: finish() is at work, or was in between and its ring is still to be taken.
bool Mover::try_leave_nearly() noexcept {
  MoverPhase expected = MoverPhase::kNearly;
  // acquire: pairs with the releases in finish(), which publish pending_ and the copy.
  // release: the next owner of pending_ is finish(), by way of kNearly.
  if (phase_.compare_exchange_strong(expected, MoverPhase::kCopying, std::memory_order_acq_rel)) {
    return true;
  }
  return expected != MoverPhase::kHolding;
}

FinishStatus Mover::finish() noexcept {
  const Instant begin = monotonic_now();
  MoverPhase expected = MoverPhase::kNearly;
  // acquire: pairs with the release of kNearly; pending_ and the tracker are ours from here on.
  if (!phase_.compare_exchange_strong(expected, MoverPhase::kHolding, std::memory_order_acquire)) {
    return FinishStatus::kNotYet;
  }
  const Result<void> taken = tracker_.take(pending_);
  if (!taken.ok()) tracker_failure_ = taken.error();
  const bool is_taken = taken.ok() && pending_.size() <= options_.most_held_pages;
  if (is_taken) {
    std::uint8_t* into = aside_.data();
    const std::uint8_t* const from = tracker_.source().data();
    for (PageRange run = pending_.next(0, 1); run.count > 0;
         run = pending_.next(run.first + 1, 1)) {
      copy_racing_page(into, from + run.first * kPageBytes);
      into += kPageBytes;
    }
  }
  show(progress_.hold_nanos, static_cast<std::uint64_t>((monotonic_now() - begin).count));
  enter(is_taken ? MoverPhase::kClosing : MoverPhase::kCopying);
  stream_->ring();
  return is_taken ? FinishStatus::kTaken : FinishStatus::kTooMuch;
}

Result<void> Mover::close() noexcept {
  if (Result<void> sent = send_pages(pending_, aside_.data()); !sent.ok()) return sent;
  std::array<std::uint8_t, kMoveHeaderBytes + kEndBytes> end;
  const auto body = std::span(end).subspan<kMoveHeaderBytes>();
  store_little(&body[0], known_.whole());
  store_little(&body[8], std::uint64_t{pending_.page_count()});
  seal_packet(std::span(end).first<kMoveHeaderBytes>(), {PacketKind::kEnd, 0, kEndBytes, round_},
              body);
  if (Result<void> sent = stream_->send(end); !sent.ok()) return sent;
  std::array<std::uint8_t, kMoveHeaderBytes + kDoneBytes> done;
  if (Result<void> got = stream_->receive(done); !got.ok()) return got;
  const auto header = std::span<const std::uint8_t>(done).first<kMoveHeaderBytes>();
  const auto digest = std::span<const std::uint8_t>(done).subspan<kMoveHeaderBytes>();
  const std::optional<Packet> packet = read_packet(header);
  if (!packet || packet->kind != PacketKind::kDone || packet->length != kDoneBytes ||
      !has_body_sum(header, digest) ||
      load_little<std::uint64_t>(digest.data()) != known_.whole()) {
    return refusal("ending a load: the receiver does not confirm what was sent");
  }
  return {};
}

Result<void> Mover::send_pages(const PageSet& pages, const std::uint8_t* packed) noexcept {
  const std::uint8_t* const source = tracker_.source().data();
  for (PageRange run = pages.next(0, 1); run.count > 0; run = pages.next(run.first + 1, 1)) {
    const std::uint8_t* const from = packed != nullptr ? packed : source + run.first * kPageBytes;
    known_.set(run.first, batch_.add(run.first, round_, from));
    if (packed != nullptr) packed += kPageBytes;
    if (!batch_.is_full()) continue;
    if (Result<void> sent = send_batch(); !sent.ok()) return sent;
  }
  return send_batch();
}

Result<void> Mover::send_batch() noexcept {
  if (batch_.is_empty()) return {};
  batch_.seal();
  if (Result<void> sent = stream_->send(batch_.bytes()); !sent.ok()) return sent;
  count(progress_.bytes, batch_.bytes().size());
  count(progress_.pages, batch_.page_count());
  batch_.clear();
  return {};
}

}  // namespace hotpair::snapshot
