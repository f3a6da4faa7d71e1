// The prepare handle and the count of idle time; see turn_recorder.hpp.
#include "addon/turn_recorder.hpp"

#include <algorithm>
#include <memory>

#include "base/check.hpp"
#include "base/clock.hpp"

namespace hotpair::addon {
namespace {

Nanos waited_in(uv_loop_t* loop) noexcept {
  return {static_cast<std::int64_t>(uv_metrics_idle_time(loop))};
}

}  // namespace

TurnRecorder* TurnRecorder::open(napi_env env) noexcept {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  if (uv_loop_configure(loop, UV_METRICS_IDLE_TIME) != 0) return nullptr;
  auto made = std::make_unique<TurnRecorder>(*loop);
  made->note();
  uv_prepare_t* handle = &made->handle_;
  handle->data = made.get();
  // Neither can fail with these arguments.
  CHECK(uv_prepare_init(loop, handle) == 0);
  const auto on_turn = [](uv_prepare_t* of) { static_cast<TurnRecorder*>(of->data)->note(); };
  CHECK(uv_prepare_start(handle, on_turn) == 0);
  uv_unref(reinterpret_cast<uv_handle_t*>(handle));
  return made.release();
}

void TurnRecorder::note() noexcept {
  const Instant now = monotonic_now();
  const Nanos waited = waited_in(&loop_);
  turns_.note(now, waited);
  for (heartbeat::LoopTurns* each : mirrors_) {
    if (each != nullptr) each->note(now, waited);
  }
}

void TurnRecorder::mirror(heartbeat::LoopTurns& words) noexcept {
  auto* const free = std::find(mirrors_.begin(), mirrors_.end(), nullptr);
  if (free == mirrors_.end()) return;
  *free = &words;
  note();
}

void TurnRecorder::unmirror(heartbeat::LoopTurns& words) noexcept {
  std::replace(mirrors_.begin(), mirrors_.end(), &words,
               static_cast<heartbeat::LoopTurns*>(nullptr));
}

heartbeat::LoopWatch TurnRecorder::watch() const noexcept {
  const auto waited = [](const void* loop) noexcept {
    // libuv's own signature: it changes nothing that shows, and any thread may call it.
    return waited_in(static_cast<uv_loop_t*>(const_cast<void*>(loop)));
  };
  return {&turns_, waited, &loop_};
}

void TurnRecorder::close(napi_async_cleanup_hook_handle hook) noexcept {
  hook_ = hook;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_), [](uv_handle_t* closed) {
    const std::unique_ptr<TurnRecorder> self(static_cast<TurnRecorder*>(closed->data));
    if (self->hook_ == nullptr) return;
    CHECK(napi_remove_async_cleanup_hook(self->hook_) == napi_ok);
  });
}

}  // namespace hotpair::addon
