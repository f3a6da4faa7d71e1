// Sets of pages against a list of booleans: every operation at every border of a word, and what
// the wire may bring.
#include "snapshot/page_set.hpp"

#include <algorithm>

#include "harness.hpp"

namespace {

using namespace hotpair::snapshot;

bool same(const PageSet& set, const std::vector<bool>& oracle) {
  for (std::size_t page = 0; page < oracle.size(); ++page) {
    if (set.contains(page) != oracle[page]) return false;
  }
  const auto count = std::count(oracle.begin(), oracle.end(), true);
  return set.size() == static_cast<std::size_t>(count) && set.is_empty() == (count == 0);
}

// All runs, by asking a page at a time.
std::vector<PageRange> runs_of(const std::vector<bool>& oracle, std::size_t most) {
  std::vector<PageRange> runs;
  for (std::size_t page = 0; page < oracle.size(); ++page) {
    if (!oracle[page]) continue;
    const bool joins =
        !runs.empty() && runs.back().count < most && runs.back().first + runs.back().count == page;
    if (joins) {
      ++runs.back().count;
    } else {
      runs.push_back({page, 1});
    }
  }
  return runs;
}

}  // namespace

TEST(a_set_does_what_a_list_of_booleans_does) {
  std::mt19937_64 random(hotpair::test::seed());
  for (const std::size_t count : {1u, 63u, 64u, 65u, 128u, 200u}) {
    PageSet set(count);
    std::vector<bool> oracle(count);
    for (int step = 0; step < 2'000; ++step) {
      const std::size_t first = random() % (count + 1);
      const std::size_t length = random() % (count - first + 1);
      const bool is_added = random() % 2 == 0;
      if (is_added) {
        set.add({first, length});
      } else {
        set.remove({first, length});
      }
      for (std::size_t page = first; page < first + length; ++page) oracle[page] = is_added;
      REQUIRE(same(set, oracle));
      const std::size_t most = 1 + random() % count;
      std::size_t from = 0;
      for (const PageRange& run : runs_of(oracle, most)) {
        REQUIRE(set.next(from, most) == run);
        from = run.first + run.count;
      }
      REQUIRE(set.next(from, most).count == 0);
    }
  }
}

TEST(two_sets_join) {
  std::mt19937_64 random(hotpair::test::seed());
  PageSet one(130);
  PageSet other(130);
  std::vector<bool> oracle(130);
  for (std::size_t page = 0; page < 130; ++page) {
    const std::uint64_t where = random() % 4;
    if (where % 2 == 1) one.add({page, 1});
    if (where >= 2) other.add({page, 1});
    oracle[page] = where > 0;
  }
  one.add_all_of(other);
  EXPECT(same(one, oracle));
  one.clear();
  EXPECT(one.is_empty());
  one.add_all();
  EXPECT_EQ(one.size(), 130u);
}

TEST(a_set_goes_over_the_wire_and_bits_behind_its_end_are_refused) {
  for (const std::size_t count : {1u, 64u, 70u}) {
    PageSet set(count);
    set.add({count / 2, count - count / 2});
    std::vector<std::uint8_t> bytes(set.byte_count());
    set.write_to(bytes);
    PageSet read(count);
    REQUIRE(read.read_from(bytes));
    EXPECT(read.next(0, count) == set.next(0, count));
    EXPECT_EQ(read.size(), set.size());
    EXPECT(!read.read_from(std::span(bytes).first(bytes.size() - 1)));
    bytes.back() |= 0x80;
    EXPECT_EQ(read.read_from(bytes), count == 64);
    EXPECT_EQ(read.size(), set.size());
  }
}

TEST_MAIN()
