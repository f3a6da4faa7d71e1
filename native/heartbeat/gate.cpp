// The word and its renewal; see gate.hpp.
#include "heartbeat/gate.hpp"

#include "base/check.hpp"

namespace hotpair::heartbeat {
namespace {

// relaxed: each word is complete in itself, and what the gate guards (the sending of an output) is
// done by the thread that asks, after it has asked.
constexpr std::memory_order kAlone = std::memory_order_relaxed;

}  // namespace

Gate::Gate(GateWords& words, Nanos span) noexcept : words_(words), span_(span) {
  CHECK(span > Nanos{0});
}

void Gate::open() noexcept {
  const BootInstant beat{words_.last_beat.load(kAlone)};
  words_.valid_until.store((beat + span_).nanos, kAlone);
}

void Gate::shut() noexcept { words_.valid_until.store(0, kAlone); }

bool Gate::is_open(BootInstant now) const noexcept {
  // acquire: see renounce()
  if ((words_.arming.load(std::memory_order_acquire) & kRenounced) != 0) return false;
  return now.nanos < words_.valid_until.load(kAlone);
}

Gate::Renewal Gate::renew(BootInstant now) noexcept {
  words_.last_beat.store(now.nanos, kAlone);
  std::int64_t until = words_.valid_until.load(kAlone);
  if (until == 0) return Renewal::kShut;
  const bool has_lapsed = now.nanos >= until;
  const std::int64_t next = has_lapsed ? 0 : (now + span_).nanos;
  // When JavaScript was quicker, its word stands, and the next beat looks at it.
  if (!words_.valid_until.compare_exchange_strong(until, next, kAlone)) {
    return Renewal::kShut;
  }
  return has_lapsed ? Renewal::kLapsed : Renewal::kRenewed;
}

void Gate::arm(std::uint64_t epoch) noexcept {
  CHECK(epoch >> kEpochBits == 0);
  ++arming_no_;
  // The shift leaves ten bits of the number below the mark.
  const std::uint64_t number = (arming_no_ << kEpochBits) & ~kRenounced;
  std::uint64_t former = words_.arming.load(kAlone);
  // release: what JavaScript announced and answered before it armed is seen by whoever finds this
  // word; pairs with armed().
  while ((former & kRenounced) == 0 &&
         !words_.arming.compare_exchange_weak(former, epoch == 0 ? 0 : number | epoch,
                                              std::memory_order_release, kAlone)) {
  }
}

std::uint64_t Gate::disarm() noexcept {
  std::uint64_t word = words_.arming.load(std::memory_order_acquire);  // pairs with renounce()
  // Against the beat thread, which may renounce between the load and here: then this fails once,
  // and the word does not change any more.
  if ((word & kRenounced) == 0 &&
      words_.arming.compare_exchange_strong(word, 0, std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
    return 0;
  }
  // The gate is shut by its own word before the mark that held it shut goes.
  shut();
  words_.arming.store(0, std::memory_order_release);  // pairs with the acquire in is_open()
  return Arming(word).epoch();
}

Arming Gate::armed() const noexcept {
  const std::uint64_t word = words_.arming.load(std::memory_order_acquire);  // pairs with arm()
  return Arming((word & kRenounced) == 0 ? word : 0);
}

bool Gate::renounce(Arming arming) noexcept {
  std::uint64_t word = arming.word_;
  if (arming.epoch() == 0) return false;
  // seq_cst: the gate is shut for every other processor before the beat that says so leaves.
  return words_.arming.compare_exchange_strong(word, word | kRenounced, std::memory_order_seq_cst,
                                               kAlone);
}

}  // namespace hotpair::heartbeat
