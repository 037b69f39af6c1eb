#include "net/url.hpp"

#include "net/io_pool.hpp"

#include <atomic>
#include <future>
#include <gtest/gtest.h>

namespace berth::net {
namespace {

TEST(Url, PercentCoding) {
  EXPECT_EQ(percent_encode("a b/c~%"), "a%20b%2Fc~%25");
  EXPECT_EQ(percent_encode("a b/c", true), "a%20b/c");
  EXPECT_EQ(percent_decode("a%20b%2fc"), "a b/c");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  for (const char* bad : {"%", "%2", "%zz", "%00"})
    EXPECT_EQ(percent_decode(bad), std::nullopt) << bad;
  EXPECT_EQ(percent_decode(std::string_view("a\0b", 3)), std::nullopt);
  std::string all;
  for (int c = 1; c < 256; ++c)
    all += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
}

TEST(Url, Query) {
  const auto params = parse_query("a=1&b=x+y&a=2&&c&d=%26");
  ASSERT_TRUE(params);
  EXPECT_EQ(params->items().size(), 5U);
  EXPECT_EQ(params->find("a"), "1");
  EXPECT_EQ(params->find("c"), "");
  EXPECT_EQ(params->find("d"), "&");
  EXPECT_EQ(to_query(*params), "a=1&b=x%20y&a=2&c=&d=%26");
  EXPECT_FALSE(parse_query("a=%"));
}

TEST(Url, HostAndPort) {
  EXPECT_EQ(parse_host_port("a.b:80"), (host_port{"a.b", 80}));
  EXPECT_EQ(parse_host_port("[::1]:8080"), (host_port{"::1", 8080}));
  EXPECT_EQ(parse_host_port("a", 7), (host_port{"a", 7}));
  EXPECT_EQ(parse_host_port("::1", 7), (host_port{"::1", 7}));
  EXPECT_EQ(parse_host_port("[::1]", 7), (host_port{"::1", 7}));
  for (const char* bad : {"", ":80", "a", "a:", "a:x", "a:65536", "a:-1", "a:1x", "::1", "[::1",
                          "[::1]x", "[]:1", "a b:1", "a\r\nb:1", "u@h:1"})
    EXPECT_FALSE(parse_host_port(bad)) << bad;
  EXPECT_EQ(to_string(host_port{"::1", 1}), "[::1]:1");
}

TEST(Url, Whole) {
  const auto u = parse_url("https://h:8443/a/b?c=d");
  ASSERT_TRUE(u);
  EXPECT_EQ(u->where, (host_port{"h", 8443}));
  EXPECT_EQ(u->target, "/a/b?c=d");
  EXPECT_TRUE(u->tls());
  EXPECT_EQ(parse_url("http://h")->where.port, 80);
  EXPECT_EQ(parse_url("wss://h?x")->target, "/?x");
  for (const char* bad : {"", "h:1", "ftp://h", "http://", "http://:1/", "http://h:x/"})
    EXPECT_FALSE(parse_url(bad)) << bad;
}

TEST(Url, Loopback) {
  for (const char* yes : {"127.0.0.1", "127.255.0.9", "::1", "localhost", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_loopback(yes)) << yes;
  for (const char* no : {"", "0.0.0.0", "::", "128.0.0.1", "127.0.0.1.example", "127.1",
                         "127.0.0.256", "127.0.0.", "::ffff:10.0.0.1"})
    EXPECT_FALSE(is_loopback(no)) << no;
}

TEST(IoPool, TimersRunInOrderAndCanBeCancelled) {
  using namespace std::chrono_literals;
  io_pool pool;
  std::promise<std::string> done;
  std::string order; // only touched on the pool's thread
  auto never = pool.after(1ms, [&] { order += "x"; });
  const bool cancelled = never.cancel();
  pool.after(20ms, [&] {
    order += "b";
    done.set_value(order);
  });
  pool.after(5ms, [&] { order += "a"; });
  EXPECT_EQ(done.get_future().get(), cancelled ? "ab" : "xab");
  EXPECT_FALSE(never.cancel());
}

TEST(IoPool, PostRunsOnThePoolAndStopDropsTheRest) {
  io_pool pool(2);
  std::promise<bool> on_thread;
  pool.post([&] { on_thread.set_value(pool.on_io_thread()); });
  EXPECT_TRUE(on_thread.get_future().get());
  EXPECT_FALSE(pool.on_io_thread());
  pool.stop();
  pool.stop();
  pool.post([] { FAIL(); });
  EXPECT_FALSE(timer_handle{}.cancel());
}

} // namespace
} // namespace berth::net
