// UnitHandle: the system unit in a process of its own as that process's JavaScript sees it; see
// lib/native/binding-unit.ts. Thin: it starts and ends the unit and reads its report.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "addon/addon.hpp"
#include "addon/doorbell.hpp"
#include "addon/handle.hpp"
#include "addon/js_error.hpp"
#include "base/check.hpp"
#include "base/clock.hpp"
#include "unit/unit_host.hpp"

namespace hotpair::addon {
namespace {

// A year: no watchdog waits longer.
constexpr double kMostWatchdogMicros = 31'536'000e6;

// One a process: the bell says only that there is something to read.
class UnitObject final {
 public:
  static constexpr const char* kClassName = "UnitHandle";

  UnitObject(napi_env env, std::unique_ptr<Doorbell> bell,
             std::unique_ptr<unit::UnitHost> host) noexcept
      : env_(env), bell_(std::move(bell)), host_(std::move(host)) {
    CHECK(napi_add_env_cleanup_hook(env_, &on_cleanup, this) == napi_ok);
  }
  ~UnitObject() { end(); }
  UnitObject(const UnitObject&) = delete;
  UnitObject& operator=(const UnitObject&) = delete;

  Napi::Value report(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (host_ == nullptr) {
      throw_closed(env, "unit");
      return {};
    }
    const unit::UnitReport report = host_->report();
    Napi::Object told = Napi::Object::New(env);
    told["phase"] = Napi::Number::New(env, report.phase);
    told["serverPid"] = Napi::Number::New(env, report.server_pid);
    told["incarnation"] = Napi::BigInt::New(env, report.incarnation);
    told["taken"] = Napi::Number::New(env, static_cast<double>(report.taken));
    told["died"] = Napi::Number::New(env, static_cast<double>(report.died));
    told["killed"] = Napi::Number::New(env, static_cast<double>(report.killed));
    told["parted"] = Napi::Number::New(env, static_cast<double>(report.parted));
    told["crashSignal"] = Napi::Number::New(env, report.crash_signal);
    told["refused"] = Napi::Number::New(env, static_cast<double>(report.refused));
    return told;
  }

  Napi::Value close(const Napi::CallbackInfo&) {
    end();
    return {};
  }

 private:
  static void on_cleanup(void* self) { static_cast<UnitObject*>(self)->end(); }

  // Idempotent.
  void end() noexcept {
    if (host_ == nullptr) return;
    host_->stop();
    bell_->close();
    host_.reset();
    static_cast<void>(napi_remove_env_cleanup_hook(env_, &on_cleanup, this));
  }

  const napi_env env_;
  std::unique_ptr<Doorbell> bell_;
  std::unique_ptr<unit::UnitHost> host_;
};

// Calls what the open function was given.
void on_ring(napi_env env) {
  AddonData& data = AddonData::of(env);
  napi_value undefined = nullptr;
  napi_value error = nullptr;
  if (data.unit_ring.IsEmpty() || napi_get_undefined(env, &undefined) != napi_ok) return;
  const napi_status status =
      napi_call_function(env, undefined, data.unit_ring.Value(), 0, nullptr, nullptr);
  if (status != napi_pending_exception) return;
  if (napi_get_and_clear_last_exception(env, &error) != napi_ok) return;
  static_cast<void>(napi_fatal_exception(env, error));
}

// Nothing, with an exception pending, when the argument is none.
std::optional<unit::ServiceManager> manager_of(Napi::Env env, Napi::Value value) {
  const Napi::Object options = value.IsObject() ? value.As<Napi::Object>() : Napi::Object::New(env);
  const Napi::Value address = options.Get("notifySocket");
  const Napi::Value watchdog = options.Get("watchdogMicros");
  const double micros = watchdog.IsNumber() ? watchdog.As<Napi::Number>().DoubleValue() : -1;
  if (!address.IsString() || !(micros >= 0 && micros <= kMostWatchdogMicros)) {
    Napi::TypeError::New(env, "the service manager must be a notifySocket and watchdogMicros")
        .ThrowAsJavaScriptException();
    return {};
  }
  auto manager =
      unit::ServiceManager::open(address.As<Napi::String>().Utf8Value(),
                                 Nanos::micros(static_cast<std::int64_t>(micros)), monotonic_now());
  if (manager.ok()) return std::move(manager).value();
  throw_error(env, manager.error());
  return {};
}

Napi::Value open_unit(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsObject() || !info[2].IsFunction()) {
    Napi::TypeError::New(env, "arguments must be a path, an object and a function")
        .ThrowAsJavaScriptException();
    return {};
  }
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  auto manager = manager_of(env, info[1]);
  if (!manager) return {};
  auto bell = std::make_unique<Doorbell>();
  if (!bell->open(env, &on_ring)) {
    throw_error(env, {ErrorCode::kNative, "making the doorbell of the unit"});
    return {};
  }
  auto host = unit::UnitHost::start(
      path.c_str(), std::move(*manager),
      {[](void* of) noexcept { static_cast<Doorbell*>(of)->ring(); }, bell.get()});
  if (!host.ok()) {
    bell->close();
    throw_error(env, host.error());
    return {};
  }
  AddonData& data = AddonData::of(env);
  data.unit_ring = Napi::Persistent(info[2].As<Napi::Function>());
  return Handle<UnitObject>::open(
      env, data.unit_class,
      std::make_unique<UnitObject>(env, std::move(bell), std::move(host).value()));
}

}  // namespace

void register_unit(Napi::Env env, Napi::Object exports) {
  using Class = Handle<UnitObject>;
  AddonData::of(env).unit_class =
      Class::define(env, {
                             Class::method<&UnitObject::report>("report"),
                             Class::method<&UnitObject::close>("close"),
                         });
  exports["openUnit"] = Napi::Function::New<open_unit>(env, "openUnit");
}

}  // namespace hotpair::addon
