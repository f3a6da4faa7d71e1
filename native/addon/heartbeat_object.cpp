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
#include <string>
#include <utility>

#include "addon/addon.hpp"
#include "addon/args.hpp"
#include "addon/beat_seat.hpp"
#include "addon/handle.hpp"
#include "addon/heartbeat_facts.hpp"
#include "addon/heartbeat_options.hpp"
#include "addon/heartbeat_thread.hpp"
#include "addon/js_error.hpp"
#include "base/check.hpp"
#include "base/clock.hpp"
#include "base/siphash.hpp"
#include "heartbeat/pair_words.hpp"

namespace hotpair::addon {
namespace {

// This is asked before each output, so it looks at no receiver and makes no wrapper of its call:
// what it needs comes with the function itself.
napi_value ask_gate(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
  const heartbeat::Gate* gate = static_cast<const SharedWords*>(data)->gate;
  napi_value answer = nullptr;
  const bool is_open = gate != nullptr && gate->is_open(boot_now());
  return napi_get_boolean(env, is_open, &answer) == napi_ok ? answer : nullptr;
}

Napi::Value never(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), false); }

// A function of JavaScript that asks the gate of `shared`, and becomes a user of it.
Napi::Value gate_question_of(Napi::Env env, SharedWords& shared) {
  napi_value function = nullptr;
  napi_status status =
      napi_create_function(env, "isGateOpen", NAPI_AUTO_LENGTH, &ask_gate, &shared, &function);
  NAPI_THROW_IF_FAILED(env, status, Napi::Value());
  const auto collect = [](napi_env, void* held, void*) {
    SharedWords::let_go(static_cast<SharedWords*>(held));
  };
  status = napi_add_finalizer(env, function, &shared, collect, nullptr, nullptr);
  NAPI_THROW_IF_FAILED(env, status, Napi::Value());
  shared.use();
  return {env, function};
}

// How long a unit may take to answer: the event loop waits for it, once.
constexpr Nanos kUnitPatience = Nanos::millis(1'000);

class HeartbeatObject final : public Listener {
 public:
  static constexpr const char* kClassName = "HeartbeatHandle";
  // Ten minutes: the greatest hangAfterMs.
  static constexpr std::uint64_t kMostBlockMillis = 600'000;

  HeartbeatObject(HeartbeatThread& thread, heartbeat::PairConfig config, Seated seated,
                  Napi::ArrayBuffer board, Napi::ArrayBuffer marks, Napi::Function ring)
      : config_(std::move(config)),
        shared_(std::move(seated.words)),
        words_(&shared_->words()),
        seat_(std::move(seated.seat)),
        gate_(words_->gate, config_.timing.gate_span()),
        board_(Napi::Reference<Napi::ArrayBuffer>::New(board, 1)),
        marks_(Napi::Reference<Napi::ArrayBuffer>::New(marks, 1)),
        ring_(Napi::Persistent(ring)) {
    shared_->gate = &gate_;
    thread.add(*this);
  }
  ~HeartbeatObject() { end(false); }

  bool take_news() noexcept override {
    const bool is_lost = seat_->is_lost();
    const bool has_lost = is_lost && !was_lost_;
    was_lost_ = is_lost;
    // pairs with publish()
    return words_->has_news.exchange(0, std::memory_order_acquire) != 0 || has_lost;
  }

  void hush() noexcept override { seat_->leave(false); }

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
    return seat_ == nullptr ? closed_buffer(info.Env()) : board_.Value();
  }

  Napi::Value marks(const Napi::CallbackInfo& info) {
    return seat_ == nullptr ? closed_buffer(info.Env()) : marks_.Value();
  }

  Napi::Value peer_marks(const Napi::CallbackInfo& info) {
    heartbeat::PeerMarks marks{};
    const bool is_known = seat_ != nullptr && words_->peer_marks.try_read(marks) &&
                          marks.incarnation != 0 && marks.lanes <= heartbeat::kMostLanes;
    const std::size_t lanes = is_known ? marks.lanes : 0;
    auto told = Napi::BigUint64Array::New(info.Env(), is_known ? 2 + 2 * lanes : 0);
    std::uint64_t* const to = told.Data();
    if (!is_known) return told;
    to[0] = marks.incarnation;
    to[1] = marks.epoch;
    for (std::size_t i = 0; i < lanes; ++i) {
      to[2 + 2 * i] = marks.lane[i].begun;
      to[3 + 2 * i] = marks.lane[i].sent;
    }
    return told;
  }

  Napi::Value unit_pid(const Napi::CallbackInfo& info) {
    const std::int64_t pid = seat_ == nullptr ? 0 : seat_->unit_pid();
    return Napi::Number::New(info.Env(), static_cast<double>(pid));
  }

  Napi::Value is_lost(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), seat_ != nullptr && seat_->is_lost());
  }

  Napi::Value has_killed_former(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), seat_ != nullptr && seat_->has_killed_former());
  }

  Napi::Value announce(const Napi::CallbackInfo& info) {
    const auto presence = sized_argument<heartbeat::kPresenceBytes>(info);
    if (!presence) return {};
    words_->announced.write(*presence);
    post(heartbeat::command::kAnnounce);
    return {};
  }

  Napi::Value set_counters(const Napi::CallbackInfo& info) {
    const auto counters = sized_argument<heartbeat::kCounterBytes>(info);
    if (counters) words_->counters.write(*counters);
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
    words_->moved[*index].write({*peer, *data});
    post(heartbeat::command::kMove);
    return {};
  }

  Napi::Value open_gate(const Napi::CallbackInfo& info) {
    if (!is_closed(info)) gate_.open();
    return {};
  }

  Napi::Value close_gate(const Napi::CallbackInfo&) {
    if (seat_ != nullptr) gate_.shut();
    return {};
  }

  Napi::Value gate_question(const Napi::CallbackInfo& info) {
    if (seat_ == nullptr) return Napi::Function::New<never>(info.Env(), "isGateOpen");
    return gate_question_of(info.Env(), *shared_);
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
    if (seat_ != nullptr) gate_.arm(epoch);
    return {};
  }

  Napi::Value disarm(const Napi::CallbackInfo& info) {
    if (seat_ == nullptr) return Napi::BigInt::New(info.Env(), std::uint64_t{0});
    // Who decides does not hang: what is asked of a hung one must not find it while it does.
    CHECK(thread() != nullptr);
    thread()->turns().note();
    return Napi::BigInt::New(info.Env(), gate_.disarm());
  }

  Napi::Value announce_block(const Napi::CallbackInfo& info) {
    const auto millis = whole_argument(info, 0, 0, kMostBlockMillis);
    if (!millis || seat_ == nullptr) return {};
    const Nanos length = Nanos::millis(static_cast<std::int64_t>(*millis));
    // relaxed: a block says all by itself.
    words_->block_until.store((monotonic_now() + length).nanos, std::memory_order_relaxed);
    return {};
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    if (seat_ == nullptr) return {};
    CHECK(napi_detach_arraybuffer(info.Env(), board_.Value()) == napi_ok);
    CHECK(napi_detach_arraybuffer(info.Env(), marks_.Value()) == napi_ok);
    end(true);
    return {};
  }

 private:
  // Idempotent. Whoever sends the beats has let go of the words before their memory goes.
  void end(bool in_order) noexcept {
    if (seat_ == nullptr) return;
    gate_.shut();
    shared_->gate = nullptr;
    if (HeartbeatThread* beats = thread(); beats != nullptr) beats->remove(*this);
    seat_->leave(in_order);
    seat_.reset();
    words_ = nullptr;
    shared_.reset();
    board_.Reset();
    marks_.Reset();
    ring_.Reset();
  }

  bool is_closed(const Napi::CallbackInfo& info) const {
    if (seat_ == nullptr) throw_closed(info.Env(), "heartbeat");
    return seat_ == nullptr;
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
    seat_->post(commands);
  }

  const heartbeat::PairConfig config_;
  // All below are empty after the end. The seat uses the words, so it goes first.
  WordsUse shared_;
  heartbeat::PairWords* words_;
  std::unique_ptr<BeatSeat> seat_;
  bool was_lost_ = false;
  // Not used after the end.
  heartbeat::Gate gate_;
  Napi::Reference<Napi::ArrayBuffer> board_;
  Napi::Reference<Napi::ArrayBuffer> marks_;
  Napi::FunctionReference ring_;
};

Napi::Value open_heartbeat(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto config = heartbeat_options(env, info[0]);
  if (!config) return {};
  if (!info[1].IsFunction()) {
    Napi::TypeError::New(env, "argument 1 must be a function").ThrowAsJavaScriptException();
    return {};
  }
  std::string unit;
  const Napi::Value path = info[0].As<Napi::Object>().Get("unit");
  if (path.IsString()) unit = path.As<Napi::String>().Utf8Value();
  const Result<HeartbeatThread*> thread = HeartbeatThread::of(env);
  if (!thread.ok()) {
    throw_error(env, thread.error());
    return {};
  }
  // What the loop did before does not count against it.
  thread.value()->turns().note();
  config->event_loop = thread.value()->turns().watch();
  auto seated = unit.empty() ? sit_here(*thread.value(), *config)
                             : sit_at_unit(*thread.value(), *config, unit.c_str(),
                                           monotonic_now() + kUnitPatience);
  if (!seated.ok()) {
    throw_error(env, seated.error());
    return {};
  }
  SharedWords& shared = *seated.value().words;
  heartbeat::PairWords& words = shared.words();
  const auto board = shared.buffer_over(env, &words.board, sizeof(words.board));
  if (!board) return {};
  const auto marks = shared.buffer_over(env, &words.sent, sizeof(words.sent));
  if (!marks) return {};
  auto object = std::make_unique<HeartbeatObject>(*thread.value(), std::move(*config),
                                                  std::move(seated).value(), *board, *marks,
                                                  info[1].As<Napi::Function>());
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
                             Class::getter<&HeartbeatObject::marks>("marks"),
                             Class::method<&HeartbeatObject::unit_pid>("unitPid"),
                             Class::method<&HeartbeatObject::is_lost>("isLost"),
                             Class::method<&HeartbeatObject::has_killed_former>("hasKilledFormer"),
                             Class::method<&HeartbeatObject::peer_marks>("peerMarks"),
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
