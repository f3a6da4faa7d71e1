// A neighbour that writes rubbish into the words that a server and its unit share, each of them, at
// random and while both sides work: it is believed in what it says of itself, and harms nobody's
// memory, bounds or time. Run with the sanitizers of addresses, undefined behaviour and threads.
#include <atomic>
#include <random>
#include <span>
#include <thread>

#include "beat_endpoint.hpp"
#include "harness.hpp"
#include "heartbeat/sent_marks.hpp"

using namespace hotpair;
using namespace hotpair::heartbeat;
using hotpair::test::are_paired;
using hotpair::test::config_of;
using hotpair::test::Endpoint;
using hotpair::test::eventually;
using hotpair::test::Ports;

namespace {

// All words but the addresses to which beats may be sent: nothing is to leave this machine.
class Words {
 public:
  explicit Words(PairWords& words)
      : all_(reinterpret_cast<std::uint32_t*>(&words), sizeof(words) / sizeof(std::uint32_t)),
        first_moved_(index_of(&words.moved[0])),
        after_moved_(index_of(&words.turns)) {}

  std::size_t count() const { return all_.size(); }

  void put(std::size_t index, std::uint32_t value) {
    if (index >= first_moved_ && index < after_moved_) return;
    // relaxed: a neighbour that is broken orders nothing.
    std::atomic_ref(all_[index]).store(value, std::memory_order_relaxed);
  }

 private:
  std::size_t index_of(const void* place) const {
    return static_cast<std::size_t>(static_cast<const std::uint32_t*>(place) - all_.data());
  }

  std::span<std::uint32_t> all_;
  std::size_t first_moved_;
  std::size_t after_moved_;
};

// Everything that the server asks of the words, as often as it can.
void read_all(PairWords& words, const Gate& gate) {
  BoardView view{};
  static_cast<void>(words.board.view.try_read(view));
  PeerMarks marks{};
  static_cast<void>(words.peer_marks.try_read(marks));
  static_cast<void>(read_marks(words.sent, 0xa1));
  static_cast<void>(gate.is_open(boot_now()));
}

bool goes_on(const Endpoint& listener) {
  const std::uint64_t heard = listener.view().heard_at;
  return eventually([&] { return listener.view().heard_at > heard; });
}

}  // namespace

TEST(every_word_overwritten_at_random_harms_nobody) {
  const Ports ports;
  Endpoint a(config_of(0, 0xa1, ports));
  Endpoint b(config_of(1, 0xb1, ports));
  REQUIRE(are_paired(a, b));
  PairWords& shared = a.words();
  const Gate gate(shared.gate, Nanos::millis(380));
  std::atomic<bool> is_over{false};
  std::thread hostile([&] {
    std::mt19937 random(static_cast<std::uint32_t>(hotpair::test::seed()));
    Words words(shared);
    // One after the other, each with every value that is special and one that is not.
    for (std::size_t i = 0; i < words.count(); ++i) {
      for (const std::uint32_t value :
           {0u, 1u, 0x7fff'ffffu, 0xffff'ffffu, static_cast<std::uint32_t>(random())}) {
        words.put(i, value);
      }
    }
    // Then all of them, again and again.
    for (int round = 0; round < 200; ++round) {
      for (std::size_t i = 0; i < words.count(); ++i)
        words.put(i, static_cast<std::uint32_t>(random()));
      std::this_thread::yield();
    }
    is_over.store(true, std::memory_order_release);
  });
  while (!is_over.load(std::memory_order_acquire)) read_all(shared, gate);
  hostile.join();
  // Its beat thread works on, and is heard: what it says of itself is what the neighbour left.
  EXPECT(goes_on(b));
}

TEST_MAIN()
