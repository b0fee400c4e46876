package service

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/settings"
)

// served is a program over a cluster without nodes, and its client.
func served(t *testing.T) (*fake.Clientset, pb.PodsClient) {
	t.Helper()
	client := fake.NewClientset(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns", UID: "ns-uid"}})
	client.Discovery().(*fakediscovery.FakeDiscovery).FakedServerVersion = &version.Info{GitVersion: "v1.37.2"}
	s, err := settings.Parse([]byte("launcher: {image: penstock}"))
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	in, end := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- Serve(context.Background(), Options{Socket: filepath.Join(directory, "s"), DataDir: directory, ServerID: "s1",
			Namespace: "ns", Client: client, Settings: s, Log: slog.New(slog.DiscardHandler)}, in)
	}()
	t.Cleanup(func() {
		_ = end.Close()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Error("it does not end with its input")
		}
	})
	connection, err := grpc.NewClient("unix:"+filepath.Join(directory, "s"), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return client, pb.NewPodsClient(connection)
}

func TestDescribeAndDrive(t *testing.T) {
	client, pods := served(t)
	about, err := pods.Describe(t.Context(), &pb.DescribeRequest{WaitMs: 10_000})
	if err != nil || about.Namespace != "ns" || about.NamespaceUid != "ns-uid" || about.ServerVersion != "v1.37.2" {
		t.Fatalf("%v %v", about, err)
	}
	first, err := pods.Drive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if event, err := first.Recv(); err != nil || !event.GetDriving() {
		t.Fatalf("%v %v", event, err)
	}
	second, err := pods.Drive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Recv(); status.Code(err) != codes.Aborted {
		t.Errorf("the first stream: %v", err)
	}
	if event, err := second.Recv(); err != nil || !event.GetDriving() {
		t.Fatalf("%v %v", event, err)
	}
	for _, order := range []*pb.Order{{Order: &pb.Order_Reattached{Reattached: true}}, {Order: &pb.Order_Start{Start: &pb.Attempt{
		AttemptId: "a", RunId: "r", TaskId: "t", TaskName: "t", Image: "i", WorkDir: "/w/a", Request: []byte(`{}`), LogPath: "r/a.log"}}}} {
		if err := second.Send(order); err != nil {
			t.Fatal(err)
		}
	}
	if event, err := second.Recv(); err != nil || event.GetWaiting().GetWait() != pb.Wait_STARTING {
		t.Errorf("%v %v", event, err)
	}
	if _, err := client.CoreV1().Pods("ns").Get(t.Context(), "penstock-a", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}

func TestReadLog(t *testing.T) {
	client, pods := served(t)
	if _, err := pods.Describe(t.Context(), &pb.DescribeRequest{WaitMs: 10_000}); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "penstock-a", Namespace: "ns", UID: "1",
		Labels: map[string]string{"penstock.dev/server": "s1"}, Annotations: map[string]string{"penstock.dev/log": "r/a.log"}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "main"}}}}
	if _, err := client.CoreV1().Pods("ns").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for {
		text, err := readLog(t, pods, &pb.ReadLogRequest{LogPath: "r/a.log", OffsetBytes: 5, Follow: true})
		if status.Code(err) == codes.NotFound { // not seen yet
			continue
		}
		if err != nil || text != "logs" {
			t.Errorf("%q %v", text, err)
		}
		break
	}
	if _, err := readLog(t, pods, &pb.ReadLogRequest{LogPath: "r/b.log"}); status.Code(err) != codes.NotFound {
		t.Errorf("%v", err)
	}
}

func readLog(t *testing.T, pods pb.PodsClient, request *pb.ReadLogRequest) (string, error) {
	t.Helper()
	stream, err := pods.ReadLog(t.Context(), request)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	for {
		response, err := stream.Recv()
		if err == io.EOF {
			return text.String(), nil
		}
		if err != nil {
			return "", err
		}
		text.Write(response.Data)
	}
}

func TestCheck(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
		review.Status.Allowed = review.Spec.ResourceAttributes.Verb != "patch"
		return true, review, nil
	})
	s, _ := settings.Parse([]byte("launcher: {image: penstock}"))
	var out strings.Builder
	if Check(t.Context(), client, s, "ns", "s1", &out) {
		t.Error("a right is missing, and nothing is said of it")
	}
	for _, words := range []string{"patch pods                               no", "get pods/log                             yes",
		"a pod in ns                              yes"} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("%q is missing in\n%s", words, out.String())
		}
	}
}
