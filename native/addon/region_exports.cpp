// The exports that open regions, and the facts about their loads; see lib/native/binding-region.ts.
//
// Arguments are checked here and nothing is done with them but to open a StateRegion and to put an
// ArrayBuffer over its memory. What a handle does stands in region_object.cpp.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "addon/addon.hpp"
#include "addon/args.hpp"
#include "addon/handle.hpp"
#include "addon/js_error.hpp"
#include "addon/region_object.hpp"

namespace hotpair::addon {

using snapshot::LoadPhase;
using snapshot::StateRegion;

namespace {

// What openRegion was given; nothing, with an exception pending, if it is not what it should be.
std::optional<snapshot::StateRegionOptions> region_options(Napi::Env env, Napi::Value value) {
  const auto refuse = [env](const char* why) {
    Napi::TypeError::New(env, why).ThrowAsJavaScriptException();
    return std::nullopt;
  };
  if (!value.IsObject()) return refuse("argument 0 must be an object");
  const Napi::Object given = value.As<Napi::Object>();
  const Napi::Value bytes = given.Get("bytes");
  const double size = bytes.IsNumber() ? bytes.As<Napi::Number>().DoubleValue() : 0;
  if (!(size >= 1 && size <= static_cast<double>(kMostRegionBytes))) {
    return refuse("bytes must be a number from 1 to 2^46");
  }
  const auto key = bytes_of(env, given.Get("key"));
  if (!key || key->size() != 16) return refuse("key must be a Uint8Array of 16 bytes");
  snapshot::StateRegionOptions options;
  options.bytes = static_cast<std::size_t>(size);
  options.key = SipKey::from_bytes(key->first<16>());
  options.is_shadow = given.Get("isShadow").ToBoolean();
  return options;
}

Napi::Value open_region(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto options = region_options(env, info[0]);
  if (!options) return {};
  if (!info[1].IsFunction()) {
    Napi::TypeError::New(env, "argument 1 must be a function").ThrowAsJavaScriptException();
    return {};
  }
  auto bell = std::make_unique<RegionBell>();
  if (!bell->doorbell.open(env, &RegionObject::answer)) {
    throw_error(env, {ErrorCode::kNative, "making the doorbell of a region"});
    return {};
  }
  auto opened = StateRegion::open(*options, {&RegionBell::ring, bell.get()});
  if (!opened.ok()) {
    bell->doorbell.close();
    throw_error(env, opened.error());
    return {};
  }
  auto memory = std::make_unique<KeptMemory>();
  napi_value buffer = nullptr;
  const auto collect = [](napi_env, void*, void* hint) {
    KeptMemory::let_go(static_cast<KeptMemory*>(hint));
  };
  const std::span<std::uint8_t> bytes = opened.value()->bytes();
  if (napi_create_external_arraybuffer(env, bytes.data(), bytes.size(), collect, memory.get(),
                                       &buffer) != napi_ok) {
    // A build of V8 with a memory cage has no ArrayBuffers over foreign memory.
    bell->doorbell.close();
    throw_error(env, {ErrorCode::kNative, "making an ArrayBuffer over shared memory"});
    return {};
  }
  ++memory->users;
  auto object = std::make_unique<RegionObject>(env, std::move(bell), std::move(opened).value(),
                                               memory.release(), Napi::ArrayBuffer(env, buffer),
                                               info[1].As<Napi::Function>());
  return Handle<RegionObject>::open(env, AddonData::of(env).region_class, std::move(object));
}

Napi::Value socket_pair(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Result<snapshot::Stream::Pair> made = snapshot::Stream::pair();
  if (!made.ok()) {
    throw_error(env, made.error());
    return {};
  }
  Napi::Array ends = Napi::Array::New(env, 2);
  ends[0u] = Napi::Number::New(env, made.value().one.release());
  ends[1u] = Napi::Number::New(env, made.value().other.release());
  return ends;
}

Napi::Object region_facts(Napi::Env env) {
  Napi::Object facts = Napi::Object::New(env);
  const auto fact = [&](const char* name, auto value) {
    facts[name] = Napi::Number::New(env, static_cast<double>(value));
  };
  using Wanted = StateRegion::Wanted;
  using snapshot::FinishStatus;
  fact("idle", LoadPhase::kIdle);
  fact("working", LoadPhase::kWorking);
  fact("nearly", LoadPhase::kNearly);
  fact("done", LoadPhase::kDone);
  fact("failed", LoadPhase::kFailed);
  fact("taken", FinishStatus::kTaken);
  fact("notYet", FinishStatus::kNotYet);
  fact("tooMuch", FinishStatus::kTooMuch);
  fact("wantAll", Wanted::kAll);
  fact("wantRest", Wanted::kRest);
  fact("wantDifference", Wanted::kDifference);
  fact("wantChanged", Wanted::kChanged);
  facts.Freeze();
  return facts;
}

}  // namespace

void register_region(Napi::Env env, Napi::Object exports, Napi::Object facts) {
  using Class = Handle<RegionObject>;
  AddonData::of(env).region_class =
      Class::define(env, {
                             Class::getter<&RegionObject::buffer>("buffer"),
                             Class::getter<&RegionObject::is_write_protected>("isWriteProtected"),
                             Class::getter<&RegionObject::refusal>("refusal"),
                             Class::method<&RegionObject::digest>("digest"),
                             Class::method<&RegionObject::rekey>("rekey"),
                             Class::method<&RegionObject::mark>("mark"),
                             Class::method<&RegionObject::marked>("marked"),
                             Class::method<&RegionObject::send>("send"),
                             Class::method<&RegionObject::receive>("receive"),
                             Class::method<&RegionObject::phase>("phase"),
                             Class::method<&RegionObject::finish>("finish"),
                             Class::method<&RegionObject::install>("install"),
                             Class::method<&RegionObject::load_digest>("loadDigest"),
                             Class::method<&RegionObject::failure>("failure"),
                             Class::method<&RegionObject::cancel>("cancel"),
                             Class::method<&RegionObject::progress>("progress"),
                             Class::method<&RegionObject::close>("close"),
                         });
  exports["openRegion"] = Napi::Function::New<open_region>(env, "openRegion");
  exports["socketPair"] = Napi::Function::New<socket_pair>(env, "socketPair");
  facts["region"] = region_facts(env);
}

}  // namespace hotpair::addon
