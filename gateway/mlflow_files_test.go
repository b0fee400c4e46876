package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/gateway/gen/mlflow"
	"github.com/penstock/penstock/gateway/limits"
)

type (
	fileStream = grpc.ClientStreamingServer[mlflow.WriteArtifactRequest, mlflow.WriteArtifactResponse]
	readStream = grpc.ServerStreamingServer[mlflow.ReadArtifactChunk]
)

const filesAt = "/api/2.0/mlflow-artifacts/artifacts"

// written is what a stream of requests brings; an error if it ends before the last one.
type written struct {
	path, content string
	err           error
}

func takeFile(s fileStream) (got written) {
	for {
		request, err := s.Recv()
		if err != nil {
			got.err = err
			return got
		}
		got.path += request.GetPath()
		got.content += string(request.GetData())
		if request.Last {
			return got
		}
	}
}

func TestMLflowFilesAreWritten(t *testing.T) {
	g, fake := startBoth(t)
	var got written
	fake.files.write = func(s fileStream) error {
		got = takeFile(s)
		return s.SendAndClose(&mlflow.WriteArtifactResponse{})
	}
	large := strings.Repeat("0123456789", limits.FileChunkBytes/4)
	for escaped, path := range map[string]string{
		"1/r/artifacts/model.pkl":          "1/r/artifacts/model.pkl",
		"1/r/artifacts/a%20b/%C3%BC.txt":   "1/r/artifacts/a b/ü.txt",
		"1%2Fr%2Fartifacts%2Fm":            "1/r/artifacts/m",
		"1/100%25":                         "1/100%",
		"1/a..b/...":                       "1/a..b/...",
		"1/%25C3%25BC":                     "1/%C3%BC",
		"1/%23?ignored=":                   "1/#",
		strings.Repeat("d/", 100) + "deep": strings.Repeat("d/", 100) + "deep",
	} {
		for _, content := range []string{"", "x", large[:limits.FileChunkBytes], large} {
			reply := g.do("PUT", filesAt+"/"+escaped, content, "Content-Type", "text/plain")
			if reply.code != 200 || reply.body != "" || got.err != nil || got.path != path || got.content != content {
				t.Errorf("%s: %d %s, %v %s of %d bytes", escaped, reply.code, reply.body, got.err, got.path, len(got.content))
			}
		}
	}
	// In chunks, without a length.
	r, _ := http.NewRequest("PUT", g.url+"/ajax-api/2.0/mlflow-artifacts/artifacts/f", io.MultiReader(strings.NewReader("a"), strings.NewReader(large)))
	response, err := http.DefaultClient.Do(r)
	if err != nil || response.StatusCode != 200 || got.content != "a"+large || got.path != "f" {
		t.Errorf("%v %v %s", err, response, got.path)
	}
	response.Body.Close()
}

func TestFileThatBreaksOffIsNotWhole(t *testing.T) {
	g, fake := startBoth(t)
	taken := make(chan written, 1)
	fake.files.write = func(s fileStream) error {
		taken <- takeFile(s)
		return status.Error(codes.Canceled, "not whole")
	}
	part := strings.Repeat("x", 3*limits.FileChunkBytes)
	for name, head := range map[string]string{
		"of a length": fmt.Sprintf("Content-Length: %d\r\n\r\n", len(part)+1),
		"in chunks":   fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", len(part)),
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "PUT "+filesAt+"/f HTTP/1.1\r\nHost: localhost\r\n"+head+part)
		_ = conn.(*net.TCPConn).CloseWrite()
		if got := <-taken; got.err == nil || errors.Is(got.err, io.EOF) || !strings.HasPrefix(part, got.content) {
			t.Errorf("%s: %v", name, got.err)
		}
		answer, _ := io.ReadAll(conn)
		if bytes.Contains(answer, []byte(" 200 ")) {
			t.Errorf("%s: %s", name, answer)
		}
		conn.Close()
	}
}

func TestMLflowFilesThatAreNotWritten(t *testing.T) {
	g, fake := startBoth(t)
	fake.files.write = func(s fileStream) error { return status.Error(codes.ResourceExhausted, "the disk is full") }
	large := strings.Repeat("x", 20*limits.FileChunkBytes)
	g.do("PUT", filesAt+"/f", large).expect(t, 429, `"error_code":"RESOURCE_EXHAUSTED"`, "the disk is full")
	away := newTestGateway(t, "unix:"+t.TempDir()+"/nobody")
	away.do("PUT", filesAt+"/f", "x").expect(t, 503, `"error_code":"TEMPORARILY_UNAVAILABLE"`)
	away.do("GET", filesAt+"/f", "").expect(t, 503, `"error_code":"TEMPORARILY_UNAVAILABLE"`)
	g.stop()
	g.do("PUT", filesAt+"/f", "x").expect(t, 503, "stopping")
}

func TestMLflowFilesAreRead(t *testing.T) {
	g, fake := startBoth(t)
	content := strings.Repeat("0123456789", 100_000)
	var got *mlflow.ReadArtifactRequest
	var size *int64
	fake.files.read = func(r *mlflow.ReadArtifactRequest, s readStream) error {
		got = r
		return errors.Join(s.Send(&mlflow.ReadArtifactChunk{SizeBytes: size}),
			s.Send(&mlflow.ReadArtifactChunk{Data: []byte(content[:1])}), s.Send(&mlflow.ReadArtifactChunk{Data: []byte(content[1:])}))
	}
	for _, size = range []*int64{nil, proto.Int64(int64(len(content)))} {
		reply := g.do("GET", filesAt+"/1/r/artifacts/a%20b.html", "")
		if reply.code != 200 || reply.body != content || got.Path != "1/r/artifacts/a b.html" {
			t.Errorf("%d, %d bytes of %v", reply.code, len(reply.body), got)
		}
		header := reply.header
		if header.Get("Content-Type") != "application/octet-stream" || header.Get("Content-Disposition") != `attachment; filename="a b.html"` ||
			header.Get("X-Content-Type-Options") != "nosniff" || (header.Get("Content-Length") != "") != (size != nil) {
			t.Errorf("%v", header)
		}
	}
	size = proto.Int64(int64(len(content)) + 1) // what is missing shows
	if response, err := http.Get(g.url + filesAt + "/f"); err == nil {
		if _, err = io.ReadAll(response.Body); err == nil {
			t.Error("ended as if it were whole")
		}
		response.Body.Close()
	}
}

func TestMLflowFilesThatAreNotRead(t *testing.T) {
	g, fake := startBoth(t)
	fake.files.read = func(*mlflow.ReadArtifactRequest, readStream) error {
		return status.Error(codes.NotFound, "no such file")
	}
	g.do("GET", filesAt+"/f", "").expect(t, 404, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no such file"}`)
	fake.files.read = func(_ *mlflow.ReadArtifactRequest, s readStream) error {
		_ = s.Send(&mlflow.ReadArtifactChunk{Data: []byte("first")})
		return status.Error(codes.Internal, "disk")
	}
	if response, err := http.Get(g.url + filesAt + "/f"); err == nil {
		if text, err := io.ReadAll(response.Body); err == nil {
			t.Errorf("ended well with %q", text)
		}
		response.Body.Close()
	}
}

func TestMLflowFilesAreListedAndDeleted(t *testing.T) {
	g, fake := startBoth(t)
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		return &mlflow.ListArtifactFilesResponse{Files: []*mlflow.FileInfo{{Path: "d", IsDir: proto.Bool(true)},
			{Path: "f", IsDir: proto.Bool(false), FileSize: proto.Int64(0)}}}, nil
	}
	for query, path := range map[string]string{"?path=1%2Fr%2Fartifacts": "1/r/artifacts", "?path=1/r/": "1/r", "?path=a%2520": "a%20",
		"": "", "?path=": "", "?path=%2F": "", "/": ""} {
		reply := g.do("GET", filesAt+query, "")
		_, request, _ := fake.last()
		want := `{"files":[{"path":"d","is_dir":true},{"path":"f","is_dir":false,"file_size":0}]}`
		if reply.body != want || !proto.Equal(request, &mlflow.ListArtifactFilesRequest{Path: path}) {
			t.Errorf("%s: %s %v", query, reply.body, request)
		}
	}
	fake.answer = nil
	for _, path := range []string{"/1/r/a", "/1/r/a/", "/1%2Fr%2Fa"} {
		g.do("DELETE", filesAt+path, "").expect(t, 200, "{}")
		if _, request, _ := fake.last(); !proto.Equal(request, &mlflow.DeleteArtifactRequest{Path: "1/r/a"}) {
			t.Errorf("%s: %v", path, request)
		}
	}
}

func TestPathsThatLeadElsewhere(t *testing.T) {
	g, fake := startBoth(t)
	reached := 0
	fake.files.read = func(*mlflow.ReadArtifactRequest, readStream) error { reached++; return nil }
	fake.files.write = func(s fileStream) error { reached++; return nil }
	for _, path := range []string{
		"..", "../x", "a/../b", "a/..", ".", "./x", "a/./b", "%2e%2e/x", "a/%2E%2E", "..%2Fx", "a%2F..%2Fx", "%2Fetc/passwd", "%2F", "a%2F%2Fb",
		"a//b", "a%5Cb", "..%5Cx", "a%00b", "%252e%252e/x", "a/%252e%252e", "a%252F..%252F..", "%25252e%25252e/x", "a%255Cb", "a%2500",
		"%252Fetc", "%ff", strings.Repeat("a", limits.MaxFilePathBytes+1),
	} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			g.raw(method, filesAt+"/"+path).expect(t, 400, `"error_code":"INVALID_PARAMETER_VALUE"`)
		}
		g.raw("GET", filesAt+"?path="+path+"&x").expect(t, map[bool]int{true: 200, false: 400}[path == "%2F"])
	}
	for _, path := range []string{"", "/", "a/"} { // the root of all, and what ends like a directory
		g.raw("PUT", filesAt+"/"+path).expect(t, 400, "INVALID_PARAMETER_VALUE")
	}
	g.raw("DELETE", filesAt+"/").expect(t, 400, "INVALID_PARAMETER_VALUE")
	g.raw("DELETE", filesAt).expect(t, 404, "ENDPOINT_NOT_FOUND")
	g.raw("POST", filesAt+"/f").expect(t, 404, "ENDPOINT_NOT_FOUND")
	g.raw("GET", "/api/2.0/mlflow-artifacts/other").expect(t, 404, "ENDPOINT_NOT_FOUND")
	for _, path := range []string{"mpu/create/f", "mpu/complete/f", "mpu/abort/f", "presigned/f"} {
		g.raw("POST", "/api/2.0/mlflow-artifacts/"+path).expect(t, 501, `"error_code":"NOT_IMPLEMENTED"`)
	}
	if method, request, _ := fake.last(); reached > 0 || (method != "" && method != "ListArtifactFiles") {
		t.Errorf("%d, %s %v", reached, method, request)
	}
}

// raw sends a path as it stands, which a client would tidy up.
func (g *testGateway) raw(method, path string) reply {
	g.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", method, path)
	text, err := io.ReadAll(conn)
	if err != nil {
		g.t.Fatal(err)
	}
	code := 0
	_, _ = fmt.Sscanf(string(text), "HTTP/1.1 %d", &code)
	return reply{code, nil, string(text)}
}
