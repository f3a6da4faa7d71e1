// HeartbeatHandle: one pair on the beat thread as JavaScript sees it; see lib/native/binding.ts.
//
// Thin: arguments in, a word or a command to the beat thread, nothing back; what comes back stands
// on the board. The board's memory has two users, this object and the ArrayBuffer over it, and goes
// with the last of them: closing detaches the ArrayBuffer first, so that JavaScript can never touch
// memory that is gone.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "addon/addon.hpp"
#include "addon/args.hpp"
#include "addon/handle.hpp"
#include "addon/heartbeat_facts.hpp"
#include "addon/heartbeat_options.hpp"
#include "addon/heartbeat_thread.hpp"
#include "addon/js_error.hpp"
#include "base/check.hpp"
#include "base/clock.hpp"
#include "base/siphash.hpp"
#include "heartbeat/beat_board.hpp"

namespace hotpair::addon {
namespace {

// A beat board with its users counted. All of them are on the JavaScript thread.
class SharedBoard {
 public:
  heartbeat::BeatBoard board;

  void use() noexcept { ++users_; }
  static void let_go(SharedBoard* self) noexcept {
    CHECK(self->users_ > 0);
    if (--self->users_ == 0) std::unique_ptr<SharedBoard>(self).reset();
  }

 private:
  int users_ = 1;
};

struct LetGo {
  void operator()(SharedBoard* board) const noexcept { SharedBoard::let_go(board); }
};
using BoardUse = std::unique_ptr<SharedBoard, LetGo>;

// The gate of a pair as long as there is one, null afterwards. Held by the pair's object and by
// each function that asks it, which may outlive the object.
using GatePlace = std::shared_ptr<const heartbeat::Gate*>;

// This is asked before each output, so it looks at no receiver and makes no wrapper of its call:
// what it needs comes with the function itself.
napi_value ask_gate(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
  const heartbeat::Gate* gate = **static_cast<const GatePlace*>(data);
  napi_value answer = nullptr;
  const bool is_open = gate != nullptr && gate->is_open(boot_now());
  return napi_get_boolean(env, is_open, &answer) == napi_ok ? answer : nullptr;
}

// A function of JavaScript that asks the gate at `place`.
Napi::Value gate_question(Napi::Env env, const GatePlace& place) {
  auto data = std::make_unique<GatePlace>(place);
  napi_value function = nullptr;
  napi_status status =
      napi_create_function(env, "isGateOpen", NAPI_AUTO_LENGTH, &ask_gate, data.get(), &function);
  NAPI_THROW_IF_FAILED(env, status, Napi::Value());
  const auto collect = [](napi_env, void* held, void*) {
    std::unique_ptr<GatePlace>(static_cast<GatePlace*>(held)).reset();
  };
  status = napi_add_finalizer(env, function, data.get(), collect, nullptr, nullptr);
  NAPI_THROW_IF_FAILED(env, status, Napi::Value());
  static_cast<void>(data.release());
  return {env, function};
}

class HeartbeatObject final : public Listener {
 public:
  static constexpr const char* kClassName = "HeartbeatHandle";
  // Ten minutes: the greatest hangAfterMs.
  static constexpr std::uint64_t kMostBlockMillis = 600'000;

  HeartbeatObject(HeartbeatThread& thread, heartbeat::PairConfig config, BoardUse board,
                  std::unique_ptr<heartbeat::BeatPair> pair, Napi::ArrayBuffer buffer,
                  Napi::Function ring)
      : config_(std::move(config)),
        board_(std::move(board)),
        pair_(std::move(pair)),
        gate_(std::make_shared<const heartbeat::Gate*>(&pair_->gate)),
        buffer_(Napi::Reference<Napi::ArrayBuffer>::New(buffer, 1)),
        ring_(Napi::Persistent(ring)) {
    thread.add(*this);
    thread.loop().add(*pair_);
  }
  ~HeartbeatObject() { end(); }

  bool take_news() noexcept override {
    return pair_->has_news.exchange(false, std::memory_order_acquire);  // pairs with publish()
  }

  void tell(napi_env env) override {
    napi_value undefined = nullptr;
    napi_value error = nullptr;
    if (napi_get_undefined(env, &undefined) != napi_ok) return;
    const napi_status status =
        napi_call_function(env, undefined, ring_.Value(), 0, nullptr, nullptr);
    if (status != napi_pending_exception) return;
    // What the callback throws is an uncaught exception, as from a timer; other pairs still hear.
    if (napi_get_and_clear_last_exception(env, &error) != napi_ok) return;
    static_cast<void>(napi_fatal_exception(env, error));
  }

  Napi::Value board(const Napi::CallbackInfo& info) {
    if (pair_ == nullptr) return closed_buffer(info.Env());
    return buffer_.Value();
  }

  Napi::Value announce(const Napi::CallbackInfo& info) {
    const auto presence = sized_argument<heartbeat::kPresenceBytes>(info);
    if (!presence) return {};
    pair_->announced.write(*presence);
    post(heartbeat::command::kAnnounce);
    return {};
  }

  Napi::Value set_counters(const Napi::CallbackInfo& info) {
    const auto counters = sized_argument<heartbeat::kCounterBytes>(info);
    if (counters) pair_->counters.write(*counters);
    return {};
  }

  Napi::Value probe(const Napi::CallbackInfo& info) {
    if (!is_closed(info)) post(heartbeat::command::kProbe);
    return {};
  }

  Napi::Value set_peer_host(const Napi::CallbackInfo& info) {
    if (is_closed(info)) return {};
    const auto index = whole_argument(info, 0, 0, config_.links.size() - 1);
    if (!index) return {};
    if (!info[1].IsString()) {
      Napi::TypeError::New(info.Env(), "argument 1 must be a string").ThrowAsJavaScriptException();
      return {};
    }
    const std::string host = info[1].As<Napi::String>();
    const heartbeat::LinkAddresses& was = config_.links[*index].addresses;
    const auto peer = address_of(info.Env(), host, heartbeat::port_of(was.peer));
    if (!peer) return {};
    const auto data = address_of(info.Env(), host, heartbeat::port_of(was.peer_data));
    if (!data) return {};
    pair_->moved[*index].write({*peer, *data});
    post(heartbeat::command::kMove);
    return {};
  }

  Napi::Value open_gate(const Napi::CallbackInfo& info) {
    if (!is_closed(info)) pair_->gate.open();
    return {};
  }

  Napi::Value close_gate(const Napi::CallbackInfo&) {
    if (pair_ != nullptr) pair_->gate.shut();
    return {};
  }

  Napi::Value gate_question(const Napi::CallbackInfo& info) {
    return addon::gate_question(info.Env(), gate_);
  }

  Napi::Value arm(const Napi::CallbackInfo& info) {
    std::uint64_t epoch = 0;
    bool is_lossless = false;
    if (napi_get_value_bigint_uint64(info.Env(), info[0], &epoch, &is_lossless) != napi_ok ||
        !is_lossless || epoch > kMaxSafeInteger) {
      Napi::TypeError::New(info.Env(), "argument 0 must be a bigint of 53 bits")
          .ThrowAsJavaScriptException();
      return {};
    }
    if (pair_ != nullptr) pair_->gate.arm(epoch);
    return {};
  }

  Napi::Value disarm(const Napi::CallbackInfo& info) {
    if (pair_ == nullptr) return Napi::BigInt::New(info.Env(), std::uint64_t{0});
    // Who decides does not hang: what is asked of a hung one must not find it while it does.
    CHECK(thread() != nullptr);
    thread()->turns().note();
    return Napi::BigInt::New(info.Env(), pair_->gate.disarm());
  }

  Napi::Value announce_block(const Napi::CallbackInfo& info) {
    const auto millis = whole_argument(info, 0, 0, kMostBlockMillis);
    if (!millis || pair_ == nullptr) return {};
    const Nanos length = Nanos::millis(static_cast<std::int64_t>(*millis));
    pair_->vouch.announce_block(monotonic_now() + length);
    return {};
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    if (pair_ == nullptr) return {};
    CHECK(napi_detach_arraybuffer(info.Env(), buffer_.Value()) == napi_ok);
    end();
    return {};
  }

 private:
  // Idempotent. The beat thread has let go of the pair before its memory goes.
  void end() noexcept {
    if (pair_ == nullptr) return;
    pair_->gate.shut();
    *gate_ = nullptr;
    if (HeartbeatThread* beats = thread(); beats != nullptr) {
      beats->remove(*this);
      beats->loop().remove(*pair_);
    }
    pair_.reset();
    board_.reset();
    buffer_.Reset();
    ring_.Reset();
  }

  bool is_closed(const Napi::CallbackInfo& info) const {
    if (pair_ == nullptr) throw_closed(info.Env(), "heartbeat");
    return pair_ == nullptr;
  }

  // After close the property is still an ArrayBuffer of length 0, as the contract says.
  static Napi::Value closed_buffer(Napi::Env env) { return Napi::ArrayBuffer::New(env, 0); }

  template <std::size_t kBytes>
  std::optional<std::array<std::uint8_t, kBytes>> sized_argument(const Napi::CallbackInfo& info) {
    if (is_closed(info)) return {};
    const auto bytes = bytes_argument(info, 0);
    if (!bytes) return {};
    std::array<std::uint8_t, kBytes> copy;
    if (bytes->size() != kBytes) {
      const std::string message = "argument 0 must have " + std::to_string(kBytes) + " bytes";
      Napi::RangeError::New(info.Env(), message).ThrowAsJavaScriptException();
      return {};
    }
    std::copy(bytes->begin(), bytes->end(), copy.begin());
    return copy;
  }

  // While JavaScript runs the environment's data is there, and so is the thread.
  void post(heartbeat::Commands commands) {
    CHECK(thread() != nullptr);
    thread()->loop().post(*pair_, commands);
  }

  const heartbeat::PairConfig config_;
  // All below are empty after the end. The pair writes to the board, so it goes first.
  BoardUse board_;
  std::unique_ptr<heartbeat::BeatPair> pair_;
  // Never empty; null stands in it after the end.
  const GatePlace gate_;
  Napi::Reference<Napi::ArrayBuffer> buffer_;
  Napi::FunctionReference ring_;
};

// An ArrayBuffer over the board, which becomes its second user. Null with an exception pending.
std::optional<Napi::ArrayBuffer> buffer_over(Napi::Env env, SharedBoard& shared) {
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, &shared.board, sizeof(shared.board),
      [](napi_env, void*, void* hint) { SharedBoard::let_go(static_cast<SharedBoard*>(hint)); },
      &shared, &buffer);
  if (status != napi_ok) {
    // A build of V8 with a memory cage has no ArrayBuffers over foreign memory.
    throw_error(env, {ErrorCode::kNative, "making an ArrayBuffer over the beat board"});
    return {};
  }
  shared.use();
  return Napi::ArrayBuffer(env, buffer);
}

Napi::Value open_heartbeat(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto config = heartbeat_options(env, info[0]);
  if (!config) return {};
  if (!info[1].IsFunction()) {
    Napi::TypeError::New(env, "argument 1 must be a function").ThrowAsJavaScriptException();
    return {};
  }
  BoardUse shared(std::make_unique<SharedBoard>().release());
  const Result<HeartbeatThread*> thread = HeartbeatThread::of(env);
  if (!thread.ok()) {
    throw_error(env, thread.error());
    return {};
  }
  // What the loop did before does not count against it.
  thread.value()->turns().note();
  config->event_loop = thread.value()->turns().watch();
  auto pair = heartbeat::BeatPair::open(*config, shared->board, monotonic_now(), boot_now());
  if (!pair.ok()) {
    throw_error(env, pair.error());
    return {};
  }
  const auto buffer = buffer_over(env, *shared);
  if (!buffer) return {};
  auto object = std::make_unique<HeartbeatObject>(*thread.value(), std::move(*config),
                                                  std::move(shared), std::move(pair).value(),
                                                  *buffer, info[1].As<Napi::Function>());
  return Handle<HeartbeatObject>::open(env, AddonData::of(env).heartbeat_class, std::move(object));
}

Napi::Value siphash_of(const Napi::CallbackInfo& info) {
  const auto key = bytes_argument(info, 0);
  if (!key) return {};
  const auto data = bytes_argument(info, 1);
  if (!data) return {};
  if (key->size() != 16) {
    Napi::RangeError::New(info.Env(), "argument 0 must have 16 bytes").ThrowAsJavaScriptException();
    return {};
  }
  return Napi::BigInt::New(info.Env(), siphash24(SipKey::from_bytes(key->first<16>()), *data));
}

}  // namespace

void register_heartbeat(Napi::Env env, Napi::Object exports, Napi::Object facts) {
  using Class = Handle<HeartbeatObject>;
  AddonData::of(env).heartbeat_class =
      Class::define(env, {
                             Class::getter<&HeartbeatObject::board>("board"),
                             Class::method<&HeartbeatObject::announce>("announce"),
                             Class::method<&HeartbeatObject::set_counters>("setCounters"),
                             Class::method<&HeartbeatObject::probe>("probe"),
                             Class::method<&HeartbeatObject::set_peer_host>("setPeerHost"),
                             Class::method<&HeartbeatObject::open_gate>("openGate"),
                             Class::method<&HeartbeatObject::close_gate>("closeGate"),
                             Class::method<&HeartbeatObject::gate_question>("gateQuestion"),
                             Class::method<&HeartbeatObject::arm>("arm"),
                             Class::method<&HeartbeatObject::disarm>("disarm"),
                             Class::method<&HeartbeatObject::announce_block>("announceBlock"),
                             Class::method<&HeartbeatObject::close>("close"),
                         });
  exports["openHeartbeat"] = Napi::Function::New<open_heartbeat>(env, "openHeartbeat");
  exports["siphash"] = Napi::Function::New<siphash_of>(env, "siphash");
  heartbeat_facts(env, facts);
}

}  // namespace hotpair::addon
