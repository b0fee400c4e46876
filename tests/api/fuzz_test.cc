// Every method of the server with random messages: no crash, and no answer that says the server is at fault.
// The seed is printed; give it again with PENSTOCK_SEED, and more calls with PENSTOCK_STEPS.
#include <grpcpp/generic/generic_stub.h>

#include <limits>
#include <random>

#include "absl/strings/match.h"
#include "google/protobuf/message.h"
#include "kubeflow/pipelines/v2beta1/auth.pb.h"
#include "kubeflow/pipelines/v2beta1/report.pb.h"
#include "kubeflow/pipelines/v2beta1/visualization.pb.h"
#include "penstock/v1/artifact_content.pb.h"
#include "penstock/v1/metrics_exposition.pb.h"
#include "penstock/v1/run_operations.pb.h"
#include "penstock/v1/run_status.pb.h"
#include "tests/api/server_fixture.h"
#include "tests/support/environment.h"

namespace penstock {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::Reflection;

class FuzzTest : public ServerTest {
 protected:
  int64_t Pick(int64_t bound) { return static_cast<int64_t>(random_() % bound); }
  bool OneIn(int64_t bound) { return Pick(bound) == 0; }

  std::string RandomText() {
    static constexpr const char* kTexts[] = {
        "",
        "a",
        "name",
        " ",
        "..",
        "created_at desc",
        "name asc x",
        "{}",
        "[]",
        "null",
        "\n",
        "a\r\nX-Injected: 1",
        "é",
        "\xE2\x80\xAE\xF0\x9F\x98\x80\xCC\x81",
        "'; DROP TABLE runs; --",
        "../../etc/passwd",
        "0",
        "-1",
        "%",
        "https://127.0.0.1/p.yaml",
        "file:///x",
        R"({"predicates":[{"key":"name","operation":"EQUALS","string_value":"a"}]})",
        R"({"predicates":[{"key":"id","operation":8,"string_values":{}}]})",
        R"({"metadata":{"name":"n","namespace":"n","uid":"u"}})"};
    if (OneIn(3) && !known_.empty()) return known_[Pick(static_cast<int64_t>(known_.size()))];
    if (OneIn(20)) return std::string(Pick(100'000), 'x');
    return kTexts[Pick(std::size(kTexts))];
  }

  // Protobuf's own JSON would not print some of these; nothing of the API needs it.
  double RandomNumber() {
    static constexpr double kNumbers[] = {
        0, 1, -1, 0.5, 1e300, 9007199254740993.0, -0.0, std::numeric_limits<double>::infinity()};
    return OneIn(10) ? kNumbers[7] : kNumbers[Pick(7)];
  }
  int64_t RandomInteger() {
    static constexpr int64_t kIntegers[] = {0, 1, -1, 200, 201, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    return kIntegers[Pick(std::size(kIntegers))];
  }

  void SetScalar(Message& message, const FieldDescriptor& field, bool add) {
    const Reflection& r = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return add ? r.AddString(&message, &field, RandomText())
                   : r.SetString(&message, &field, RandomText());
      case FieldDescriptor::CPPTYPE_BOOL:
        return add ? r.AddBool(&message, &field, OneIn(2)) : r.SetBool(&message, &field, OneIn(2));
      case FieldDescriptor::CPPTYPE_ENUM: {
        const int value = static_cast<int>(Pick(12) - 1);
        return add ? r.AddEnumValue(&message, &field, value) : r.SetEnumValue(&message, &field, value);
      }
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return add ? r.AddDouble(&message, &field, RandomNumber())
                   : r.SetDouble(&message, &field, RandomNumber());
      case FieldDescriptor::CPPTYPE_INT32: {
        const auto value = static_cast<int32_t>(RandomInteger());
        return add ? r.AddInt32(&message, &field, value) : r.SetInt32(&message, &field, value);
      }
      case FieldDescriptor::CPPTYPE_INT64:
        return add ? r.AddInt64(&message, &field, RandomInteger())
                   : r.SetInt64(&message, &field, RandomInteger());
      default:
        return;
    }
  }

  void Fill(Message& message, int depth) {
    const Reflection& r = *message.GetReflection();
    const Descriptor& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      if (OneIn(3)) continue;
      const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
      if (is_message && depth == 0) continue;
      const int64_t count = field.is_repeated() ? Pick(4) : 1;
      for (int64_t n = 0; n < count; ++n) {
        if (!is_message) {
          SetScalar(message, field, field.is_repeated());
        } else {
          Fill(field.is_repeated() ? *r.AddMessage(&message, &field) : *r.MutableMessage(&message, &field),
               depth - 1);
        }
      }
    }
  }

  static std::string PathOf(const MethodDescriptor& method) {
    return absl::StrCat("/", method.service()->full_name(), "/", method.name());
  }

  grpc::Status CallBytes(const MethodDescriptor& method, const std::string& bytes, std::string* answer) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    grpc::CompletionQueue queue;
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer reply;
    grpc::Status status;
    auto call = stub.PrepareUnaryCall(&context, PathOf(method), request, &queue);
    call->StartCall();
    call->Finish(&reply, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    if (status.ok()) Append(reply, answer);
    return status;
  }

  // Takes one message of the stream, if one comes soon: a watch has no end.
  grpc::Status StreamBytes(const MethodDescriptor& method, const std::string& bytes, std::string* answer) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
    grpc::CompletionQueue queue;
    void* tag = nullptr;
    bool ok = false;
    auto call = stub.PrepareCall(&context, PathOf(method), &queue);
    call->StartCall(nullptr);
    queue.Next(&tag, &ok);
    const grpc::Slice slice(bytes);
    if (ok) {
      call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
      queue.Next(&tag, &ok);
    }
    grpc::ByteBuffer reply;
    call->Read(&reply, nullptr);
    queue.Next(&tag, &ok);
    const bool has_message = ok;
    if (has_message) context.TryCancel();
    grpc::Status status;
    call->Finish(&status, nullptr);
    queue.Next(&tag, &ok);
    if (!has_message) return status;
    Append(reply, answer);
    return grpc::Status::OK;
  }

  static void Append(const grpc::ByteBuffer& bytes, std::string* text) {
    std::vector<grpc::Slice> slices;
    if (!bytes.Dump(&slices).ok()) return;
    for (const grpc::Slice& part : slices) {
      text->append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
  }

  // Remembers the ids in an answer, so that later calls name things that exist.
  void Learn(const Message& message) {
    const Reflection& r = *message.GetReflection();
    std::vector<const FieldDescriptor*> fields;
    r.ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (field->is_repeated() || field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) continue;
      if (!absl::EndsWith(field->name(), "_id") && !absl::EndsWith(field->name(), "page_token")) continue;
      if (known_.size() > 50) known_.erase(known_.begin() + Pick(50));
      known_.push_back(r.GetString(message, field));
    }
  }

  std::vector<const MethodDescriptor*> Methods() {
    std::vector<const MethodDescriptor*> methods;
    for (const google::protobuf::FileDescriptor* file :
         {api::CreateExperimentRequest::descriptor()->file(),
          api::CreatePipelineRequest::descriptor()->file(), api::CreateRunRequest::descriptor()->file(),
          api::CreateRecurringRunRequest::descriptor()->file(),
          api::ReportWorkflowRequest::descriptor()->file(), api::AuthorizeRequest::descriptor()->file(),
          api::CreateVisualizationRequest::descriptor()->file(),
          api::GetHealthzResponse::descriptor()->file(),
          penstock::v1::ReadArtifactRequest::descriptor()->file(),
          penstock::v1::GetMetricsRequest::descriptor()->file(),
          penstock::v1::UploadPipelineRequest::descriptor()->file(),
          penstock::v1::ReadTaskLogRequest::descriptor()->file(),
          penstock::v1::UpdateRunRequest::descriptor()->file(),
          penstock::v1::GetRunStatusRequest::descriptor()->file(),
          penstock::v1::CreateScheduleRequest::descriptor()->file()}) {
      for (int i = 0; i < file->service_count(); ++i) {
        for (int j = 0; j < file->service(i)->method_count(); ++j) {
          methods.push_back(file->service(i)->method(j));
        }
      }
    }
    return methods;
  }

  void CallOnce(const MethodDescriptor& method) {
    auto* factory = google::protobuf::MessageFactory::generated_factory();
    const std::unique_ptr<Message> request(factory->GetPrototype(method.input_type())->New());
    Fill(*request, /*depth=*/4);
    std::string bytes = request->SerializeAsString();
    const bool damaged = OneIn(4) && !bytes.empty();
    for (int64_t i = damaged ? 1 + Pick(4) : 0; i > 0; --i) {
      bytes[Pick(bytes.size())] = static_cast<char>(Pick(256));
    }
    std::string answer;
    const grpc::Status status =
        method.server_streaming() ? StreamBytes(method, bytes, &answer) : CallBytes(method, bytes, &answer);
    const grpc::StatusCode code = status.error_code();
    const bool at_fault = code == grpc::StatusCode::INTERNAL || code == grpc::StatusCode::UNKNOWN ||
                          code == grpc::StatusCode::DATA_LOSS ||
                          (code == grpc::StatusCode::DEADLINE_EXCEEDED && !method.server_streaming()) ||
                          code == grpc::StatusCode::RESOURCE_EXHAUSTED;
    // What is no message at all is gRPC's to refuse, which it does with INTERNAL.
    if (!damaged) {
      EXPECT_FALSE(at_fault) << method.full_name() << ": " << code << " " << status.error_message() << "\n"
                             << request->ShortDebugString().substr(0, 2000);
    }
    EXPECT_NE(code == grpc::StatusCode::UNAVAILABLE && absl::StrContains(status.error_message(), "connect"),
              true);
    if (!status.ok()) return;
    const std::unique_ptr<Message> reply(factory->GetPrototype(method.output_type())->New());
    EXPECT_TRUE(reply->ParseFromString(answer)) << method.full_name();
    Learn(*reply);
  }

  std::mt19937_64 random_;
  std::vector<std::string> known_;  // ids and tokens from answers
};
INSTANTIATE_TEST_SUITE_P(Databases, FuzzTest, ServedDatabases());

TEST_P(FuzzTest, NoMessageBringsTheServerDown) {
  const int64_t seed = FromEnvironment("PENSTOCK_SEED", std::random_device()());
  const int64_t steps = FromEnvironment("PENSTOCK_STEPS", 1500);
  std::printf("PENSTOCK_SEED=%lld\n", static_cast<long long>(seed));
  random_.seed(seed);
  google::protobuf::SetLogHandler(nullptr);  // it has something to say of each text that is no UTF-8
  const api::PipelineVersion version = Upload("p");
  known_ = {version.pipeline_id(), version.pipeline_version_id()};
  const std::vector<const MethodDescriptor*> methods = Methods();
  ASSERT_GE(methods.size(), 54);
  for (int64_t i = 0; i < steps && !HasFailure(); ++i) {
    SCOPED_TRACE(absl::StrCat("PENSTOCK_SEED=", seed, " call ", i));
    CallOnce(*methods[i % methods.size()]);
  }
  api::GetHealthzResponse health;
  const auto stub = api::HealthzService::NewStub(channel_);
  EXPECT_TRUE(Call(*stub, &api::HealthzService::Stub::GetHealthz, google::protobuf::Empty(), &health).ok());
}

}  // namespace
}  // namespace penstock
