// OutboxHandle: the outbox as JavaScript sees it; see OutboxHandle in lib/native/binding.ts.
// Thin: arguments in, one call of the outbox, a number out. Bytes are copied in and out, so that no
// view of the outbox's memory ever reaches JavaScript and close() can give it back at once.
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "addon/addon.hpp"
#include "addon/args.hpp"
#include "addon/external_memory.hpp"
#include "addon/handle.hpp"
#include "addon/js_error.hpp"
#include "outbox/outbox.hpp"

namespace hotpair::addon {
namespace {

// 16 TiB: more than a machine has, and block numbers still fit into 32 bits.
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 43;
constexpr std::uint64_t kMostChannel = 0xffff;

class OutboxObject {
 public:
  static constexpr const char* kClassName = "OutboxHandle";

  OutboxObject(Napi::Env env, outbox::Outbox outbox, std::size_t limit_bytes)
      : memory_(std::in_place, env, limit_bytes), outbox_(std::move(outbox)) {}

  Napi::Value bytes(const Napi::CallbackInfo& info) {
    return is_closed(info) ? Napi::Value() : number(info, outbox_->bytes());
  }

  Napi::Value pending_count(const Napi::CallbackInfo& info) {
    return is_closed(info) ? Napi::Value() : number(info, outbox_->pending_count());
  }

  Napi::Value produce(const Napi::CallbackInfo& info) {
    if (is_closed(info)) return {};
    const auto batch = bytes_argument(info, 0);
    if (!batch) return {};
    const auto count = whole_argument(info, 1, 0, kMaxSafeInteger);
    if (!count) return {};
    const auto digests = words_argument(info, 2);
    if (!digests) return {};
    if (digests->size() < *count) {
      refuse(info, "there is no room for as many digests");
      return {};
    }
    return status(info, outbox_->produce(*batch, *count, *digests));
  }

  Napi::Value peer_sent(const Napi::CallbackInfo& info) {
    if (is_closed(info)) return {};
    const auto batch = bytes_argument(info, 0);
    if (!batch) return {};
    const auto count = whole_argument(info, 1, 0, kMaxSafeInteger);
    if (!count) return {};
    return status(info, outbox_->peer_sent(*batch, *count));
  }

  Napi::Value sent(const Napi::CallbackInfo& info) {
    if (is_closed(info)) return {};
    const auto channel = channel_argument(info, 0);
    if (!channel) return {};
    const auto last = whole_argument(info, 1, 0, outbox::kLastNumber);
    if (!last) return {};
    if (!outbox_->sent(*channel, *last)) {
      refuse(info, "an output cannot be sent before it was produced");
    }
    return {};
  }

  Napi::Value divergence(const Napi::CallbackInfo& info) {
    if (is_closed(info)) return {};
    const std::optional<outbox::Divergence> found = outbox_->divergence();
    if (!found.has_value()) return {};
    Napi::Object place = Napi::Object::New(info.Env());
    place["channel"] = Napi::Number::New(info.Env(), found->channel);
    place["number"] = number(info, found->number);
    return place;
  }

  Napi::Value pending(const Napi::CallbackInfo& info) {
    if (is_closed(info)) return {};
    const auto channel = channel_argument(info, 0);
    if (!channel) return {};
    const auto from = whole_argument(info, 1, 0, outbox::kLastNumber);
    if (!from) return {};
    const auto into = bytes_argument(info, 2);
    if (!into) return {};
    const std::int64_t written = outbox_->pending(*channel, *from, *into);
    return Napi::Number::New(info.Env(), static_cast<double>(written));
  }

  Napi::Value reset(const Napi::CallbackInfo& info) {
    if (is_closed(info)) return {};
    const auto channel = channel_argument(info, 0);
    if (!channel) return {};
    const auto produced = whole_argument(info, 1, 0, outbox::kLastNumber);
    if (!produced) return {};
    const auto last_sent = whole_argument(info, 2, 0, outbox::kLastNumber);
    if (!last_sent) return {};
    if (*produced > *last_sent) {
      refuse(info, "outputs that were not sent must be produced again, not skipped by reset");
      return {};
    }
    outbox_->reset(*channel, *produced, *last_sent);
    return {};
  }

  Napi::Value clear(const Napi::CallbackInfo& info) {
    if (!is_closed(info)) outbox_->clear();
    return {};
  }

  Napi::Value close(const Napi::CallbackInfo&) {
    outbox_.reset();
    memory_.reset();
    return {};
  }

 private:
  // True, with ERR_HOTPAIR_CLOSED pending, after close().
  bool is_closed(const Napi::CallbackInfo& info) const {
    if (!outbox_.has_value()) throw_closed(info.Env(), "outbox");
    return !outbox_.has_value();
  }

  static std::optional<std::uint16_t> channel_argument(const Napi::CallbackInfo& info,
                                                       std::size_t index) {
    const auto channel = whole_argument(info, index, 0, kMostChannel);
    if (!channel) return {};
    return static_cast<std::uint16_t>(*channel);
  }

  static void refuse(const Napi::CallbackInfo& info, const char* message) {
    Napi::RangeError::New(info.Env(), message).ThrowAsJavaScriptException();
  }

  static Napi::Value number(const Napi::CallbackInfo& info, std::uint64_t value) {
    return Napi::Number::New(info.Env(), static_cast<double>(value));
  }

  static Napi::Value status(const Napi::CallbackInfo& info, outbox::Status status) {
    return Napi::Number::New(info.Env(), static_cast<int>(status));
  }

  // Both nothing after close().
  std::optional<ExternalMemory> memory_;
  std::optional<outbox::Outbox> outbox_;
};

Napi::Value open_outbox(const Napi::CallbackInfo& info) {
  const auto limit = whole_argument(info, 0, outbox::kBlockBytes, kMostBytes);
  if (!limit) return {};
  Result<outbox::Outbox> opened = outbox::Outbox::open(*limit);
  if (!opened.ok()) {
    throw_error(info.Env(), opened.error());
    return {};
  }
  auto object = std::make_unique<OutboxObject>(info.Env(), std::move(opened).value(),
                                               static_cast<std::size_t>(*limit));
  return Handle<OutboxObject>::open(info.Env(), AddonData::of(info.Env()).outbox_class,
                                    std::move(object));
}

void set_fact(Napi::Object facts, const char* name, double value) {
  facts[name] = Napi::Number::New(facts.Env(), value);
}

}  // namespace

void register_outbox(Napi::Env env, Napi::Object exports, Napi::Object facts) {
  using Class = Handle<OutboxObject>;
  AddonData::of(env).outbox_class =
      Class::define(env, {
                             Class::getter<&OutboxObject::bytes>("bytes"),
                             Class::getter<&OutboxObject::pending_count>("pendingCount"),
                             Class::method<&OutboxObject::produce>("produce"),
                             Class::method<&OutboxObject::peer_sent>("peerSent"),
                             Class::method<&OutboxObject::sent>("sent"),
                             Class::method<&OutboxObject::divergence>("divergence"),
                             Class::method<&OutboxObject::pending>("pending"),
                             Class::method<&OutboxObject::reset>("reset"),
                             Class::method<&OutboxObject::clear>("clear"),
                             Class::method<&OutboxObject::close>("close"),
                         });
  exports["openOutbox"] = Napi::Function::New<open_outbox>(env, "openOutbox");

  Napi::Object layout = Napi::Object::New(env);
  set_fact(layout, "blockBytes", outbox::kBlockBytes);
  set_fact(layout, "recordHeaderBytes", outbox::kRecordHeaderBytes);
  set_fact(layout, "channelAt", outbox::kChannelOffset);
  set_fact(layout, "lengthAt", outbox::kLengthOffset);
  set_fact(layout, "numberAt", outbox::kNumberOffset);
  set_fact(layout, "digestAt", outbox::kDigestOffset);
  set_fact(layout, "sentRecordBytes", outbox::kSentRecordBytes);
  set_fact(layout, "ok", static_cast<double>(outbox::Status::kOk));
  set_fact(layout, "full", static_cast<double>(outbox::Status::kFull));
  set_fact(layout, "malformed", static_cast<double>(outbox::Status::kMalformed));
  set_fact(layout, "gap", static_cast<double>(outbox::Status::kGap));
  set_fact(layout, "diverged", static_cast<double>(outbox::Status::kDiverged));
  layout.Freeze();
  facts["outbox"] = layout;
}

}  // namespace hotpair::addon
