// Reads the options of a pair; see heartbeat_options.hpp.
#include "addon/heartbeat_options.hpp"

#include <algorithm>
#include <utility>

#include "addon/args.hpp"
#include "addon/js_error.hpp"
#include "base/siphash.hpp"

namespace hotpair::addon {
namespace {

constexpr std::size_t kKeyBytes = 32;
// Ten minutes: the longest window that Timing calls sound.
constexpr std::uint64_t kMostMicros = 600'000'000;
constexpr std::uint64_t kMostPort = 65'535;

// Reads one object property by property; the first that is wrong leaves an exception, and all
// after it read as zero.
class Reader {
 public:
  Reader(Napi::Env env, Napi::Object object) : env_(env), object_(object) {}

  bool is_ok() const { return is_ok_; }

  Napi::Value value(const char* name) {
    return is_ok_ ? object_.Get(name) : Napi::Value(env_.Undefined());
  }

  std::uint64_t whole(const char* name, std::uint64_t most) {
    const Napi::Value value = this->value(name);
    double number = -1;
    const bool is_number = napi_get_value_double(env_, value, &number) == napi_ok;
    if (!is_number || !(number >= 0 && number <= static_cast<double>(most))) {
      refuse(name, "a whole number in its range");
      return 0;
    }
    return static_cast<std::uint64_t>(number);
  }

  std::uint64_t big(const char* name) {
    const Napi::Value value = this->value(name);
    std::uint64_t number = 0;
    bool is_lossless = false;
    if (napi_get_value_bigint_uint64(env_, value, &number, &is_lossless) != napi_ok ||
        !is_lossless) {
      refuse(name, "a bigint of 64 bits");
      return 0;
    }
    return number;
  }

  bool boolean(const char* name) {
    bool flag = false;
    if (napi_get_value_bool(env_, value(name), &flag) != napi_ok) refuse(name, "a boolean");
    return flag;
  }

  std::string text(const char* name) {
    const Napi::Value value = this->value(name);
    if (value.IsString()) return value.As<Napi::String>().Utf8Value();
    refuse(name, "a string");
    return {};
  }

  // One set of keys, or two.
  void keys(const char* name, heartbeat::PairConfig& into) {
    const auto bytes = bytes_of(env_, value(name));
    if (!bytes || (bytes->size() != kKeyBytes && bytes->size() != 2 * kKeyBytes)) {
      return refuse(name, "a Uint8Array of 32 or 64 bytes");
    }
    const auto set_at = [&](std::size_t at) -> heartbeat::BeatKeys {
      return {SipKey::from_bytes(bytes->subspan(at).first<16>()),
              SipKey::from_bytes(bytes->subspan(at + 16).first<16>())};
    };
    into.keys = set_at(0);
    if (bytes->size() == 2 * kKeyBytes) into.other_keys = set_at(kKeyBytes);
  }

  void refuse(const char* name, const char* wanted) {
    if (!is_ok_) return;
    is_ok_ = false;
    if (env_.IsExceptionPending()) return;
    const std::string message = std::string("options.") + name + " must be " + wanted;
    Napi::TypeError::New(env_, message).ThrowAsJavaScriptException();
  }

 private:
  Napi::Env env_;
  Napi::Object object_;
  bool is_ok_ = true;
};

std::optional<heartbeat::LinkConfig> link_of(Napi::Env env, Napi::Value value) {
  if (!value.IsObject()) {
    Napi::TypeError::New(env, "options.links must hold objects").ThrowAsJavaScriptException();
    return {};
  }
  Reader read(env, value.As<Napi::Object>());
  const std::string self_host = read.text("selfHost");
  const std::string peer_host = read.text("peerHost");
  const auto self_port = static_cast<std::uint16_t>(read.whole("selfPort", kMostPort));
  const auto peer_port = static_cast<std::uint16_t>(read.whole("peerPort", kMostPort));
  const auto data_port = static_cast<std::uint16_t>(read.whole("peerDataPort", kMostPort));
  if (!read.is_ok()) return {};
  const auto self = address_of(env, self_host, self_port);
  if (!self) return {};
  const auto peer = address_of(env, peer_host, peer_port);
  if (!peer) return {};
  const auto data = address_of(env, peer_host, data_port);
  if (!data) return {};
  return heartbeat::LinkConfig{*self, {*peer, *data}};
}

}  // namespace

std::optional<heartbeat::Address> address_of(Napi::Env env, const std::string& host,
                                             std::uint16_t port) {
  const auto address = heartbeat::parse_address(host.c_str(), port);
  if (!address) {
    Napi::Error thrown =
        Napi::Error::New(env, "\"" + host + "\" is no numeric IPv4 or IPv6 address");
    thrown.Set("code", Napi::String::New(env, error_name(ErrorCode::kAddress)));
    thrown.ThrowAsJavaScriptException();
  }
  return address;
}

std::optional<heartbeat::PairConfig> heartbeat_options(Napi::Env env, Napi::Value options) {
  if (!options.IsObject()) {
    Napi::TypeError::New(env, "options must be an object").ThrowAsJavaScriptException();
    return {};
  }
  Reader read(env, options.As<Napi::Object>());
  heartbeat::PairConfig config;
  config.pair = read.big("pair");
  config.self = static_cast<std::uint8_t>(read.whole("self", 1));
  config.incarnation = read.big("incarnation");
  config.first_seq = read.big("firstSeq");
  if (!read.value("known").IsUndefined()) config.known = read.big("known");
  read.keys("keys", config);
  const std::uint64_t interval = read.whole("intervalMicros", kMostMicros);
  const std::uint64_t window = read.whole("windowMicros", kMostMicros);
  const std::uint64_t hang_after = read.whole("hangAfterMs", kMostMicros / 1'000);
  config.timing = {Nanos::micros(static_cast<std::int64_t>(interval)),
                   Nanos::micros(static_cast<std::int64_t>(window)),
                   Nanos::millis(static_cast<std::int64_t>(hang_after))};
  config.dials = read.boolean("dials");
  config.kills_hung = read.boolean("killsHung");
  const Napi::Value links = read.value("links");
  if (config.first_seq > kMaxSafeInteger) read.refuse("firstSeq", "at most 2^53 - 1");
  if (config.incarnation == 0) read.refuse("incarnation", "other than 0");
  if (!config.timing.is_sound()) {
    read.refuse("windowMicros",
                "at least three intervals of 1,000 to 10,000,000 us, with a hangAfterMs from 10");
  }
  if (!links.IsArray()) read.refuse("links", "an array");
  if (!read.is_ok()) return {};
  const Napi::Array list = links.As<Napi::Array>();
  if (list.Length() == 0 || list.Length() > heartbeat::kMostLinks) {
    read.refuse("links", "one to four links");
    return {};
  }
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const auto link = link_of(env, list.Get(i));
    if (!link) return {};
    config.links.push_back(*link);
  }
  return config;
}

}  // namespace hotpair::addon
