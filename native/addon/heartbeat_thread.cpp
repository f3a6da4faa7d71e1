// The start and the end of an environment's beat thread; see heartbeat_thread.hpp.
#include "addon/heartbeat_thread.hpp"

#include <utility>

#include "addon/addon.hpp"
#include "base/check.hpp"

namespace hotpair::addon {

Result<HeartbeatThread*> HeartbeatThread::of(napi_env env) {
  auto& kept = AddonData::of(env).heartbeat_thread;
  if (kept == nullptr) {
    auto made = std::make_unique<HeartbeatThread>(env);
    const Result<void> started = made->start();
    if (!started.ok()) return started.error();
    kept = std::move(made);
  }
  return kept.get();
}

Result<void> HeartbeatThread::start() {
  if (!bell_.open(env_, &answer)) {
    return Error{ErrorCode::kNative, "making the doorbell of the beat thread"};
  }
  auto started = heartbeat::BeatLoop::start(
      {[](void* bell) noexcept { static_cast<Doorbell*>(bell)->ring(); }, &bell_});
  if (!started.ok()) {
    bell_.close();
    return started.error();
  }
  turns_ = TurnRecorder::open(env_);
  if (turns_ == nullptr) {
    started.value()->stop();
    bell_.close();
    return Error{ErrorCode::kNative, "recording the turns of the event loop"};
  }
  loop_ = std::move(started).value();
  // After the bell was made, so that it runs before the bell's own; see doorbell.hpp.
  CHECK(napi_add_async_cleanup_hook(env_, &on_cleanup, this, nullptr) == napi_ok);
  return {};
}

void HeartbeatThread::on_cleanup(napi_async_cleanup_hook_handle hook, void* self) {
  static_cast<HeartbeatThread*>(self)->end(hook);
}

// Idempotent, as its parts are.
void HeartbeatThread::end(napi_async_cleanup_hook_handle hook) noexcept {
  if (loop_ != nullptr) loop_->stop();
  for (Listener* at = listeners_; at != nullptr; at = at->next_) at->hush();
  bell_.close();
  if (TurnRecorder* turns = std::exchange(turns_, nullptr); turns != nullptr) turns->close(hook);
}

// The environment's data goes after the hooks; objects of JavaScript may go later still.
HeartbeatThread::~HeartbeatThread() {
  end(nullptr);
  while (listeners_ != nullptr) remove(*listeners_);
}

void HeartbeatThread::add(Listener& listener) noexcept {
  listener.thread_ = this;
  listener.next_ = listeners_;
  listeners_ = &listener;
}

void HeartbeatThread::remove(Listener& listener) noexcept {
  Listener** at = &listeners_;
  while (*at != &listener) {
    CHECK(*at != nullptr);
    at = &(*at)->next_;
  }
  *at = listener.next_;
  listener.thread_ = nullptr;
}

void HeartbeatThread::answer(napi_env env) {
  HeartbeatThread* self = AddonData::of(env).heartbeat_thread.get();
  // A callback may open and close pairs, so the search begins anew after each.
  for (Listener* at = self->listeners_; at != nullptr;) {
    if (!at->take_news()) {
      at = at->next_;
      continue;
    }
    at->tell(env);
    at = self->listeners_;
  }
}

}  // namespace hotpair::addon
