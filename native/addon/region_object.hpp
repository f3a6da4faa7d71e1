// RegionObject: the class behind RegionHandle of lib/native/binding-region.ts, the memory of a
// state as JavaScript sees it, and its loads. Thin: arguments in, one call of StateRegion, a number
// out.
//
// JavaScript writes the region through views of one ArrayBuffer, which close() detaches. The memory
// goes when both the handle is closed and V8 has let go of it, which is at once after detaching,
// but not when a program has moved it into another ArrayBuffer (`transfer()` of newer versions). So
// no view can ever show memory that is gone. Load threads are ended by close(), by the
// environment's cleanup hook, or with the handle.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "addon/addon.hpp"
#include "addon/doorbell.hpp"
#include "addon/external_memory.hpp"
#include "addon/js_error.hpp"
#include "addon/napi_clean.hpp"
#include "base/check.hpp"
#include "snapshot/state_region.hpp"

namespace hotpair::addon {

// The memory in use, after the region is closed. Its users are the handle and V8.
struct KeptMemory {
  SharedRegion region;
  int users = 1;

  static void let_go(KeptMemory* self) noexcept {
    CHECK(self->users > 0);
    if (--self->users == 0) std::unique_ptr<KeptMemory>(self).reset();
  }
};

struct RegionBell {
  Doorbell doorbell;
  // Since JavaScript was told last.
  std::atomic<bool> has_rung{false};

  // thread: of the load
  static void ring(void* self) noexcept {
    auto& bell = *static_cast<RegionBell*>(self);
    bell.has_rung.store(true, std::memory_order_release);  // pairs with take_news()
    bell.doorbell.ring();
  }
};

class RegionObject final {
 public:
  static constexpr const char* kClassName = "RegionHandle";

  RegionObject(Napi::Env env, std::unique_ptr<RegionBell> bell,
               std::unique_ptr<snapshot::StateRegion> region, KeptMemory* memory,
               Napi::ArrayBuffer buffer, Napi::Function ring)
      : env_(env),
        others_(std::in_place, env, region->other_bytes()),
        bell_(std::move(bell)),
        region_(std::move(region)),
        memory_(memory),
        buffer_(Napi::Reference<Napi::ArrayBuffer>::New(buffer, 1)),
        ring_(Napi::Persistent(ring)) {
    AddonData& data = AddonData::of(env);
    next_ = data.regions;
    data.regions = this;
    CHECK(napi_add_env_cleanup_hook(env, &on_cleanup, this) == napi_ok);
  }
  ~RegionObject() {
    end();
    if (memory_ != nullptr) KeptMemory::let_go(memory_);
  }
  RegionObject(const RegionObject&) = delete;
  RegionObject& operator=(const RegionObject&) = delete;

  // Each region of `env` that has news tells it.
  static void answer(napi_env env);

  Napi::Value buffer(const Napi::CallbackInfo& info);
  Napi::Value is_write_protected(const Napi::CallbackInfo& info);
  Napi::Value refusal(const Napi::CallbackInfo& info);
  Napi::Value digest(const Napi::CallbackInfo& info);
  Napi::Value rekey(const Napi::CallbackInfo& info);
  Napi::Value mark(const Napi::CallbackInfo& info);
  Napi::Value marked(const Napi::CallbackInfo& info);
  Napi::Value send(const Napi::CallbackInfo& info);
  Napi::Value receive(const Napi::CallbackInfo& info);
  Napi::Value phase(const Napi::CallbackInfo& info);
  Napi::Value finish(const Napi::CallbackInfo& info);
  Napi::Value install(const Napi::CallbackInfo& info);
  Napi::Value load_digest(const Napi::CallbackInfo& info);
  Napi::Value failure(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo&);
  Napi::Value progress(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

 private:
  static void on_cleanup(void* self) { static_cast<RegionObject*>(self)->end(); }

  bool take_news() noexcept {
    // acquire: pairs with RegionBell::ring()
    return bell_->has_rung.exchange(false, std::memory_order_acquire);
  }

  void tell(napi_env env);

  // Idempotent. The threads are joined before the bell goes; the memory in use is kept.
  void end() noexcept;

  bool is_closed(const Napi::CallbackInfo& info) const {
    if (region_ == nullptr) throw_closed(info.Env(), "region");
    return region_ == nullptr;
  }

  static void tell_error(const Napi::CallbackInfo& info, const Result<void>& done);

  // A descriptor of ours beside the one of JavaScript.
  static std::optional<UniqueFd> socket_argument(const Napi::CallbackInfo& info, std::size_t index);

  const napi_env env_;
  // V8 counts the region itself, as an external ArrayBuffer.
  std::optional<ExternalMemory> others_;
  std::unique_ptr<RegionBell> bell_;
  // Null after the end; its threads ring the bell.
  std::unique_ptr<snapshot::StateRegion> region_;
  // Null after close().
  KeptMemory* memory_;
  Napi::Reference<Napi::ArrayBuffer> buffer_;
  Napi::FunctionReference ring_;
  RegionObject* next_ = nullptr;
};

}  // namespace hotpair::addon
