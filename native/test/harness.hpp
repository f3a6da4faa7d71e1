// What the unit tests of the native parts share: no framework, a page of macros.
//
// A test program is a list of TEST(name) { ... } and ends in TEST_MAIN(). EXPECT goes on after a
// failure and the program ends with status 1; REQUIRE ends the test. A failing line prints both
// values. Randomness comes from a seed that is printed with each failure and can be given by
// HOTPAIR_SEED.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <random>
#include <vector>

namespace hotpair::test {

struct Test {
  const char* name;
  void (*run)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> list;
  return list;
}

inline int& failure_count() {
  static int count = 0;
  return count;
}

struct Registration {
  Registration(const char* name, void (*run)()) { tests().push_back({name, run}); }
};

// The seed of this run.
inline std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* given = std::getenv("HOTPAIR_SEED");
    if (given != nullptr) return static_cast<std::uint64_t>(std::strtoull(given, nullptr, 10));
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) | device();
  }();
  return value;
}

inline void fail(const char* file, int line, const char* condition) {
  ++failure_count();
  std::cerr << file << ":" << line << ": " << condition << " does not hold (HOTPAIR_SEED=" << seed()
            << ")\n";
}

template <typename Left, typename Right>
bool equal(const Left& left, const Right& right, const char* file, int line, const char* text) {
  if (left == right) return true;
  fail(file, line, text);
  std::cerr << "  left is " << +left << ", right is " << +right << "\n";
  return false;
}

inline int run_all() {
  for (const Test& test : tests()) {
    const int before = failure_count();
    test.run();
    std::cout << (failure_count() == before ? "ok   " : "FAIL ") << test.name << "\n";
  }
  std::cout << tests().size() << " tests, " << failure_count() << " failures\n";
  return failure_count() == 0 && !tests().empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace hotpair::test

#define TEST(name)                                                                     \
  static void test_##name();                                                           \
  static const ::hotpair::test::Registration registration_##name(#name, &test_##name); \
  static void test_##name()

#define EXPECT(condition)                                                    \
  do {                                                                       \
    if (!(condition)) ::hotpair::test::fail(__FILE__, __LINE__, #condition); \
  } while (false)

#define EXPECT_EQ(left, right) \
  static_cast<void>(           \
      ::hotpair::test::equal((left), (right), __FILE__, __LINE__, #left " == " #right))

#define REQUIRE(condition)                                   \
  do {                                                       \
    if (!(condition)) {                                      \
      ::hotpair::test::fail(__FILE__, __LINE__, #condition); \
      return;                                                \
    }                                                        \
  } while (false)

#define TEST_MAIN() \
  int main() { return ::hotpair::test::run_all(); }
