package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/penstock/penstock/gateway/config"
	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/gen/mlflow"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/upstream"
)

// fakeServer stands for the Penstock server. It keeps each request with its metadata, and answers with what a test puts
// into answer, or else with an empty message. The stream hooks must be set by tests that use them.
type fakeServer struct {
	kfp.UnimplementedArtifactServiceServer
	kfp.UnimplementedExperimentServiceServer
	kfp.UnimplementedPipelineServiceServer
	kfp.UnimplementedRunServiceServer
	kfp.UnimplementedRecurringRunServiceServer
	kfp.UnimplementedReportServiceServer
	kfp.UnimplementedHealthzServiceServer
	penstock.UnimplementedPackageUploadServiceServer
	penstock.UnimplementedRunLogServiceServer
	penstock.UnimplementedArtifactContentServiceServer
	penstock.UnimplementedMetricsExpositionServiceServer
	penstock.UnimplementedScheduleServiceServer
	penstock.UnimplementedRunStatusServiceServer
	penstock.UnimplementedMetricServiceServer
	penstock.UnimplementedRunSearchServiceServer
	penstock.UnimplementedLineageServiceServer
	penstock.UnimplementedContentRemovalServiceServer
	penstock.UnimplementedRetentionServiceServer
	penstock.UnimplementedUserMetadataServiceServer
	penstock.UnimplementedAttemptRecordServiceServer
	penstock.UnimplementedRunComparisonServiceServer
	penstock.UnimplementedRerunServiceServer
	penstock.UnimplementedRunBundleServiceServer

	answer       func(method string, request proto.Message) (proto.Message, error)
	readLog      func(*penstock.ReadTaskLogRequest, grpc.ServerStreamingServer[penstock.LogChunk]) error
	readArtifact func(*penstock.ReadArtifactRequest, grpc.ServerStreamingServer[penstock.ArtifactChunk]) error
	files        fakeFiles
	exportRun    func(*penstock.ExportRunRequest, grpc.ServerStreamingServer[penstock.BundleChunk]) error
	importRun    func(grpc.ClientStreamingServer[penstock.ImportRunRequest, penstock.ImportRunResponse]) error
	other        func(method string, message []byte) ([]byte, error) // calls of services that are not known here

	mu       sync.Mutex
	method   string
	request  proto.Message
	metadata metadata.MD
}

// fakeOperations has methods of the same names as other services; its unary calls are intercepted, too.
type fakeOperations struct {
	penstock.UnimplementedRunOperationsServiceServer
}

func (fakeOperations) WatchRun(_ *penstock.WatchRunRequest, s grpc.ServerStreamingServer[kfp.Run]) error {
	return s.Send(&kfp.Run{RunId: "r"})
}

func (fakeOperations) WatchRuns(_ *penstock.WatchRunsRequest,
	s grpc.ServerStreamingServer[penstock.RunListChange]) error {
	return s.Send(&penstock.RunListChange{RemovedRunIds: []string{"r"}})
}

func (*fakeServer) WatchRunStatus(_ *penstock.WatchRunStatusRequest,
	s grpc.ServerStreamingServer[penstock.RunStatusChange]) error {
	return s.Send(&penstock.RunStatusChange{TasksToCome: 3})
}

// fakeTracking has methods of the same names, too.
type fakeTracking struct {
	mlflow.UnimplementedTrackingServiceServer
	mlflow.UnimplementedModelRegistryServiceServer
}

// fakeFiles has hooks for the streams.
type fakeFiles struct {
	mlflow.UnimplementedArtifactServiceServer

	read  func(*mlflow.ReadArtifactRequest, grpc.ServerStreamingServer[mlflow.ReadArtifactChunk]) error
	write func(grpc.ClientStreamingServer[mlflow.WriteArtifactRequest, mlflow.WriteArtifactResponse]) error
}

func (f *fakeFiles) ReadArtifact(r *mlflow.ReadArtifactRequest, s grpc.ServerStreamingServer[mlflow.ReadArtifactChunk]) error {
	return f.read(r, s)
}

func (f *fakeFiles) WriteArtifact(
	s grpc.ClientStreamingServer[mlflow.WriteArtifactRequest, mlflow.WriteArtifactResponse]) error {
	return f.write(s)
}

// serveOther answers a call with the bytes of its message.
func (f *fakeServer) serveOther(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	message := &emptypb.Empty{} // keeps the fields of any message
	if err := stream.RecvMsg(message); err != nil {
		return err
	}
	md, _ := metadata.FromIncomingContext(stream.Context())
	f.mu.Lock()
	f.method, f.metadata = method, md
	f.mu.Unlock()
	if f.other == nil {
		return status.Error(codes.Unimplemented, "no such method")
	}
	answer, err := f.other(method, message.ProtoReflect().GetUnknown())
	if err != nil {
		return err
	}
	reply := &emptypb.Empty{}
	reply.ProtoReflect().SetUnknown(answer)
	return stream.SendMsg(reply)
}

// intercept answers all unary calls, so that no method needs code of its own.
func (f *fakeServer) intercept(ctx context.Context, request any, info *grpc.UnaryServerInfo,
	_ grpc.UnaryHandler) (any, error) {
	method := info.FullMethod[strings.LastIndex(info.FullMethod, "/")+1:]
	f.mu.Lock()
	f.method, f.request = method, request.(proto.Message)
	f.metadata, _ = metadata.FromIncomingContext(ctx)
	f.mu.Unlock()
	if f.answer != nil {
		return f.answer(method, request.(proto.Message))
	}
	return &emptypb.Empty{}, nil
}

func (f *fakeServer) last() (string, proto.Message, metadata.MD) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.method, f.request, f.metadata
}

func (f *fakeServer) ReadTaskLog(r *penstock.ReadTaskLogRequest, s grpc.ServerStreamingServer[penstock.LogChunk]) error {
	return f.readLog(r, s)
}

func (f *fakeServer) ReadArtifact(r *penstock.ReadArtifactRequest,
	s grpc.ServerStreamingServer[penstock.ArtifactChunk]) error {
	return f.readArtifact(r, s)
}

func (f *fakeServer) ExportRun(r *penstock.ExportRunRequest, s grpc.ServerStreamingServer[penstock.BundleChunk]) error {
	return f.exportRun(r, s)
}

func (f *fakeServer) ImportRun(
	s grpc.ClientStreamingServer[penstock.ImportRunRequest, penstock.ImportRunResponse]) error {
	return f.importRun(s)
}

// start serves on a socket and returns its address.
func (f *fakeServer) start(t *testing.T) string {
	t.Helper()
	return f.startAt(t, filepath.Join(t.TempDir(), "s"))
}

func (f *fakeServer) startAt(t *testing.T, path string) string {
	t.Helper()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(f.intercept), grpc.MaxRecvMsgSize(limits.MaxRPCMessageBytes),
		grpc.UnknownServiceHandler(f.serveOther))
	kfp.RegisterArtifactServiceServer(server, f)
	kfp.RegisterExperimentServiceServer(server, f)
	kfp.RegisterPipelineServiceServer(server, f)
	kfp.RegisterRunServiceServer(server, f)
	kfp.RegisterRecurringRunServiceServer(server, f)
	kfp.RegisterReportServiceServer(server, f)
	kfp.RegisterHealthzServiceServer(server, f)
	penstock.RegisterPackageUploadServiceServer(server, f)
	penstock.RegisterRunLogServiceServer(server, f)
	penstock.RegisterArtifactContentServiceServer(server, f)
	penstock.RegisterMetricsExpositionServiceServer(server, f)
	penstock.RegisterScheduleServiceServer(server, f)
	penstock.RegisterRunOperationsServiceServer(server, &fakeOperations{})
	penstock.RegisterRunStatusServiceServer(server, f)
	penstock.RegisterMetricServiceServer(server, f)
	penstock.RegisterRunSearchServiceServer(server, f)
	penstock.RegisterLineageServiceServer(server, f)
	penstock.RegisterContentRemovalServiceServer(server, f)
	penstock.RegisterRetentionServiceServer(server, f)
	penstock.RegisterUserMetadataServiceServer(server, f)
	mlflow.RegisterTrackingServiceServer(server, &fakeTracking{})
	mlflow.RegisterModelRegistryServiceServer(server, &fakeTracking{})
	mlflow.RegisterArtifactServiceServer(server, &f.files)
	penstock.RegisterAttemptRecordServiceServer(server, f)
	penstock.RegisterRunComparisonServiceServer(server, f)
	penstock.RegisterRerunServiceServer(server, f)
	penstock.RegisterRunBundleServiceServer(server, f)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return "unix:" + path
}

// testGateway is a gateway that serves HTTP.
type testGateway struct {
	*gateway
	t    *testing.T
	conn *grpc.ClientConn
	url  string
	stop context.CancelFunc // as when the process is told to end: streams end
}

func testConfig(t *testing.T, arguments ...string) *config.Config {
	t.Helper()
	cfg, err := config.Parse(arguments, func(string) string { return "" }, io.Discard, config.Build{Version: "t", Commit: "c"})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func newTestGateway(t *testing.T, server string, arguments ...string) *testGateway {
	t.Helper()
	return newTestGatewayAt(t, nil, server, arguments...)
}

// newTestGatewayAt takes requests as if they came in by the address, unless that is nil.
func newTestGatewayAt(t *testing.T, address net.Addr, server string, arguments ...string) *testGateway {
	t.Helper()
	cfg := testConfig(t, append([]string{"--server", server}, arguments...)...)
	conn, err := upstream.Dial(cfg.Server, version)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	stopping, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	listening := httptest.NewUnstartedServer(nil)
	if address == nil {
		address = listening.Listener.Addr()
	}
	g, err := newGateway(stopping, cfg, slog.New(slog.DiscardHandler), address, conn)
	if err != nil {
		t.Fatal(err)
	}
	listening.Config.Handler = g.handler
	listening.Config.Protocols = new(http.Protocols)
	listening.Config.Protocols.SetHTTP1(true)
	listening.Config.Protocols.SetUnencryptedHTTP2(true)
	listening.Start()
	t.Cleanup(listening.Close)
	return &testGateway{g, t, conn, listening.URL, stop}
}

// startBoth is a gateway before a fake server.
func startBoth(t *testing.T, arguments ...string) (*testGateway, *fakeServer) {
	fake := &fakeServer{}
	return newTestGateway(t, fake.start(t), arguments...), fake
}

type reply struct {
	code   int
	header http.Header
	body   string
}

// do sends a request; headers are pairs of name and value.
func (g *testGateway) do(method, path, body string, headers ...string) reply {
	g.t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, g.url+path, content)
	if err != nil {
		g.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(text)}
}

func (r reply) expect(t *testing.T, code int, contained ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("code %d, want %d; body: %s", r.code, code, r.body)
	}
	for _, text := range contained {
		if !strings.Contains(r.body, text) {
			t.Errorf("body lacks %q: %s", text, r.body)
		}
	}
}
