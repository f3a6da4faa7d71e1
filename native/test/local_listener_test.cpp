// The socket file: made for its user alone, taken over from the dead, never from the living, and
// gone when its process has closed it.
#include "ipc/local_listener.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstring>
#include <string_view>
#include <thread>

#include "base/clock.hpp"
#include "harness.hpp"
#include "local_folder.hpp"

using namespace hotpair;
using namespace hotpair::ipc;
using hotpair::test::LocalFolder;
using hotpair::test::open_descriptors;

namespace {

constexpr std::size_t kOutgoing = LocalChannel::kLeastOutgoingBytes;

Instant soon() { return monotonic_now() + Nanos::millis(2000); }

LocalListener listener_at(const std::string& path) {
  Result<LocalListener> opened = LocalListener::open(path.c_str());
  if (!opened.ok()) std::cerr << opened.error().action << " " << opened.error().os_error << "\n";
  CHECK(opened.ok());
  return std::move(opened).value();
}

void expect_refused(const std::string& path, ErrorCode code, std::string_view words) {
  const Result<LocalListener> opened = LocalListener::open(path.c_str());
  REQUIRE(!opened.ok());
  EXPECT(opened.error().code == code);
  const bool says_it = std::string_view(opened.error().action).find(words) != std::string::npos;
  EXPECT(says_it);
  if (!says_it) std::cerr << "  it says: " << opened.error().action << "\n";
}

int connect_failure(const std::string& path) {
  const Result<LocalChannel> channel = LocalChannel::connect(path.c_str(), Instant{}, kOutgoing);
  return channel.ok() ? 0 : channel.error().os_error;
}

mode_t mode_of(const std::string& path) {
  struct stat facts{};
  CHECK(::lstat(path.c_str(), &facts) == 0);
  return facts.st_mode & 0777;
}

// Leaves the socket file of a process that was killed.
void leave_stale(const std::string& path) {
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) {
    const LocalListener listener = listener_at(path);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

}  // namespace

TEST(two_ends_meet_by_path_and_the_file_is_gone_after_close) {
  const LocalFolder folder;
  const int before = open_descriptors();
  {
    LocalListener listener = listener_at(folder.file("unit"));
    EXPECT(listener.accept(kOutgoing).status == Accepted::Status::kNothing);
    Result<LocalChannel> there =
        LocalChannel::connect(folder.file("unit").c_str(), soon(), kOutgoing);
    REQUIRE(there.ok());
    Accepted here = listener.accept(kOutgoing);
    REQUIRE(here.status == Accepted::Status::kChannel);
    EXPECT(there.value().send(5, {}) == Sent::kDone);
    Message message;
    EXPECT(here.channel->receive(message) == Received::kMessage);
    EXPECT_EQ(message.type, 5);
    EXPECT(folder.has("unit"));
    listener.close();
    listener.close();
    EXPECT(!folder.has("unit"));
    // The connection outlives the listener.
    EXPECT(here.channel->send(6, {}) == Sent::kDone);
    EXPECT(there.value().receive(message) == Received::kMessage);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(folder_and_file_are_for_their_user_alone) {
  const LocalFolder folder;
  const mode_t former = ::umask(0);
  const LocalListener listener = listener_at(folder.file("made/unit"));
  ::umask(former);
  EXPECT_EQ(mode_of(folder.file("made")), 0700u);
  EXPECT_EQ(mode_of(folder.file("made/unit")), 0600u);
}

TEST(a_folder_that_others_may_write_is_refused) {
  const LocalFolder folder;
  for (const mode_t mode : {0770, 0702, 0777, 01777}) {
    CHECK(::chmod(folder.path.c_str(), mode) == 0);
    expect_refused(folder.file("unit"), ErrorCode::kAddress, "written by others");
  }
  CHECK(::chmod(folder.path.c_str(), 0755) == 0);
  EXPECT(listener_at(folder.file("unit")).is_open());
}

TEST(a_folder_that_is_missing_no_folder_or_a_symbolic_link_is_refused) {
  const LocalFolder folder;
  expect_refused(folder.file("no/such/unit"), ErrorCode::kAddress, "making the folder");
  CHECK(::close(::open(folder.file("plain").c_str(), O_CREAT | O_WRONLY, 0600)) == 0);
  expect_refused(folder.file("plain/unit"), ErrorCode::kAddress, "opening the folder");
  CHECK(::symlink(folder.path.c_str(), folder.file("link").c_str()) == 0);
  expect_refused(folder.file("link/unit"), ErrorCode::kAddress, "opening the folder");
}

TEST(another_users_folder_is_refused) {
  const LocalFolder folder;
  // Only root may give a folder away; nobody's is 65534 by custom.
  if (::geteuid() != 0) return;
  CHECK(::chown(folder.path.c_str(), 65534, 65534) == 0);
  expect_refused(folder.file("unit"), ErrorCode::kAddress, "another user");
}

TEST(a_path_that_no_socket_can_have_is_refused) {
  const LocalFolder folder;
  const std::string fits = folder.file(std::string(106 - folder.path.size(), 'a').c_str());
  EXPECT_EQ(fits.size(), 107u);
  EXPECT(listener_at(fits).is_open());
  expect_refused(fits + "a", ErrorCode::kAddress, "longer than");
  expect_refused("unit", ErrorCode::kAddress, "begin with /");
  expect_refused("", ErrorCode::kAddress, "begin with /");
  expect_refused(folder.path + "/", ErrorCode::kAddress, "name of a folder");
}

TEST(the_socket_of_a_killed_process_is_taken_over) {
  const LocalFolder folder;
  leave_stale(folder.file("unit"));
  EXPECT(folder.has("unit"));
  EXPECT_EQ(connect_failure(folder.file("unit")), ECONNREFUSED);
  {
    const LocalListener listener = listener_at(folder.file("unit"));
    EXPECT_EQ(connect_failure(folder.file("unit")), 0);
  }
  EXPECT(!folder.has("unit"));
  EXPECT_EQ(connect_failure(folder.file("unit")), ENOENT);
}

TEST(a_living_listener_keeps_its_socket_and_its_place) {
  const LocalFolder folder;
  LocalListener first = listener_at(folder.file("unit"));
  expect_refused(folder.file("unit"), ErrorCode::kAddressInUse, "another process listens");
  // The look of the second is a connection that ends without a word.
  Accepted look = first.accept(kOutgoing);
  REQUIRE(look.status == Accepted::Status::kChannel);
  Message message;
  EXPECT(look.channel->receive(message) == Received::kEnded);
  EXPECT_EQ(connect_failure(folder.file("unit")), 0);
}

TEST(a_living_listener_that_accepts_nobody_keeps_its_socket) {
  const LocalFolder folder;
  const LocalListener first = listener_at(folder.file("unit"));
  std::vector<LocalChannel> waiting;
  waiting.reserve(64);
  int failure = 0;
  while (failure == 0 && waiting.size() < 64) {
    Result<LocalChannel> channel =
        LocalChannel::connect(folder.file("unit").c_str(), Instant{}, kOutgoing);
    failure = channel.ok() ? 0 : channel.error().os_error;
    if (channel.ok()) waiting.push_back(std::move(channel).value());
  }
  EXPECT_EQ(failure, EAGAIN);
  expect_refused(folder.file("unit"), ErrorCode::kAddressInUse, "another process listens");
}

TEST(another_file_at_the_path_is_never_removed) {
  const LocalFolder folder;
  CHECK(::close(::open(folder.file("unit").c_str(), O_CREAT | O_WRONLY, 0600)) == 0);
  expect_refused(folder.file("unit"), ErrorCode::kAddressInUse, "another file");
  EXPECT(folder.has("unit"));
}

TEST(a_listener_removes_only_its_own_file) {
  const LocalFolder folder;
  LocalListener first = listener_at(folder.file("unit"));
  CHECK(::unlink(folder.file("unit").c_str()) == 0);
  const LocalListener second = listener_at(folder.file("unit"));
  first.close();
  EXPECT(folder.has("unit"));
  EXPECT_EQ(connect_failure(folder.file("unit")), 0);
}

TEST(of_many_that_start_at_once_over_a_stale_socket_one_listens) {
  const LocalFolder folder;
  for (int round = 0; round < 20; ++round) {
    leave_stale(folder.file("unit"));
    std::vector<std::thread> starters;
    std::array<std::optional<LocalListener>, 8> opened;
    for (auto& place : opened) {
      starters.emplace_back([&place, &folder] {
        Result<LocalListener> listener = LocalListener::open(folder.file("unit").c_str());
        if (listener.ok()) place.emplace(std::move(listener).value());
      });
    }
    for (std::thread& each : starters) each.join();
    int count = 0;
    for (const auto& each : opened) count += each.has_value() ? 1 : 0;
    EXPECT_EQ(count, 1);
    EXPECT_EQ(connect_failure(folder.file("unit")), 0);
  }
}

TEST(another_users_process_is_refused_at_both_ends) {
  // Takes a change of user, so only root can try it.
  if (::geteuid() != 0) return;
  const LocalFolder folder;
  const std::string path = folder.file("unit");
  LocalListener listener = listener_at(path);
  CHECK(::chmod(folder.path.c_str(), 0755) == 0 && ::chmod(path.c_str(), 0777) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::setuid(65534) != 0) ::_exit(2);
    const Result<LocalChannel> channel = LocalChannel::connect(path.c_str(), Instant{}, kOutgoing);
    const bool is_refused = !channel.ok() && channel.error().os_error == 0 &&
                            std::strstr(channel.error().action, "another user") != nullptr;
    ::_exit(is_refused ? 0 : 1);
  }
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  const Accepted accepted = listener.accept(kOutgoing);
  EXPECT(accepted.status == Accepted::Status::kRefused);
  EXPECT(accepted.error.code == ErrorCode::kAddress);
}

TEST_MAIN()
