// Datagrams to the service manager; see service_manager.hpp.
//
// The socket is not connected: systemd may make its end anew while this runs. System calls: socket,
// fcntl, sendto, none of which waits.
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "unit/service_manager.hpp"

namespace hotpair::unit {
namespace {

#if defined(MSG_NOSIGNAL)
constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
constexpr int kFlags = MSG_DONTWAIT;
#endif

constexpr std::string_view kReady = "READY=1\nSTATUS=";
constexpr std::size_t kMostNameBytes = sizeof(sockaddr_un{}.sun_path);
static_assert(kMostNameBytes <= 108);

Error wrong(const char* action) noexcept { return {ErrorCode::kAddress, action}; }

}  // namespace

Result<ServiceManager> ServiceManager::open(std::string_view address, Nanos watchdog,
                                            Instant now) noexcept {
  ServiceManager manager;
  if (address.empty()) return manager;
  const bool is_abstract = address.front() == '@';
  if (!is_abstract && address.front() != '/') {
    return wrong("the socket of the service manager is neither a path nor an abstract name");
  }
  // A path has a zero behind it.
  if (address.size() + (is_abstract ? 0 : 1) > kMostNameBytes) {
    return wrong("the name of the service manager's socket is too long");
  }
  std::copy(address.begin(), address.end(), manager.name_.begin());
  if (is_abstract) manager.name_[0] = '\0';
  manager.name_bytes_ = address.size() + (is_abstract ? 0 : 1);
#if defined(SOCK_CLOEXEC)
  manager.socket_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
#else
  manager.socket_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM, 0));
  static_cast<void>(::fcntl(manager.socket_.get(), F_SETFD, FD_CLOEXEC));
#endif
  if (!manager.socket_.is_open()) return Error{ErrorCode::kNative, "socket", errno};
  manager.every_ = watchdog / kAnswersInTime;
  if (watchdog > Nanos{0}) manager.watchdog_due_ = now + manager.every_;
  return manager;
}

void ServiceManager::set_status(std::string_view status) noexcept {
  const std::size_t bytes = std::min(status.size(), kMostStatusBytes);
  char* const after = std::copy(kReady.begin(), kReady.end(), status_.begin());
  std::copy_n(status.begin(), bytes, after);
  status_bytes_ = kReady.size() + bytes;
  if (socket_.is_open()) status_due_ = Instant{};
}

void ServiceManager::tell(Instant now) noexcept {
  if (now < status_due_) return;
  status_due_ = say({status_.data(), status_bytes_}) ? kNever : now + kRetry;
}

void ServiceManager::answer_watchdog(Instant now, bool is_alive) noexcept {
  watchdog_due_ = now + every_;
  // One that is lost is followed by another in time.
  if (is_alive) static_cast<void>(say("WATCHDOG=1"));
}

void ServiceManager::say_stopping() noexcept { static_cast<void>(say("STOPPING=1")); }

Instant ServiceManager::next() const noexcept { return std::min(watchdog_due_, status_due_); }

bool ServiceManager::say(std::string_view text) const noexcept {
  if (!socket_.is_open()) return true;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, name_.data(), name_bytes_);
  const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_bytes_);
  const auto* const address = reinterpret_cast<const sockaddr*>(&to);
  return ::sendto(socket_.get(), text.data(), text.size(), kFlags, address, bytes) >= 0;
}

}  // namespace hotpair::unit
