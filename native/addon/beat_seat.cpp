// The two seats; see beat_seat.hpp.
#include "addon/beat_seat.hpp"

#include <utility>

#include "addon/doorbell.hpp"
#include "unit/unit_client.hpp"

namespace hotpair::addon {
namespace {

class LocalSeat final : public BeatSeat {
 public:
  LocalSeat(HeartbeatThread& thread, std::unique_ptr<heartbeat::BeatPair> pair) noexcept
      : thread_(thread), pair_(std::move(pair)) {
    thread_.loop().add(*pair_);
  }
  ~LocalSeat() override { leave(false); }

  void post(heartbeat::Commands commands) noexcept override {
    if (pair_ != nullptr) thread_.loop().post(*pair_, commands);
  }
  std::int64_t unit_pid() const noexcept override { return 0; }
  bool is_lost() const noexcept override { return false; }
  bool has_killed_former() const noexcept override { return false; }
  // The beat thread has let go of the pair before its memory goes.
  void leave(bool) noexcept override {
    if (pair_ == nullptr) return;
    thread_.loop().remove(*pair_);
    pair_.reset();
  }

 private:
  HeartbeatThread& thread_;
  std::unique_ptr<heartbeat::BeatPair> pair_;
};

// The unit reads the turns of this event loop in the words, so they are written there as well.
class UnitSeat final : public BeatSeat {
 public:
  UnitSeat(HeartbeatThread& thread, std::unique_ptr<Doorbell> bell, SharedWords& words,
           std::unique_ptr<unit::UnitClient> client) noexcept
      : thread_(thread), bell_(std::move(bell)), words_(words), client_(std::move(client)) {
    thread_.turns().mirror(words_.words().turns);
  }
  ~UnitSeat() override { leave(false); }

  void post(heartbeat::Commands commands) noexcept override { client_->post(commands); }
  std::int64_t unit_pid() const noexcept override { return client_->unit_pid(); }
  bool is_lost() const noexcept override { return client_->is_lost(); }
  bool has_killed_former() const noexcept override { return client_->has_killed_former(); }
  void leave(bool in_order) noexcept override {
    if (has_left_) return;
    has_left_ = true;
    thread_.turns().unmirror(words_.words().turns);
    client_->leave(in_order);
    // Its thread was joined.
    bell_->close();
    words_.keep(client_->take_region());
  }

 private:
  HeartbeatThread& thread_;
  // Of its own, for a bell has one ringing thread.
  std::unique_ptr<Doorbell> bell_;
  SharedWords& words_;
  std::unique_ptr<unit::UnitClient> client_;
  bool has_left_ = false;
};

}  // namespace

Result<Seated> sit_here(HeartbeatThread& thread, const heartbeat::PairConfig& config) {
  WordsUse words(std::make_unique<SharedWords>().release());
  auto pair = heartbeat::BeatPair::open(config, words->words(), monotonic_now());
  if (!pair.ok()) return pair.error();
  auto seat = std::make_unique<LocalSeat>(thread, std::move(pair).value());
  return Seated{std::move(words), std::move(seat)};
}

Result<Seated> sit_at_unit(HeartbeatThread& thread, const heartbeat::PairConfig& config,
                           const char* path, Instant deadline) {
  auto bell = std::make_unique<Doorbell>();
  if (!bell->open(thread.env(), &HeartbeatThread::answer)) {
    return Error{ErrorCode::kNative, "making the doorbell of the unit"};
  }
  auto joined = unit::UnitClient::join(
      path, config, deadline,
      {[](void* of) noexcept { static_cast<Doorbell*>(of)->ring(); }, bell.get()});
  if (!joined.ok()) {
    bell->close();
    return joined.error();
  }
  auto client = std::move(joined).value();
  WordsUse words(std::make_unique<SharedWords>(client->words()).release());
  auto seat = std::make_unique<UnitSeat>(thread, std::move(bell), *words, std::move(client));
  return Seated{std::move(words), std::move(seat)};
}

}  // namespace hotpair::addon
