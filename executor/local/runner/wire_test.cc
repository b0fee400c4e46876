#include "executor/local/runner/wire.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock::wire {
namespace {

using testing::ElementsAre;

// The payloads of a byte stream that arrives `step` bytes at a time.
std::vector<std::string> Cut(const std::string& bytes, size_t step) {
  FrameBuffer buffer;
  std::vector<std::string> payloads;
  for (size_t i = 0; i < bytes.size(); i += step) {
    buffer.Add(std::string_view(bytes).substr(i, step));
    std::string_view payload;
    while (buffer.Next(&payload) == FrameBuffer::Result::kFrame) payloads.emplace_back(payload);
  }
  return payloads;
}

TEST(WireTest, StartRequestSurvivesTheTrip) {
  const StartRequest sent{.id = "id",
                          .argv = {"sh", "-c", "", std::string("a\0b", 3)},
                          .env = {"A=1"},
                          .work_dir = "/w",
                          .log_path = "/l",
                          .timeout_ms = kNoTimeout,
                          .grace_ms = 5,
                          .log_limit_bytes = int64_t{1} << 40};
  std::string bytes;
  Append(sent, &bytes);
  const std::vector<std::string> payloads = Cut(bytes, 1);
  ASSERT_EQ(payloads.size(), 1);
  Request request;
  ASSERT_TRUE(Parse(payloads[0], &request));
  const auto& got = std::get<StartRequest>(request);
  EXPECT_EQ(got.id, sent.id);
  EXPECT_EQ(got.argv, sent.argv);
  EXPECT_EQ(got.env, sent.env);
  EXPECT_EQ(got.timeout_ms, sent.timeout_ms);
  EXPECT_EQ(got.log_limit_bytes, sent.log_limit_bytes);
}

TEST(WireTest, WhatAWarmPythonNeedsSurvivesTheTrip) {
  const WarmStart sent{.key = "key",
                       .words = "numpy, scipy",
                       .python = "/venv/bin/python3",
                       .home = "/home",
                       .env = {"A=1", "B="},
                       .module = "kfp.dsl.executor_main",
                       .imports = {"torch"},
                       .command = {"sh", "-ec", "script", ""},
                       .lock = "/envs/key.lock",
                       .note = "a line\n"};
  std::string bytes;
  Append(StartRequest{.id = "id", .argv = {"x"}, .warm = sent}, &bytes);
  Request request;
  ASSERT_TRUE(Parse(std::string_view(bytes).substr(4), &request));
  const WarmStart& got = std::get<StartRequest>(request).warm;
  EXPECT_EQ(got.key, sent.key);
  EXPECT_EQ(got.words, sent.words);
  EXPECT_EQ(got.python, sent.python);
  EXPECT_EQ(got.home, sent.home);
  EXPECT_EQ(got.env, sent.env);
  EXPECT_EQ(got.module, sent.module);
  EXPECT_EQ(got.imports, sent.imports);
  EXPECT_EQ(got.command, sent.command);
  EXPECT_EQ(got.lock, sent.lock);
  EXPECT_EQ(got.note, sent.note);

  bytes.clear();
  Append(Hello{.idle_exit_ms = 3, .warm_bytes = int64_t{1} << 33}, &bytes);
  ASSERT_TRUE(Parse(std::string_view(bytes).substr(4), &request));
  EXPECT_EQ(std::get<Hello>(request).warm_bytes, int64_t{1} << 33);
}

TEST(WireTest, FinishedSurvivesTheTrip) {
  const Finished sent{.id = "id", .ending = Ending::kTimedOut, .signal = 9, .cpu_us = -1, .message = "why"};
  std::string bytes;
  Append(sent, &bytes);
  Event event;
  ASSERT_TRUE(Parse(std::string_view(bytes).substr(4), &event));
  const auto& got = std::get<Finished>(event);
  EXPECT_EQ(got.ending, Ending::kTimedOut);
  EXPECT_EQ(got.exit_code, -1);
  EXPECT_EQ(got.signal, 9);
  EXPECT_EQ(got.cpu_us, -1);
  EXPECT_EQ(got.message, "why");
}

TEST(WireTest, ManyFramesInOneReadAndOneFrameInManyReads) {
  std::string bytes;
  for (const char* id : {"a", "b", "c"}) Append(CancelRequest{.id = id}, &bytes);
  for (size_t step = 1; step <= bytes.size(); ++step) {
    std::vector<std::string> ids;
    for (const std::string& payload : Cut(bytes, step)) {
      Request request;
      ASSERT_TRUE(Parse(payload, &request));
      ids.push_back(std::get<CancelRequest>(request).id);
    }
    EXPECT_THAT(ids, ElementsAre("a", "b", "c"));
  }
}

TEST(WireTest, NoPrefixAndNoExtensionOfAFrameIsOne) {
  std::string bytes;
  Append(StartRequest{.id = "id", .argv = {"x", "y"}}, &bytes);
  const std::string payload = bytes.substr(4);
  Request request;
  for (size_t size = 0; size < payload.size(); ++size) {
    EXPECT_FALSE(Parse(std::string_view(payload).substr(0, size), &request)) << size;
  }
  EXPECT_FALSE(Parse(payload + "x", &request));
}

TEST(WireTest, FalseCountsAndKindsAreRefused) {
  Request request;
  Event event;
  EXPECT_FALSE(Parse("", &request));
  EXPECT_FALSE(Parse("\x7f", &request));
  EXPECT_FALSE(Parse(std::string("\x04\xff\xff\xff\xff", 5), &request)) << "a list of four billion";
  EXPECT_FALSE(Parse(std::string("\x03\xff\xff\xff\x7f", 5), &request)) << "a text of two gigabytes";
  std::string bytes;
  Append(Finished{.id = ""}, &bytes);
  bytes[4 + 1 + 4] = 99;  // the ending
  EXPECT_FALSE(Parse(std::string_view(bytes).substr(4), &event));
  bytes.clear();
  Append(StopIfIdle{}, &bytes);
  EXPECT_FALSE(Parse(std::string_view(bytes).substr(4), &event)) << "a request is no event";
}

TEST(WireTest, AFrameBeyondTheBoundIsFinal) {
  FrameBuffer buffer;
  buffer.Add(std::string_view("\xff\xff\xff\xff", 4));
  std::string_view payload;
  EXPECT_EQ(buffer.Next(&payload), FrameBuffer::Result::kTooLarge);
  EXPECT_EQ(buffer.Next(&payload), FrameBuffer::Result::kTooLarge);
}

}  // namespace
}  // namespace penstock::wire
