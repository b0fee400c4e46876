#include "tests/contract/kubernetes_harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/files.h"
#include "content/uri.h"
#include "executor/posix/unique_fd.h"

namespace penstock {
namespace {

// All that is pending here is so by mistake; and a work directory on this machine, in the place of the pod's own volume.
constexpr char kSettings[] = R"(launcher: {image: "localhost/penstock-launch:test"}
report: {listen: "127.0.0.1:%d", url: "http://127.0.0.1:%d"}
pods: {failed: delete}
pod:
  spec:
    hostNetwork: true
    volumes: [{name: shared, hostPath: {path: "%s", type: DirectoryOrCreate}}]
    containers: [{name: main, imagePullPolicy: Never, volumeMounts: [{name: shared, mountPath: "%s"}]}]
)";

// That nobody listens at just now.
int FreePort() {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

std::string ReadAll(ContentReader& reader) {
  std::string text;
  std::string buffer(1 << 16, '\0');
  while (true) {
    const auto bytes = reader.Read(static_cast<int64_t>(text.size()), absl::MakeSpan(buffer));
    if (!bytes.ok() || bytes->empty()) return text;
    absl::StrAppend(&text, *bytes);
  }
}

}  // namespace

std::unique_ptr<ExecutorHarness> KubernetesHarness::Make() {
  const char* kubeconfig = getenv("PENSTOCK_TEST_KUBECONFIG");
  if (kubeconfig != nullptr && *kubeconfig != '\0') {
    return std::unique_ptr<ExecutorHarness>(new KubernetesHarness(kubeconfig));
  }
  const char* wanted = getenv("PENSTOCK_TEST_KUBERNETES");
  if (wanted != nullptr && std::strcmp(wanted, "required") == 0) {
    ADD_FAILURE() << "PENSTOCK_TEST_KUBECONFIG names no cluster, and PENSTOCK_TEST_KUBERNETES requires one";
  }
  return nullptr;
}

KubernetesHarness::KubernetesHarness(std::string kubeconfig)
    : ids_(RealClock::Instance()), kubeconfig_(std::move(kubeconfig)) {
  std::string name = "/tmp/penstock_kube_XXXXXX";  // short enough for a socket
  folder_ = mkdtemp(name.data());
  server_id_ = ids_.NewId();
  work_root_ = folder_ + "/work";
  kept_ = std::make_unique<LocalContentStore>(folder_);
  const int port = FreePort();
  char settings[2000];
  snprintf(settings, sizeof(settings), kSettings, port, port, work_root_.c_str(), work_root_.c_str());
  std::ofstream(folder_ + "/settings.yaml") << settings;
}

KubernetesHarness::~KubernetesHarness() {
  // An executor that drives nothing: what is left is nobody's, and goes.
  const auto executor = MakeExecutor({});
  EventLog events;
  if (executor->Open(events.Sink()).ok()) {
    executor->Reattach({});
    EXPECT_TRUE(Eventually([&] {
      for (const std::string& id : attempt_ids_) {
        LaunchSpec spec;
        spec.log_uri = absl::StrCat(kLogsUri, "/run/", id, ".log");
        if (IsKept(spec)) return false;
      }
      return true;
    })) << "pods are left";
  }
  EXPECT_TRUE(RemoveTree(folder_).ok());
}

std::unique_ptr<Executor> KubernetesHarness::MakeExecutor(const HarnessOptions& options) {
  logs_.reset();
  program_.reset();
  const std::string socket_path = folder_ + "/kube.sock";
  program_ = std::make_unique<SideProgram>(SideProgramOptions{
      "Pods",
      PENSTOCK_KUBE_PATH,
      {"serve", absl::StrCat("--socket=", socket_path), "--settings=" + folder_ + "/settings.yaml",
       "--kubeconfig=" + kubeconfig_, "--data_dir=" + folder_ + "/kubernetes", "--server_id=" + server_id_,
       "--log_level=warn"},
      socket_path,
      {}});
  logs_ = std::make_unique<PodLogStore>(*kept_, *program_);
  KubernetesExecutorOptions executor;
  executor.max_pods = options.slots;
  executor.cancel_grace = options.cancel_grace;
  executor.task_log_bytes = options.task_log_bytes;
  executor.work_root = work_root_;
  return std::make_unique<KubernetesExecutor>(executor, *program_, *logs_);
}

LaunchSpec KubernetesHarness::NewSpec(std::vector<std::string> argv) {
  LaunchSpec spec;
  spec.attempt_id = ids_.NewId();
  spec.run_id = "run";
  spec.task_id = "task";
  spec.task_name = "print-text";
  spec.image = "python:3.11";
  spec.argv = std::move(argv);
  spec.work_dir = absl::StrCat(work_root_, "/run/", spec.attempt_id);
  spec.log_uri = absl::StrCat(kLogsUri, "/run/", spec.attempt_id, ".log");
  attempt_ids_.push_back(spec.attempt_id);
  return spec;
}

// As it is kept once it has ended.
std::string KubernetesHarness::ReadLog(const LaunchSpec& spec) {
  EXPECT_TRUE(Eventually([&] { return kept_->Stat(spec.log_uri).ok(); })) << "the log is not kept";
  const auto reader = kept_->Open(spec.log_uri);
  return reader.ok() ? ReadAll(**reader) : "";
}

bool KubernetesHarness::FileExists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// Whether its pod is there.
bool KubernetesHarness::IsKept(const LaunchSpec& spec) {
  const auto channel = program_->Channel();
  if (!channel.ok()) return true;
  grpc::ClientContext context;
  kubernetes::ReadLogRequest request;
  request.set_log_path(spec.log_uri.substr(kLogsUri.size() + 1));
  const auto stream = kubernetes::Pods::NewStub(*channel)->ReadLog(&context, request);
  kubernetes::ReadLogResponse part;
  while (stream->Read(&part)) {
  }
  return stream->Finish().error_code() != grpc::StatusCode::NOT_FOUND;
}

}  // namespace penstock
