// The methods of a region's handle; see region_object.hpp.
#include "addon/region_object.hpp"

#include <cstdint>
#include <utility>

#include "addon/args.hpp"

namespace hotpair::addon {

using snapshot::LoadPhase;
using snapshot::StateRegion;

void RegionObject::answer(napi_env env) {
  AddonData& data = AddonData::of(env);
  // A callback may open and close regions, so the search begins anew after each.
  for (RegionObject* at = data.regions; at != nullptr;) {
    const bool has_news = at->take_news();
    if (has_news) at->tell(env);
    at = has_news ? data.regions : at->next_;
  }
}

Napi::Value RegionObject::buffer(const Napi::CallbackInfo& info) {
  if (region_ == nullptr) return Napi::ArrayBuffer::New(info.Env(), 0);
  return buffer_.Value();
}

Napi::Value RegionObject::is_write_protected(const Napi::CallbackInfo& info) {
  const bool is_protected =
      region_ != nullptr && region_->way() == snapshot::TrackerWay::kWriteProtection;
  return Napi::Boolean::New(info.Env(), is_protected);
}

Napi::Value RegionObject::refusal(const Napi::CallbackInfo& info) {
  if (region_ == nullptr || !region_->refusal().has_value()) return info.Env().Undefined();
  return Napi::String::New(info.Env(), sentence_of(*region_->refusal()));
}

Napi::Value RegionObject::digest(const Napi::CallbackInfo& info) {
  if (is_closed(info)) return {};
  return Napi::BigInt::New(info.Env(), region_->digest());
}

Napi::Value RegionObject::rekey(const Napi::CallbackInfo& info) {
  if (is_closed(info)) return {};
  const auto key = bytes_of(info.Env(), info[0]);
  if (!key || key->size() != 16) {
    Napi::TypeError::New(info.Env(), "argument 0 must be a Uint8Array of 16 bytes")
        .ThrowAsJavaScriptException();
    return {};
  }
  region_->rekey(SipKey::from_bytes(key->first<16>()));
  return {};
}

Napi::Value RegionObject::mark(const Napi::CallbackInfo& info) {
  if (is_closed(info)) return {};
  const auto number = whole_argument(info, 0, 0, kMaxSafeInteger);
  if (number) region_->mark(*number);
  return {};
}

Napi::Value RegionObject::marked(const Napi::CallbackInfo& info) {
  if (region_ == nullptr || !region_->marked().has_value()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), static_cast<double>(*region_->marked()));
}

Napi::Value RegionObject::send(const Napi::CallbackInfo& info) {
  if (is_closed(info)) return {};
  const auto load = whole_argument(info, 0, 0, kMaxSafeInteger);
  if (!load) return {};
  std::optional<UniqueFd> socket = socket_argument(info, 1);
  if (!socket) return {};
  tell_error(info, region_->send(*load, std::move(*socket)));
  return {};
}

Napi::Value RegionObject::receive(const Napi::CallbackInfo& info) {
  if (is_closed(info)) return {};
  const auto load = whole_argument(info, 0, 0, kMaxSafeInteger);
  if (!load) return {};
  const auto wanted =
      whole_argument(info, 2, 0, static_cast<std::uint64_t>(StateRegion::Wanted::kChanged));
  if (!wanted) return {};
  const auto mark = whole_argument(info, 3, 0, kMaxSafeInteger);
  if (!mark) return {};
  std::optional<UniqueFd> socket = socket_argument(info, 1);
  if (!socket) return {};
  tell_error(info, region_->receive(*load, std::move(*socket),
                                    static_cast<StateRegion::Wanted>(*wanted), *mark));
  return {};
}

Napi::Value RegionObject::phase(const Napi::CallbackInfo& info) {
  const LoadPhase phase = region_ == nullptr ? LoadPhase::kIdle : region_->look();
  return Napi::Number::New(info.Env(), static_cast<double>(phase));
}

Napi::Value RegionObject::finish(const Napi::CallbackInfo& info) {
  const auto status = region_ == nullptr ? snapshot::FinishStatus::kNotYet : region_->finish();
  return Napi::Number::New(info.Env(), static_cast<double>(status));
}

Napi::Value RegionObject::install(const Napi::CallbackInfo& info) {
  if (is_closed(info)) return {};
  if (!region_->is_installable()) {
    Napi::RangeError::New(info.Env(), "there is no load that could be installed")
        .ThrowAsJavaScriptException();
    return {};
  }
  tell_error(info, region_->install());
  return {};
}

Napi::Value RegionObject::load_digest(const Napi::CallbackInfo& info) {
  if (is_closed(info)) return {};
  return Napi::BigInt::New(info.Env(), region_->load_digest());
}

Napi::Value RegionObject::failure(const Napi::CallbackInfo& info) {
  if (region_ == nullptr || region_->look() != LoadPhase::kFailed) return info.Env().Undefined();
  return error_of(info.Env(), region_->failure()).Value();
}

Napi::Value RegionObject::cancel(const Napi::CallbackInfo&) {
  if (region_ != nullptr) region_->cancel();
  return {};
}

Napi::Value RegionObject::progress(const Napi::CallbackInfo& info) {
  const auto figures = region_ == nullptr ? snapshot::LoadFigures{} : region_->figures();
  Napi::Object told = Napi::Object::New(info.Env());
  const auto tell_figure = [&](const char* name, std::uint64_t value) {
    told[name] = Napi::Number::New(info.Env(), static_cast<double>(value));
  };
  tell_figure("rounds", figures.rounds);
  tell_figure("bytes", figures.bytes);
  tell_figure("bytesPerSecond", figures.bytes_per_second);
  tell_figure("pages", figures.pages);
  tell_figure("writtenPermille", figures.written_permille);
  tell_figure("holdNs", figures.hold_nanos);
  return told;
}

Napi::Value RegionObject::close(const Napi::CallbackInfo& info) {
  if (region_ == nullptr) return {};
  CHECK(napi_detach_arraybuffer(info.Env(), buffer_.Value()) == napi_ok);
  end();
  KeptMemory::let_go(std::exchange(memory_, nullptr));
  return {};
}

void RegionObject::tell(napi_env env) {
  napi_value undefined = nullptr;
  napi_value error = nullptr;
  if (napi_get_undefined(env, &undefined) != napi_ok) return;
  const napi_status status = napi_call_function(env, undefined, ring_.Value(), 0, nullptr, nullptr);
  if (status != napi_pending_exception) return;
  // What the callback throws is an uncaught exception, as from a timer.
  if (napi_get_and_clear_last_exception(env, &error) != napi_ok) return;
  static_cast<void>(napi_fatal_exception(env, error));
}

void RegionObject::end() noexcept {
  if (region_ == nullptr) return;
  memory_->region = region_->release();
  region_.reset();
  bell_->doorbell.close();
  RegionObject** at = &AddonData::of(env_).regions;
  while (*at != this) {
    CHECK(*at != nullptr);
    at = &(*at)->next_;
  }
  *at = next_;
  static_cast<void>(napi_remove_env_cleanup_hook(env_, &on_cleanup, this));
  others_.reset();
  buffer_.Reset();
  ring_.Reset();
}

void RegionObject::tell_error(const Napi::CallbackInfo& info, const Result<void>& done) {
  if (!done.ok()) throw_error(info.Env(), done.error());
}

std::optional<UniqueFd> RegionObject::socket_argument(const Napi::CallbackInfo& info,
                                                      std::size_t index) {
  const auto number = whole_argument(info, index, 0, 0x7fff'ffff);
  if (!number) return {};
  Result<UniqueFd> copy = snapshot::Stream::duplicate(static_cast<int>(*number));
  if (!copy.ok()) {
    throw_error(info.Env(), copy.error());
    return {};
  }
  return std::move(copy).value();
}

}  // namespace hotpair::addon
